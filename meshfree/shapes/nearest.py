"""The nearest of many segments or triangles, by a tree of boxes that many points descend together."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

_BATCH = 32_768  # points that descend together: their pairs stay in the cache
_FANOUT = 4  # boxes in a box, and simplices in a box of the last level


class Hit(NamedTuple):
    """For each point its nearest simplex, the nearest point of that, and their distance."""

    simplex: Int[np.ndarray, " n"]
    point: Float[np.ndarray, "n d"]
    distance: Float[np.ndarray, " n"]


class NearestSimplex:
    """Answers which of m segments (k = 2) or triangles (k = 3), in the plane or space, is nearest; exact.

    A box of the tree is entered only where it is no further away than the nearest vertex or middle of a simplex.
    """

    def __init__(self, corners: Float[np.ndarray, "m k d"]):
        self._corners = corners
        self._order, counts = _sorted_into_boxes(corners.mean(axis=1))
        lower, upper = corners.min(axis=1)[self._order], corners.max(axis=1)[self._order]
        self._levels = [
            (lower.reshape(count, -1, lower.shape[1]).min(axis=1), upper.reshape(count, -1, lower.shape[1]).max(axis=1))
            for count in counts
        ]
        self._seeds = cKDTree(np.concatenate([corners.reshape(-1, corners.shape[2]), corners.mean(axis=1)]))

    def __call__(self, X: Float[np.ndarray, "n d"]) -> Hit:
        """The nearest simplex of every point; of several the one that was given first or nearly so."""
        batches = [self._batch(X[start : start + _BATCH]) for start in range(0, len(X), _BATCH)]
        if not batches:
            return Hit(np.empty(0, dtype=int), X.copy(), np.empty(0))
        return Hit(*(np.concatenate(column) for column in zip(*batches, strict=True)))

    def _batch(self, X: np.ndarray) -> Hit:
        # A little more than the distance itself, lest rounding exclude the simplex of a vertex.
        bound = self._seeds.query(X)[0] ** 2 * (1 + 1e-12) + 1e-300
        point, box = np.arange(len(X)), np.zeros(len(X), dtype=int)
        for lower, upper in self._levels:
            beyond = np.maximum(np.maximum(lower[box] - X[point], X[point] - upper[box]), 0)
            near = np.einsum("nd,nd->n", beyond, beyond) <= bound[point]
            point = np.repeat(point[near], _FANOUT)
            box = (box[near, None] * _FANOUT + np.arange(_FANOUT)).ravel()
        index = self._order[box]
        found = _closest(X[point], self._corners[index])
        gap = np.linalg.norm(X[point] - found, axis=1)
        first = np.searchsorted(point, np.arange(len(X)))
        least = np.minimum.reduceat(gap, first)
        at = np.flatnonzero(gap == least[point])
        at = at[np.searchsorted(point[at], np.arange(len(X)))]
        return Hit(index[at], found[at], least)


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
    uu, uv, vv, wu, wv = (np.einsum("nd,nd->n", p, q) for p, q in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    scale = uu * vv - uv**2
    s, t = (vv * wu - uv * wv) / scale, (uu * wv - uv * wu) / scale
    foot = a + s[:, None] * u + t[:, None] * v
    beside = np.flatnonzero((s < 0) | (t < 0) | (s + t > 1))
    sides = np.stack([on_segment(X[beside], p[beside], q[beside]) for p, q in ((a, b), (b, c), (c, a))])
    nearest = np.argmin(np.linalg.norm(sides - X[beside], axis=2), axis=0)
    foot[beside] = sides[nearest, np.arange(len(beside))]
    return foot
