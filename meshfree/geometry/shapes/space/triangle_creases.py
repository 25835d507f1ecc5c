"""Where a surface of triangles is folded: its sharp edges, as curves, and the smooth fans between them at vertices."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from meshfree.geometry.boundary import BoundaryCurve

from .triangle_mesh import Triangulation


class Polyline(BoundaryCurve):
    """The straight lines between points in order, by arc length."""

    def __init__(self, part: str, points: Float[np.ndarray, "n 3"], closed: bool):
        self.part, self.closed = part, closed
        self._points = points
        travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        self._breaks = travelled / travelled[-1]

    def point(self, t):
        piece, s = self._located(t)
        a, b, s = self._points[piece], self._points[piece + 1], s[:, None]
        return np.where(s < 0.5, a + s * (b - a), b - (1 - s) * (b - a))

    def velocity(self, t):
        piece, _ = self._located(t)
        return (self._points[piece + 1] - self._points[piece]) / np.diff(self._breaks)[piece, None]

    def _located(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number of the line at each t, and how far along it."""
        t = t % 1.0 if self.closed else t
        piece = np.clip(np.searchsorted(self._breaks, t, side="right") - 1, 0, len(self._points) - 2)
        return piece, (t - self._breaks[piece]) / np.diff(self._breaks)[piece]


@dataclass(frozen=True, eq=False)
class Creases:
    """The edges at which a surface turns by more than `angle` degrees."""

    surface: Triangulation
    angle: float

    @cached_property
    def sharp(self) -> Bool[np.ndarray, "m 3"]:
        """Which sides of the triangles are sharp edges."""
        N = self.surface.normals
        return np.einsum("md,mkd->mk", N, N[self.surface.partners // 3]) < np.cos(np.radians(self.angle))

    @cached_property
    def fans(self) -> Int[np.ndarray, "m 3"]:
        """A number for every corner of a triangle, equal where corners meet without a sharp edge between them."""
        side = np.flatnonzero(~self.sharp.ravel())
        partner = self.surface.partners.ravel()[side]
        # The partner runs the other way: its end is where the side starts.
        links = (side, 3 * (partner // 3) + (partner + 1) % 3)
        count = self.surface.triangles.size
        graph = coo_array((np.ones(len(side)), links), shape=(count, count))
        return connected_components(graph, directed=False)[1].reshape(-1, 3)

    def faces(self, part: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """A number for every triangle, equal for those of one part that hang together without a sharp edge between."""
        triangle, i = np.nonzero(~self.sharp)
        other = self.surface.partners[triangle, i] // 3
        joined = part[triangle] == part[other]
        links = (triangle[joined], other[joined])
        graph = coo_array((np.ones(len(links[0])), links), shape=(len(part), len(part)))
        return connected_components(graph, directed=False)[1]

    @cached_property
    def curves(self) -> tuple[Polyline, ...]:
        """The sharp edges in a row, cut where three or more meet and where they turn by more than the angle."""
        triangle, i = np.nonzero(self.sharp)
        triangles, X = self.surface.triangles, self.surface.vertices
        start, stop = triangles[triangle, i], triangles[triangle, (i + 1) % 3]
        once = start < stop
        ends = np.stack([start[once], stop[once]], axis=1)
        return tuple(Polyline("edge", X[path], closed) for path, closed in self._paths(ends))

    def _paths(self, ends: Int[np.ndarray, "e 2"]) -> list[tuple[list[int], bool]]:
        """Vertices in order along edges, from corner to corner, then around what has none."""
        around: dict[int, list[int]] = {}
        for a, b in ends.tolist():
            around.setdefault(a, []).append(b)
            around.setdefault(b, []).append(a)
        corners = {v: None for v, near in around.items() if len(near) != 2 or self._turns(v, *near)}
        paths = []
        for corner in [*corners, *around]:
            while around[corner]:
                path = [corner, _step(around, corner)]
                while path[-1] not in corners and around[path[-1]]:
                    path.append(_step(around, path[-1]))
                paths.append((path, corner not in corners))
        return paths

    def _turns(self, vertex: int, before: int, after: int) -> bool:
        X = self.surface.vertices
        u, v = X[vertex] - X[before], X[after] - X[vertex]
        return bool(u @ v < np.cos(np.radians(self.angle)) * np.linalg.norm(u) * np.linalg.norm(v))


def _step(around: dict[int, list[int]], vertex: int) -> int:
    """The other end of an edge at a vertex, which is used up."""
    other = around[vertex].pop()
    around[other].remove(vertex)
    return other
