"""A cubic nonlinearity: −Δu + u³ = f on the unit square, u = sin πx sin πy + a sin 4πx sin 4πy, Dirichlet."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 36, "scale": (0.5,)}
ERROR = 2e-12  # relative L2 that the defaults reach


def cubic(u, x):
    return -mf.laplacian(u)(x) + u(x) ** 3


def problem(amplitude: float = 4.0) -> mf.Problem:
    def mode(k, x):
        return jnp.sin(k * jnp.pi * x[0]) * jnp.sin(k * jnp.pi * x[1])

    def exact(x):
        return mode(1, x) + amplitude * mode(4, x)

    return mf.Problem(mf.Box(), interior=mf.manufactured(cubic, exact), boundary=mf.dirichlet(0.0), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
