"""Poisson's equation on the unit square: Δu = −(5/4)π² sin πx cos(πy/2), Dirichlet (Fasshauer 2007, chapter 39)."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 16}
ERROR = 1e-12  # relative L2 that the defaults reach


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1] / 2)


def problem() -> mf.Problem:
    def poisson(u, x):
        return mf.laplacian(u)(x) + 1.25 * jnp.pi**2 * exact(x)

    return mf.Problem(mf.Box(), interior=poisson, boundary=mf.dirichlet(exact), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
