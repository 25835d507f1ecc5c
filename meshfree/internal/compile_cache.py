"""Compiled programs: the folder that keeps them, and JAX's own, let go before they take all memory of a process."""

import contextlib
import ctypes
import functools
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

_PROGRAM = "/jax/core/compile/backend_compile_duration"  # the event of one more program
_COMPILING = {_PROGRAM, "/jax/core/compile/jaxpr_trace_duration", "/jax/core/compile/jaxpr_to_mlir_module_duration"}
_OFTEN = 100  # programs, of some 40 maps each, before the maps are counted again
_SHARE = 0.5  # of the maps that a process may have


def cache_folder(name: str) -> Path:
    """Where compiled programs of one kind are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshfree" / name


def release_programs() -> None:
    """Clear JAX's caches where compiled programs take half of the memory maps that a process may have.

    JAX keeps every program, and what it needs next it compiles again. Without this LLVM stops the process with a
    segmentation fault at vm.max_map_count, 65 530 by default: after some seventy solves of different problems.
    """
    counted = _counted()
    if counted["programs"] >= _OFTEN:
        counted["programs"] = 0
        used, most = _memory_maps()
        if used > _SHARE * most:
            jax.clear_caches()


class Few:
    """A compiled function with as many programs as a process meets problems: beyond `most` all are let go together.

    Each takes some 5 MB, and JAX keeps them for good. `function(arrays, static)`: a pytree of arrays, and all else.
    """

    def __init__(self, function: Callable[[Any, Any], Any], most: int):
        self._jitted = jax.jit(lambda arrays, static: function(arrays, static.tree), static_argnums=1)
        self.most = most
        self._met: set[int] = set()
        self._in_turn = threading.Lock()

    def __call__(self, tree: Any) -> Any:
        arrays, rest = eqx.partition(tree, lambda leaf: eqx.is_array(leaf) or isinstance(leaf, np.ndarray))
        return self._called(arrays, _Static(rest))

    def for_many(self, tree: Any) -> Callable[[dict[str, Any]], Any]:
        """The same of a mapping that is completed, by arrays only, at each of many calls: what it is a key of is found
        once.
        """
        arrays, rest = eqx.partition(tree, lambda leaf: eqx.is_array(leaf) or isinstance(leaf, np.ndarray))
        met = dict[Any, _Static]()

        def call(more: dict[str, Any]) -> Any:
            structure = jax.tree.structure(more)
            if structure not in met:
                met[structure] = _Static(rest | jax.tree.map(lambda _: None, more))
            return self._called(arrays | more, met[structure])

        return call

    def _called(self, arrays: Any, static: Any) -> Any:
        shapes = tuple([(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(arrays)])
        with self._in_turn:
            self._met.add(hash((static, shapes)))
            if len(self._met) > self.most:
                self._jitted.clear_cache()  # type: ignore[attr-defined]  # that of a jitted function
                _return_memory()
                self._met.clear()
        return self._jitted(arrays, static)


class _Static:
    """A pytree without arrays as a key."""

    def __init__(self, tree: Any):
        leaves, structure = jax.tree.flatten(tree)
        self.tree, self._key = tree, (structure, tuple(leaves))
        self._hash = hash(self._key)  # once, as JAX asks for it at each call

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Static) and self._key == other._key)

    def __hash__(self) -> int:
        return self._hash


def _return_memory() -> None:
    """Give back to the system what was freed: glibc keeps it."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def compiling_seconds() -> float:
    """How long programs have been traced and compiled in this process, from the first call on."""
    return _counted()["seconds"]


@functools.cache
def _counted() -> Counter:
    """The `programs` that were compiled and the `seconds` that they took, from the first call on."""
    counted: Counter = Counter()

    def count(event: str, duration_secs: float, **_) -> None:
        counted["programs"] += event == _PROGRAM
        if event in _COMPILING:
            counted["seconds"] += duration_secs  # type: ignore[assignment]

    jax.monitoring.register_event_duration_secs_listener(count)
    return counted


def _memory_maps() -> tuple[int, float]:
    """How many this process has and may have; elsewhere than on Linux, none and any number."""
    try:
        most = Path("/proc/sys/vm/max_map_count").read_text()
        return Path("/proc/self/maps").read_bytes().count(b"\n"), int(most)
    except OSError:
        return 0, float("inf")
