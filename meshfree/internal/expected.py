"""The arguments of public functions, checked by kind before any work: an error says what came, what is expected, and
whether two were swapped.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import os
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, ParamSpec, TypeVar, get_args

import jax
import numpy as np

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


class Kind(NamedTuple):
    """What an argument is, in words, and a function that reads it: it raises TypeError or ValueError, whose text is not
    shown, for what it is not.
    """

    phrase: str
    read: Callable[[Any], Any]
    anywhere: bool = True  # whether other arguments are of the kind by chance, as numbers and paths are


Expected = type | types.UnionType | Kind

_MADE_BY = {  # classes by their names, as they stand in higher rooms
    "Problem": "mf.Problem(domain, interior=...)",
    "Space": "mf.Collocation(kernel, cloud), mf.Eigenbasis(kernel, cloud) or mf.Stencils(None, cloud)",
    "Cloud": "domain.cloud(spacing=0.1)",
    "Kernel": "mf.Matern(2.5)",
    "Gaussian": "mf.Gaussian(1.0)",
    "Solution": "what mf.solve or mf.interpolate returns",
    "GradientTransformation": "optax.adam(0.05)",
}

_MORE_THAN_ASKED = {  # classes of several solutions, of which one is to be chosen
    "Trajectory": "u.at(t), the solution at one time, or u.final",
    "Modes": "one of its modes, as modes[0]",
    "Branch": "one of its solutions, as branch[0]",
}


def expects(**kinds: Expected) -> Callable[[Callable[_Given, _Made]], Callable[_Given, _Made]]:
    """A decorator: the arguments of these names are of these kinds, instances of a class or a `Kind`.

    An argument whose default is None may be None. TypeError for one of another kind, a missing or an unknown one;
    ValueError for a number that is none of its kind.
    """

    def decorated(function: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
        signature = inspect.signature(function)
        call = _call(function.__qualname__, signature)
        on_instances = "self" in signature.parameters

        @functools.wraps(function)
        def checked(*given: _Given.args, **named: _Given.kwargs) -> _Made:
            if on_instances and not (given and hasattr(given[0], function.__name__)):
                raise TypeError(
                    f"{function.__qualname__} was called on the class: call it on an instance, as in "
                    "mf.Box().cloud(0.1) for mf.Box.cloud(0.1)"
                )
            try:
                bound = signature.bind(*given, **named)
            except TypeError as error:
                raise TypeError(f"{call}: {_unbound(str(error), signature, kinds, given, named)}") from None
            arguments = bound.arguments
            for name, kind in kinds.items():
                if name not in arguments or (arguments[name] is None and signature.parameters[name].default is None):
                    continue
                try:
                    arguments[name] = _read(kind, arguments[name])
                except (TypeError, ValueError) as error:
                    raise type(error)(f"{call} {_mismatch(name, kinds, arguments)}") from None
            return function(*bound.args, **bound.kwargs)

        checked.__signature__ = signature  # type: ignore[attr-defined]  # what `follow_wrapped=False` shows too
        return checked

    return decorated


# ------------------------------------------------------------------------------------------------------------- kinds


def _integer(value: Any) -> int:
    if isinstance(value, str | bytes | bool) or np.ndim(value) != 0:
        raise TypeError
    if not (math.isfinite(value) and int(value) == value):
        raise ValueError
    return int(value)


def _function(value: Any) -> Any:
    if not callable(value):
        raise TypeError
    return value


def _of_a_point(value: Any) -> Any:
    try:
        signature = inspect.signature(_function(value), follow_wrapped=False)
    except ValueError:
        return value  # of a function that is not written in Python it is not known
    signature.bind(None)
    return value


def _of_a_point_in_time(value: Any) -> Any:
    try:
        return _of_a_point(value)
    except TypeError:
        inspect.signature(_function(value), follow_wrapped=False).bind(None, None)
        return value


def _number(value: Any) -> Any:
    if not isinstance(value, jax.core.Tracer):
        if isinstance(value, str | bytes):
            raise TypeError
        float(value)
    return value


def _numbers(value: Any) -> Any:
    """Numbers in any form but text; their type and shape are looked at where they are used."""
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(value))
    if not traced and np.asarray(value).dtype.kind not in "biufc":
        raise TypeError
    return value


def _data(value: Any) -> Any:
    return _of_a_point(value) if callable(value) else _numbers(value)


def _data_in_time(value: Any) -> Any:
    return _of_a_point_in_time(value) if callable(value) else _numbers(value)


def _seed(value: Any) -> Any:
    np.random.default_rng(value)
    return value


def _devices(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        if not all(isinstance(one, jax.Device) for one in value):
            raise TypeError
        return list(value)
    return _integer(value)


INTEGER = Kind("an integer", _integer)
DEVICES = Kind("an integer or a list of JAX's devices", _devices, anywhere=False)
FUNCTION = Kind("a function", _function, anywhere=False)
OF_A_POINT = Kind("a function of x", _of_a_point, anywhere=False)
OF_A_POINT_IN_TIME = OF_A_POINT._replace(read=_of_a_point_in_time)
FIELD = Kind("a function of x, u itself and not u(x),", _function, anywhere=False)
NUMBER = Kind("a number", _number)
NUMBERS = Kind("a number or an array of numbers", _numbers)
DATA = Kind("a number, a vector (fields,) or a function of x", _data)
DATA_IN_TIME = DATA._replace(read=_data_in_time)
SEED = Kind("an integer of at least 0", _seed)
PATH = Kind("the path of a file", os.fspath)


# -------------------------------------------------------------------------------------------------------------- texts


def came(value: Any) -> str:
    """A value in the words of an error: its class, and itself where it is short."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    if value is None or isinstance(value, str | bytes | bool | int | float | complex | np.generic):
        shown = repr(value)
        return shown if len(shown) < 60 else f"{shown[:56]}..."
    if isinstance(value, types.FunctionType):
        names = ", ".join(inspect.signature(value, follow_wrapped=False).parameters)
        return f"the function {value.__name__}({names if len(names) < 30 else '...'})"
    kind = type(value).__name__
    shape = f" of shape {np.shape(value)}" if isinstance(value, np.ndarray | jax.Array) else ""
    return f"{'an' if kind[0] in 'AEIO' else 'a'} {kind}{shape}"


def _mismatch(name: str, kinds: Mapping[str, Expected], given: Mapping[str, Any]) -> str:
    """The text for an argument that is none of its kind."""
    value, kind = given[name], kinds[name]
    text = f"needs {_phrase(kind)} as {name}; got {came(value)}"
    if isinstance(value, type):
        return f"{text}: write {value.__name__}(...)"
    if type(value).__name__ in _MORE_THAN_ASKED:
        return f"{text}: give {_MORE_THAN_ASKED[type(value).__name__]}"
    other = _misplaced(kind, {word: one for word, one in given.items() if word != name}, kinds)
    if other is None:
        return text + _made_by(kind)
    swapped = kinds.get(other) is None or _fits(kinds[other], value)
    return f"{text}, and {came(given[other])} as {other}: " + (
        "are the two swapped?" if swapped else "look at their order"
    )


def _unbound(reason: str, signature: inspect.Signature, kinds: Mapping[str, Expected], given, named) -> str:
    """The text for an argument that is missing or unknown."""
    unknown = next((word for word in named if word not in signature.parameters), None)
    if unknown is not None and "unexpected" in reason:
        there = [word for word in signature.parameters if word not in ("self", "cls")]
        near = difflib.get_close_matches(unknown, there, 1)
        return f"no argument is named {unknown}; " + (f"{near[0]}=?" if near else f"there are {', '.join(there)}")
    by_name = [f"{name}=" for name, one in signature.parameters.items() if one.kind is one.KEYWORD_ONLY]
    if "too many" in reason and by_name:
        return f"{reason}; by name are given {', '.join(by_name)}"
    try:
        bound = signature.bind_partial(*given, **named).arguments
    except TypeError:
        return reason
    name = next((word for word in kinds if f"'{word}'" in reason), None)
    if name is None:
        return reason
    text = f"{reason}; expected {_phrase(kinds[name])}"
    other = _misplaced(kinds[name], bound, kinds)
    if other is None:
        return text + _made_by(kinds[name])
    return f"{text}, and got {came(bound[other])} as {other}"


def _misplaced(kind: Expected, given: Mapping[str, Any], kinds: Mapping[str, Expected]) -> str | None:
    """The name of a given argument, the instance itself apart, that is of the kind, and not of its own."""
    if isinstance(kind, Kind) and kind.anywhere:
        return None
    fitting = (name for name, value in given.items() if value is not None and name != "self" and _fits(kind, value))
    return next((name for name in fitting if not _fits(kinds.get(name), given[name])), None)


def _read(kind: Expected, value: Any) -> Any:
    if isinstance(kind, Kind):
        return kind.read(value)
    if not isinstance(value, kind):
        raise TypeError
    return value


def _fits(kind: Expected | None, value: Any) -> bool:
    if kind is None:
        return False
    try:
        _read(kind, value)
    except (TypeError, ValueError):
        return False
    return True


def _phrase(kind: Expected) -> str:
    if isinstance(kind, Kind):
        return kind.phrase
    names = [one.__name__ for one in get_args(kind) or (kind,) if one is not types.NoneType]
    optional = " or None" * (types.NoneType in get_args(kind))
    return f"{'an' if names[0][0] in 'AEIO' else 'a'} {' or '.join(names)}{optional}"


def _made_by(kind: Expected) -> str:
    """How to come by what is expected, where that is known."""
    if isinstance(kind, Kind):
        return ""
    name = (get_args(kind) or (kind,))[0].__name__
    return f": {_MADE_BY[name]}" if name in _MADE_BY else ""


def _call(qualified: str, signature: inspect.Signature) -> str:
    """`solve(problem, space)`: a call with the arguments that have no default."""
    words = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty
        and name not in ("self", "cls")
        and parameter.kind < parameter.VAR_KEYWORD
    ]
    name = qualified.removesuffix(".__init__").rpartition(".")[2]
    return f"{name}({', '.join(words)})"
