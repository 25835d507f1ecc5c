"""Whether values are what the annotations of a class's fields say: for objects that come from files."""

import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import jax
import numpy as np
from jaxtyping import AbstractArray

_NUMBERS = {bool: (bool,), int: (int,), float: (int, float), complex: (int, float, complex)}


@cache
def annotations_of(cls: type) -> dict[str, Any]:
    """Field -> its annotation; none where one cannot be evaluated, as names imported for type checkers only."""
    try:
        return typing.get_type_hints(cls)
    except Exception:
        return {}


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value is of the annotated type; True where that is not known.

    An array may be NumPy's or JAX's, whichever is annotated, and stands for a number, as leaves that were tuned do.
    """
    if annotation is Any:
        return True
    if annotation is None or annotation is type(None):
        return value is None
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and _items_fit(value, arguments)
    if origin is not None:
        return not isinstance(origin, type) or isinstance(value, origin)
    return not isinstance(annotation, type) or _is_instance(value, annotation)


def _items_fit(value: tuple, arguments: tuple) -> bool:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return all(fits(item, arguments[0]) for item in value)
    return len(value) == len(arguments) and all(map(fits, value, arguments))


def _is_instance(value: Any, annotation: type) -> bool:
    if issubclass(annotation, AbstractArray):
        of_numpy = annotation.dtype[np.ndarray, annotation.dim_str]  # type: ignore[attr-defined]
        return _is_array(value) and isinstance(np.asarray(value), of_numpy)
    if annotation in _NUMBERS:
        return isinstance(value, _NUMBERS[annotation]) or _is_array(value)
    if annotation in (np.ndarray, jax.Array):
        return _is_array(value)
    if getattr(annotation, "_is_protocol", False):  # asking would run its properties
        return not isinstance(value, str | int | float | tuple | list | Mapping | None)
    return isinstance(value, annotation)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | jax.Array)
