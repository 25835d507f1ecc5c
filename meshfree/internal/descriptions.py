"""Our own objects as JSON and named arrays, and back, bit for bit. No pickle.

An array is kept under its path in the object, everything else in a description that refers to it:

    {"class": "meshfree:Gaussian", "fields": {"raw_scale": {"array": "space.kernel.raw_scale"}}}

Restoring runs no code that a description names: the classes are meshfree's, or derived from them in the program that
reads, and their `__init__` is not called. What comes back is checked: the fields by their annotations, a frozen
dataclass of meshfree by the `__post_init__` that it had, others by a method `check_restored` where they have one.
"""

import contextlib
import dataclasses
import inspect
import json
import math
import reprlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .field_types import annotations_of, fits
from .plain import Text

_PACKAGE = __name__.partition(".")[0]

# Modules whose classes files of earlier versions name -> where these stand now.
_MOVED = {"meshfree.regions": "meshfree.geometry", "meshfree.motions": "meshfree.geometry"}


# Metadata of a field: the value that it has in objects of files from before it was there.
IN_OLDER_FILES = "in older files"


class Describer:
    """Describes values, and collects their arrays by name; an array that occurs twice is kept once."""

    def __init__(self, reserved: Iterable[str] = ()):
        self.arrays: dict[str, np.ndarray] = {}
        self._reserved = set(reserved)
        self._names: dict[int, str] = {}
        self._alive: list[Any] = []  # an id is taken only as long as its object lives

    def describe(self, value: Any, where: str = "") -> Any:
        """`value` as JSON; `where` is its path. TypeError, naming the path, for what cannot be described."""
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, Text):
            return str(value)
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, np.ndarray | np.generic | jax.Array):
            return {_array_kind(value): self._stored(value, where)}
        if type(value) in (tuple, list):
            return {type(value).__name__: [self.describe(item, _join(where, i)) for i, item in enumerate(value)]}
        if isinstance(value, Mapping) and all(type(key) is str for key in value):
            return {"dict": {key: self.describe(item, _join(where, key)) for key, item in value.items()}}
        if dataclasses.is_dataclass(type(value)) and _is_ours(type(value)):
            names = [field.name for field in dataclasses.fields(value)]
            fields = {name: self.describe(getattr(value, name), _join(where, name)) for name in names}
            return {"class": _name_of(type(value), where), "fields": fields}
        raise _refusal(
            where,
            f"{value!r} is a {type(value).__name__}. A file holds arrays, numbers, strings, None, meshfree's own "
            "classes and subclasses of them, and tuples, lists and mappings (from strings) of these",
        )

    def _stored(self, value: Any, where: str) -> str:
        """The name of the array in `arrays`: its path, made distinct."""
        if id(value) in self._names:
            return self._names[id(value)]
        if isinstance(value, jax.core.Tracer):
            raise _refusal(where, "it is being traced by JAX; save outside jit, grad and vmap")
        if getattr(value.dtype, "kind", None) not in tuple("biufc"):
            raise _refusal(where, f"it is an array of {value.dtype}; a file holds plain numbers")
        name = where or "array"
        while name in self.arrays or name in self._reserved:
            name += "_"
        self.arrays[name] = np.asarray(value)
        self._names[id(value)] = name
        self._alive.append(value)
        return name


class Restorer:
    """Makes values again from their descriptions and arrays; `used` names the arrays it took."""

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self.used: set[str] = set()
        self._arrays = arrays
        self._on_device: dict[str, Any] = {}

    def restore(self, described: Any) -> Any:
        """The value described; ValueError for a damaged description and for a class that is not there."""
        if described is None or isinstance(described, bool | int | float | str):
            return described
        match described:
            case {"array": str(name)}:
                return self._array(name)
            case {"jax": str(name)}:
                return self._jax_array(name)
            case {"scalar": str(name)}:
                return self._array(name)[()]
            case {"float": str(text)}:
                return float(text)
            case {"tuple": list(items)}:
                return tuple(self.restore(item) for item in items)
            case {"list": list(items)}:
                return [self.restore(item) for item in items]
            case {"dict": dict(items)}:
                return {key: self.restore(item) for key, item in items.items()}
            case {"class": str(name), "fields": dict(fields)}:
                return self._instance(_class_named(name), fields)
        raise ValueError(f"the description is damaged at {json.dumps(described)[:60]}")

    def _array(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            raise ValueError(f"the array {name!r} is missing; there are: {names(self._arrays)}")
        self.used.add(name)
        array = self._arrays[name]
        if array.dtype.kind not in "biufc":
            raise ValueError(f"the array {name!r} is of {array.dtype}; expected numbers")
        return array

    def _jax_array(self, name: str) -> Any:
        """As JAX array; as NumPy array where JAX, without x64, would cut it to single precision."""
        array = self._array(name)
        if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
            return array
        return self._on_device.setdefault(name, jnp.asarray(array))

    def _instance(self, cls: type, fields: dict[str, Any]) -> Any:
        """An instance with these fields and no call of `__init__`, as Equinox unflattens a module."""
        declared = dataclasses.fields(cls)
        added = {field.name: field.metadata[IN_OLDER_FILES] for field in declared if IN_OLDER_FILES in field.metadata}
        expected = [field.name for field in declared]
        if set(added | fields) != set(expected):
            raise ValueError(
                f"{cls.__name__} has the fields {names(expected)}, and the file has {names(fields)}: it was written "
                "by another version of meshfree"
            )
        instance: Any = object.__new__(cls)
        for name in set(added) - set(fields):
            object.__setattr__(instance, name, added[name])
        annotations = annotations_of(cls) if _stands_in_meshfree(cls) else {}
        for name, described in fields.items():
            value = self.restore(described)
            if name in annotations and not fits(value, annotations[name]):
                raise ValueError(
                    f"the field {name} of a {cls.__name__} is {_shown(value)}; expected {_expected(annotations[name])}"
                )
            object.__setattr__(instance, name, value)
        _check(instance)
        return instance


def _check(instance: Any) -> None:
    """What the class itself has to say about its fields; its exceptions are of any kind."""
    if _stands_in_meshfree(type(instance)) and hasattr(type(instance), "__post_init__"):
        dataclasses.replace(instance)
    if hasattr(type(instance), "check_restored"):
        instance.check_restored()


def _stands_in_meshfree(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == _PACKAGE


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return f"an array of {value.dtype} of shape {np.shape(value)}"
    return f"{type(value).__name__} {reprlib.repr(value)}"


def _expected(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def names(of: Iterable[str]) -> str:
    """A set of names as messages print it."""
    return ", ".join(sorted(of)) or "none"


def _array_kind(value: Any) -> str:
    if isinstance(value, jax.Array):
        return "jax"
    return "array" if isinstance(value, np.ndarray) else "scalar"


def _join(where: str, name: Any) -> str:
    return f"{where}.{name}" if where else str(name)


def _refusal(where: str, why: str) -> TypeError:
    return TypeError(f"{where or 'the object'} cannot be saved: {why}")


# ------------------------------------------------------------------------------------------------ classes by name


def _is_ours(cls: type) -> bool:
    """Whether the class, or one that it derives from, is meshfree's."""
    return any(base.__module__.partition(".")[0] == _PACKAGE for base in cls.__mro__)


def _name_of(cls: type, where: str) -> str:
    """`package:Class`, the package as short as it goes: where in meshfree a class stands may change."""
    parts = cls.__module__.split(".")
    for package in (".".join(parts[:count]) for count in range(1, len(parts) + 1)):
        if _found(package, cls.__qualname__) is cls:
            return f"{package}:{cls.__qualname__}"
    raise _refusal(where, f"its class {cls.__qualname__} must stand at the top level of a module, not in a function")


def _class_named(name: str) -> type:
    module, _, path = name.partition(":")
    cls = _found(_MOVED.get(module, module), path)
    if cls is None:
        raise ValueError(f"it holds a {path}, a class of {module!r} that this program does not have: import it first")
    written = isinstance(cls, type) and dataclasses.is_dataclass(cls) and _is_ours(cls)
    if not written or inspect.isabstract(cls):
        raise ValueError(f"it names {name}, which is not a class that meshfree writes")
    return cls


def _found(module: str, path: str) -> Any:
    """What stands under a dotted path in a module that is imported already, or None."""
    found: Any = sys.modules.get(module)
    with contextlib.suppress(AttributeError):
        for name in path.split("."):
            found = getattr(found, name)
        return found
    return None
