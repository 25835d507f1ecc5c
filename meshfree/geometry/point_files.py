"""Points in PLY files, as scanners and programs for point clouds write them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_POINT, _NORMAL = ("x", "y", "z"), ("nx", "ny", "nz")


class _Header(NamedTuple):
    order: str
    counts: dict[str, int]
    types: list[tuple[str, str]]  # of the vertices' properties
    length: int


def read_ply(path: Path) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"] | None]:
    """The vertices of a PLY file and their normals, None where it has none; ValueError that names the file."""
    content = path.read_bytes()
    try:
        header = _header(content)
        table = _table(content[header.length :], header)
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged, or no PLY file of points: {str(error) or type(error).__name__}"
        ) from error
    if header.counts.get("face"):
        raise ValueError(
            f"{path} holds a surface; for a cloud in it and on it write mf.TriangleSurface.load(path).cloud(spacing)"
        )
    columns = [table[name].astype(float) for name in (*_POINT, *_NORMAL) if name in (table.dtype.names or ())]
    if len(columns) == 6:
        return np.stack(columns[:3], axis=1), np.stack(columns[3:], axis=1)
    return np.stack([table[name].astype(float) for name in _POINT], axis=1), None


def _header(content: bytes) -> _Header:
    end = content.index(b"end_header")
    length = content.index(b"\n", end) + 1
    first, *lines = content[:end].decode("latin-1").split("\n")
    if first.strip() != "ply":
        raise ValueError(f"its first line is {first[:20]!r}; expected 'ply'")
    order, element, counts, types = None, "", {}, []
    for word, *rest in filter(None, (line.split() for line in lines)):
        if word == "format":
            order = _ORDERS[rest[0]]
        elif word == "element":
            element, counts[rest[0]] = rest[0], int(rest[1])
        elif word == "property" and element == "vertex":
            types.append((rest[1], _TYPES[rest[0]]))
    if order is None or next(iter(counts), None) != "vertex" or not set(_POINT) <= {name for name, _ in types}:
        raise ValueError("expected a format, and as first element vertices with x, y and z")
    return _Header(order, counts, types, length)


def _table(body: bytes, header: _Header) -> np.ndarray:
    """The vertices, once it is known that they are there."""
    count, width = header.counts["vertex"], len(header.types)
    if header.order:
        dtype = np.dtype([(name, header.order + kind) for name, kind in header.types])
        if count < 0 or count * dtype.itemsize > len(body):
            raise ValueError(
                f"{count} vertices of {dtype.itemsize} bytes are announced, and {len(body)} bytes are there"
            )
        return np.frombuffer(body, dtype, count)
    words = body.split()
    if count < 0 or count * width > len(words):
        raise ValueError(f"{count} vertices of {width} numbers are announced, and {len(words)} numbers are there")
    values = np.array(words[: count * width], dtype=float).reshape(count, width)
    table = np.empty(count, [(name, float) for name, _ in header.types])
    for (name, _), column in zip(header.types, values.T, strict=True):
        table[name] = column
    return table
