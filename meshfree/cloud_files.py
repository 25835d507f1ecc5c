"""Clouds as files: CSV for people and spreadsheets, NPZ for size."""

import csv
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

Parts = dict[str, tuple[np.ndarray, np.ndarray | None]]  # part -> points (n, d), normals (n, d) or None

_AXES = ("x", "y", "z")
_NORMALS = ("nx", "ny", "nz")
_SUFFIX = "_normals"


def read(path: Path) -> Parts:
    """Parts of a `.csv` or `.npz` file; FileNotFoundError, or ValueError naming the file and the fault."""
    reader = {".csv": _read_csv, ".npz": _read_npz}[_extension(path)]
    if not path.is_file():
        raise FileNotFoundError(f"no cloud file at {path} (looked in {path.resolve().parent})")
    return reader(path)


def write(path: Path, parts: Parts) -> None:
    """Write parts to a `.csv` or `.npz` file, by way of a temporary file beside it."""
    writer: Callable = {".csv": _write_csv, ".npz": _write_npz}[_extension(path)]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        writer(temporary, parts)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _extension(path: Path) -> str:
    extension = path.suffix.lower()
    if extension not in (".csv", ".npz"):
        raise ValueError(f"clouds are kept in .csv or .npz files, got {str(path)!r}; rename the file")
    return extension


# --------------------------------------------------------------------------------------------------- CSV


def _write_csv(path: Path, parts: Parts) -> None:
    dim = next(iter(parts.values()))[0].shape[1]
    if dim > len(_AXES):
        raise ValueError(f"a CSV cloud has at most 3 coordinates, this one has {dim}; save it as .npz")
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*_AXES[:dim], "part", *_NORMALS[:dim]])
        for part, (X, N) in parts.items():
            normals = [[""] * dim] * len(X) if N is None else N.tolist()
            table.writerows([*x, part, *n] for x, n in zip(X.tolist(), normals, strict=True))


def _read_csv(path: Path) -> Parts:
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file, skipinitialspace=True)
        columns = [name.strip() for name in table.fieldnames or ()]
        table.fieldnames = columns
        axes = _axes(path, columns)
        rows: dict[str, list] = {}
        for row in table:
            part = (row.get("part") or "").strip() or "interior"
            names = axes if part == "interior" else axes + _NORMALS[: len(axes)]
            rows.setdefault(part, []).append([_number(path, table.line_num, row, name) for name in names])
    dim = len(axes)
    tables = {part: np.array(values) for part, values in rows.items()}
    return {part: (A[:, :dim], None if part == "interior" else A[:, dim:]) for part, A in tables.items()}


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
    for part, (X, N) in parts.items():
        if part.endswith(_SUFFIX):
            raise ValueError(f"a part named {part!r} cannot be kept in .npz (names end in {_SUFFIX}); use .csv")
        arrays[part] = X
        if N is not None:
            arrays[part + _SUFFIX] = N
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
        parts[name] = (X, arrays.get(name + _SUFFIX))
    return parts
