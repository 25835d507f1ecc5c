"""Clouds in the files of other programs: as vertices with their part and normals, or from a mesh of the domain."""

from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np

from .mesh_files import read_mesh, write_mesh
from .mesh_parts import parts_of_mesh

_PART = "part"
_NAMED = _PART + ":"  # an array of this name and the part's tells 1 on the part: files keep no texts
_NORMALS, _SIDES = "normals", "side_normals"

Parts = dict[str, tuple[np.ndarray, ...]]  # as in `cloud_files`


def write_vertices(path: Path, parts: Parts) -> None:
    """Every node as a vertex, with three coordinates, the number of its part and its normals, zero in the interior."""
    dim = next(iter(parts.values()))[0].shape[1]
    if dim > 3:
        raise ValueError(f"a {path.suffix} file has at most 3 coordinates, this cloud has {dim}; save it as .npz")
    number = np.repeat(np.arange(len(parts), dtype=np.int64), [len(arrays[0]) for arrays in parts.values()])
    data = {_PART: number, _NORMALS: _stacked(parts, 1)}
    if any(len(arrays) == 3 for arrays in parts.values()):
        data[_SIDES] = _stacked(parts, 2)
    for i, part in enumerate(parts):
        data[_NAMED + quote(part, safe="")] = (number == i).astype(np.int64)  # VTK has no blanks in names
    vertices = [("vertex", np.arange(len(number))[:, None])]
    # Gmsh's format wants both tags of every cell; a tag of zero would mean none
    tags = {"gmsh:physical": [number + 1], "gmsh:geometrical": [number + 1]} if path.suffix.lower() == ".msh" else {}
    write_mesh(path, _stacked(parts, 0), vertices, data, tags)


def read_points(path: Path) -> Parts:
    """Parts of what `write_vertices` wrote, or of a mesh with named groups of boundary facets."""
    mesh = read_mesh(path)
    if {block.type for block in mesh.cells} <= {"vertex"}:
        return _read_vertices(np.asarray(mesh.points, float), mesh.point_data)
    try:
        return parts_of_mesh(mesh)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _stacked(parts: Parts, which: int) -> np.ndarray:
    """The points (0), normals (1) or side normals (2) of all parts in three coordinates, zero where none are."""
    found = []
    for X, *vectors in parts.values():
        array = X if which == 0 else vectors[min(which, len(vectors)) - 1] if vectors else np.zeros_like(X)
        found.append(np.pad(array, ((0, 0), (0, 3 - X.shape[1]))))
    return np.concatenate(found)


def _read_vertices(points: np.ndarray, data: dict[str, np.ndarray]) -> Parts:
    """Coordinates beyond the last one that differs from zero somewhere are none of the cloud's."""
    names = {unquote(name.removeprefix(_NAMED)): np.asarray(on) > 0 for name, on in data.items() if _is_named(name)}
    vectors = [np.asarray(data[name], float) for name in (_NORMALS, _SIDES) if name in data] if names else []
    used = np.flatnonzero(np.any(np.concatenate([points, *vectors]) != 0, axis=0))
    dim = int(used.max(initial=0)) + 1
    columns = [array[:, :dim] for array in (points, *vectors)]
    if not names:
        return {"interior": (columns[0],)}
    return {
        part: tuple(array[on] for array in (columns[:1] if part == "interior" else columns))
        for part, on in names.items()
    }


def _is_named(name: str) -> bool:
    return name.startswith(_NAMED)
