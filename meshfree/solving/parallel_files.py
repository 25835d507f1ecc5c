"""Solutions as parallel VTU files: an index, and the piece of every process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from jaxtyping import Bool, Int
from scipy.spatial import QhullError

from ..geometry.simplices import simplices_between
from ..internal.files import replaced
from ..internal.numbered_files import new_names, remove
from ..internal.processes import at_work

Nodes = Int[np.ndarray, " p"]
Simplices = Int[np.ndarray, "t k"]


def save_pieces(path: Path, space: Any, write: Callable[[Path, Nodes, Simplices], Mapping[str, np.ndarray]]) -> None:
    """Write a PVTU file that names a VTU file of each process, in a folder beside it; one process writes one piece.

    A piece has the process's own nodes, and the simplices whose first node is one of these, with their other nodes:
    `write` makes it of these nodes, (p,), and simplices between them, (t, d + 1), and returns the arrays in it. The
    pieces have names that no earlier one has, and those of an earlier file go when the index no longer names them:
    whatever goes wrong, the old files or the new ones are there, and whole. Collective: OSError on every process where
    one cannot write.
    """
    found = at_work()
    target = Path(os.path.realpath(path))
    folder = target.with_suffix("")
    if found.rank == 0:
        folder.mkdir(exist_ok=True)
    names, earlier = found.of_first(new_names(folder, found.size) if found.rank == 0 else None)
    name, failure, data = names[found.rank], None, dict[str, np.ndarray]()
    try:
        own = np.ones(len(space.cloud), dtype=bool) if found.size == 1 else space.shared(found).partition.own
        data = dict(write(folder / name, *_piece(space, own)))
    except Exception as caught:
        failure = caught
    told = [text for text in found.each(None if failure is None else f"{type(failure).__name__}: {failure}") if text]
    try:
        if failure is not None:
            raise failure
        if told:
            raise OSError(f"{path} is not written: {told[0]}")
        found.by_first(lambda: _write_index(path, folder.name, names, data))
    except BaseException:
        remove(folder, [name])
        raise
    if found.rank == 0:
        remove(folder, earlier)


def _piece(space: Any, own: Bool[np.ndarray, " m"]) -> tuple[Nodes, Simplices]:
    """The nodes of a process's piece, its own first, and the simplices between them by their places among these."""
    points, count = np.asarray(space.cloud.points), len(own)
    near = own.copy()
    if not own.all():
        columns = np.unique(space.local_basis.own_columns[np.flatnonzero(own)])
        near[columns[columns < count]] = True  # ghosts are no points of the cloud
    there = np.flatnonzero(near)
    first = count - len(space.cloud.normal_vectors)
    normals = np.asarray(space.cloud.normal_vectors)[there[there >= first] - first]
    try:
        simplices = there[simplices_between(points[there], normals, space.cloud.domain)]
    except QhullError:
        simplices = np.empty((0, space.cloud.dim + 1), int)
    simplices = simplices[own[simplices.min(axis=1)]]
    others = np.setdiff1d(simplices, np.flatnonzero(own))
    used = np.concatenate([np.flatnonzero(own), others])
    places = np.empty(count, dtype=int)
    places[used] = np.arange(len(used))
    return used, places[simplices]


def _write_index(path: Path, folder: str, names: Sequence[str], data: Mapping[str, np.ndarray]) -> None:
    with replaced(path) as temporary:
        temporary.write_text(_index(folder, names, data), encoding="utf-8")


def _index(folder: str, names: Sequence[str], data: Mapping[str, np.ndarray]) -> str:
    arrays = [
        f'      <PDataArray type="Float64" Name={quoteattr(name)} NumberOfComponents="{1 if array.ndim == 1 else 3}"/>'
        for name, array in data.items()
    ]
    pieces = [f"    <Piece Source={quoteattr(f'{folder}/{name}')}/>" for name in names]
    order = {"little": "LittleEndian", "big": "BigEndian"}[sys.byteorder]
    return "\n".join(
        [
            '<?xml version="1.0"?>',
            f'<VTKFile type="PUnstructuredGrid" version="0.1" byte_order="{order}">',
            '  <PUnstructuredGrid GhostLevel="0">',
            "    <PPointData>",
            *arrays,
            "    </PPointData>",
            "    <PPoints>",
            '      <PDataArray type="Float64" Name="Points" NumberOfComponents="3"/>',
            "    </PPoints>",
            *pieces,
            "  </PUnstructuredGrid>",
            "</VTKFile>",
            "",
        ]
    )
