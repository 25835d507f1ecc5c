"""A cubic nonlinearity in a torus: −Δu + u³ = f, Dirichlet, u = sin πx sin πy sin πz, shifted."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.08, "degree": 4}
ERROR = 3e-4  # relative L2 that the defaults reach


def exact(x):
    return jnp.prod(jnp.sin(jnp.pi * (x + 0.25)))


def cubic(u, x):
    return -mf.laplacian(u)(x) + u(x) ** 3


def problem(major: float = 0.7, minor: float = 0.3) -> mf.Problem:
    return mf.Problem(
        mf.Torus(major=major, minor=minor),
        interior=mf.manufactured(cubic, exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
