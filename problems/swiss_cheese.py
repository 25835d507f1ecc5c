"""A cubic nonlinearity on a square with four holes: −Δu + u³ = f, Dirichlet, u = Σ sin kπx sin kπy/k⁶ (Chen et al.).

The problem of Chen, Owhadi & Schäfer, Math. Comp. 94 (2025) 767-819, on another domain.
"""

from functools import reduce

import jax.numpy as jnp

import meshfree as mf

HOLES = ((0.28, 0.3, 0.14), (0.7, 0.25, 0.1), (0.72, 0.7, 0.17), (0.25, 0.75, 0.12))  # centre and radius
DEFAULTS = {"space": "stencils", "spacing": 0.02, "degree": 6}
ERROR = 1e-7  # relative L2 that the defaults reach


def exact(x):
    k = jnp.arange(1.0, 101.0)
    return jnp.sum(jnp.sin(k * jnp.pi * x[0]) * jnp.sin(k * jnp.pi * x[1]) / k**6)


def cubic(u, x):
    return -mf.laplacian(u)(x) + u(x) ** 3


def problem() -> mf.Problem:
    holes = [mf.Disk((x, y), r, name="holes") for x, y, r in HOLES]
    cheese = reduce(lambda shape, hole: shape - hole, holes, mf.Box())
    return mf.Problem(cheese, interior=mf.manufactured(cubic, exact), boundary=mf.dirichlet(exact), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
