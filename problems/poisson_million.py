"""Poisson's equation on the unit square with a million nodes: Δu = −(5/4)π² sin πx cos(πy/2), Dirichlet, by RBF-FD.

It takes some two minutes and 9 GB; `--spacing 0.01` is a hundredth of it.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.001}
ERROR = 1e-10  # relative L2 that the defaults reach


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1] / 2)


def problem() -> mf.Problem:
    def poisson(u, x):
        return mf.laplacian(u)(x) + 1.25 * jnp.pi**2 * exact(x)

    return mf.Problem(mf.Box(), interior=poisson, boundary=mf.dirichlet(exact), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
