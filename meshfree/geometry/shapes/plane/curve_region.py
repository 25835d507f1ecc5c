"""The region inside smooth curves that follow one another: distance, membership, area and bounds."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from meshfree.geometry.boundary import bounding_box

from ..nearest_simplex import NearestSimplex
from .panel_curve import PanelCurve
from .polygon_rings import lies_inside, region_of

_SEGMENTS = 4096  # of the polygon through points of the curves
_SUBDIVISIONS = (4, 256)  # of a panel, at least, at most


class CurvedBoundary:
    """Closed curves made of paths, each beginning where one ends, the region to their left.

    A polygon through thousands of points of the curves tells which place is nearest, Newton's method the foot of the
    perpendicular there. The distance is exact to round-off, but where two places are equally far, up to the sagitta of
    the polygon's edges (some 1e-7 of the size), it may be that of the farther.
    """

    def __init__(self, paths: Sequence[PanelCurve]):
        self.paths = tuple(paths)
        panels = sum(len(path.panels.breaks) - 1 for path in paths)
        count = int(np.clip(np.ceil(_SEGMENTS / panels), *_SUBDIVISIONS))
        parameters = [path.divided(count) for path in paths]
        self.owner = np.repeat(np.arange(len(paths)), [len(t) - 1 for t in parameters])
        self.first = np.concatenate([t[:-1] for t in parameters])
        self.last = np.concatenate([t[1:] for t in parameters])
        self._vertices = [path.point(t) for path, t in zip(paths, parameters, strict=True)]
        starts = np.array([X[0] for X in self._vertices])
        self._following = cKDTree(starts).query([X[-1] for X in self._vertices])[1]
        for X, following in zip(self._vertices, self._following, strict=True):
            X[-1] = starts[following]
        self.segments = np.concatenate([np.stack([X[:-1], X[1:]], axis=1) for X in self._vertices])

    @cached_property
    def bounds(self) -> tuple[Float[np.ndarray, " 2"], Float[np.ndarray, " 2"]]:
        """Lower and upper corner of the bounding box."""
        return bounding_box(self.paths)

    @cached_property
    def area(self) -> float:
        """Positive, unless the region lies to the right."""
        return sum(path.panels.area(self.segments[0, 0]) for path in self.paths)

    @cached_property
    def _region(self):
        """What the polygon through points of the curves bounds."""
        return region_of(self._rings)

    @property
    def _rings(self) -> list[Float[np.ndarray, "_ 2"]]:
        """The polygon's vertices, one array for every closed curve."""
        rings, open_ = [], set(range(len(self.paths)))
        while open_:
            chain, number = [], min(open_)
            while number in open_:
                open_.remove(number)
                chain.append(self._vertices[number][:-1])
                number = int(self._following[number])
            rings.append(np.concatenate(chain))
        return rings

    @cached_property
    def _nearest(self) -> NearestSimplex:
        return NearestSimplex(self.segments)

    @cached_property
    def _vertex_tree(self) -> tuple[cKDTree, float]:
        """The polygon's vertices, and its longest edge."""
        edges = np.diff(self.segments, axis=1)[:, 0]
        return cKDTree(self.segments[:, 0]), float(np.linalg.norm(edges, axis=1).max())

    def contains(self, X: Float[np.ndarray, "n 2"], tolerance: float) -> Bool[np.ndarray, " n"]:
        """Which points lie inside, or outside by no more than the tolerance; few need the distance."""
        inside = lies_inside(self._region, X)
        vertices, longest = self._vertex_tree
        near = np.isfinite(vertices.query(X, distance_upper_bound=longest)[0])
        inside[near] = self.distance(X[near]) <= tolerance
        return inside

    def distance(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """Signed distance, negative inside."""
        owner, t = self._feet(X)
        signed = np.empty(len(X))
        for number in np.unique(owner):
            path, own = self.paths[number], np.flatnonzero(owner == number)
            away, along = X[own] - path.point(t[own]), path.tangent(t[own])
            beside = away[:, 0] * along[:, 1] - away[:, 1] * along[:, 0]
            ahead, gap = np.einsum("nd,nd->n", away, along), np.linalg.norm(away, axis=1)
            # Beyond a corner there is no perpendicular.
            corner = np.abs(ahead) > 1e-6 * gap
            beside[corner] = np.where(lies_inside(self._region, X[own[corner]]), -1.0, 1.0) * gap[corner]
            signed[own] = beside
        return signed

    def _feet(self, X: np.ndarray) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """The nearest path of every point, and the parameter of its nearest point."""
        segment = self._nearest(X).simplex
        owner, step = self.owner[segment], self.last[segment] - self.first[segment]
        low, high = np.maximum(self.first[segment] - step, 0), np.minimum(self.last[segment] + step, 1)
        t = self._foot(owner, X, low, high)
        # What is driven to an end may find its foot beyond.
        for end, neighbours in ((1.0, self._following), (0.0, np.argsort(self._following))):
            at = np.flatnonzero(t == end)
            if len(at) == 0:
                continue
            other, reach = neighbours[owner[at]], 2 * step[at]
            beyond = self._foot(other, X[at], *((np.zeros(len(at)), reach) if end else (1 - reach, np.ones(len(at)))))
            nearer = self._gap(other, X[at], beyond) < self._gap(owner[at], X[at], t[at])
            owner[at[nearer]], t[at[nearer]] = other[nearer], beyond[nearer]
        return owner, t

    def _foot(self, owner: np.ndarray, X: np.ndarray, low: np.ndarray, high: np.ndarray) -> Float[np.ndarray, " n"]:
        t = np.empty(len(X))
        for number in np.unique(owner):
            own = owner == number
            t[own] = self.paths[number].foot(X[own], low[own], high[own])
        return t

    def _gap(self, owner: np.ndarray, X: np.ndarray, t: np.ndarray) -> Float[np.ndarray, " n"]:
        gap = np.empty(len(X))
        for number in np.unique(owner):
            own = owner == number
            gap[own] = np.linalg.norm(X[own] - self.paths[number].point(t[own]), axis=1)
        return gap
