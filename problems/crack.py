"""A crack: Δu = 0 on [−1, 1] × [0, 1], u = 0 on its faces (y = 0, x < 0), u_n = 0 ahead of its tip, u = √r cos(θ/2).

Half of the square [−1, 1]² with a slit, by symmetry, as in Motz' problem. The gradient is infinite at the tip, to
which the nodes are graded.
"""

import jax.numpy as jnp

import meshfree as mf


def grading(x):
    return jnp.clip(1.5 * jnp.hypot(x[0], x[1]), 1e-3, 1.0)


DEFAULTS = {"space": "stencils", "spacing": 0.06, "degree": 6, "grading": grading, "ghost": True}
ERROR = 1e-4  # relative L2 that the defaults reach


def exact(x):
    """√((r + x)/2), which is 0 on the crack."""
    return jnp.sqrt(jnp.maximum(jnp.hypot(x[0], x[1]) + x[0], 0.0) / 2)


def problem() -> mf.Problem:
    corners = [(-1.0, 0.0), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (-1.0, 1.0)]
    return mf.Problem(
        mf.Polygon(corners, names=("crack", "ahead", "outer", "outer", "outer")),
        interior=lambda u, x: mf.laplacian(u)(x),
        crack=mf.dirichlet(0.0),
        ahead=mf.neumann(0.0),
        outer=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
