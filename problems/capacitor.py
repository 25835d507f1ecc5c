"""A capacitor in section: Δu = 0 between an L-shaped conductor at u = 0 and a disk inside at u = voltage.

No exact solution is known: the error is the difference from the solution on finer nodes. Nodes are graded to the
re-entrant corner, where the field is infinite.
"""

import jax.numpy as jnp

import meshfree as mf


def grading(x):
    return jnp.clip(2 * jnp.hypot(x[0] - 1, x[1] - 1), 0.05, 1.0)


DEFAULTS = {"space": "stencils", "spacing": 0.07, "grading": grading}
ERROR = 1e-2  # relative L2 difference of the defaults from half their spacing


def problem(voltage: float = 1.0) -> mf.Problem:
    housing = mf.Polygon([(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0)])
    return mf.Problem(
        housing - mf.Disk((0.5, 0.5), 0.25, name="disk"),
        interior=lambda u, x: mf.laplacian(u)(x),
        disk=mf.dirichlet(voltage),
        boundary=mf.dirichlet(0.0),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
