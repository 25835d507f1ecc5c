"""Surfaces of triangles in STL, OBJ and PLY files, with the names of their solids or groups."""

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshfree.internal.extras import require
from meshfree.internal.memory import available

_FILES = (".stl", ".obj", ".ply")  # that are read
_AS_OBJECTS = 8  # times the size of a text: its numbers as Python objects
_BINARY_FACET, _BINARY_HEADER = 50, 84  # bytes in an STL file
_SOLID = re.compile(r"^[ \t]*solid\b[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)
_FACET = re.compile(r"^\s*facet\b", re.IGNORECASE | re.MULTILINE)
_VERTEX = re.compile(r"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)


class Triangles(NamedTuple):
    """The triangles in a file, as they are there, and the name of each, the empty text where it has none."""

    vertices: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "m 3"]
    names: list[str]


def read_triangles(path: str | os.PathLike, kind: str) -> Triangles:
    """The triangles in a file; errors as of `TriangleSurface.load`."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _FILES:
        raise ValueError(f"{kind} is loaded from {', '.join(_FILES)} files, got {path.name!r}")
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}")
    if path.stat().st_size * _AS_OBJECTS > available():
        raise MemoryError(f"{path} has {path.stat().st_size / 2**30:.3g} GiB, too much for the memory that is free")
    try:
        if suffix == ".obj":
            found = _read_obj(_text(path))
        elif suffix == ".stl" and not _is_binary(path):
            found = _read_ascii_stl(_text(path))
        else:
            found = _read_by_trimesh(path)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # trimesh checks little: what is damaged shows as an error of any kind
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is damaged, or no {suffix} file of triangles: {reason}") from error
    if len(found.triangles) == 0:
        raise ValueError(f"{path} holds no triangles")
    return found


def _read_by_trimesh(path: Path) -> Triangles:
    trimesh = require("trimesh", f"a {path.suffix.lower()} file")
    mesh = trimesh.load_mesh(path, process=False)
    triangles = np.asarray(mesh.faces, int).reshape(-1, 3)
    return Triangles(np.asarray(mesh.vertices, np.float64), triangles, [""] * len(triangles))


def _text(path: Path) -> str:
    """Old programs write names and comments as Latin-1, which every byte is."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _is_binary(path: Path) -> bool:
    """By its size, which tells the number of its facets: binary files may begin with `solid` too."""
    with path.open("rb") as file:
        head = file.read(_BINARY_HEADER)
    count = int.from_bytes(head[80:], "little")
    return path.stat().st_size == _BINARY_HEADER + _BINARY_FACET * count or b"solid" not in head.lower()


def _read_ascii_stl(text: str) -> Triangles:
    starts = [*_SOLID.finditer(text)]
    blocks, names = [], []
    for start, end in zip(starts, [*(one.start() for one in starts[1:]), len(text)], strict=True):
        vertices = _VERTEX.findall(text, start.end(), end)
        facets = len(_FACET.findall(text, start.end(), end))
        if len(vertices) != 3 * facets:
            raise ValueError(f"{facets} facets with {len(vertices)} vertices in solid {start[1].strip()!r}")
        blocks.append(np.array(vertices, dtype=np.float64).reshape(-1, 3))
        names += [start[1].strip()] * facets
    X = np.concatenate([np.empty((0, 3)), *blocks])
    return Triangles(X, np.arange(len(X)).reshape(-1, 3), names)


def _read_obj(text: str) -> Triangles:
    """Polygons are cut from their first corner; `g` names what follows, and `o` where there is no `g`."""
    vertices: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    names: dict[str, list[str]] = {"g": [], "o": []}
    current = {"g": "", "o": ""}
    for line in text.replace("\\\n", " ").splitlines():
        word, *rest = line.partition("#")[0].split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif word in current:
            current[word] = " ".join(rest)
        elif word == "f":
            corners = [_corner(cell, len(vertices)) for cell in rest]
            triangles += [(corners[0], b, c) for b, c in pairwise(corners[1:])]
            for kind, found in names.items():
                found += [current[kind]] * (len(corners) - 2)
    T = np.array(triangles, dtype=int).reshape(-1, 3)
    if T.size and not 0 <= T.min() <= T.max() < len(vertices):
        raise ValueError(f"a face has a vertex beyond the {len(vertices)} that there are")
    X = np.array(vertices, dtype=np.float64).reshape(-1, 3)
    return Triangles(X, T, names["g"] if any(names["g"]) else names["o"])


def _corner(cell: str, count: int) -> int:
    """`7/1/3` is the seventh vertex, `-1/…` the last one so far."""
    number = int(cell.partition("/")[0])
    if number == 0:
        raise ValueError("a face has the vertex 0; they are counted from 1")
    return number - 1 if number > 0 else count + number


def part_names_of(names: Sequence[str], default: str = "boundary") -> list[str] | None:
    """The part of every triangle; None where the file makes no difference between them, as with one name for all."""
    if len(set(names)) < 2:
        return None
    return [name or default for name in names]
