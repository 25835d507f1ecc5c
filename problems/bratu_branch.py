"""Bratu's problem on the line: u″ + λ exp(u) = 0 on (0, 1), u = 0 at its ends, followed over λ through its fold.

There are two solutions below λ = 8 (θ/cosh θ)² = 3.513830719, θ tanh θ = 1, and none above.
"""

import math

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 14, "scale": (1.0,), "trace": (0.5, 4.0)}
ERROR = 1e-8  # of the parameter at the fold, relative, that the defaults reach
THETA = 1.1996786402577338  # θ tanh θ = 1


def problem() -> mf.Problem:
    return mf.Problem(
        mf.Interval(0.0, 1.0),
        interior=lambda u, x, lam: mf.laplacian(u)(x) + lam * jnp.exp(u(x)),
        boundary=lambda u, x, n, lam: u(x),
        exact_parameters=[8 * (THETA / math.cosh(THETA)) ** 2],
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
