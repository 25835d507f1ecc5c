"""Polygons with holes."""

from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from meshfree.geometry.arguments import Name, check_name, part_names, set_fields
from meshfree.geometry.boundary import Segment
from meshfree.geometry.domain import Domain, Primitive
from meshfree.geometry.shape import as_points

from ..nearest_simplex import NearestSimplex
from . import geojson
from .polygon_rings import check_rings, edge_names, edge_tree, edges_of, lies_inside, read_ring, region_of, ring_area

_SHOWN = 8  # vertices in a message
_AT_ONCE = 512  # points as Python objects: more of them start garbage collections, which take most of the time


@dataclass(frozen=True, repr=False)
class Polygon(Primitive):
    """The polygon inside the outer ring `vertices` and outside the rings `holes`, in either sense of direction.

    - `vertices`: (n, 2), in order around the boundary; those that repeat the one before, and a last one that repeats
      the first, to a rounding error, are left out
    - `holes`: such rings inside the outer one; they may touch it, and each other, at vertices
    - `names`: a part's name for every edge of the outer ring, the first from vertex 0 to vertex 1; equal names make one
      part. Holes are part `boundary`; to name one, write `Polygon(...) - Polygon(..., name="island")`
    - `name`: the name of the whole boundary, `boundary` by default

    `distance` is exact. Every vertex is a node of a cloud, but for those within 0.7 spacings of a sharper one of
    the same part (a whole spacing for turns of less than 20°): a coastline can be filled more coarsely than drawn.

    Raises ValueError for fewer than 3 vertices, NaN, a vertex that comes again later, a polygon without area, a
    boundary that crosses or touches itself, a hole that is not inside, another number of names than edges; TypeError
    for what is no number.
    """

    vertices: Any
    holes: Any = ()
    names: Any = None
    name: Name = None

    dim = 2

    def __post_init__(self):
        rings = [read_ring(self.vertices, "vertices")]
        rings += [read_ring(hole, f"vertices of hole {i}") for i, hole in enumerate(self.holes)]
        check_rings(rings)
        outer, *holes = (tuple(map(tuple, X.tolist())) for X in rings)
        check_name(self.name, "Polygon")
        given = edge_names(self.vertices, self.names)
        names = part_names(given, self.name, "Polygon", len(outer), "edge", "outer edges")
        set_fields(self, vertices=outer, holes=tuple(holes), names=names)

    def __repr__(self):
        vertices = f"{self.vertices}" if len(self.vertices) <= _SHOWN else f"<{len(self.vertices)} vertices>"
        holes = f", <{len(self.holes)} holes>" if self.holes else ""
        return f"Polygon({vertices}{holes})"

    @classmethod
    def from_geojson(cls, source, names=None, name: Name = None) -> Domain:
        """The polygon in a GeoJSON file, text or dictionary (RFC 7946); of several the union.

        `source` may be a geometry (Polygon, MultiPolygon, GeometryCollection), a Feature or a FeatureCollection.
        Raises FileNotFoundError, and ValueError, of a file with its name, for text that is no GeoJSON, for what holds
        no polygon, and for rings that make none.
        """
        found, where = geojson.read(source)
        polygons = geojson.polygons(found, where)
        if where is None:
            return cls._union(polygons, names, name)
        check_name(name, "Polygon")
        try:
            return cls._union(polygons, names, name)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {error}") from error

    @classmethod
    def from_shapely(cls, polygon, names=None, name: Name = None) -> Domain:
        """The same shape as a shapely Polygon; of a MultiPolygon the union. TypeError for anything else."""
        if not hasattr(polygon, "__geo_interface__"):
            raise TypeError(f"Polygon.from_shapely needs a shapely polygon, got {type(polygon).__name__}")
        return cls._union(geojson.polygons(polygon.__geo_interface__), names, name)

    @classmethod
    def _union(cls, polygons: list, names, name: Name) -> Domain:
        found: list[Domain] = [cls(outer, holes, names, name) for outer, *holes in polygons]
        while len(found) > 1:  # in pairs: a long chain of unions would be a deep one
            found = [reduce(or_, found[i : i + 2]) for i in range(0, len(found), 2)]
        return found[0]

    @cached_property
    def _rings(self) -> list[np.ndarray]:
        """The rings with the polygon to the left: the outer one counter-clockwise, holes clockwise."""
        outer, *holes = map(np.array, (self.vertices, *self.holes))
        return [outer[:: _sign(outer)], *(hole[:: -_sign(hole)] for hole in holes)]

    @cached_property
    def _edges(self) -> np.ndarray:
        return np.concatenate([edges_of(X) for X in self._rings])

    @property
    def bounds(self):
        X = np.array(self.vertices)
        return X.min(axis=0), X.max(axis=0)

    @property
    def volume(self):
        return sum(ring_area(X) for X in self._rings)

    @cached_property
    def pieces(self):
        default = "boundary" if self.name is None else self.name
        names = self.names or [default] * len(self.vertices)
        if _sign(np.array(self.vertices)) < 0:
            names = [*names[-2::-1], names[-1]]
        names = [*names, *[default] * (len(self._edges) - len(names))]
        return tuple(Segment(part, *map(tuple, edge)) for part, edge in zip(names, self._edges.tolist(), strict=True))

    @cached_property
    def _region(self):
        return region_of(self._rings)

    @cached_property
    def _edge_tree(self):
        return edge_tree(self._edges)

    @cached_property
    def _nearest(self) -> NearestSimplex:
        return NearestSimplex(self._edges)

    def distance(self, X):
        X = as_points(X, 2)
        return np.where(lies_inside(self._region, X), -1.0, 1.0) * self._nearest(X).distance

    def moved(self, motion):
        outer, *holes = ([motion.point(x) for x in ring] for ring in (self.vertices, *self.holes))
        return Polygon(outer, holes, self.names, self.name)

    def contains(self, X):
        # Faster than the distance, which few points need.
        X = as_points(X, 2)
        inside = lies_inside(self._region, X)
        lower, upper = np.reshape(self._region.bounds, (2, 2))
        near = np.all((lower - self.round_off <= X) & (X <= upper + self.round_off), axis=1)
        doubtful = np.flatnonzero(near & ~inside)
        for some in np.split(doubtful, range(_AT_ONCE, len(doubtful), _AT_ONCE)):
            inside[some[self._touch_an_edge(X[some])]] = True
        return inside

    def _touch_an_edge(self, X: Float[np.ndarray, "n 2"]) -> Int[np.ndarray, " p"]:
        """Numbers of the points that lie on an edge up to round-off; one for each edge that a point lies on."""
        import shapely

        return self._edge_tree.query(shapely.points(X), predicate="dwithin", distance=self.round_off)[0]


def _sign(ring: np.ndarray) -> int:
    return 1 if ring_area(ring) > 0 else -1
