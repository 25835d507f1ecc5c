"""A re-entrant corner: Δu = 0 on [−1, 1]² without its lower right quarter, Dirichlet, u = r^(2/3) sin(2θ/3).

θ runs from 0 to 3π/2 inside. The gradient is infinite at the corner, to which the nodes are graded.
"""

import jax.numpy as jnp

import meshfree as mf


def grading(x):
    return jnp.clip(2 * jnp.hypot(x[0], x[1]), 0.01, 1.0)


DEFAULTS = {"space": "stencils", "spacing": 0.06, "degree": 6, "grading": grading}
ERROR = 1e-4  # relative L2 that the defaults reach


def exact(x):
    """The angle is taken from the line that halves the domain, so that its jump lies outside."""
    along, across = x[1] - x[0], -x[0] - x[1]
    return jnp.cbrt(x @ x) * jnp.sin(2 / 3 * jnp.arctan2(across, along) + jnp.pi / 2)


def problem() -> mf.Problem:
    corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (0.0, -1.0)]
    return mf.Problem(
        mf.Polygon(corners),
        interior=lambda u, x: mf.laplacian(u)(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
