"""Electrostatics on a polygon from a GeoJSON file: Δu = 0, the potential given, u that of two line charges outside.

Without `--outline FILE` the outline is the one below: a bay with an island.
"""

import jax.numpy as jnp

import meshfree as mf

BAY = """{"type": "Polygon", "coordinates": [
  [[0, 0], [2.2, -0.2], [3, 0.6], [2.7, 1.2], [3.1, 1.9], [2, 2.3], [1.5, 1.6], [0.9, 2.1], [-0.1, 1.5], [0, 0]],
  [[1.1, 0.6], [1.2, 1.1], [1.9, 1.2], [2.1, 0.7], [1.1, 0.6]]]}"""
CHARGES = ((-0.6, 0.5, 1.0), (3.6, 1.3, -0.7))  # x, y, strength
DEFAULTS = {"space": "stencils", "spacing": 0.04, "degree": 6}
ERROR = 1e-6  # relative L2 that the defaults reach


def exact(x):
    return sum(q * jnp.log(jnp.hypot(x[0] - a, x[1] - b)) for a, b, q in CHARGES)


def problem(outline: str = "") -> mf.Problem:
    return mf.Problem(
        mf.Polygon.from_geojson(outline or BAY),
        interior=lambda u, x: mf.laplacian(u)(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
