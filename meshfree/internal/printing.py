"""Values in a few characters, for what objects print as."""

from __future__ import annotations

import dataclasses
import functools
import html
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import numpy as np

WIDTH = 80  # characters of one value
LISTED = 8  # entries of an array that are printed one by one


def shown(value: Any) -> str:
    """A value on one line: numbers with six digits, functions by their names, what is long cut short.

    Any array may be traced or deleted; nothing is computed on a device.
    """
    text = " ".join(_text(value).split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def aligned(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A title, and below it a line `name: value` for each row, the colons below one another."""
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join([title, *(f"  {name:>{width}}: {value}" for name, value in rows)])


def as_html(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """The same as a table of a notebook."""
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f"<table><caption>{html.escape(title)}</caption>{cells}</table>"


def concrete(value: Any) -> np.ndarray | None:
    """The value as an array of NumPy; None for one that is traced, deleted, on another machine, or a random key."""
    try:
        return np.asarray(value)
    except (TypeError, RuntimeError):
        return None


def _text(value: Any) -> str:
    kind: Any = type(value)
    if isinstance(value, jax.core.Tracer):
        return "<traced>"
    if isinstance(value, (jax.Array, np.ndarray, np.generic, float)):
        return _numbers(value)
    if isinstance(value, (list, tuple)) and kind.__repr__ in (list.__repr__, tuple.__repr__):
        inner = ", ".join(map(_text, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    if isinstance(value, functools.partial):  # as is jax.tree_util.Partial
        given = [*map(_text, value.args), *(f"{name}={_text(one)}" for name, one in value.keywords.items())]
        return f"{_text(value.func)}({', '.join([*given, '...'])})"
    if kind.__repr__ is eqx.Module.__repr__:
        fields = [f"{field.name}={_text(getattr(value, field.name))}" for field in dataclasses.fields(value)]
        return f"{kind.__name__}({', '.join(fields)})"
    if callable(value) and isinstance(name := getattr(value, "__name__", None), str):
        return name
    return repr(value)


def _numbers(value: Any) -> str:
    array = concrete(value)
    if array is None or array.size > LISTED or array.dtype.kind not in "biufc":
        return f"<{value.dtype} array of shape {value.shape}>"
    return repr(_rounded(array.tolist()))


def _rounded(numbers: Any) -> Any:
    if isinstance(numbers, list):
        return [_rounded(one) for one in numbers]
    return float(f"{numbers:.6g}") if isinstance(numbers, float) else numbers
