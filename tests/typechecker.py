"""What checks the signatures of meshfree under pytest: beartype, with an int where a float is asked for (PEP 484).

ArrayLike, which refuses next to nothing, takes more time than all others and is left out.

jaxtyping's own decorator binds the arguments of every call and checks them twice, and makes two functions and a
signature of each function beforehand, of those inside others again at every call: two thirds of the time where many
small functions are called, as along a branch of solutions.
`jaxtyped` stands in for it. Functions without annotations stay as they are; others are made when they are first
called, check each argument once, and sizes as jaxtyping does: a letter stands for one size in a call.
"""

import dataclasses
import functools
import inspect
import types
from typing import Any

import jaxtyping
from beartype import BeartypeConf, FrozenDict, beartype
from numpy.typing import ArrayLike

typechecker = beartype(
    conf=BeartypeConf(
        is_pep484_tower=True, hint_overrides=FrozenDict({ArrayLike: object}), violation_type=jaxtyping.TypeCheckError
    )
)
_original = jaxtyping.jaxtyped


def install() -> None:
    """Have jaxtyping's import hook put this decorator where it would put its own; before meshfree is imported."""
    jaxtyping.jaxtyped = jaxtyped


def jaxtyped(fn=None, **_):
    """`jaxtyping.jaxtyped` of a function or a class, with the checker of this file, which is the one it is given."""
    if fn is None:
        return jaxtyped
    if isinstance(fn, type):
        if dataclasses.is_dataclass(fn) and getattr(fn.__init__, "__globals__", None) is not globals():
            fn.__init__ = jaxtyped(fn.__init__)
        return fn
    if not isinstance(fn, types.FunctionType) or inspect.isgeneratorfunction(fn):
        return _original(fn, typechecker=typechecker)
    return _checked(fn) if fn.__annotations__ else fn


def _checked(fn):
    # Now: a class that is still being made, or is imported for types alone, is not known and not checked.
    hints = {name: _type(hint, fn.__globals__) for name, hint in fn.__annotations__.items()}
    checked = None

    @functools.wraps(fn)
    def wrapped(*args, **kwargs):
        nonlocal checked
        if checked is None:
            checked = typechecker(_annotated(fn, hints))
        with _original("context"):
            try:
                return checked(*args, **kwargs)
            except jaxtyping.TypeCheckError:
                jaxtyping.print_bindings()
                raise

    return wrapped


def _type(hint, names):
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, names)
    except Exception:
        return Any


def _annotated(fn, hints):
    copy = types.FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)
    copy.__kwdefaults__, copy.__qualname__, copy.__module__ = fn.__kwdefaults__, fn.__qualname__, fn.__module__
    copy.__annotations__ = hints
    return copy
