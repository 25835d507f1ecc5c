"""The nearest of many segments or triangles, by a tree of boxes that many points descend together."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

_BATCH = 8_192  # points that descend together: their pairs stay in the cache
_FEW = 8  # segments
_FANOUT = 4  # boxes in a box, and simplices in a box of the last level


class Hit(NamedTuple):
    """For each point its nearest simplex, the nearest point of that, and their distance."""

    simplex: Int[np.ndarray, " n"]
    point: Float[np.ndarray, "n d"]
    distance: Float[np.ndarray, " n"]


class NearestSimplex:
    """Finds which of m segments (k = 2) or triangles (k = 3) in the plane or in space is nearest, exactly.

    A box of the tree is entered only where it is no further away than the nearest vertex or middle of a simplex.
    """

    def __init__(self, corners: Float[np.ndarray, "m k d"]):
        self._corners = corners
        self._order, counts = _sorted_into_boxes(corners.mean(axis=1))
        self._boxes = [_Boxes.around(corners[self._order].reshape(count, -1, *corners.shape[1:])) for count in counts]
        # Every vertex once: a k-d tree cannot divide points that are equal.
        vertices = np.unique(corners.reshape(-1, corners.shape[2]), axis=0)
        self._seeds = cKDTree(np.concatenate([vertices, corners.mean(axis=1)]))
        self._size = np.abs(corners).max()
        self._flat = FlatTriangles(corners) if corners.shape[1] == 3 else None

    def __call__(self, X: Float[np.ndarray, "n d"]) -> Hit:
        """The nearest simplex of every point; of several that are equally near one of them."""
        batches = [self._batch(X[start : start + _BATCH]) for start in range(0, len(X), _BATCH)]
        if not batches:
            return Hit(np.empty(0, dtype=int), X.copy(), np.empty(0))
        return Hit(*(np.concatenate(column) for column in zip(*batches, strict=True)))

    def meeting(
        self, lower: Float[np.ndarray, "n d"], upper: Float[np.ndarray, "n d"]
    ) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
        """All pairs of one of n boxes and a simplex whose bounding box meets it."""
        query, box = np.arange(len(lower)), np.zeros(len(lower), dtype=int)
        own = self._corners[self._order]
        for low, high in [*((level.lower, level.upper) for level in self._boxes), (own.min(axis=1), own.max(axis=1))]:
            meet = np.all((low[box] <= upper[query]) & (lower[query] <= high[box]), axis=1)
            query = np.repeat(query[meet], _FANOUT)
            box = (box[meet, None] * _FANOUT + np.arange(_FANOUT)).ravel()
        pairs = np.stack([query, self._order[box // _FANOUT]], axis=1)[::_FANOUT]
        return tuple(np.unique(pairs, axis=0).T)  # the last boxes are filled up with simplices that are in others too

    def _batch(self, X: np.ndarray) -> Hit:
        return self._of_few(X) if len(self._corners) <= _FEW and self._flat is None else self._by_boxes(X)

    def _of_few(self, X: np.ndarray) -> Hit:
        """Every point with every segment: of few, the tree takes longer."""
        count, points = len(self._corners), np.arange(len(X))
        found = _closest(np.repeat(X, count, axis=0), np.tile(self._corners, (len(X), 1, 1)))
        found = found.reshape(len(X), count, -1)
        gap = np.linalg.norm(X[:, None] - found, axis=2)
        nearest = np.argmin(gap, axis=1)
        return Hit(nearest, found[points, nearest], gap[points, nearest])

    def _by_boxes(self, X: np.ndarray) -> Hit:
        # A little more than the distance itself, so that rounding excludes no simplex at whose vertex it is.
        slack = 1e-14 * (np.abs(X).max(initial=0) + self._size)
        bound = (self._seeds.query(X)[0] * (1 + 1e-12) + slack) ** 2
        point, box = np.arange(len(X)), np.zeros(len(X), dtype=int)
        for level in self._boxes:
            near = level.reached(X, bound, point, box)
            point = np.repeat(point[near], _FANOUT)
            box = (box[near, None] * _FANOUT + np.arange(_FANOUT)).ravel()
        index = self._order[box]
        if self._flat is not None:
            near, square = self._flat.squares(X, bound, point, index)
            near = near[_least(square, point[near], len(X))]
            point, index = point[near], index[near]
        found = _closest(X[point], self._corners[index])
        gap = np.linalg.norm(X[point] - found, axis=1)
        first = _least(gap, point, len(X))
        return Hit(index[first], found[first], gap[first])


def _least(value: Float[np.ndarray, " p"], point: Int[np.ndarray, " p"], count: int) -> Int[np.ndarray, " n"]:
    """For each of `count` points, which are listed in order, the place of its least value."""
    least = np.minimum.reduceat(value, np.searchsorted(point, np.arange(count)))
    at = np.flatnonzero(value == least[point])
    return at[np.searchsorted(point[at], np.arange(count))]


class _Boxes(NamedTuple):
    """Boxes around groups of simplices, and around triangles slabs too: across a direction, from low to high."""

    lower: Float[np.ndarray, "b d"]
    upper: Float[np.ndarray, "b d"]
    across: Float[np.ndarray, "b d"]
    low: Float[np.ndarray, " b"]
    high: Float[np.ndarray, " b"]

    @classmethod
    def around(cls, corners: Float[np.ndarray, "b g k d"]) -> "_Boxes":
        """Around b groups of g simplices."""
        across = np.zeros((len(corners), corners.shape[3]))
        if corners.shape[2:] == (3, 3):
            across = np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]).sum(axis=1)
            across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)
        heights = np.einsum("bgkd,bd->bgk", corners, across).reshape(len(corners), -1)
        ends = corners.min(axis=(1, 2)), corners.max(axis=(1, 2))
        return cls(*ends, across, heights.min(axis=1), heights.max(axis=1))

    def reached(self, X: np.ndarray, bound: np.ndarray, point: np.ndarray, box: np.ndarray) -> Int[np.ndarray, " q"]:
        """Which pairs of a point and a box are no further apart than the square root of the point's bound."""
        Y, most = X[point], bound[point]
        beyond = np.maximum(np.maximum(self.lower[box] - Y, Y - self.upper[box]), 0)
        near = np.flatnonzero(np.einsum("nd,nd->n", beyond, beyond) <= most)
        if not self.across.any():
            return near
        box, most = box[near], most[near]
        height = np.einsum("nd,nd->n", Y[near], self.across[box])
        above = np.maximum(np.maximum(self.low[box] - height, height - self.high[box]), 0)
        return near[above**2 <= most]


class FlatTriangles:
    """Triangles (m, 3, 3), each laid into a plane: a corner at the origin, one on the first axis, one at c above."""

    def __init__(self, corners: Float[np.ndarray, "m 3 3"]):
        u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        b = np.linalg.norm(u, axis=1)
        first = u / b[:, None]
        along = np.einsum("md,md->m", v, first)
        second = v - along[:, None] * first
        height = np.linalg.norm(second, axis=1)
        second /= height[:, None]
        axes = np.stack([first, second, np.cross(first, second)], axis=1)
        self._axes = np.ascontiguousarray(axes.reshape(-1, 9).T)
        self._middle = corners.reshape(-1, 3).mean(axis=0)  # from which coordinates lose least to rounding
        self._origin = np.einsum("mid,md->im", axes, corners[:, 0] - self._middle)
        self._b, self._c = b, (along, height)

    def squares(
        self,
        X: Float[np.ndarray, "n 3"],
        bound: Float[np.ndarray, " n"],
        point: Int[np.ndarray, " p"],
        index: Int[np.ndarray, " p"],
    ) -> tuple[Int[np.ndarray, " q"], Float[np.ndarray, " q"]]:
        """The pairs of a point and a triangle whose plane is within the bound, and their squared distances."""
        Y = np.ascontiguousarray((X - self._middle).T)
        z = self._coordinate(2, Y, point, index)
        near = np.flatnonzero(z**2 <= bound[point])
        point, index = point[near], index[near]
        x, y = (self._coordinate(i, Y, point, index) for i in range(2))
        b, cx, cy = self._b[index], self._c[0][index], self._c[1][index]
        beside = np.flatnonzero((y < 0) | (cx * y > cy * x) | ((cx - b) * y < cy * (x - b)))
        found = z[near] ** 2
        x, y, b, cx, cy = (value[beside] for value in (x, y, b, cx, cy))
        sides = ((x, b, 0.0), (x, cx, cy), (x - b, cx - b, cy))
        found[beside] += np.minimum.reduce([_from_segment(x, y, *end) for x, *end in sides])
        return near, found

    def _coordinate(self, i: int, Y: np.ndarray, point: np.ndarray, index: np.ndarray) -> Float[np.ndarray, " p"]:
        """Coordinate i, in the plane or above it, of points in the frames of triangles."""
        return sum(self._axes[3 * i + j][index] * Y[j][point] for j in range(3)) - self._origin[i][index]


def _from_segment(x: np.ndarray, y: np.ndarray, u: np.ndarray, v: np.ndarray | float) -> np.ndarray:
    """Squared distance in the plane from (x, y) to the segment from the origin to (u, v)."""
    t = np.clip((x * u + y * v) / (u * u + v * v), 0, 1)
    return (x - t * u) ** 2 + (y - t * v) ** 2


def _sorted_into_boxes(X: Float[np.ndarray, "m d"]) -> tuple[Int[np.ndarray, " p"], list[int]]:
    """Indices of points, padded to a power of two and sorted so that halves of halves lie together; boxes by level.

    The last level's boxes hold `_FANOUT` each.
    """
    levels = max(int(np.ceil(np.log2(max(len(X) / _FANOUT, 1)) / np.log2(_FANOUT))), 0)
    size = _FANOUT * _FANOUT**levels
    order = np.resize(np.arange(len(X)), size)[None]
    while order.shape[1] > _FANOUT:
        axis = np.argmax(np.ptp(X[order], axis=1), axis=1)
        ranks = np.argsort(X[order, axis[:, None]], axis=1, kind="stable")
        order = np.take_along_axis(order, ranks, axis=1).reshape(2 * len(order), -1)
    return order.ravel(), [_FANOUT**level for level in range(levels + 1)]


def _closest(X: np.ndarray, corners: np.ndarray) -> Float[np.ndarray, "n d"]:
    """The nearest point of one simplex for each point."""
    if corners.shape[1] == 2:
        return on_segment(X, corners[:, 0], corners[:, 1])
    return _on_triangle(X, *(corners[:, i] for i in range(3)))


def on_segment(
    X: Float[np.ndarray, "n d"], a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n d"]:
    """The nearest point of one segment from a to b for each point."""
    along = b - a
    t = np.einsum("nd,nd->n", X - a, along) / np.einsum("nd,nd->n", along, along)
    t = np.clip(t, 0, 1)[:, None]
    return np.where(t < 0.5, a + t * along, b - (1 - t) * along)


def _on_triangle(X: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The foot of the perpendicular where it lies inside, else the nearest point of the three sides."""
    u, v, w = b - a, c - a, X - a
    uu, uv, wu = (np.einsum("nd,nd->n", p, q) for p, q in ((u, u), (u, v), (w, u)))
    # Across u, as the usual formula with squares of areas loses all digits on slender triangles.
    across = v - (uv / uu)[:, None] * u
    t = np.einsum("nd,nd->n", w, across) / np.einsum("nd,nd->n", across, across)
    s = (wu - t * uv) / uu
    foot = a + s[:, None] * u + t[:, None] * v
    beside = np.flatnonzero((s < 0) | (t < 0) | (s + t > 1))
    sides = np.stack([on_segment(X[beside], p[beside], q[beside]) for p, q in ((a, b), (b, c), (c, a))])
    nearest = np.argmin(np.linalg.norm(sides - X[beside], axis=2), axis=0)
    foot[beside] = sides[nearest, np.arange(len(beside))]
    return foot
