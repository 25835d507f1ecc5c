"""Solutions in time as series of files, for ParaView: an index, and the fields at each time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..internal.files import replaced
from ..internal.numbered_files import new_names, remove
from ..internal.tracing import AnyArray
from ..spaces.base import Space
from .solution_files import cells_of, check_dimensions, gradient_at_nodes, write_fields

AT_ONCE = 2**19  # gradients: of so many points and times together


def save_series(
    path: Path,
    space: Space,
    times: Float[np.ndarray, " k"],
    coefficients: Float[np.ndarray, "k n *f"],
    values: Float[np.ndarray, "k m *f"],
    error: Float[np.ndarray, "k m *f"] | None = None,
) -> None:
    """Write a PVD file that names a VTU file for each time, in a folder beside it, which `write_fields` fills.

    The files of a series have names that no earlier one has, and those of an earlier one go when the PVD file no longer
    names them: whatever goes wrong, the old series or the new one is there, and whole. Other files in the folder stay.
    `values` and `error` are those at the points of the space's cloud.
    """
    check_dimensions(path, space)
    target = Path(os.path.realpath(path))
    folder, points = target.with_suffix(""), np.asarray(space.cloud.points)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder, and the files of {path.name} go into a folder of that name")
    is_new = not folder.exists()
    folder.mkdir(exist_ok=True)
    names, earlier = new_names(folder, len(times))
    cells, slopes = cells_of(space.cloud), _gradients(space, coefficients)
    try:
        for i, (name, slope) in enumerate(zip(names, slopes, strict=True)):
            write_fields(folder / name, points, cells, values[i], slope, None if error is None else error[i])
        with replaced(path) as temporary:
            temporary.write_text(_index(folder.name, names, times), encoding="utf-8")
    except BaseException:
        remove(folder, names)
        if is_new:
            folder.rmdir()
        raise
    remove(folder, earlier)


def as_fields(of_times: Float[AnyArray, "k n *f"]) -> Float[np.ndarray, "n kf"]:
    """The coefficients at several times as those of one function of many fields."""
    return np.moveaxis(np.asarray(of_times), 0, 1).reshape(of_times.shape[1], -1)


def _gradients(space: Space, coefficients: Float[np.ndarray, "k n *f"]):
    """∇u at the points of the space's cloud, (m, *f, d) for every time, computed for many times together."""
    size = max(AT_ONCE // len(space.cloud), 1)
    for start in range(0, len(coefficients), size):
        part = coefficients[start : start + size]
        slopes = gradient_at_nodes(space, jnp.asarray(as_fields(part)))
        yield from np.moveaxis(slopes.reshape(len(slopes), len(part), *part.shape[2:], -1), 1, 0)


def _index(folder: str, names: Sequence[str], times: Float[np.ndarray, " k"]) -> str:
    files = [
        f'    <DataSet timestep="{float(t)!r}" part="0" file={quoteattr(f"{folder}/{name}")}/>'
        for name, t in zip(names, times, strict=True)
    ]
    lines = ['<?xml version="1.0"?>', '<VTKFile type="Collection" version="0.1">', "  <Collection>", *files]
    return "\n".join([*lines, "  </Collection>", "</VTKFile>", ""])
