"""The arguments of shapes, numbers, points and names, read and checked: messages name the shape and the argument."""

from collections.abc import Iterable, Mapping
from reprlib import repr as short
from typing import Any

import numpy as np

from .shape import Shape

# Loose, so that what is given wrongly meets the messages below and not those of a type checker.
Number = Any  # kept as a float
Coordinates = Any  # a sequence of numbers, kept as a tuple of floats
Name = Any  # a string or None
Periodic = Any  # True, False or axes, kept as a tuple of axes

_RESERVED = ("interior", "domain", "self")


def set_fields(shape: Shape, **fields) -> None:
    """Set fields of a frozen dataclass, in its `__post_init__`."""
    for field, value in fields.items():
        object.__setattr__(shape, field, value)


def number(value, kind: str, what: str) -> float:
    """A finite number as a float; TypeError or ValueError that names the shape's `kind` and the argument `what`."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{kind} needs a number as {what}, got {value!r}") from None
    if not np.isfinite(found):
        raise ValueError(f"{kind} needs a finite {what}, got {found}")
    return found


def positive(value, kind: str, what: str) -> float:
    """A positive, finite number as a float."""
    found = number(value, kind, what)
    if found <= 0:
        raise ValueError(f"{kind} needs {what} > 0, got {found}")
    return found


def numbers(values, kind: str, what: str, dims: tuple[int, ...] = (1, 2, 3)) -> tuple[float, ...]:
    """A point as a tuple of floats, as many as one of `dims`."""
    try:
        found = tuple(number(value, kind, what) for value in values)
    except TypeError:
        raise TypeError(f"{kind} needs a sequence of numbers as {what}, got {values!r}") from None
    if len(found) not in dims:
        allowed = " or ".join(map(str, dims))
        raise ValueError(f"{kind} needs {allowed} coordinates as {what}, got {len(found)}: {found}")
    return found


def periodic_axes(value, kind: str, dim: int) -> tuple[int, ...]:
    """The axes that `periodic=` means, in order; TypeError or ValueError for anything but True, False and axes."""
    wanted = f"{kind} needs True, False or axes as periodic, numbers from 0 to {dim - 1} as (0,)"
    if isinstance(value, bool | np.bool_):
        return tuple(range(dim)) if value else ()
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise TypeError(f"{wanted}; got {value!r}")
    axes = tuple(value)
    if any(isinstance(axis, bool | np.bool_) or not isinstance(axis, int | np.integer) for axis in axes):
        raise TypeError(f"{wanted}; got {value!r}")
    if any(not 0 <= axis < dim for axis in axes):
        raise ValueError(f"{wanted}; got {value!r} in {dim} dimension{'s' * (dim > 1)}")
    return tuple(sorted({int(axis) for axis in axes}))


def check_name(name, kind: str) -> None:
    """Raise TypeError or ValueError for what cannot be the name of a boundary part; None can."""
    if name is None:
        return
    if not isinstance(name, str) or not name:
        raise TypeError(f"{kind} needs a string as name of its boundary, got {name!r}")
    if name in _RESERVED:
        raise ValueError(f"{kind}: a boundary part cannot be named {name!r} (reserved: {', '.join(_RESERVED)})")


def part_names(names, name, kind: str, count: int, piece: str, pieces: str) -> tuple[str, ...] | None:
    """The part of each of `count` pieces of a boundary ("triangle", "triangles") by name; None where none are given.

    Raises TypeError for `names` that are no sequence of strings or stand beside a `name`, ValueError for another number
    of them.
    """
    if names is None:
        return None
    if isinstance(names, str | Mapping) or name is not None:
        raise TypeError(
            f"{kind} needs names as a sequence, one for each {piece}, got {type(names).__name__} and name={name!r}; "
            "for one name of the whole boundary give name= alone"
        )
    found = tuple(names)
    for one in dict.fromkeys(found):
        if one is None:
            raise TypeError(f"{kind} needs a string as name of every {piece}, got None")
        check_name(one, kind)
    if len(found) != count:
        raise ValueError(f"{kind} needs one name for each of its {count} {pieces}, got {len(found)}: {short(found)}")
    return found
