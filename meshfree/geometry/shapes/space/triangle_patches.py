"""Surfaces of triangles as patches: projection, normals, an area-preserving map, the sides that meet at a crease."""

from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from meshfree.geometry.boundary import BoundaryPatch, Sides, ring

from ..nearest_simplex import NearestSimplex, on_segment
from .triangle_creases import Creases

_AT = 1e-3  # closer to an edge or vertex, in radii of the ring around a point, is on it
_SMOOTH = -1  # label of a facet that is all there is of a surface beside a point
_BENT = 0.75  # in radii: how far from the tangent plane a surface may be at the ring
# Points near a triangle's corners and the middles of its sides: in whatever direction, some of them lie.
_INSIDE = np.array([[8, 1, 1], [1, 8, 1], [1, 1, 8], [4.5, 4.5, 1], [1, 4.5, 4.5], [4.5, 1, 4.5]]) / 10


class AreaMap:
    """A map of the unit square onto triangles that preserves area, up to a factor: a strip of the square for each.

    Triangles that are neighbours in space have strips next to each other or nearly so. Of a square with the `aspect`
    all strips are as wide as high on average.
    """

    def __init__(self, corners: Float[np.ndarray, "m 3 3"], areas: Float[np.ndarray, " m"]):
        order = cKDTree(corners.mean(axis=1), leafsize=1).indices  # halves of halves follow each other
        self._corners = corners[order]
        self._until = np.cumsum(areas[order]) / areas.sum()
        self.aspect = float(len(corners))

    def __call__(self, U: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
        place = np.minimum(np.searchsorted(self._until, U[:, 0], side="right"), len(self._until) - 1)
        start = np.concatenate([[0.0], self._until])[place]
        share = np.clip((U[:, :1] - start[:, None]) / (self._until[place] - start)[:, None], 0, 1)
        first, second, third = self._corners[place].swapaxes(0, 1)
        return first + np.sqrt(share) * (second - first + U[:, 1:] * (third - second))


class FacetPatch(BoundaryPatch):
    """The triangles of those `numbers` of a surface that is folded at its creases."""

    def __init__(self, part: str, creases: Creases, numbers: Int[np.ndarray, " k"]):
        self.part = part
        self._creases, self._surface, self._numbers = creases, creases.surface, numbers

    @property
    def area(self):
        return float(self._surface.areas[self._numbers].sum())

    @cached_property
    def _nearest(self) -> NearestSimplex:
        return NearestSimplex(self._surface.corners[self._numbers])

    @cached_property
    def _map(self) -> AreaMap:
        return AreaMap(self._surface.corners[self._numbers], self._surface.areas[self._numbers])

    @property
    def aspect(self):
        return self._map.aspect

    def at(self, U):
        return self._map(U)

    def project(self, X):
        return self._nearest(X).point

    def normal(self, X):
        return self._surface.normals[self._numbers[self._nearest(X).simplex]]

    def sides(self, X, radius):
        """Facets that meet without a sharp edge are one side, whose normal is their mean, weighted by the angles."""
        point, corner, label = self._meeting(X, radius)
        keys, side = np.unique(np.stack([point, label], axis=1), axis=0, return_inverse=True)
        side = side.reshape(-1)
        normal = np.zeros((len(keys), 3))
        facets = self._surface.normals[corner // 3]
        np.add.at(normal, side, self._surface.angles.ravel()[corner][:, None] * facets)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        flat, folded = (np.flatnonzero(where) for where in (label == _SMOOTH, label != _SMOOTH))
        around = ring(X[point[flat]], facets[flat], radius)
        Y = self.project(around)
        valid = np.linalg.norm(Y - around, axis=1) < _BENT * radius
        within = _inside(X[point[folded]], self._surface.corners[corner[folded] // 3], radius)
        beside = np.concatenate([Y[valid], within.reshape(-1, 3)])
        owner = [np.repeat(side[which], count) for which, count in ((flat, len(Y) // max(len(flat), 1)), (folded, 6))]
        return Sides(keys[:, 0], normal, beside, np.concatenate([owner[0][valid], owner[1]]))

    def _meeting(self, X: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The facets of the patch that meet at points, of those that meet smoothly along an edge one.

        Of each the number of its point, 3 times its number plus that of a corner, and a label, the same for those that
        make one side.
        """
        surface, creases = self._surface, self._creases
        triangle = self._numbers[self._nearest(X).simplex]
        corners, rows = surface.corners[triangle], np.arange(len(X))
        gap = np.linalg.norm(corners - X[:, None], axis=2)
        vertex, on_vertex = np.argmin(gap, axis=1), gap.min(axis=1) <= _AT * radius
        gap = np.where(creases.sharp[triangle], np.stack([_from_side(X, corners, i) for i in range(3)], axis=1), np.inf)
        edge, on_edge = np.argmin(gap, axis=1), (gap.min(axis=1) <= _AT * radius) & ~on_vertex
        plain = np.flatnonzero(~on_vertex & ~on_edge)
        which, star = _listed(self._stars, surface.triangles[triangle, vertex][on_vertex])
        here = 3 * triangle[on_edge] + edge[on_edge]
        there = surface.partners.ravel()[here]
        point = np.concatenate([plain, rows[on_vertex][which], rows[on_edge], rows[on_edge]])
        corner = np.concatenate([3 * triangle[plain], star, here, there])
        across = surface.triangles.size + np.concatenate([here, there])
        label = np.concatenate([np.full(len(plain), _SMOOTH), creases.fans.ravel()[star], across])
        own = self._is_own[corner // 3]
        return point[own], corner[own], label[own]

    @cached_property
    def _is_own(self) -> np.ndarray:
        return np.isin(np.arange(len(self._surface.triangles)), self._numbers)

    @cached_property
    def _stars(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the corners at each vertex start in a list of all corners, and that list."""
        vertex = self._surface.triangles.ravel()
        order = np.argsort(vertex, kind="stable")
        return np.searchsorted(vertex[order], np.arange(len(self._surface.vertices) + 1)), order


def _listed(lists: tuple[np.ndarray, np.ndarray], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The members of the chosen lists one after the other, each with the place of its list among the chosen."""
    start, members = lists
    count = start[chosen + 1] - start[chosen]
    which = np.repeat(np.arange(len(chosen)), count)
    within = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    return which, members[start[chosen][which] + within]


def _from_side(X: np.ndarray, corners: np.ndarray, i: int) -> Float[np.ndarray, " n"]:
    return np.linalg.norm(X - on_segment(X, corners[:, i], corners[:, (i + 1) % 3]), axis=1)


def _inside(X: np.ndarray, corners: np.ndarray, radius: float) -> Float[np.ndarray, "n 6 3"]:
    """Points of triangles, a radius or less from points X of them."""
    away = _INSIDE @ corners - X[:, None]
    return X[:, None] + away * np.minimum(1, radius / np.linalg.norm(away, axis=2, keepdims=True))
