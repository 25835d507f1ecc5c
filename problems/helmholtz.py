"""Helmholtz' equation on the unit square: Δu + k²u = −k² sin kx sin ky, Dirichlet, u = sin kx sin ky."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 30}
ERROR = 1e-11  # relative L2 that the defaults reach


def problem(k: float = 10.0) -> mf.Problem:
    def exact(x):
        return jnp.sin(k * x[0]) * jnp.sin(k * x[1])

    def helmholtz(u, x):
        return mf.laplacian(u)(x) + k**2 * u(x) + k**2 * exact(x)

    return mf.Problem(mf.Box(), interior=helmholtz, boundary=mf.dirichlet(exact), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
