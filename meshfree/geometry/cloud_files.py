"""Clouds as files: CSV for people and spreadsheets, NPZ for size, those of `mesh_files` for other programs."""

import csv
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..internal.files import replaced
from .mesh_files import FORMATS
from .mesh_vertices import read_points, write_vertices

# part -> points (n, d); of the boundary with normals (n, d), and those of the part's own side where they differ
Parts = dict[str, tuple[np.ndarray, ...]]

_AXES = ("x", "y", "z")
_NORMALS = ("nx", "ny", "nz")
_SIDES = ("sx", "sy", "sz")
_SUFFIX = "_normals"
_SIDE_SUFFIX = "_side" + _SUFFIX


def read(path: Path) -> Parts:
    """Parts of a file in one of the formats; FileNotFoundError, or ValueError naming the file and the fault."""
    reader = {".csv": _read_csv, ".npz": _read_npz}.get(_extension(path), read_points)
    if not path.is_file():
        raise FileNotFoundError(f"no cloud file at {path} (looked in {path.resolve().parent})")
    return reader(path)


def write(path: Path, parts: Parts) -> None:
    """Write parts in the format that the extension names; a failed write leaves an old file as it was."""
    writer: Callable | None = {".csv": _write_csv, ".npz": _write_npz}.get(_extension(path))
    if writer is None:
        write_vertices(path, parts)
        return
    with replaced(path) as temporary:
        writer(temporary, parts)


def _extension(path: Path) -> str:
    extension = path.suffix.lower()
    if extension not in (".csv", ".npz", *FORMATS):
        known = ", ".join((".csv", ".npz", *FORMATS))
        raise ValueError(f"clouds are kept in files {known}; got {str(path)!r}: rename the file")
    return extension


# --------------------------------------------------------------------------------------------------- CSV


def _write_csv(path: Path, parts: Parts) -> None:
    dim = next(iter(parts.values()))[0].shape[1]
    if dim > len(_AXES):
        raise ValueError(f"a CSV cloud has at most 3 coordinates, this one has {dim}; save it as .npz")
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        with_sides = any(len(arrays) == 3 for arrays in parts.values())
        table.writerow([*_AXES[:dim], "part", *_NORMALS[:dim], *(_SIDES[:dim] if with_sides else ())])
        for part, (X, *vectors) in parts.items():
            if with_sides and vectors:
                vectors = [vectors[0], vectors[-1]]
            rest = np.concatenate(vectors, axis=1).tolist() if vectors else [[""] * dim * (1 + with_sides)] * len(X)
            table.writerows([*x, part, *n] for x, n in zip(X.tolist(), rest, strict=True))


def _read_csv(path: Path) -> Parts:
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file, skipinitialspace=True)
        columns = [name.strip() for name in table.fieldnames or ()]
        table.fieldnames = columns
        axes = _axes(path, columns)
        vectors = _NORMALS[: len(axes)] + (_SIDES[: len(axes)] if "sx" in columns else ())
        rows: dict[str, list] = {}
        for row in table:
            part = (row.get("part") or "").strip() or "interior"
            names = axes if part == "interior" else axes + vectors
            rows.setdefault(part, []).append([_number(path, table.line_num, row, name) for name in names])
    dim = len(axes)
    tables = {part: np.array(values) for part, values in rows.items()}
    return {part: tuple(np.split(A, A.shape[1] // dim, axis=1)) for part, A in tables.items()}


def _axes(path: Path, columns: list[str]) -> tuple[str, ...]:
    axes = tuple(name for name in _AXES if name in columns)
    if not axes or axes != _AXES[: len(axes)]:
        raise ValueError(
            f"{path}: the header line must name the columns x or x,y or x,y,z (then part,nx,ny,nz), "
            f"got: {', '.join(columns) or 'nothing'}"
        )
    return axes


def _number(path: Path, line: int, row: dict, name: str) -> float:
    text = row.get(name)
    if text is None and name in _NORMALS:
        raise ValueError(f"{path}, line {line}: a boundary node of part {row['part']!r} needs a column {name}")
    try:
        return float(text or "")
    except ValueError:
        raise ValueError(f"{path}, line {line}: expected a number in column {name}, got {text!r}") from None


# --------------------------------------------------------------------------------------------------- NPZ


def _write_npz(path: Path, parts: Parts) -> None:
    arrays = {}
    for part, (X, *vectors) in parts.items():
        if part.endswith(_SUFFIX):
            raise ValueError(f"a part named {part!r} cannot be kept in .npz (names end in {_SUFFIX}); use .csv")
        arrays[part] = X
        arrays.update(zip((part + _SUFFIX, part + _SIDE_SUFFIX), vectors, strict=False))
    # Not np.savez: its own keywords (`file`) could not be the names of parts.
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _read_npz(path: Path) -> Parts:
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a NumPy .npz file of plain arrays: {error}") from error
    parts: Parts = {}
    for name, X in arrays.items():
        if name.endswith(_SUFFIX):
            continue
        if name != "interior" and name + _SUFFIX not in arrays:
            raise ValueError(
                f"{path}: boundary part {name!r} has no array {name + _SUFFIX!r}; the file has: {', '.join(arrays)}"
            )
        named = [arrays[name + suffix] for suffix in (_SUFFIX, _SIDE_SUFFIX) if name + suffix in arrays]
        parts[name] = (X, *named)
    return parts
