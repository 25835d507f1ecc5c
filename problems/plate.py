"""A clamped circular plate under a load that grows across it: Δ²u = 1 + a x on the unit disk, u = u_n = 0.

u = (1 − r²)² (3 + a x)/192: Timoshenko & Woinowsky-Krieger, Theory of Plates and Shells (1959), sections 16 and 63. The
residual of the boundary has two components, as there are two conditions at every node.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.1, "degree": 6, "ghost": True}
ERROR = 1e-10  # relative L2 that the defaults reach


def clamped(u, x, n):
    return jnp.stack([u(x), mf.derivative(u, n)(x)])


def problem(slope: float = 3.0) -> mf.Problem:
    return mf.Problem(
        mf.Disk(),
        interior=lambda u, x: mf.biharmonic(u)(x) - 1 - slope * x[0],
        boundary=clamped,
        exact=lambda x: (1 - x @ x) ** 2 * (3 + slope * x[0]) / 192,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
