"""Indices beyond the end of an array, read off a traced program: JAX reads the last entry where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..internal.tracing import is_traced
from .linearity import inner_program

# What a constant index goes through before it is used: a negative one has the length added.
_EVALUATED: dict[str, Callable] = {
    "lt": lambda a, b: np.less(a, b),
    "add": lambda a, b: np.add(a, b),
    "select_n": lambda which, *cases: np.choose(np.asarray(which, int), cases),
    "convert_element_type": lambda a, new_dtype, **_: np.asarray(a, new_dtype),
    "broadcast_in_dim": lambda a, shape, broadcast_dimensions, **_: _broadcast(a, shape, broadcast_dimensions),
    "reshape": lambda a, new_sizes, **_: np.reshape(a, new_sizes),
    "squeeze": lambda a, dimensions, **_: np.squeeze(a, dimensions),
    "concatenate": lambda *parts, dimension: np.concatenate(parts, dimension),
}


def beyond_the_end(jaxpr: Any, constants: Any = ()) -> tuple[int, ...] | None:
    """The shape of an array of which a traced program uses an entry that it does not have; None for sound programs.

    Only indices that are known when the program is traced are looked at, such as the 2 of `x[2]`.
    """
    named = zip(jaxpr.constvars, constants, strict=True)
    return _search(jaxpr, {variable: np.asarray(value) for variable, value in named if not is_traced(value)})


def _search(jaxpr, known: dict) -> tuple[int, ...] | None:
    """The same, `known` being the constants by their variables; those that are computed from them are added."""
    for equation in jaxpr.eqns:
        values = [atom.val if hasattr(atom, "val") else known.get(atom) for atom in equation.invars]
        name, shape = equation.primitive.name, equation.invars[0].aval.shape if equation.invars else ()
        if name == "dynamic_slice" and not _fits(values[1:], shape, equation.params["slice_sizes"], range(len(shape))):
            return shape
        if name == "gather" and values[1] is not None:
            starts = list(np.moveaxis(np.asarray(values[1]), -1, 0))
            axes = equation.params["dimension_numbers"].start_index_map
            if not _fits(starts, shape, equation.params["slice_sizes"], axes):
                return shape
        inner = inner_program(equation)
        if inner is not None:
            given = {variable: value for variable, value in zip(inner.invars, values, strict=True) if value is not None}
            found = _search(inner, given)
            if found is not None:
                return found
            outputs = zip(equation.outvars, inner.outvars, strict=True)
            known.update((outer, given[one]) for outer, one in outputs if not hasattr(one, "val") and one in given)
        elif name in _EVALUATED and values and all(value is not None for value in values):
            known[equation.outvars[0]] = _EVALUATED[name](*values, **equation.params)
    return None


def _fits(starts: Sequence, shape: tuple[int, ...], sizes: Sequence, axes: Sequence) -> bool:
    """Whether all slices lie inside, as far as their starts are known."""
    known = [(np.asarray(start), axis) for start, axis in zip(starts, axes, strict=True) if start is not None]
    return all(
        start.size == 0 or (start.min() >= 0 and start.max() <= shape[axis] - sizes[axis]) for start, axis in known
    )


def _broadcast(a: Any, shape: tuple[int, ...], dimensions: Sequence) -> np.ndarray:
    spread = np.reshape(a, [shape[k] if k in dimensions else 1 for k in range(len(shape))])
    return np.broadcast_to(spread, shape)
