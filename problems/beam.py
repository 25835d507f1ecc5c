"""A beam of Euler and Bernoulli under its own weight: u'''' = 1, clamped on the left (u = u' = 0), free on the right.

The free end has u'' = u''' = 0: no moment, no shear force. Both ends have two conditions, a residual of two components.

u = x² (x² − 4x + 6)/24: Timoshenko, Strength of Materials, part I (1955), article 39.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.07, "degree": 6, "ghost": True}
ERROR = 1e-10  # relative L2 that the defaults reach


def nth(u, order):
    return u if order == 0 else mf.derivative(nth(u, order - 1), 0)


def problem(load: float = 1.0) -> mf.Problem:
    return mf.Problem(
        mf.Interval(),
        interior=lambda u, x: nth(u, 4)(x) - load,
        left=lambda u, x, n: jnp.stack([u(x), nth(u, 1)(x)]),
        right=lambda u, x, n: jnp.stack([nth(u, 2)(x), nth(u, 3)(x)]),
        exact=lambda x: load * x[0] ** 2 * (x[0] ** 2 - 4 * x[0] + 6) / 24,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
