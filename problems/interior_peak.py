"""A narrow peak: −Δu = f on the unit square, u = exp(−|x − c|²/(2w²)) + sin πx sin πy, Dirichlet, w = 0.02.

The nodes are graded to the peak.
"""

import jax.numpy as jnp

import meshfree as mf

SPACING, CENTER, WIDTH = 0.04, (0.6, 0.35), 0.02


def grading(x):
    outside = jnp.maximum(jnp.hypot(x[0] - CENTER[0], x[1] - CENTER[1]) - 3 * WIDTH, 0.0)
    return jnp.minimum((WIDTH / 10 + 0.06 * outside) / SPACING, 1.0)


DEFAULTS = {"space": "stencils", "spacing": SPACING, "degree": 6, "grading": grading}
ERROR = 1e-5  # relative L2 that the defaults reach


def problem(width: float = WIDTH) -> mf.Problem:
    def exact(x):
        offset = x - jnp.array(CENTER)
        return jnp.exp(-(offset @ offset) / (2 * width**2)) + jnp.prod(jnp.sin(jnp.pi * x))

    return mf.Problem(
        mf.Box(),
        interior=mf.manufactured(lambda u, x: -mf.laplacian(u)(x), exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
