"""The surface of a body in space as triangles, its edges and corners kept."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..geometry.contouring import dual

CELLS = 64  # along the sides of a cube, as many in all for other bounding boxes


class Skin(NamedTuple):
    """A triangulated surface: vertices (m, 3), and triangles (t, 3), counter-clockwise seen from outside."""

    vertices: Float[np.ndarray, "m 3"]
    triangles: Int[np.ndarray, "t 3"]


def skin(distance: Callable, lower: np.ndarray, upper: np.ndarray) -> Skin:
    """The boundary of {distance < 0} in the box between two corners: a quadrilateral for each of `dual`'s crossings."""
    size = upper - lower
    found = dual(distance, lower, upper, float(np.sqrt(np.sum(size * np.roll(size, 1)) / 3)) / CELLS)
    corners = np.where(found.rising[:, None], found.cells, found.cells[:, ::-1])
    return Skin(found.vertices, _halved(distance, found.vertices, corners))


def _halved(distance: Callable, vertices: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Two triangles of each quadrilateral, along the diagonal whose middle is nearer to the surface."""
    a, b, c, d = corners.T
    off = [np.abs(distance((vertices[p] + vertices[q]) / 2)) for p, q in ((a, c), (b, d))]
    across = np.stack([a, b, c, a, c, d], axis=1), np.stack([a, b, d, b, c, d], axis=1)
    return np.where((off[0] <= off[1])[:, None], *across).reshape(-1, 3)
