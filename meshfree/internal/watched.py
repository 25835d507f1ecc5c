"""A user's functions as keys of compiled programs: equal where their code is, and all that it reads.

JAX finds a compiled program again by the identity of a function: one that reads a global, a list or an attribute would
go on with the value that this had when the program was compiled. Here a function's key holds what its code reads at
the time of the call: cells of its closure, the globals that it names (nested code too), defaults, and the attributes
of what it is bound to; numbers and arrays by value, functions in turn by their code, all else by identity. What cannot
be known is equal to nothing, so that the program is compiled again.
"""

from __future__ import annotations

import collections
import dataclasses
import dis
import functools
import hashlib
import numbers
import sys
import sysconfig
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np

_PACKAGE = __name__.partition(".")[0]
_PLAIN = (bool, int, str, bytes, type(None), type(Ellipsis), range)
_MOST = 20_000  # objects that a key looks at; beyond, it is not known


class Key:
    """What a function, or anything that holds functions, reads: equal to another of equal code that reads the same.

    It is taken when it is made, and once more when the call in which it was made has ended (`settled`): code that
    counts its calls, or keeps a list of them, changes what it reads while it is traced.
    """

    def __init__(self, source: Any):
        self._source = source
        self._hash = hash(getattr(source, "__code__", type(source)))  # what it reads may change, its hash may not
        self.parts: Any = None
        self.refresh()
        for keys in _open_calls():
            keys.append(self)

    def refresh(self) -> None:
        """Read anew."""
        try:
            self.parts = _Keys().of(self._source, frozenset())
        except _UnknownError:
            self.parts = object()  # equal to nothing else

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Key) and self.parts == other.parts)

    def __hash__(self) -> int:
        return self._hash


class Watched:
    """A function that is compared by its code and by what this reads."""

    def __init__(self, function: Callable):
        self.function, self.reads = function, Key(function)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self.function(*args, **named)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Watched) and self.reads == other.reads

    def __hash__(self) -> int:
        return hash(self.reads)

    def __repr__(self) -> str:
        return repr(self.function)


class WatchedTree(eqx.Module):
    """A callable that is a pytree: its arrays are leaves as before, its functions watched, its class's code too."""

    callable: Callable
    reads: Key = eqx.field(static=True)

    def __call__(self, *args: Any) -> Any:
        return self.callable(*args)


def watch(function: Any) -> Any:
    """The same callable for a compiled function that has it as input: an equal one is no new program, a changed one is.

    Arrays and numbers of a callable that is a pytree stay leaves of it.
    """
    if isinstance(function, Watched | WatchedTree):
        return function
    watched = _with_watched(function)
    return watched if isinstance(watched, Watched) else WatchedTree(watched, key_of_static(function))


def _with_watched(tree: Any) -> Any:
    """A pytree with its functions watched, that of a `jax.tree_util.Partial`, which is no leaf, too."""

    def node(found: Any) -> Any:
        if isinstance(found, jax.tree_util.Partial):
            arguments, named = _with_watched((found.args, found.keywords))
            return jax.tree_util.Partial(Watched(found.func), *arguments, **named)
        return Watched(found) if _is_function(found) else found

    return jax.tree.map(node, tree, is_leaf=lambda found: isinstance(found, jax.tree_util.Partial))


def key_of_static(tree: Any) -> Key:
    """The key of a pytree without its arrays and numbers, which are inputs of a compiled function themselves."""
    return Key(jax.tree.map(lambda leaf: None if eqx.is_array_like(leaf) else leaf, tree))


def settled(call: Callable) -> Callable:
    """The same function; the keys that are made while it runs are taken once more at its end."""

    @functools.wraps(call)
    def run(*args: Any, **options: Any) -> Any:
        keys: list[Key] = []
        _open_calls().append(keys)
        try:
            return call(*args, **options)
        finally:
            _open_calls().pop()
            for key in keys:
                key.refresh()

    return run


_calls = threading.local()


def _open_calls() -> list[list[Key]]:
    """The keys of each call that is running, of this thread."""
    if not hasattr(_calls, "running"):
        _calls.running = []
    return _calls.running


class _UnknownError(Exception):
    """Something whose value cannot be known."""


class _Held:
    """An object by its identity; it is kept alive, so that its id is not given away."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


class _HeldTracer(_Held):
    """A tracer: its number is that of its shape."""

    def __hash__(self) -> int:
        return hash((self.value.shape, str(self.value.dtype)))


class _Keys:
    """Makes the key of one value; what was met before is referred to by its number, so that circles end."""

    def __init__(self) -> None:
        self.met: dict[int, int] = {}
        self.alive: list[Any] = []

    def of(self, value: Any, names: frozenset[str]) -> Any:
        """`names`: those in the code that reads the value, which its attributes may be."""
        if type(value) in _PLAIN:
            return type(value), value
        if isinstance(value, np.ndarray | np.generic | jax.Array):
            return _array_key(value)
        if isinstance(value, numbers.Number):
            return type(value), repr(value)
        if id(value) in self.met:
            return "met", self.met[id(value)]
        self.met[id(value)] = len(self.met)
        self.alive.append(value)
        if len(self.met) > _MOST:
            raise _UnknownError
        return type(value), *self._parts(value, names)

    def _parts(self, value: Any, names: frozenset[str]) -> Iterator[Any]:
        if isinstance(value, types.ModuleType):
            yield _Held(value)
            yield from self._attributes(value, names)
        elif _is_of_library(value):
            yield _Held(value)
        elif isinstance(value, types.FunctionType):
            yield from self._function(value)
        elif isinstance(value, types.MethodType):
            yield self.of(value.__func__, names)
            yield self.of(value.__self__, names)
        elif isinstance(value, functools.partial):
            yield from (self.of(part, names) for part in (value.func, value.args, value.keywords))
        elif isinstance(value, type):
            yield _Held(value)
            yield from (self._members(base) for base in value.__mro__ if not _is_of_library(base))
        elif isinstance(value, dict):
            yield from ((self.of(name, names), self.of(item, names)) for name, item in value.items())
        elif isinstance(value, list | tuple | collections.deque):
            yield from (self.of(item, names) for item in value)
        elif isinstance(value, set | frozenset):
            yield frozenset(self.of(item, names) for item in value)
        else:
            yield from self._instance(value)

    def _function(self, function: types.FunctionType) -> Iterator[Any]:
        names = _names_in(function)
        yield function.__code__
        yield self.of(function.__defaults__, names)
        yield self.of(function.__kwdefaults__, names)
        yield self.of(function.__dict__, names)
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # a cell that is still empty
                yield "empty"
            else:
                yield self.of(content, names)
        for name in sorted(_globals_in(function.__code__) & function.__globals__.keys()):
            yield name, self.of(function.__globals__[name], names)

    def _members(self, cls: type) -> Any:
        """What the code of a class is made of."""
        return tuple(
            (name, self.of(_unwrapped(member), frozenset()))
            for name, member in vars(cls).items()
            if not name.startswith("__") or isinstance(_unwrapped(member), types.FunctionType)
        )

    def _instance(self, value: Any) -> Iterator[Any]:
        """An object by its class and its attributes."""
        yield self.of(type(value), frozenset())
        if dataclasses.is_dataclass(value):
            held = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
        elif hasattr(value, "__dict__"):
            held = vars(value)
        elif _is_of_library(type(value)):
            yield _Held(value)
            return
        else:
            raise _UnknownError
        yield from (
            (name, item if isinstance(item, _Held) else self.of(item, frozenset())) for name, item in held.items()
        )

    def _attributes(self, module: types.ModuleType, names: frozenset[str]) -> Iterator[Any]:
        """Those of a module that the code may name; of libraries only what is data."""
        for name in sorted(names & vars(module).keys()):
            item = vars(module)[name]
            if not (isinstance(item, types.ModuleType) or _is_of_library(item)):
                yield name, self.of(item, names)


def _array_key(value: Any) -> Any:
    if isinstance(value, jax.core.Tracer):
        return _HeldTracer(value)
    array = np.asarray(value)
    if array.dtype.hasobject:
        raise _UnknownError
    digest = hashlib.blake2b(np.ascontiguousarray(array).data).digest()
    return type(value), array.shape, str(array.dtype), getattr(value, "weak_type", False), digest


def _names_in(function: types.FunctionType) -> frozenset[str]:
    """All names that a function's code and the code in it use: of globals, and of attributes."""
    return _names_of_code(function.__code__)


@functools.lru_cache(maxsize=4096)
def _names_of_code(code: types.CodeType) -> frozenset[str]:
    nested = [_names_of_code(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return frozenset(code.co_names).union(*nested)


@functools.lru_cache(maxsize=4096)
def _globals_in(code: types.CodeType) -> frozenset[str]:
    """Those of the names that are globals: an attribute may be called as one is."""
    own = {one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return frozenset(own).union(*(_globals_in(one) for one in code.co_consts if isinstance(one, types.CodeType)))


def _unwrapped(member: Any) -> Any:
    """The function behind a static method, a class method or a property."""
    return getattr(member, "fget", None) or getattr(member, "__func__", member)


def _is_function(leaf: Any) -> bool:
    return callable(leaf) and not eqx.is_array_like(leaf)


def _is_of_library(value: Any) -> bool:
    """Whether a function, class or instance is that of an installed package or of Python: these do not change."""
    kind = value if isinstance(value, type | types.FunctionType) else type(value)
    if kind in (dict, list, tuple, set, frozenset, types.FunctionType, types.MethodType, functools.partial):
        return False
    if isinstance(value, types.BuiltinFunctionType | np.ufunc):
        return True
    package = (getattr(kind, "__module__", None) or "").partition(".")[0]
    if isinstance(kind, types.FunctionType) or isinstance(value, type):
        return package == _PACKAGE or _is_installed(package)
    # of other libraries' objects the attributes count: a solution, an interpolant, a module of Equinox
    plain = isinstance(value, types.SimpleNamespace | dict | collections.deque)
    return isinstance(value, jax.stages.Wrapped) or (package in sys.stdlib_module_names and not plain)


@functools.cache
def _is_installed(package: str) -> bool:
    """Whether a package is Python's own or lies where packages are installed."""
    if package in sys.stdlib_module_names or package == "builtins":
        return package != "__main__"
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    return file.startswith((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
