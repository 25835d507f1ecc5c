"""Scattered points in named parts: `Cloud`."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from ..internal.batching import search_threads
from ..internal.descriptions import IN_OLDER_FILES
from ..internal.expected import PATH, came, expects
from . import cloud_files
from .periods import neighbour_tree, repeating
from .quality import Quality, quality_of

Points = Float[np.ndarray | Array, "n d"]

_SHOWN = 3  # offending nodes listed in a message


@runtime_checkable
class DomainLike(Protocol):
    """What a cloud asks of its domain."""

    @property
    def dim(self) -> int: ...
    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]: ...
    def distance(self, X: Any) -> np.ndarray: ...
    def contains(self, X: Any) -> np.ndarray: ...


class Cloud(eqx.Module):
    """Scattered points in named parts: `interior`, and boundary parts, these with unit outward normals.

    A pytree; its arrays are NumPy float64, its parts' names and sizes and its domain are static.

    - `points`: (n, d), the interior first, then the boundary parts in the order given
    - `normal_vectors`: (b, d), the normals of all boundary nodes, in the order of the points
    - `side_vectors`: (b, d), the same but at corners, where it is the normal of the part's own side
    - `surface_normals`: (n, d), the unit normals of all nodes of a closed surface, or curve in the plane, which are all
      in the interior, as `mf.Surface(shape).cloud` makes them; None elsewhere
    - `spacing`: (), the median distance of a node to its nearest neighbour (inf for a single node)
    - `domain`: the domain it was made on, or None
    """

    points: Float[np.ndarray | Array, "n d"]
    normal_vectors: Float[np.ndarray | Array, "b d"]
    side_vectors: Float[np.ndarray | Array, "b d"]
    spacing: Float[np.ndarray | Array, ""]
    counts: tuple[tuple[str, int], ...] = eqx.field(static=True)
    domain: Any = eqx.field(static=True)
    surface_normals: Float[np.ndarray | Array, "n d"] | None = eqx.field(metadata={IN_OLDER_FILES: None})

    def __init__(self, interior=None, *, domain=None, **boundary):
        """`interior`: points (n, d); every other keyword: a boundary part as a pair (points, normals).

        The interior of a closed surface, without boundary parts, is a pair (points, normals), too.

        A third array beside the pair gives the normals of the part's own side, where a corner's normal is a mean.

        On the line, arrays (n,) mean n points. `domain`, a meshfree domain, is checked to hold all points.
        Raises ValueError (TypeError for what is no array) when the parts do not make a cloud: wrong shapes,
        NaN or infinite coordinates, coinciding nodes, normals that are not of unit length to 1e-6, points
        outside the domain by more than 1e-6 of its size, no points at all.
        """
        interior, self.surface_normals = _read_surface(interior, boundary)
        points, normals, sides = _read_parts(interior, boundary)
        dim = _common_dimension(points)
        self.counts = tuple((part, len(X)) for part, X in points.items())
        self.points = np.concatenate(list(points.values()))
        self.normal_vectors = np.concatenate([np.empty((0, dim)), *normals.values()])
        self.side_vectors = np.concatenate([np.empty((0, dim)), *sides.values()])
        self.domain = domain
        self._check_domain()
        nearest = neighbour_tree(self.points, self.periods).query(self.points, 2, workers=search_threads(len(self)))
        nearest = nearest[0][:, 1]
        self._check_distinct(nearest)
        self._check_inside()
        self.spacing = np.asarray(np.median(nearest))

    @property
    def dim(self) -> int:
        """The dimension d of space."""
        return self.points.shape[1]

    @property
    def manifold_dim(self) -> int:
        """The dimension of what the nodes lie in: d, on a surface d − 1."""
        return self.dim - (self.surface_normals is not None)

    @property
    def periods(self) -> Float[np.ndarray, " d"] | None:
        """The lengths after which space repeats along each axis, infinite where it does not; None: along none."""
        periods = getattr(self.domain, "periods", None)
        return periods if len(repeating(periods)) else None

    @property
    def parts(self) -> Mapping[str, Int[np.ndarray, " n"]]:
        """Part name -> indices into `points`; iterates over the names, interior first."""
        return _Named({part: np.arange(rows.start, rows.stop) for part, rows in _slices(self.counts)}, "part")

    @property
    def normals(self) -> Mapping[str, Points]:
        """Boundary part -> its unit outward normals (n, d); at a corner the mean of the adjoining ones. On a surface
        `interior` -> those of all nodes.
        """
        if self.surface_normals is not None:
            return _Named({"interior": self.surface_normals}, "part")
        return _by_part(self.counts, self.normal_vectors)

    @property
    def side_normals(self) -> Mapping[str, Points]:
        """Boundary part -> the normals of its own side (n, d), which its flux conditions mean, at corners too."""
        return _by_part(self.counts, self.side_vectors)

    def __getitem__(self, part: str) -> Points:
        """The points (n, d) of a part; KeyError names the parts there are."""
        return _Named({name: self.points[rows] for name, rows in _slices(self.counts)}, "part")[part]

    def __len__(self) -> int:
        return self.points.shape[0]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part}={count}" for part, count in self.counts)
        return f"Cloud(dim={self.dim}, {sizes}, spacing={_short(self.spacing)})"

    def _locate(self, index: int) -> str:
        """`left[3]` for the node's part and its number there."""
        part, rows = next((part, rows) for part, rows in _slices(self.counts) if index < rows.stop)
        return f"{part}[{index - rows.start}]"

    def locate(self, index: int) -> str:
        """`left[3] at (0, 0.5)`: a node in words, for messages."""
        return f"{self._locate(index)} at {_tuple(self.points[index])}"

    def _check_distinct(self, nearest: np.ndarray) -> None:
        least = 1e-12 * np.ptp(self.points, axis=0).max()
        if nearest.min() > least:
            return
        pairs = neighbour_tree(np.asarray(self.points), self.periods).query_pairs(least, output_type="ndarray")
        shown = "; ".join(
            f"{self._locate(i)} and {self._locate(j)} at {_tuple(self.points[i])}"
            for i, j in pairs[np.lexsort(pairs.T[::-1])][:_SHOWN].tolist()
        )
        across = "; across periodic sides they are one node, too" * (self.periods is not None)
        raise ValueError(
            f"{len(pairs)} pairs of nodes coincide: {shown}{_more(len(pairs))}. Nodes must be distinct: keep "
            f"one of each pair (a corner is one node, in one part){across}"
        )

    def _check_domain(self) -> None:
        if self.domain is None:
            return
        if not isinstance(self.domain, DomainLike) or isinstance(self.domain, type):
            raise TypeError(f"domain must be a meshfree domain or None, got {came(self.domain)}")
        if self.domain.dim != self.dim:
            raise ValueError(f"the points have {self.dim} coordinates, the domain {self.domain.dim} dimensions")
        if self.manifold_dim > getattr(self.domain, "manifold_dim", self.dim):
            raise ValueError(f"nodes on a surface need their normals: Cloud(interior=(X, N), domain={self.domain})")
        if self.manifold_dim < getattr(self.domain, "manifold_dim", self.manifold_dim):
            raise ValueError(
                f"interior= is a pair (points, normals), nodes of a surface, and the domain {self.domain} is none: "
                "give points only, or domain=mf.Surface(shape)"
            )
        sides = [part for part, _ in self.counts if part in getattr(self.domain, "periodic_sides", ())]
        if sides:
            raise ValueError(f"{sides[0]} is a periodic side of the domain {self.domain}: it has no nodes of its own")

    def _check_inside(self) -> None:
        if self.domain is None:
            return
        lower, upper = self.domain.bounds
        outside = np.flatnonzero(~self.domain.contains(self.points))
        by = self.domain.distance(np.asarray(self.points)[outside])
        far = by > 1e-6 * np.max(upper - lower)
        outside, by = outside[far], by[far]
        if len(outside):
            shown = ", ".join(
                f"{self._locate(i)} at {_tuple(self.points[i])} by {gap:.2g}"
                for i, gap in zip(outside[:_SHOWN].tolist(), by.tolist(), strict=False)
            )
            raise ValueError(
                f"{len(outside)} points lie outside the domain {self.domain}: {shown}{_more(len(outside))}. "
                "Drop them, or give another domain"
            )

    def quality(self, spacing=None) -> Quality:
        """How even the nodes are: separation and fill distance over the spacing, and their mesh ratio.

        `spacing`: what the nodes were made with, a number or a function of x. By default it is found from the nodes,
        around each as the median distance between neighbours there, so that graded nodes are as even as others.
        The fill distance is that of the domain, to rounding where the largest empty ball lies inside, and from random
        points where its centre lies on the boundary. Without a domain it is that of the nodes' hull, without what the
        normals show to lie outside. `mf.plot_quality` draws the histogram.
        """
        points, normals = np.asarray(self.points), np.asarray(self.normal_vectors)
        return quality_of(points, normals, self.domain, spacing)

    @expects(path=PATH)
    def save(self, path: str | os.PathLike) -> None:
        """Write to a file as its extension says; a failed write leaves an old file as it was.

        `.csv`: columns x, y, z (as many as dimensions), part, nx, ny, nz, the normals empty in the interior of a body.
        `.npz`: the points of each part under its name, a boundary part's normals under `<part>_normals`,
        those of a surface under `interior_normals`.
        Side normals that differ (at corners) stand in columns sx, sy, sz, or under `<part>_side_normals`.
        `.vtu`, `.vtk`, `.xdmf`, `.msh` (through meshio, extra `geometry`): vertices with three coordinates and the
        point data `part`, a number, `normals`, `side_normals` where they differ, and 1 on each part in `part:<name>`.
        Numbers come back exactly. Raises ValueError for another extension, ImportError without meshio.
        """
        cloud_files.write(Path(path), {part: self._arrays(part) for part in self.parts})

    def _arrays(self, part: str) -> tuple[np.ndarray, ...]:
        """Points; on the boundary normals; and those of the part's own side, where they differ."""
        if part == "interior":
            return tuple(np.asarray(one) for one in (self[part], self.surface_normals) if one is not None)
        normals, sides = np.asarray(self.normals[part]), np.asarray(self.side_normals[part])
        return (np.asarray(self[part]), normals, *([] if np.array_equal(normals, sides) else [sides]))

    @classmethod
    @expects(path=PATH)
    def load(cls, path: str | os.PathLike, domain=None) -> "Cloud":
        """Read a file that `save` wrote, or one in the same format; a CSV without `part` is all interior.

        `.xyz` and `.txt` hold a point in each line, of one to three coordinates, or of six numbers, point and normal;
        `.ply` vertices, with or without normals. Points with normals make a part `boundary`.

        A mesh in a `.msh`, `.vtu`, `.vtk` or `.xdmf` file becomes a cloud too: the physical groups of Gmsh (or other
        groups) of boundary facets are its parts, with normals from the facets, all other nodes the interior; see
        `mesh_parts.parts_of_mesh`. On curved boundaries such normals are as good as the mesh.

        Raises FileNotFoundError, and ValueError for another extension, missing columns or bad numbers (naming the
        line), a damaged file, a mesh whose boundary is not in groups; ImportError for a mesh without meshio.
        """
        if domain is not None and (isinstance(domain, type) or not isinstance(domain, DomainLike)):
            raise TypeError(f"domain must be a meshfree domain or None, got {came(domain)}")
        parts = cloud_files.read(Path(path))
        reserved = sorted({"domain", "self"} & set(parts))
        if reserved:
            raise ValueError(f"{path}: {reserved[0]!r} cannot be the name of a part; rename it")
        found = parts.pop("interior", ())  # with normals on a surface
        interior = found[0] if len(found) == 1 else found[:2] or None
        try:
            return cls(interior, domain=domain, **parts)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error

    def check_restored(self) -> None:
        """Raise ValueError where the arrays of a cloud from a file do not make one."""
        n, d = self.points.shape
        sizes = dict(self.counts)
        boundary = sum(sizes.values()) - sizes.get("interior", 0)
        if n == 0 or d == 0 or sum(sizes.values()) != n or min(sizes.values()) < 1 or len(sizes) < len(self.counts):
            raise ValueError(f"a cloud has the parts {self.counts} and points of shape {(n, d)}")
        for vectors in (self.normal_vectors, self.side_vectors):
            if vectors.shape != (boundary, d):
                raise ValueError(f"a cloud has normals of shape {vectors.shape}; expected {(boundary, d)}")
        for array in (self.points, self.normal_vectors, self.side_vectors):
            if not np.isfinite(array).all():
                raise ValueError("a cloud has points or normals that are NaN or infinite")
        if self.surface_normals is not None and (self.surface_normals.shape != (n, d) or boundary):
            raise ValueError(f"a cloud on a surface has {boundary} boundary nodes and normals that are not {(n, d)}")
        if getattr(self.domain, "dim", d) != d:
            raise ValueError(f"a cloud of {d} dimensions has a domain of {self.domain.dim}")


def _slices(counts: tuple[tuple[str, int], ...]) -> Iterator[tuple[str, slice]]:
    """Where the points of each part stand. A function, as Equinox makes a pytree of every method that is looked up."""
    start = 0
    for part, count in counts:
        yield part, slice(start, start + count)
        start += count


def _by_part(counts: tuple[tuple[str, int], ...], vectors) -> Mapping:
    first = sum(count for _, count in counts) - vectors.shape[0]
    found = {part: vectors[rows.start - first : rows.stop - first] for part, rows in _slices(counts)}
    return _Named({part: N for part, N in found.items() if part != "interior"}, "boundary part")


class _Named(Mapping):
    """A read-only mapping whose KeyError says which names there are."""

    def __init__(self, content: dict, kind: str):
        self._content, self._kind = content, kind

    def __getitem__(self, name):
        if name not in self._content:
            there = ", ".join(self._content) or "none"
            raise KeyError(f"no {self._kind} named {name!r}; there are: {there}")
        return self._content[name]

    def __iter__(self):
        return iter(self._content)

    def __len__(self):
        return len(self._content)

    def __repr__(self):
        return repr(self._content)


# ------------------------------------------------------------------------------------- reading the input


def _read_surface(interior, boundary: dict) -> tuple[Any, np.ndarray | None]:
    """The points of the interior, and their normals where they are those of a surface."""
    if not (isinstance(interior, tuple | list) and len(interior) == 2 and all(np.ndim(one) == 2 for one in interior)):
        return interior, None
    if boundary:
        raise ValueError(
            f"interior= is a pair (points, normals), the nodes of a closed surface, which has no boundary parts; got "
            f"{', '.join(boundary)} too. Give the points of the interior only"
        )
    points = _read_array(interior[0], "interior")
    if points.shape[1] not in (2, 3):
        raise ValueError(f"a surface is one in the plane or in space; its points have {points.shape[1]} coordinates")
    return points, _read_normals(interior[1], "interior", points)


def _read_parts(interior, boundary: dict) -> tuple[dict[str, np.ndarray], ...]:
    points, normals, sides = {}, {}, {}
    if interior is not None:
        points["interior"] = _read_array(interior, "interior")
    for part, pair in boundary.items():
        if not (isinstance(pair, tuple | list) and len(pair) in (2, 3)):
            raise ValueError(
                f"{part} must be a pair (points, normals), got {_describe(pair)}; "
                f"write Cloud(..., {part}=(points, normals))"
            )
        points[part] = _read_array(pair[0], part)
        normals[part] = _read_normals(pair[1], part, points[part])
        sides[part] = _read_normals(pair[-1], part, points[part])
    if not points:
        raise ValueError("a cloud needs points, got none; write Cloud(interior=X, boundary=(XB, NB))")
    return points, normals, sides


def _read_array(array, what: str) -> np.ndarray:
    try:
        X = np.asarray(array)
    except Exception as error:  # ragged lists, JAX tracers, objects with a failing __array__
        raise TypeError(f"{what} must be an array of numbers, got {type(array).__name__}: {error}") from error
    if X.dtype.kind not in "fiu":
        raise TypeError(f"{what} must be an array of real numbers, got {_describe(array)} of dtype {X.dtype}")
    if X.ndim == 1:
        X = X[:, None]
    if X.ndim != 2 or X.shape[1] == 0:
        raise ValueError(
            f"{what} must have shape (n, d), or (n,) on the line, got {np.shape(array)}; one point per row"
        )
    if len(X) == 0:
        raise ValueError(f"{what} has no points (shape {np.shape(array)}); leave an empty part out")
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{what} holds NaN or infinity in row(s) {_list(bad)} of {len(X)}; remove or repair these nodes"
        )
    return X.astype(np.float64)


def _read_normals(array, part: str, X: np.ndarray) -> np.ndarray:
    N = _read_array(array, f"the normals of {part}")
    if N.shape != X.shape:
        raise ValueError(
            f"the normals of {part} have shape {np.shape(array)}, its points {X.shape}; "
            "expected one normal for each point"
        )
    length = np.linalg.norm(N, axis=1)
    wrong = np.flatnonzero(np.abs(length - 1) > 1e-6)
    if len(wrong):
        i = wrong[0]
        raise ValueError(
            f"the normals of {part} are not of unit length in row(s) {_list(wrong)} (row {i}: {_tuple(N[i])} "
            f"has length {length[i]:.6g}); divide each by its length"
        )
    return N


def _common_dimension(points: dict[str, np.ndarray]) -> int:
    dims = {part: X.shape[1] for part, X in points.items()}
    if len(set(dims.values())) > 1:
        given = ", ".join(f"{part} {dim}" for part, dim in dims.items())
        raise ValueError(f"all parts must have the same number of coordinates, got: {given}")
    return next(iter(dims.values()))


def _describe(value) -> str:
    shape = f" of shape {np.shape(value)}" if isinstance(value, np.ndarray | Array) else ""
    return f"{type(value).__name__}{shape}"


def _list(indices: np.ndarray) -> str:
    return ", ".join(str(i) for i in indices[:_SHOWN]) + _more(len(indices))


def _more(count: int) -> str:
    return f" and {count - _SHOWN} more" if count > _SHOWN else ""


def _tuple(x: np.ndarray | Array) -> str:
    return "(" + ", ".join(f"{value:g}" for value in x) + ")"


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, np.ndarray | float) else str(value)
