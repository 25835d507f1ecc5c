"""Poisson's equation on the unit ball by RBF-FD: −Δu = 3π² u, u = sin πx sin πy sin πz (shifted), Dirichlet."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.14}
ERROR = 5e-3  # relative L2 that the defaults reach


def problem(shift: float = 0.25) -> mf.Problem:
    def exact(x):
        return jnp.prod(jnp.sin(jnp.pi * (x + shift)))

    return mf.Problem(
        mf.Ball((0.0, 0.0, 0.0), 1.0),
        interior=lambda u, x: mf.laplacian(u)(x) + 3 * jnp.pi**2 * exact(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
