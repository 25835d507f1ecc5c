"""Where a spacing is fine in a spot: samples, more of them where it changes, that tell which cells to divide."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from ..low_discrepancy import sobol
from ..spacing import Spacing

_SAMPLES = {True: 2**16, False: 2**13}  # of a volume, of a surface: spots of a few thousandths of its size are seen
_FINER = 0.5  # of the spacing in the middle of a cell: what counts as a spot
_FRESH = 8  # samples in either half of a cell that holds a spot
_SEARCHES = 24  # of the parameters of a point on a surface, each in a region of 0.6 times the size


class FineSpots:
    """Samples of a spacing, in the cells into which a box of parameters is divided.

    `at`, `lower` and `upper` are those of a `filling.Chart`. The points `spacing.at` are among the samples.
    """

    def __init__(self, at: Callable, lower: np.ndarray, upper: np.ndarray, spacing: Spacing):
        self._at, self._spacing, self._rng = at, spacing, np.random.default_rng(0)
        self._U, self._h = np.empty((0, len(lower))), np.empty(0)
        if spacing.constant is None:
            ends = lower + np.array([[0.3], [0.6]]) * (upper - lower)
            key = lower.tobytes(), upper.tobytes(), at(ends).tobytes()
            if key not in spacing.sampled:
                spacing.sampled[key] = self._samples(lower, upper)
            self._U, self._h = spacing.sampled[key]
        self._cell = np.zeros(len(self._U), dtype=int)
        self._fine = np.zeros(1, dtype=bool)

    def _samples(self, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        volume = self._at(lower[None]).shape[1] == len(lower)
        U = sobol(_SAMPLES[volume], len(lower))
        U = lower + U * (upper - lower)
        X = self._at(U)
        h = self._spacing(X)
        fine = h < _FINER * h.max()
        if self._spacing.at is not None:
            Y = np.asarray(self._spacing.at)
            V = Y if volume else np.concatenate([self._nearest(y, U, X, lower, upper) for y in Y])
            V = V[np.all((lower <= V) & (V <= upper), axis=1)]
            return np.concatenate([U[fine], V]), np.concatenate([h[fine], self._spacing(self._at(V))])
        return U[fine], h[fine]

    def _nearest(self, y: np.ndarray, U: np.ndarray, X: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """The parameters of the point of a surface that is nearest to y, about; and of those looked at around it."""
        best, width = U[np.argmin(np.linalg.norm(X - y, axis=1))], (upper - lower) / 32
        for _ in range(_SEARCHES):
            V = np.clip(best + width * self._rng.uniform(-1, 1, (32, len(best))), lower, upper)
            V[0] = best
            best, width = V[np.argmin(np.linalg.norm(self._at(V) - y, axis=1))], 0.6 * width
        return best[None]

    def within(self, h: Float[np.ndarray, " c"], share: Float[np.ndarray, " c"]) -> Bool[np.ndarray, " c"]:
        """Which cells, of that spacing in their middle and that size, hold a spot that is due more than one node."""
        least = np.full(len(h), np.inf)
        np.minimum.at(least, self._cell, self._h)
        self._fine = (least < _FINER * h) & (share > least ** self._U.shape[1])
        return self._fine

    def follow(
        self, split: Bool[np.ndarray, " c"], lower: Float[np.ndarray, "k p"], upper: Float[np.ndarray, "k p"]
    ) -> None:
        """The cells were halved where `split`, into those from `lower` to `upper`."""
        if not len(self._U):
            return
        first = np.cumsum(1 + split) - (1 + split)
        cell = first[self._cell]
        self._cell = cell + (split[self._cell] & np.any(self._U > upper[cell], axis=1))
        halves = np.repeat(np.concatenate([first[self._fine], first[self._fine] + 1]), _FRESH)
        if len(halves):
            U = lower[halves] + self._rng.random((len(halves), lower.shape[1])) * (upper - lower)[halves]
            self._U, self._cell = np.concatenate([self._U, U]), np.concatenate([self._cell, halves])
            self._h = np.concatenate([self._h, self._spacing(self._at(U))])
