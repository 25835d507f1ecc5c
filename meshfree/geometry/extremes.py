"""The bounding box of plane curves."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from .boundary import Curve

_SAMPLES = 1025
_ZOOMS = 3  # each by a factor of 16: then heights at a smooth extreme are exact


def bounding_box(curves: Sequence[Curve]) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
    """Lower and upper corner, to round-off."""
    return _least(curves, 1.0), -_least(curves, -1.0)


def _least(curves: Sequence[Curve], sign: float) -> Float[np.ndarray, " d"]:
    return np.min([_least_of(curve, sign) for curve in curves], axis=0)


def _least_of(curve: Curve, sign: float) -> Float[np.ndarray, " d"]:
    """The least coordinates of sign × the curve, on ever finer grids about the lowest point of each."""
    t = np.linspace(0, 1, _SAMPLES)
    X = sign * curve.point(t)
    least = X.min(axis=0)
    for axis, lowest in enumerate(np.argmin(X, axis=0)):
        middle, reach = t[lowest], 1 / (_SAMPLES - 1)
        for _ in range(_ZOOMS):
            grid = middle + reach * np.linspace(-1, 1, 33)
            grid = grid if curve.closed else np.clip(grid, 0, 1)
            heights = sign * curve.point(grid)[:, axis]
            middle, reach = grid[np.argmin(heights)], reach / 16
            least[axis] = min(least[axis], heights.min())
    return least
