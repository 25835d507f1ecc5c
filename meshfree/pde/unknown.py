"""Unknown numbers in a problem, which are solved for together with u."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import operator
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..internal.expected import NUMBERS, expects
from ..internal.tracing import is_traced

_numbers = itertools.count(1)
_made = [0]  # how many there are: without any, no residual is asked for them
_bound: contextvars.ContextVar[Mapping[int, Any]] = contextvars.ContextVar("bound", default=types.MappingProxyType({}))
_reads: contextvars.ContextVar[dict[int, Unknown] | None] = contextvars.ContextVar("reads", default=None)
DEPTH = 4  # of functions within functions, in which the name of an unknown is looked for


class Unknown(eqx.Module):
    """A number, or an array of numbers, that `mf.solve` finds together with u; `value` is where it starts.

    It is used as the number itself, by the function that reads it or as a leaf of one that is a pytree:

        k = mf.Unknown(1.0)
        problem = mf.Problem(domain, interior=lambda u, x: k * mf.laplacian(u)(x) + 1.0, ..., heads=mf.Data(X, v))
        u = mf.solve(problem, space)
        u.unknowns["k"], u.std_of_unknowns["k"]

    The name is that of the variable, or field, that holds it, unless `name` gives another. Each makes one more column
    of the matrix, so that there must be more equations than unknowns: `mf.Data`, or further conditions. Raises
    ValueError for a start that is not finite; `mf.solve` for one that no equation depends on.
    """

    value: Float[np.ndarray | Array, "..."]
    name: str | None = eqx.field(static=True)
    number: int = eqx.field(static=True)  # which one it is, also where a pytree was copied
    __array_ufunc__ = None  # so that NumPy's arrays leave arithmetic to it

    @expects(value=NUMBERS, name=str)
    def __init__(self, value: ArrayLike, name: str | None = None):
        start: Any = value if is_traced(value) else np.asarray(value)
        if start.dtype.kind not in "fiu":
            raise TypeError(f"Unknown: the start must be a real number or an array of them; got {start.dtype}")
        start = start.astype(float)
        if not is_traced(start) and not np.all(np.isfinite(start)):
            raise ValueError(f"Unknown: the start must be finite; got {value!r}")
        self.value, self.name, self.number = start, name, next(_numbers)
        _made[0] += 1

    def __jax_array__(self) -> Array:
        bound = _bound.get().get(self.number)
        if bound is not None:
            return bound
        reads = _reads.get()
        if reads is not None:
            reads.setdefault(self.number, self)
        return jnp.asarray(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """() of a number."""
        return np.shape(self.value)

    def __getitem__(self, index: Any) -> Array:
        return self.__jax_array__()[index]

    def __repr__(self) -> str:
        return f"Unknown({np.asarray(self.value) if not is_traced(self.value) else '...'})"


def _arithmetic(name: str) -> None:
    of = getattr(operator, name)
    setattr(Unknown, f"__{name}__", lambda self, other: of(self.__jax_array__(), _number(other)))
    setattr(Unknown, f"__r{name}__", lambda self, other: of(_number(other), self.__jax_array__()))


def _sign(name: str) -> None:
    of = getattr(operator, name)
    setattr(Unknown, f"__{name}__", lambda self: of(self.__jax_array__()))


def _number(other: Any) -> Any:
    return other.__jax_array__() if isinstance(other, Unknown) else other


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    _arithmetic(_name)
for _name in ("neg", "abs", "pos"):
    _sign(_name)


class Bound(eqx.Module):
    """A function of a problem with values in place of the unknowns."""

    function: Callable
    values: Float[np.ndarray | Array, " p"]
    numbers: tuple[int, ...] = eqx.field(static=True)
    shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __call__(self, *args: Any) -> Any:
        values, start, bound = jnp.asarray(self.values), 0, dict(_bound.get())
        for number, shape in zip(self.numbers, self.shapes, strict=True):
            stop = start + int(np.prod(shape))
            bound[number], start = values[start:stop].reshape(shape), stop
        token = _bound.set(bound)
        try:
            return self.function(*args)
        finally:
            _bound.reset(token)

    def takes_parameter(self) -> bool:
        """Unknowns are of problems without."""
        return False


def any_made() -> bool:
    """Whether there are unknowns at all: otherwise nothing is asked for them."""
    return _made[0] > 0


def with_values(tree: Any, values: Any) -> Any:
    """The same functions with other values of the unknowns."""

    def changed(found: Any) -> Any:
        return Bound(found.function, values, found.numbers, found.shapes) if isinstance(found, Bound) else found

    return jax.tree.map(changed, tree, is_leaf=lambda found: isinstance(found, Bound))


def bound_in(tree: Any) -> list[Bound]:
    """The functions of a pytree that have values for their unknowns."""
    if not any_made():
        return []
    leaves = jax.tree.leaves(tree, is_leaf=lambda found: isinstance(found, Bound))
    return [found for found in leaves if isinstance(found, Bound)]


def read_by(call: Callable, *args: Any) -> dict[int, Unknown]:
    """The unknowns that a function reads, without values of theirs, when it is called: it is traced for it."""
    with recording() as reads, contextlib.suppress(Exception):  # what is wrong is told where it is asked for its values
        jax.eval_shape(call, *args)
    return reads


@contextlib.contextmanager
def recording() -> Iterator[dict[int, Unknown]]:
    """The unknowns that are read while it runs."""
    reads: dict[int, Unknown] = {}
    token = _reads.set(reads)
    try:
        yield reads
    finally:
        _reads.reset(token)


def held_by(tree: Any) -> list[Unknown]:
    """Those that are nodes of a pytree."""
    if not any_made():
        return []
    leaves = jax.tree.leaves(tree, is_leaf=lambda found: isinstance(found, Unknown))
    return [found for found in leaves if isinstance(found, Unknown)]


def found_in(holders: Any) -> dict[int, Unknown]:
    """Those that functions hold or could read, without calling them."""
    found: dict[int, Unknown] = {}
    for holder in holders:
        _look(holder, "", {}, set(), DEPTH, found)
    return found


def named(unknowns: Mapping[int, Unknown], holders: Any) -> list[str]:
    """A name for each, of its own or of the variable or field that holds it."""
    names: dict[int, str] = {}
    for holder in holders:
        _look(holder, "", names, set(), DEPTH)
    found: list[str] = []
    for place, (number, unknown) in enumerate(unknowns.items()):
        name = unknown.name or names.get(number) or f"unknown {place + 1}"
        found.append(name if name not in found else f"{name} {place + 1}")
    return found


def _look(value: Any, name: str, names: dict[int, str], met: set[int], depth: int, found: Any = None) -> None:
    if isinstance(value, Unknown):
        names.setdefault(value.number, name)
        if found is not None:
            found[value.number] = value
        return
    if id(value) in met or depth < 0:
        return
    met.add(id(value))
    for inner, part in _parts(value):
        _look(part, inner or name, names, met, depth - 1, found)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a function, a partial one, a module or a container is made of, with names."""
    if isinstance(value, types.FunctionType):
        for cell_name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # a cell that is still empty
                yield cell_name, cell.cell_contents
        defaults, count = value.__defaults__ or (), value.__code__.co_argcount
        yield from zip(value.__code__.co_varnames[count - len(defaults) : count], defaults, strict=True)
        yield from (value.__kwdefaults__ or {}).items()
        for name in value.__code__.co_names:
            if name in value.__globals__:
                yield name, value.__globals__[name]
    elif hasattr(value, "func") and hasattr(value, "keywords"):
        yield "", value.func
        yield from (("", one) for one in value.args)
        yield from value.keywords.items()
    elif isinstance(value, eqx.Module):
        yield from vars(value).items()
    elif isinstance(value, Mapping):
        yield from ((str(name), one) for name, one in value.items())
    elif isinstance(value, list | tuple):
        yield from (("", one) for one in value)
