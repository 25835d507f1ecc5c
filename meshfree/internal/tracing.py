"""What JAX is doing with a value: whether it is traced, whose array it is, and how to keep derivatives out of it."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

AnyArray = np.ndarray | jax.Array  # NumPy's where the numbers are known on the host
Scalar = Any  # a float or bool, or an array () of either library


def is_traced(*trees: Any) -> bool:
    """Whether any leaf is traced by JAX (under jit, vmap or grad), so that its value is not known yet."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(trees))


def at_once() -> AbstractContextManager:
    """Where something is traced: what is known is computed now all the same, and not when the program runs."""
    tracing = is_traced(jax.device_put(np.zeros(())))  # as everything that JAX makes then is
    return jax.ensure_compile_time_eval() if tracing else contextlib.nullcontext()


def as_jax(array: Any) -> jax.Array:
    """The array, known or traced, as JAX's own. `jnp.asarray` does the same, and compiles a program for every shape."""
    return jax.device_put(np.asarray(array)) if not isinstance(array, jax.Array) else array


def without_derivative(tree: Any) -> Any:
    """The same tree, held constant in every derivative: its floating leaves pass through `stop_gradient`."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf, tree)


def module_of(*arrays: Any) -> ModuleType:
    """numpy where all the arrays are NumPy's, jax.numpy where one is JAX's."""
    return jnp if any(isinstance(array, jax.Array) for array in arrays) else np
