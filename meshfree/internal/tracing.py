"""What JAX is doing with a value: whether it is traced, and how to keep derivatives out of it."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax


def is_traced(*trees: Any) -> bool:
    """Whether any leaf is traced by JAX (under jit, vmap or grad), so that its value is not known yet."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(trees))


def without_derivative(tree: Any) -> Any:
    """The same tree, held constant in every derivative: its floating leaves pass through `stop_gradient`."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf, tree)
