"""Laplace's equation on the unit square with an insulated edge: Δu = 0, u_y = 0 at y = 0, u = sin πx at y = 1."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {}
ERROR = 1e-13  # relative L2 that the defaults reach


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cosh(jnp.pi * x[1]) / jnp.cosh(jnp.pi)


def problem() -> mf.Problem:
    return mf.Problem(
        mf.Box(),
        interior=lambda u, x: mf.laplacian(u)(x),
        bottom=mf.neumann(0.0),
        top=mf.dirichlet(lambda x: jnp.sin(jnp.pi * x[0])),
        boundary=mf.dirichlet(0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
