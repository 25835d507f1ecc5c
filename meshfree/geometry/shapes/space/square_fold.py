"""The unit square laid over many triangles in turn, so that areas are kept and halves of halves stay together."""

import numpy as np
from jaxtyping import Float, Int

_BITS = 26  # of each coordinate: both fill the 52 of a double
_LEVELS = 24  # of halves into which triangles are sorted


class SquareFold:
    """An area-preserving map of the unit square onto triangles (m, 3, 3), up to a factor.

    A Z-shaped curve, the bits of both coordinates in turn (Morton, 1966), fills the square and is laid along the
    triangles, which are sorted so that halves of it are halves in space. Inside each the curve is unrolled again.
    """

    def __init__(self, corners: Float[np.ndarray, "m 3 3"], areas: Float[np.ndarray, " m"]):
        self._order = _sorted_by_halves(corners.mean(axis=1), areas)
        self._corners = corners[self._order]
        self._until = np.cumsum(areas[self._order]) / areas.sum()

    def __call__(self, U: Float[np.ndarray, "n 2"]) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n 3"]]:
        """The number of the triangle, and the point of it, for each point of the square."""
        whole = 2.0**_BITS
        coordinates = np.clip(U * whole, 0, whole - 1).astype(np.uint64)
        along = ((_spread(coordinates[:, 0]) << np.uint64(1)) | _spread(coordinates[:, 1])) / whole**2
        place = np.minimum(np.searchsorted(self._until, along, side="right"), len(self._until) - 1)
        start = np.concatenate([[0.0], self._until])[place]
        share = np.clip((along - start) / (self._until[place] - start), 0, 1)
        rest = np.minimum(share * whole**2, whole**2 - 1).astype(np.uint64)
        a, b = (((_gathered(bits) + 0.5) / whole)[:, None] for bits in (rest >> np.uint64(1), rest))
        first, second, third = self._corners[place].swapaxes(0, 1)
        root = np.sqrt(a)
        return self._order[place], first + root * (second - first + b * (third - second))


def _sorted_by_halves(X: Float[np.ndarray, "m d"], weight: Float[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
    """The order of points in which halves by weight, split across the longest side of their box, follow each other."""
    order, group = np.arange(len(X)), np.zeros(len(X), dtype=int)
    for _ in range(_LEVELS):
        first = np.flatnonzero(np.diff(group, prepend=-1))
        if len(first) == len(X):
            break
        size = np.diff(np.append(first, len(X)))
        Y = X[order]
        axis = np.argmax(np.maximum.reduceat(Y, first) - np.minimum.reduceat(Y, first), axis=1)
        within = np.lexsort((Y[np.arange(len(X)), np.repeat(axis, size)], group))
        order = order[within]
        before = np.cumsum(weight[order]) - weight[order] / 2
        base = np.concatenate([[0.0], np.cumsum(weight[order])])
        half = (base[first] + base[first + size]) / 2
        group = 2 * group + (before > np.repeat(half, size))
    return order


def _spread(x: np.ndarray) -> np.ndarray:
    """The bits of numbers below 2³², moved apart to the even places."""
    for shift, mask in _MASKS:
        x = (x | (x << np.uint64(shift))) & np.uint64(mask)
    return x


def _gathered(x: np.ndarray) -> np.ndarray:
    """The bits at the even places, moved together."""
    x = x & np.uint64(_MASKS[-1][1])
    for (shift, _), (_, mask) in zip(_MASKS[::-1], [*_MASKS[-2::-1], (0, 0xFFFFFFFF)], strict=True):
        x = (x | (x >> np.uint64(shift))) & np.uint64(mask)
    return x


_MASKS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)
