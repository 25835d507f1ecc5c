"""What was found of a function, found again by the key of the function: its code, and all that it reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax

KEPT = 512

# no OrderedDict: keys are read anew at the end of a call, and of two that become equal it loses one
_found: dict[Any, Any] = {}
_lock = threading.Lock()


def remembered(compute: Callable, function: Any, *rest: Any) -> Any:
    """`compute(function, *rest)`, computed once for all equal functions, arrays in them by shape and type only.

    `function`: watched (`internal.watched.watch`); `rest`: hashable.
    """
    leaves, structure = jax.tree.flatten(function)
    kinds = [(leaf.shape, str(leaf.dtype)) if eqx.is_array(leaf) else leaf for leaf in leaves]
    key = compute, structure, tuple(kinds), rest
    with _lock:
        if key in _found:
            value = _found[key] = _found.pop(key)  # the last one again
            return value
    value = compute(function, *rest)
    with _lock:
        _found[key] = value
        while len(_found) > KEPT:
            _found.pop(next(iter(_found)))
    return value
