"""Whether straight lines between points of a shape cross its boundary: `Walls` of segments or triangles, or a distance.

A line that leaves the shape crosses its boundary where it comes back through a side that has turned away by more than
60° from the one it left by: so do the sides of a slit, of a corner, and of a hole that is small beside the line. A line
that runs along a smoothly curved boundary, a little outside of it, does not: else no node on it would see its
neighbours.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .boundary import Segment
from .nodes.arc_length import length
from .nodes.plane_outline import Stretch
from .shape import Shape

_TURNED = 0.5  # cosine between the normals where a line leaves and comes back, below which it has crossed
_EXACT = 1e-10  # of the size of the shape: what rounding may move a crossing by
_EDGES = 2048  # along a curve as long as the shape is wide
_HALVINGS = 14  # of a line, until its pieces are 1e-4 of it or less
_PIECES = 4  # to begin with
_ALONG = 1 / 200  # of a line, the thinnest gap that is found where the line runs along the boundary
_GRAZING = 1e3  # times the inaccuracy of walls, which a line that hardly crosses one may miss it by
_STEP = 1e-7  # of the size of the shape, for normals from distances


class Walls(NamedTuple):
    """Segments in the plane or triangles in space that make up a boundary, their outward normals, and how far they are
    off it; `meeting(lower, upper)` gives the pairs of a box and a wall whose bounding box meets it.
    """

    corners: Float[np.ndarray, "w d d"]
    normals: Float[np.ndarray, "w d"]
    off: float
    meeting: Callable

    @classmethod
    def of_outline(cls, outline: Sequence[Stretch], size: float) -> "Walls":
        """The walls of a plane shape, whose curves become short chords."""
        rows = [_vertices(one, size) for one in outline]
        corners = np.concatenate([np.stack([X[:-1], X[1:]], axis=1) for X, _ in rows])
        signs = np.concatenate([np.full(len(X) - 1, one.sign) for one, (X, _) in zip(outline, rows, strict=True)])
        vx, vy = (corners[:, 1] - corners[:, 0]).T
        normals = (signs / np.maximum(np.hypot(vx, vy), 1e-300))[:, None] * np.stack([vy, -vx], axis=1)
        off = max(2 * max(sagitta for _, sagitta in rows), _EXACT * size)
        return cls(corners, normals, off, _plane_meeting(corners))


def _vertices(one: Stretch, size: float) -> tuple[np.ndarray, float]:
    """Points of a stretch, and how far it is off the chords between them."""
    if isinstance(one.curve, Segment):
        return one.point(np.array([0.0, 1.0])), 0.0
    count = int(np.clip(np.ceil(_EDGES * length(one) / size), 16, _EDGES))
    X = one.point(np.linspace(0, 1, 2 * count + 1))
    return X[::2], float(np.linalg.norm(X[1::2] - (X[:-1:2] + X[2::2]) / 2, axis=1).max())


def _plane_meeting(corners: np.ndarray) -> Callable:
    import shapely  # where it is used, it is imported then: it takes 20 ms

    tree = shapely.STRtree(shapely.linestrings(corners))
    return lambda lower, upper: tuple(tree.query(shapely.box(*lower.T, *upper.T)))


def sees_past_walls(walls: Walls, A: Float[np.ndarray, "n d"], B: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, " n"]:
    """Which of the lines from points A to points B of the closed shape do not cross its walls."""
    line, wall = walls.meeting(np.minimum(A, B) - walls.off, np.maximum(A, B) + walls.off)
    way = (_along_segments if A.shape[1] == 2 else _along_triangles)(walls, A[line], B[line], wall)
    hit = np.flatnonzero(np.isfinite(way))
    line, normal = line[hit], walls.normals[wall[hit]]
    outward = np.einsum("nd,nd->n", (B - A)[line], normal)
    # where a line only touches a corner it comes in before it leaves
    order = np.lexsort((way[hit] - 2 * walls.off * (outward < 0), line))
    line, normal, outward = line[order], normal[order], outward[order]
    out_and_in = (outward[:-1] > 0) & (outward[1:] < 0) & (line[:-1] == line[1:])
    turned = np.einsum("nd,nd->n", normal[:-1], normal[1:]) < _TURNED
    sees = np.ones(len(A), dtype=bool)
    sees[line[:-1][out_and_in & turned]] = False
    return sees


def _along_segments(walls: Walls, A: np.ndarray, B: np.ndarray, wall: np.ndarray) -> Float[np.ndarray, " n"]:
    """How far from A towards B the line meets its wall, up to the walls' inaccuracy; infinite where it does not."""
    Q, D = walls.corners[wall, 0], B - A
    E = walls.corners[wall, 1] - Q
    reach, long = np.linalg.norm(D, axis=1), np.linalg.norm(E, axis=1)
    across, away = _cross(D, E), Q - A
    crossing = np.abs(across) > 1e-12 * reach * long
    across = np.where(crossing, across, 1.0)
    way, place = reach * _cross(away, E) / across, long * _cross(away, D) / across
    # a line that ends on a curve at a small angle may miss its chord by more than that is off
    slack = walls.off * np.minimum(reach * long / np.maximum(np.abs(across), 1e-300), _GRAZING)
    met = crossing & (np.abs(way - reach / 2) <= reach / 2 + slack)
    return np.where(met & (np.abs(place - long / 2) <= long / 2 + slack), np.clip(way, 0, reach), np.inf)


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def _along_triangles(walls: Walls, A: np.ndarray, B: np.ndarray, wall: np.ndarray) -> Float[np.ndarray, " n"]:
    """The same in space, after Möller and Trumbore (J. Graph. Tools 2 (1997))."""
    P, D = walls.corners[wall], B - A
    u, v = P[:, 1] - P[:, 0], P[:, 2] - P[:, 0]
    h, away = np.cross(D, v), A - P[:, 0]
    reach, size = np.linalg.norm(D, axis=1), np.maximum(np.linalg.norm(u, axis=1), np.linalg.norm(v, axis=1))
    across = np.einsum("nd,nd->n", u, h)
    crossing = np.abs(across) > 1e-12 * reach * size**2
    across = np.where(crossing, across, 1.0)
    q = np.cross(away, u)
    a, b = np.einsum("nd,nd->n", away, h) / across, np.einsum("nd,nd->n", D, q) / across
    way = reach * np.einsum("nd,nd->n", v, q) / across
    slack = walls.off / size
    met = crossing & (np.abs(way - reach / 2) <= reach / 2 + walls.off)
    met &= (a >= -slack) & (b >= -slack) & (a + b <= 1 + slack)
    return np.where(met, way, np.inf)


# ------------------------------------------------------------------------------------------------- by distance


def sees_by_distance(shape: Shape, A: Float[np.ndarray, "n d"], B: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, " n"]:
    """The same for any shape, on lines that are halved where they may be outside: distances grow no faster than ways.

    Of the places where a line is outside one is looked at. A wall thinner than 1e-4 of the line may be missed.
    """
    line, at = _outside(shape, A, B)
    sees = np.ones(len(A), dtype=bool)
    if len(line):
        A, B, C = A[line], B[line], A[line] + at[:, None] * (B - A)[line]
        leaves, returns = _normal(shape, _border(shape, A, C)), _normal(shape, _border(shape, B, C))
        sees[line] = np.einsum("nd,nd->n", leaves, returns) >= _TURNED
    return sees


def _outside(shape: Shape, A: np.ndarray, B: np.ndarray) -> tuple[Int[np.ndarray, " l"], Float[np.ndarray, " l"]]:
    """The lines that are outside somewhere, and where in [0, 1]."""
    n, tolerance = len(A), _EXACT * shape.extent
    if n == 0:
        return np.empty(0, dtype=int), np.empty(0)
    reach = np.linalg.norm(B - A, axis=1)
    where = np.full(n, np.nan)
    start = np.tile(np.arange(_PIECES) / _PIECES, n)
    line, width = np.repeat(np.arange(n), _PIECES), 1 / _PIECES
    ends = np.linspace(0, 1, _PIECES + 1)
    d = shape.distance((A[:, None] + ends[:, None] * (B - A)[:, None]).reshape(-1, A.shape[1])).reshape(n, -1)
    first, last = d[:, :-1].ravel(), d[:, 1:].ravel()
    for _ in range(_HALVINGS):
        middle = start + width / 2
        d = shape.distance(A[line] + middle[:, None] * (B - A)[line])
        found = d > tolerance
        where[line[found]] = middle[found]
        # along the boundary itself, where there is nothing to exclude the rest, only a gap that is not too thin
        flat = (width < _ALONG) & (np.maximum(np.maximum(np.abs(first), np.abs(last)), np.abs(d)) <= tolerance)
        line, start = np.repeat(line, 2), np.stack([start, middle], axis=1).ravel()
        first, last = np.stack([first, d], axis=1).ravel(), np.stack([d, last], axis=1).ravel()
        width /= 2
        open_ = (first + last + width * reach[line] > 2 * tolerance) & np.isnan(where[line]) & ~np.repeat(flat, 2)
        line, start, first, last = line[open_], start[open_], first[open_], last[open_]
    lines = np.flatnonzero(np.isfinite(where))
    return lines, where[lines]


def _border(shape: Shape, A: np.ndarray, C: np.ndarray) -> Float[np.ndarray, "n d"]:
    """Where lines from A inside to C outside cross the boundary."""
    inside, outside = np.zeros(len(A)), np.ones(len(A))
    for _ in range(30):
        middle = (inside + outside) / 2
        out = shape.distance(A + middle[:, None] * (C - A)) > _EXACT * shape.extent
        inside, outside = np.where(out, inside, middle), np.where(out, middle, outside)
    return A + outside[:, None] * (C - A)


def _normal(shape: Shape, X: np.ndarray) -> Float[np.ndarray, "n d"]:
    steps = _STEP * shape.extent * np.eye(X.shape[1])
    slopes = np.stack([shape.distance(X + step) - shape.distance(X - step) for step in steps], axis=1)
    return slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-300)
