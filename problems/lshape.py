"""Torsion of a square by symmetry: −Δu = 1 on an L-shape, u = 0 outside, u_n = 0 on the re-entrant edges.

The L is three quarters of the square [0, 2]², whose solution has u_n = 0 on its lines of symmetry. Near the square's
corners u is like r² log r, so the nodes are graded to them.
"""

import jax.numpy as jnp
import numpy as np

import meshfree as mf

CORNERS = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])


def grading(x):
    distance = jnp.min(jnp.linalg.norm(CORNERS - x[None], axis=1))
    return jnp.clip(1.2 * distance, 0.3, 1.0)


DEFAULTS = {"space": "stencils", "spacing": 0.05, "grading": grading, "ghost": True}
ERROR = 1e-5  # relative L2 that the defaults reach


def exact(x, terms=400):
    X, Y = x - 1
    k = jnp.pi * jnp.arange(1.0, 2 * terms, 2.0)
    # sinh(k(1+Y)/2) + sinh(k(1-Y)/2) over sinh k, without overflow
    ratio = (jnp.exp(-k * (1 - Y) / 2) + jnp.exp(-k * (1 + Y) / 2)) / (1 + jnp.exp(-k))
    return (1 - X**2) / 2 - 16 * jnp.sum(jnp.sin(k * (1 + X) / 2) / k**3 * ratio)


def problem() -> mf.Problem:
    notch = mf.Box((1.0, 1.0), (3.0, 3.0), name="notch")
    return mf.Problem(
        mf.Box((0.0, 0.0), (2.0, 2.0)) - notch,
        interior=lambda u, x: mf.laplacian(u)(x) + 1.0,
        notch=mf.neumann(0.0),
        boundary=mf.dirichlet(0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
