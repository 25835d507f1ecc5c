"""A high frequency: −Δu = 2k² sin kx sin ky on the unit square, Dirichlet, u = sin kx sin ky, six waves a side."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 56, "scale": (0.5,)}
ERROR = 1e-9  # relative L2 that the defaults reach


def problem(k: float = 40.0) -> mf.Problem:
    def exact(x):
        return jnp.sin(k * x[0]) * jnp.sin(k * x[1])

    def poisson(u, x):
        return mf.laplacian(u)(x) + 2 * k**2 * exact(x)

    return mf.Problem(mf.Box(), interior=poisson, boundary=mf.dirichlet(exact), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
