"""Seepage through a porous medium: −∇·(k∇p) = f around 40 random grains, p given left and right, the flux elsewhere.

k = 1 + x/2, and p = (1 − x)(1 + x y (1 − y)) + sin(πx) sin(πy)/4 for a known solution.
"""

from functools import reduce

import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.015, "degree": 4}
ERROR = 1e-5  # relative L2 that the defaults reach


def grains(count, seed, gap=0.03):
    """Disks of random radii in the unit square, no nearer to each other and to its sides than the gap."""
    rng, placed = np.random.default_rng(seed), []
    while len(placed) < count:
        x, r = rng.uniform(0, 1, 2), rng.uniform(0.025, 0.06)
        free = all(np.linalg.norm(x - y) > r + s + gap for y, s in placed)
        if free and np.all(np.abs(x - 0.5) < 0.5 - r - gap):
            placed.append((x, r))
    return [mf.Disk(x, r, name="grains") for x, r in placed]


def exact(x):
    s, t = x
    return (1 - s) * (1 + s * t * (1 - t)) + jnp.sin(jnp.pi * s) * jnp.sin(jnp.pi * t) / 4


def flux(p):
    return lambda x: -(1 + x[0] / 2) * mf.gradient(p)(x)


def problem(count: int = 40, seed_of_grains: int = 1) -> mf.Problem:
    pores = reduce(lambda shape, one: shape - one, grains(count, seed_of_grains), mf.Box())
    return mf.Problem(
        pores,
        interior=mf.manufactured(lambda p, x: mf.divergence(flux(p))(x), exact),
        left=mf.dirichlet(exact),
        right=mf.dirichlet(exact),
        boundary=mf.manufactured(lambda p, x, n: flux(p)(x) @ n, exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
