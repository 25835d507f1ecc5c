"""Poisson's equation on the unit cube: −Δu = 3π² u, u = sin πx sin πy sin πz, Dirichlet."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 14}
ERROR = 5e-8  # relative L2 that the defaults reach


def exact(x):
    return jnp.prod(jnp.sin(jnp.pi * x))


def problem() -> mf.Problem:
    return mf.Problem(
        mf.Box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        interior=lambda u, x: mf.laplacian(u)(x) + 3 * jnp.pi**2 * exact(x),
        boundary=mf.dirichlet(0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
