"""Poisson's equation by Wendland functions on four levels: Δu = −2k²π² u, u = sin kπx sin kπy on the unit square.

Each level corrects the residual of the coarser ones with half their spacing and half their support, so that rows hold
some 200 centers on all (Floater & Iske 1996). On the finest level alone, with its support, the error is 1e-2.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "wendland", "kernel_order": 4, "levels": 4, "spacing": 1 / 32, "scale": (1.5,)}
ERROR = 1e-3  # relative L2 that the defaults reach


def problem(waves: float = 1.0) -> mf.Problem:
    k = waves * jnp.pi

    def exact(x):
        return jnp.sin(k * x[0]) * jnp.sin(k * x[1])

    def poisson(u, x):
        return mf.laplacian(u)(x) + 2 * k**2 * exact(x)

    return mf.Problem(mf.Box(), interior=poisson, boundary=mf.dirichlet(exact), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
