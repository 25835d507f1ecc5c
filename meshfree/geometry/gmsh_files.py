"""What meshio leaves out of Gmsh's files: several groups of one entity, entities of none, equal names of groups."""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import meshio

_DIMENSIONS = {"vertex": 0, "line": 1, "triangle": 2, "quad": 2}  # all others are solids
_NAME = re.compile(rb'^\s*(\d+)\s+(-?\d+)\s+"(.*)"\s*$', re.MULTILINE)
_HEADER = re.compile(rb"\$MeshFormat\s*\n\s*(\d+(?:\.\d+)?)\s+([01])\s+(\d+)")
_FEW, _SPARSE = 10**6, 100  # the numbers of nodes may go up to a hundred times their count
DIMENSION_MARK = "\0"  # between the name of a group and its dimension, in `field_data`

Groups = dict[tuple[int, int], list[int]]  # dimension and number of an entity -> its physical groups


def read_gmsh(path: Path, read: Callable[[Path], meshio.Mesh]) -> meshio.Mesh:
    """The mesh as `read`, meshio's reader, has it, but for its groups.

    Cells of several groups come once for each, as in Gmsh's format 2.2, and those of no group have the number 0. In
    `field_data` a mark and the dimension stand behind the names, as groups of two dimensions may share one.
    """
    content = path.read_bytes()
    header = _HEADER.search(content)
    _check_numbers(content, is_text=header is not None and header[2] == b"0")
    names = _section(content, b"PhysicalNames")
    entities = _section(content, b"Entities")
    if header is None or not header[1].startswith(b"4") or entities is None:
        mesh = read(path)
    else:
        groups = _groups_of_entities(content[slice(*entities)], *(one.decode() for one in header.groups()))
        mesh = _regrouped(_read_without(content, entities, read), groups)
    if names is not None:
        found = _NAME.findall(content[slice(*names)])
        mesh.field_data = {
            f"{name.decode('utf-8', 'replace')}{DIMENSION_MARK}{int(dim)}": np.array([abs(int(tag)), int(dim)])
            for dim, tag, name in found
        }
    return mesh


def _check_numbers(content: bytes, is_text: bool) -> None:
    """ValueError for nodes with larger numbers than a file of this size needs: meshio makes a table as long as them."""
    section = _section(content, b"Nodes")
    if section is None or not is_text:
        return
    first, *lines = content[slice(*section)].splitlines() or [b""]
    # Format 2.2 has the number before the coordinates, format 4 alone in its line; its first line counts and bounds.
    bounds = first.split()
    width = 4 if len(bounds) < 2 else 1
    words = bounds + [line.split()[0] for line in lines if len(line.split()) == width]
    largest = max((int(word) for word in words), default=0)
    if largest > max(_FEW, _SPARSE * len(lines)):
        raise ValueError(f"its {len(lines)} lines of nodes have numbers up to {largest}; number them from 1 on")


def _section(content: bytes, name: bytes) -> tuple[int, int] | None:
    """Where what stands between `$name` and `$Endname` begins and ends."""
    start = re.search(rb"^\$" + name + rb"[ \t\r]*\n", content, re.MULTILINE)
    if start is None:
        return None
    end = content.find(b"$End" + name, start.end())
    if end < 0:
        raise ValueError(f"the section ${name.decode()} has no end")
    return start.end(), end


def _read_without(content: bytes, section: tuple[int, int], read: Callable[[Path], meshio.Mesh]) -> meshio.Mesh:
    """The mesh of a file without its entities: meshio stumbles over those without groups."""
    start = content.rindex(b"$Entities", 0, section[0])
    end = content.index(b"\n", section[1]) + 1
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "mesh.msh"
        copy.write_bytes(content[:start] + content[end:])
        return read(copy)


def _groups_of_entities(section: bytes, version: str, binary: str, width: str) -> Groups:
    """The section `$Entities`: numbers of entities by dimension, and of each its box, its groups and its boundary."""
    take = _Binary(section, int(width)) if binary == "1" else _Words(section)
    groups: Groups = {}
    for dim, count in enumerate([take.size() for _ in range(4)]):
        for _ in range(count):
            tag = take.integer()
            take.skip_floats(3 if dim == 0 and version not in ("4", "4.0") else 6)
            groups[dim, tag] = [abs(take.integer()) for _ in range(take.size())]  # a sign tells the orientation
            if dim > 0:
                for _ in range(take.size()):
                    take.integer()
    return groups


class _Words:
    """Numbers in text, one after the other."""

    def __init__(self, section: bytes):
        self._words = iter(section.split())

    def size(self) -> int:
        return self.integer()

    def integer(self) -> int:
        word = next(self._words, None)
        if word is None:
            raise ValueError("the section $Entities ends too early")
        return int(word)

    def skip_floats(self, count: int) -> None:
        for _ in range(count):
            next(self._words, None)


class _Binary:
    """Numbers in bytes, one after the other."""

    def __init__(self, section: bytes, width: int):
        self._section, self._size, self._at = section, {4: "I", 8: "Q"}[width], 0

    def size(self) -> int:
        return self._next(self._size)

    def integer(self) -> int:
        return self._next("i")

    def skip_floats(self, count: int) -> None:
        self._at += 8 * count

    def _next(self, kind: str) -> int:
        (value,) = struct.unpack_from("=" + kind, self._section, self._at)
        self._at += struct.calcsize("=" + kind)
        return value


def _regrouped(mesh: meshio.Mesh, groups: Groups) -> meshio.Mesh:
    """The mesh with each block once for every group of its entity."""
    entities = mesh.cell_data.get("gmsh:geometrical", [np.zeros(len(block.data), int) for block in mesh.cells])
    cells, tags = [], []
    for block, entity in zip(mesh.cells, entities, strict=True):
        dim = _DIMENSIONS.get(re.sub(r"\d+$", "", block.type), 3)
        of_block = groups.get((dim, int(entity[0])), []) if len(entity) else []
        for tag in of_block or [0]:
            cells.append((block.type, block.data))
            tags.append(np.full(len(block.data), tag))
    return type(mesh)(mesh.points, cells, point_data=mesh.point_data, cell_data={"gmsh:physical": tags})
