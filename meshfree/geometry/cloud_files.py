"""Clouds as files: CSV for people and spreadsheets, NPZ for size, others for other programs."""

import csv
import io
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np

from ..internal.files import check_extension, read_arrays, read_text, replaced, write_arrays
from .mesh_files import FORMATS, read_mesh, write_mesh
from .mesh_parts import parts_of_mesh
from .point_files import read_ply

# part -> points (n, d); of the boundary, and of a surface, with normals (n, d), and those of the part's own side where
# they differ
Parts = dict[str, tuple[np.ndarray, ...]]

_AXES = ("x", "y", "z")
_NORMALS = ("nx", "ny", "nz")
_SIDES = ("sx", "sy", "sz")
_SUFFIX = "_normals"
_SIDE_SUFFIX = "_side" + _SUFFIX
_EXTENSIONS = (".csv", ".npz", *FORMATS)
_READ_ONLY = (".xyz", ".txt", ".ply")
_KNOWN = {*_AXES, "part", *_NORMALS, *_SIDES}
# Of a mesh of vertices, the data at its points.
_PART = "part"
_NAMED = _PART + ":"  # an array of this name and the part's tells 1 on the part: files keep no texts
_DATA = ("normals", "side_normals")


def read(path: Path) -> Parts:
    """Parts of a file in one of the formats; FileNotFoundError, or ValueError naming the file and the fault."""
    extension = check_extension(path, (*_EXTENSIONS, *_READ_ONLY), "clouds")
    readers = {".csv": _read_csv, ".npz": _read_npz, ".xyz": _read_columns, ".txt": _read_columns, ".ply": _read_ply}
    reader = readers.get(extension, _read_points)
    if not path.is_file():
        raise FileNotFoundError(f"no cloud file at {path} (looked in {path.resolve().parent})")
    return reader(path)


def write(path: Path, parts: Parts) -> None:
    """Write parts in the format that the extension names; a failed write leaves an old file as it was."""
    writer = {".csv": _write_csv, ".npz": _write_npz}.get(check_extension(path, _EXTENSIONS, "clouds"), _write_vertices)
    writer(path, parts)


# --------------------------------------------------------------------------------------------------- CSV


def _write_csv(path: Path, parts: Parts) -> None:
    dim = next(iter(parts.values()))[0].shape[1]
    if dim > len(_AXES):
        raise ValueError(f"a CSV cloud has at most 3 coordinates, this one has {dim}; save it as .npz")
    with replaced(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        with_sides = any(len(arrays) == 3 for arrays in parts.values())
        table.writerow([*_AXES[:dim], "part", *_NORMALS[:dim], *(_SIDES[:dim] if with_sides else ())])
        for part, (X, *vectors) in parts.items():
            if with_sides and vectors:
                vectors = [vectors[0], vectors[-1]]
            rest = np.concatenate(vectors, axis=1).tolist() if vectors else [[""] * dim * (1 + with_sides)] * len(X)
            table.writerows([*x, part, *n] for x, n in zip(X.tolist(), rest, strict=True))


def _read_csv(path: Path) -> Parts:
    text = read_text(path)
    lines = io.StringIO(text, newline="")
    try:
        return _parts_of_table(path, csv.DictReader(lines, delimiter=_delimiter(text), skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(f"{path} is no table of comma-separated values: {error}") from error


def _parts_of_table(path: Path, table: csv.DictReader) -> Parts:
    columns = [name.strip() for name in table.fieldnames or ()]
    table.fieldnames = columns
    axes = _axes(path, columns)
    vectors = _NORMALS[: len(axes)] + (_SIDES[: len(axes)] if "sx" in columns else ())
    rows: dict[str, list] = {}
    for row in table:
        _check_width(path, table.line_num, row, columns)
        part = (row.get("part") or "").strip() or "interior"
        on_surface = bool((row.get("nx") or "").strip())
        names = axes if part == "interior" and not on_surface else axes + vectors
        rows.setdefault(part, []).append([_number(path, table.line_num, row, name) for name in names])
    dim = len(axes)
    tables = {part: np.array(values) for part, values in rows.items()}
    return {part: tuple(np.split(A, A.shape[1] // dim, axis=1)) for part, A in tables.items()}


def _delimiter(text: str) -> str:
    """The first sign in the header that separates columns: spreadsheets write others where decimals have commas."""
    header = text.partition("\n")[0]
    return min((sign for sign in ",;\t" if sign in header), key=header.index, default=",")


def _axes(path: Path, columns: list[str]) -> tuple[str, ...]:
    twice = sorted({name for name in columns if columns.count(name) > 1} & _KNOWN)
    if twice:
        raise ValueError(f"{path}: the header line names the column {twice[0]} twice; remove or rename one of them")
    axes = tuple(name for name in _AXES if name in columns)
    if not axes or axes != _AXES[: len(axes)]:
        raise ValueError(
            f"{path}: the header line must name the columns x or x,y or x,y,z (then part,nx,ny,nz), "
            f"got: {', '.join(columns) or 'nothing'}"
        )
    return axes


def _check_width(path: Path, line: int, row: dict, columns: list[str]) -> None:
    surplus = [cell for cell in row.get(None) or () if cell.strip()]
    if surplus:
        raise ValueError(
            f"{path}, line {line}: {len(columns) + len(row[None])} cells under a header of {len(columns)} columns; "
            "write numbers with decimal points, not commas, and a text with a comma in double quotes"
        )


def _number(path: Path, line: int, row: dict, name: str) -> float:
    text = row.get(name)
    if text is None and name in _NORMALS:
        raise ValueError(f"{path}, line {line}: a boundary node of part {row['part']!r} needs a column {name}")
    try:
        return _float(text or "")
    except ValueError:
        hint = "; write it with a decimal point" if text and "," in text else ""
        raise ValueError(f"{path}, line {line}: expected a number in column {name}, got {text!r}{hint}") from None


def _read_ply(path: Path) -> Parts:
    """Points; with normals those of a boundary. A last coordinate that is zero everywhere is none."""
    points, normals = read_ply(path)
    vectors = [points] if normals is None else [points, normals]
    used = np.flatnonzero(np.any(np.concatenate(vectors) != 0, axis=0))
    arrays = tuple(array[:, : int(used.max(initial=0)) + 1] for array in vectors)
    if len(points) == 0:
        return {}
    return {"interior": arrays} if normals is None else {"boundary": arrays}


def _float(text: str) -> float:
    if "_" in text:  # 1_000 is a number in Python alone
        raise ValueError(text)
    return float(text)


# -------------------------------------------------------------------------------------------- columns of numbers


def _read_columns(path: Path) -> Parts:
    """Points in lines of one to three numbers, or of six: points of the boundary and their normals."""
    rows = []
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        cells = text.partition("#")[0].replace(",", " ").replace(";", " ").split()
        if not cells:
            continue
        try:
            rows.append([_float(cell) for cell in cells])
        except ValueError:
            raise ValueError(f"{path}, line {line}: expected numbers, got {text[:60]!r}; mark text with #") from None
        if len(cells) != len(rows[0]) or len(cells) not in (1, 2, 3, 6):
            raise ValueError(
                f"{path}, line {line}: {len(cells)} numbers, and {len(rows[0])} in the first line; expected the same "
                "in all, 1 to 3 coordinates, or 6: a point and its normal; name other columns in a .csv file"
            )
    table = np.array(rows)
    if len(rows) and table.shape[1] == 6:
        return {"boundary": (table[:, :3], table[:, 3:])}
    return {"interior": (table,)} if len(rows) else {}


# --------------------------------------------------------------------------------------------------- NPZ


def _write_npz(path: Path, parts: Parts) -> None:
    arrays = {}
    for part, (X, *vectors) in parts.items():
        if part.endswith(_SUFFIX):
            raise ValueError(f"a part named {part!r} cannot be kept in .npz (names end in {_SUFFIX}); use .csv")
        arrays[part] = X
        arrays.update(zip((part + _SUFFIX, part + _SIDE_SUFFIX), vectors, strict=False))
    write_arrays(path, arrays)


def _read_npz(path: Path) -> Parts:
    arrays = read_arrays(path)
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


# -------------------------------------------------------------------------------------- meshes of other programs


def _write_vertices(path: Path, parts: Parts) -> None:
    """Every node as a vertex, with three coordinates, the number of its part and its normals, zero in the interior."""
    dim = next(iter(parts.values()))[0].shape[1]
    if dim > 3:
        raise ValueError(f"a {path.suffix} file has at most 3 coordinates, this cloud has {dim}; save it as .npz")
    number = np.repeat(np.arange(len(parts), dtype=np.int64), [len(arrays[0]) for arrays in parts.values()])
    data = {_PART: number, _DATA[0]: _stacked(parts, 1)}
    if any(len(arrays) == 3 for arrays in parts.values()):
        data[_DATA[1]] = _stacked(parts, 2)
    for i, part in enumerate(parts):
        data[_NAMED + quote(part, safe="")] = (number == i).astype(np.int64)  # VTK has no blanks in names
    vertices = [("vertex", np.arange(len(number))[:, None])]
    # Gmsh's format wants both tags of every cell; a tag of zero would mean none
    tags = {"gmsh:physical": [number + 1], "gmsh:geometrical": [number + 1]} if path.suffix.lower() == ".msh" else {}
    write_mesh(path, _stacked(parts, 0), vertices, data, tags)


def _read_points(path: Path) -> Parts:
    """Parts of what `_write_vertices` wrote, or of a mesh with named groups of boundary facets."""
    mesh = read_mesh(path)
    try:
        if {block.type for block in mesh.cells} <= {"vertex"}:
            return _read_vertices(np.asarray(mesh.points, float), mesh.point_data)
        return parts_of_mesh(mesh)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except (IndexError, TypeError, KeyError, OverflowError) as error:  # arrays that do not fit together
        raise ValueError(f"{path} is damaged: {str(error) or type(error).__name__}") from error


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
    vectors = [np.asarray(data[name], float) for name in _DATA if name in data] if names else []
    used = np.flatnonzero(np.any(np.concatenate([points, *vectors]) != 0, axis=0))
    dim = int(used.max(initial=0)) + 1
    columns = [array[:, :dim] for array in (points, *vectors)]
    if not names:
        return {"interior": (columns[0],)}
    bare = {
        part for part, on in names.items() if part == "interior" and not any(array[on].any() for array in columns[1:])
    }
    return {
        part: tuple(array[on] for array in (columns[:1] if part in bare else columns)) for part, on in names.items()
    }


def _is_named(name: str) -> bool:
    return name.startswith(_NAMED)
