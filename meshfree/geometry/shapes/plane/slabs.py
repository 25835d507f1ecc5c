"""Which points lie inside closed polygons, by binary search among the edges at a point's height."""

import numpy as np
from jaxtyping import Bool, Float


class Slabs:
    """Closed rings that do not cross, cut at the heights y of their vertices.

    Inside one slab no two edges meet, so that they are sorted by x once (Dobkin & Lipton, SIAM J. Comput. 5 (1976)
    181-186); a point with an odd number of edges to its left lies inside.
    """

    def __init__(self, edges: Float[np.ndarray, "m 2 2"]):
        tilted = edges[edges[:, 0, 1] != edges[:, 1, 1]]
        rising = (tilted[:, 0, 1] < tilted[:, 1, 1])[:, None]
        low, high = (np.where(rising, tilted[:, i], tilted[:, 1 - i]) for i in (0, 1))
        self.heights = np.unique(edges[:, :, 1])
        first, last = (np.searchsorted(self.heights, end[:, 1]) for end in (low, high))
        edge = np.repeat(np.arange(len(low)), last - first)
        slab = np.arange(len(edge)) - np.repeat(np.cumsum(last - first) - last, last - first)
        self._slope = (high[:, 0] - low[:, 0]) / (high[:, 1] - low[:, 1])
        self._low = low
        self._upright = 1 / np.sqrt(1 + self._slope**2)  # from horizontal to perpendicular distance
        middle = (self.heights[:-1] + self.heights[1:]) / 2
        order = np.lexsort((self._across(edge, middle[slab]), slab))
        self._edge = edge[order]
        self._start = np.searchsorted(slab[order], np.arange(len(middle) + 1))
        self._steps = int(np.diff(self._start).max(initial=1)).bit_length()

    def _across(self, edge: np.ndarray, y: np.ndarray) -> Float[np.ndarray, " n"]:
        """x of edges at the height y."""
        return self._low[edge, 0] + self._slope[edge] * (y - self._low[edge, 1])

    def contains(self, X: Float[np.ndarray, "n 2"], tolerance: float = 0.0) -> Bool[np.ndarray, " n"]:
        """Which points lie inside or within the tolerance of an edge; the latter unless level with a vertex."""
        inside = np.zeros(len(X), dtype=bool)
        slab = np.searchsorted(self.heights, X[:, 1], side="right") - 1
        within = np.flatnonzero((slab >= 0) & (slab < len(self.heights) - 1))
        x, y, slab = X[within, 0], X[within, 1], slab[within]
        first, stop = self._start[slab], self._start[slab + 1]
        low, high = first.copy(), stop.copy()
        for _ in range(self._steps):
            middle = (low + high) // 2
            left = (low < high) & (self._across(self._edge[np.minimum(middle, len(self._edge) - 1)], y) < x)
            low, high = np.where(left, middle + 1, low), np.where(left, high, np.minimum(middle, high))
        found = (low - first) % 2 == 1
        for neighbour in (low - 1, low):
            edge = self._edge[np.clip(neighbour, first, stop - 1)]
            found |= np.abs(x - self._across(edge, y)) * self._upright[edge] <= tolerance
        inside[within] = found
        return inside

    def level_with_a_vertex(self, X: Float[np.ndarray, "n 2"], tolerance: float) -> Bool[np.ndarray, " n"]:
        """Which points are as high as some vertex, up to the tolerance."""
        above = np.clip(np.searchsorted(self.heights, X[:, 1]), 1, len(self.heights) - 1)
        gap = np.abs(X[:, 1] - np.stack([self.heights[above - 1], self.heights[above]]))
        return gap.min(axis=0) <= tolerance
