"""Solids inside closed surfaces of triangles."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from meshfree.geometry.arguments import Name, Number, check_name, number, part_names, set_fields
from meshfree.geometry.domain import Primitive
from meshfree.geometry.shape import as_points
from meshfree.geometry.visibility import Walls
from meshfree.internal.expected import PATH, expects

from ..nearest_simplex import NearestSimplex
from .triangle_creases import Creases
from .triangle_crossings import refuse_crossing
from .triangle_files import part_names_of, read_triangles
from .triangle_mesh import Triangulation, merged, oriented, refuse_flat, shown
from .triangle_patches import FacetPatch

_KIND = "TriangleSurface"


@dataclass(frozen=True, repr=False, eq=False)
class TriangleSurface(Primitive):
    """The solid inside a closed surface of triangles.

    - `vertices`: (n, 3); those that coincide are merged; those that do to a rounding error, where that closes the
      surface
    - `triangles`: (m, 3), the numbers of their corners, in either sense of direction; surfaces inside others bound
      cavities
    - `names`: a part's name for every triangle; equal names make one part
    - `name`: the name of the whole boundary, `boundary` by default
    - `angle`: degrees; edges at which the surface turns by more are edges of the shape, kept by clouds, and places
      where three or more of them meet, or a row of them turns by more, its corners. Good values: 20 to 40

    `distance` is exact; normals are those of the triangles. `vertices` and `triangles` are kept as read-only arrays.

    Raises ValueError for NaN, numbers of no vertex, triangles without area, an open surface, an edge of more than two
    triangles, a surface that has one side only or crosses itself, another number of names than triangles; TypeError for
    what is no array of numbers.
    """

    vertices: Any
    triangles: Any
    names: Any = None
    name: Name = None
    angle: Number = 30.0

    dim = 3

    def __post_init__(self):
        X, triangles = _read_vertices(self.vertices), _read_triangles(self.triangles, len(self.vertices))
        check_name(self.name, _KIND)
        angle = _angle(self.angle, "an angle")
        X, triangles = merged(X, triangles)
        refuse_flat(X, triangles, _KIND)
        triangles = oriented(X, triangles, _KIND)
        refuse_crossing(X, triangles, _KIND)
        names = part_names(self.names, self.name, _KIND, len(triangles), "triangle", "triangles")
        X.flags.writeable = triangles.flags.writeable = False
        set_fields(self, vertices=X, triangles=triangles, names=names, angle=angle)

    def __repr__(self):
        return f"{_KIND}(<{len(self.vertices)} vertices>, <{len(self.triangles)} triangles>)"

    @cached_property
    def _value(self) -> tuple:
        return self.vertices.tobytes(), self.triangles.tobytes(), self.names, self.name, self.angle

    def __eq__(self, other):
        return self._value == other._value if isinstance(other, TriangleSurface) else NotImplemented

    @cached_property
    def _hash(self) -> int:
        return hash(self._value)

    def __hash__(self):
        return self._hash

    @classmethod
    @expects(path=PATH)
    def load(
        cls, path: str | os.PathLike, name: Name = None, angle: Number = 30.0, names: Any = None, split: Any = None
    ) -> "TriangleSurface":
        """The solid inside the surface in an STL, OBJ or PLY file; polygons are cut into triangles.

        Solids of an STL file in text (`solid inlet`) and groups of an OBJ file (`g inlet`, or objects `o`) become parts
        where there are several; what has no name among them is `boundary`. `name` and `names` go before them.
        `split`: degrees; every part is cut along the edges at which the surface turns by more, into `wall_1`, `wall_2`,
        and so on in the order of the file. Good values: 20 to 40; see `split_by_angle`.

        Raises FileNotFoundError; ValueError for another suffix, a damaged file and what makes no solid; ImportError
        without trimesh, which is in the extra `geometry` and reads PLY and binary STL.
        """
        found = read_triangles(path, _KIND)
        if names is None and name is None:
            names = part_names_of(found.names)
        try:
            solid = cls(found.vertices, found.triangles, names=names, name=name, angle=angle)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return solid if split is None else solid.split_by_angle(split)

    def split_by_angle(self, angle: Number) -> "TriangleSurface":
        """The same solid with parts cut along edges at which the surface turns by more than so many degrees.

        Of a part `wall` that falls into several they are `wall_1`, `wall_2`, in the order of their first triangles.
        """
        angle = _angle(angle, "as split an angle")
        old = np.array(self.names or [self.name or "boundary"] * len(self.triangles))
        faces = Creases(self._surface, angle).faces(np.unique(old, return_inverse=True)[1].reshape(-1))
        _, first, face = np.unique(faces, return_index=True, return_inverse=True)
        name = np.empty(len(first), dtype=object)
        for part in dict.fromkeys(old.tolist()):
            own = [i for i in np.argsort(first).tolist() if old[first[i]] == part]
            name[own] = [part] if len(own) == 1 else [f"{part}_{k}" for k in range(1, len(own) + 1)]
        return TriangleSurface(self.vertices, self.triangles, names=name[face.reshape(-1)].tolist(), angle=self.angle)

    @cached_property
    def _surface(self) -> Triangulation:
        return Triangulation(self.vertices, self.triangles)

    @cached_property
    def _creases(self) -> Creases:
        return Creases(self._surface, self.angle)

    @cached_property
    def _nearest(self) -> NearestSimplex:
        return NearestSimplex(self._surface.corners)

    @cached_property
    def walls(self):
        return Walls(self._surface.corners, self._surface.normals, 1e-10 * self.extent, self._nearest.meeting)

    @property
    def bounds(self):
        return self.vertices.min(axis=0), self.vertices.max(axis=0)

    @property
    def volume(self):
        return self._surface.volume

    @cached_property
    def pieces(self):
        if self.names is None:
            part = "boundary" if self.name is None else self.name
            return (FacetPatch(part, self._creases, np.arange(len(self.triangles))),)
        names = np.array(self.names)
        return tuple(
            FacetPatch(part, self._creases, np.flatnonzero(names == part)) for part in dict.fromkeys(self.names)
        )

    @property
    def edges(self):
        return self._creases.curves

    def distance(self, X):
        X = as_points(X, 3)
        hit = self._nearest(X)
        return np.where(self._surface.is_outside(X, *hit[:2]), 1.0, -1.0) * hit.distance


def _angle(value, what: str) -> float:
    angle = number(value, _KIND, what)
    if not 0 < angle < 180:
        raise ValueError(f"{_KIND} needs {what} between 0 and 180 degrees, got {angle}")
    return angle


def _read_vertices(vertices) -> Float[np.ndarray, "n 3"]:
    try:
        X = np.array(vertices, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{_KIND} needs vertices as triples of numbers: {error}") from None
    if X.ndim != 2 or X.shape[1] != 3:
        raise ValueError(f"{_KIND} needs vertices of shape (n, 3), got shape {X.shape}; one (x, y, z) per vertex")
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        raise ValueError(f"{_KIND} needs finite vertices, got {shown(X[bad[0]])} as number {bad[0]}")
    return X


def _read_triangles(triangles, count: int) -> Int[np.ndarray, "m 3"]:
    T = np.asarray(triangles)
    if not np.issubdtype(T.dtype, np.integer):
        raise TypeError(f"{_KIND} needs triangles as triples of vertex numbers, got an array of {T.dtype}")
    if T.ndim != 2 or T.shape[1] != 3 or len(T) == 0:
        raise ValueError(f"{_KIND} needs triangles of shape (m, 3), got shape {T.shape}; three vertex numbers in each")
    bad = T[(T < 0) | (T >= count)]
    if len(bad):
        raise ValueError(f"{_KIND} needs triangles between vertices 0 to {count - 1}, got number {bad[0]}")
    return T.astype(int)
