"""Where a function of points in the plane or in space changes sign, corners and edges kept: dual contouring.

Edges of a lattice cross the boundary; every cell that they meet has a vertex, the point nearest to the tangent planes
at its crossings (Ju, Losasso, Schaefer & Warren, ACM Trans. Graph. 21 (2002), doi 10.1145/566654.566586).
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

CELLS = 64  # along the sides of a cube, as many in all for other bounding boxes
OFFSET = 0.37  # of a cell: no face of an axis-parallel body shall lie in the lattice
PULL = 0.002  # towards the middle of a cell's crossings, where its tangent planes leave the vertex free
SHARP = 0.98  # length of a cell's mean normal, below which it holds a corner or an edge
SEARCHES = 6  # of a crossing on its edge, by the Illinois method: distances have kinks
STEPS = 3  # of Newton's method, for points near a smooth boundary
CLOSE = 1e-7  # of a cell, to the boundary


class Dual(NamedTuple):
    """The crossings of a boundary with edges of a lattice, and a vertex in each cell that has some.

    `rising`: whether the function grows along the edge; `cells`: the vertices of the cells around a crossing, in
    space counter-clockwise seen from the edge's upper end; `sharp`: whether a vertex lies on a corner or an edge.
    """

    crossings: Float[np.ndarray, "m d"]
    rising: Bool[np.ndarray, " m"]
    cells: Int[np.ndarray, "m c"]
    vertices: Float[np.ndarray, "k d"]
    sharp: Bool[np.ndarray, " k"]


def dual(distance: Callable, lower: np.ndarray, upper: np.ndarray, h: float) -> Dual:
    """The boundary of {distance < 0}, that must lie in the box between two corners, on a lattice of cells of size h.

    `distance` need not be one: of the right sign, and smooth beside the boundary but for its corners, will do. What is
    thinner than a cell is missed.
    """
    origin = lower - (1 - OFFSET) * h
    shape = tuple((np.ceil((upper - lower) / h).astype(int) + 3).tolist())  # of the lattice, in points

    def at(X):
        return distance(origin + h * X) / h

    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    values = at(points.reshape(-1, len(shape))).reshape(shape)
    low, axis = _crossed(values < 0)
    step = np.eye(len(shape), dtype=int)[axis]
    X = _on_edges(at, low, step, values[tuple(low.T)], values[tuple((low + step).T)])
    around = _around(low, axis, shape)
    owners, cells = np.unique(around, return_inverse=True)
    cells = cells.reshape(around.shape)
    base = np.stack(np.unravel_index(owners, shape), axis=1)
    vertices, sharp = _vertices(X, _normals(at, X), cells, base)
    rising = values[tuple(low.T)] < 0
    return Dual(origin + h * X, rising, cells, origin + h * vertices, sharp)


def _crossed(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lattice edges with one end inside: their lower ends (m, d) and their axes (m,)."""
    found = [np.argwhere(np.diff(inside, axis=axis)) for axis in range(inside.ndim)]
    return np.concatenate(found), np.repeat(np.arange(inside.ndim), list(map(len, found)))


def _on_edges(at: Callable, low: np.ndarray, step: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The zeros between the ends `low` and `low + step`, where the values are a and b."""
    s, t = np.zeros(len(low)), np.ones(len(low))
    for _ in range(SEARCHES):
        rest = np.flatnonzero(np.abs(b) > CLOSE)
        if not len(rest):
            break
        between = t[rest] - b[rest] * (t[rest] - s[rest]) / (b[rest] - a[rest])
        value = at(low[rest] + between[:, None] * step[rest])
        passed = value * b[rest] < 0
        s[rest], a[rest] = np.where(passed, t[rest], s[rest]), np.where(passed, b[rest], a[rest] / 2)
        t[rest], b[rest] = between, value
    return low + t[:, None] * step


def _around(low: np.ndarray, axis: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers of the cells around each edge, which are those of their lowest corners."""
    d = len(shape)
    corners = list(itertools.product((-1, 0), repeat=d - 1))
    if d == 3:
        corners = [corners[k] for k in (0, 2, 3, 1)]  # around the edge, not line by line
    others = (axis[:, None] + np.arange(1, d)) % d
    cells = low[:, None] + np.zeros((len(corners), 1), int)
    for k in range(d - 1):
        cells[np.arange(len(low)), :, others[:, k]] += np.array(corners)[:, k]
    return np.ravel_multi_index(tuple(np.moveaxis(cells, -1, 0)), shape)


def _normals(at: Callable, X: np.ndarray) -> np.ndarray:
    """Unit normals at points of the boundary."""
    here = at(X)
    slopes = np.stack([at(X + e) - here for e in 1e-4 * np.eye(X.shape[1])], axis=1)
    return slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-300)


def _vertices(X: np.ndarray, N: np.ndarray, cells: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each cell the point nearest to its tangent planes, and whether these meet at an angle; in units of a cell."""

    def mean(columns):
        total = np.zeros((len(base), *columns.shape[1:]))
        np.add.at(total, cells, columns[:, None])
        return total / count.reshape(-1, *[1] * (columns.ndim - 1))

    count = np.bincount(cells.ravel(), minlength=len(base))
    middle, matrix = mean(X), mean(N[:, :, None] * N[:, None])
    right = mean(N * np.sum(N * X, axis=1, keepdims=True)) - np.einsum("kij,kj->ki", matrix, middle)
    moved = np.linalg.solve(matrix + PULL * np.eye(X.shape[1]), right[:, :, None])[:, :, 0]
    return np.clip(middle + moved, base, base + 1), np.linalg.norm(mean(N), axis=1) < SHARP


# ------------------------------------------------------------------------------------------- surfaces in space


class Skin(NamedTuple):
    """A triangulated surface: vertices (m, 3), and triangles (t, 3), counter-clockwise seen from outside."""

    vertices: Float[np.ndarray, "m 3"]
    triangles: Int[np.ndarray, "t 3"]


def skin(distance: Callable, lower: np.ndarray, upper: np.ndarray, cells: int | None = None) -> Skin:
    """The boundary of {distance < 0} in the box between two corners: a quadrilateral for each of `dual`'s crossings.

    `cells` of the lattice along the sides, if the box is a cube, as many in all for others; `CELLS` by default.
    """
    found = dual(distance, lower, upper, cell_size(lower, upper, cells or CELLS))
    corners = np.where(found.rising[:, None], found.cells, found.cells[:, ::-1])
    return Skin(found.vertices, _halved(distance, found.vertices, corners))


def drawn_onto(distance: Callable, X: Float[np.ndarray, "n d"], step: float) -> Float[np.ndarray, "n d"]:
    """Points near a smooth boundary drawn onto it, by Newton's method on differences of that step."""
    for _ in range(STEPS):
        slopes = [distance(X + one) - distance(X - one) for one in step * np.eye(X.shape[1])]
        gradient = np.stack(slopes, axis=1) / (2 * step)
        squares = np.maximum(np.sum(gradient**2, axis=1), 1e-6)
        X = X - (distance(X) / squares)[:, None] * gradient
    return X


def cell_size(lower: np.ndarray, upper: np.ndarray, cells: int) -> float:
    """The side of a lattice's cells, so many of which lie along a cube with the surface of the box."""
    size = upper - lower
    return float(np.sqrt(np.sum(size * np.roll(size, 1)) / 3)) / cells


def _halved(distance: Callable, vertices: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Two triangles of each quadrilateral, along the diagonal whose middle is nearer to the surface."""
    a, b, c, d = corners.T
    off = [np.abs(distance((vertices[p] + vertices[q]) / 2)) for p, q in ((a, c), (b, d))]
    across = np.stack([a, b, c, a, c, d], axis=1), np.stack([a, b, d, b, c, d], axis=1)
    return np.where((off[0] <= off[1])[:, None], *across).reshape(-1, 3)
