"""The vibrations of an L-shaped membrane, MathWorks' logo: Δu + λu = 0 on [−1, 1]² without a quarter, u = 0 around it.

The first function has an infinite gradient at the corner, where it is r^(2/3) sin(2θ/3) times a smooth one: such
functions are added to the space. Eigenvalues: Trefethen & Betcke, Computed eigenmodes of planar regions, Contemporary
Mathematics 412 (2006) 297-314; the third is 2π².
"""

import math

import jax.numpy as jnp

import meshfree as mf


def at_the_corner(k):
    def function(x):
        theta = jnp.arctan2(x[1], x[0])
        theta = jnp.where(theta < -1e-9, theta + 2 * jnp.pi, theta)
        return (x @ x) ** (k / 3) * jnp.sin(2 * k * theta / 3)

    return function


def enrich(space):
    return mf.Enriched(space, [at_the_corner(1), at_the_corner(2)], degree=4)


DEFAULTS = {"degree": 20, "scale": (1.0,), "spacing": 0.06, "enrich": enrich, "modes": 8}
ERROR = 3e-6  # of the eigenvalues, relative, that the defaults reach
KNOWN = (9.6397238440219, 15.197251926, 2 * math.pi**2, 29.521481114)


def problem() -> mf.Problem:
    return mf.Problem(
        mf.Box((-1.0, -1.0), (1.0, 1.0)) - mf.Box((0.0, -2.0), (2.0, 0.0)),
        interior=lambda u, x, lam: mf.laplacian(u)(x) + lam * u(x),
        boundary=lambda u, x, n, lam: u(x),
        exact_parameters=KNOWN,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
