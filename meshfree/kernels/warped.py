"""Kernels on points that are mapped first."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..internal.expected import Kind, expects
from .kernel import Kernel, Leaf, Wrapped, one_floating_type


def _map(value: Any) -> Any:
    if callable(value):
        return value
    matrix = value if isinstance(value, jax.core.Tracer) else np.asarray(value)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise TypeError
    return matrix if isinstance(matrix, jax.core.Tracer) else matrix.astype(np.float64)


_MODULE = Kind("a function of one point, (d,) -> (q,), or a matrix (q, d),", _map)


class Warped(Wrapped):
    """k(m(x), m(y)) for a map m: an Equinox module, any other function of one point, (d,) -> (q,), or a matrix (q, d).

    A trainable change of coordinates: a matrix turns and stretches, a network learns where a solution is steep
    (Wilson, Hu, Salakhutdinov & Xing, Deep kernel learning, AISTATS 19 (2016)). All floating leaves of m are the
    kernel's, and are moved by `tune` as they are; a positive definite kernel stays so where m sends different points to
    different ones. Derivatives are as many as those of the kernel where m is smooth, which nobody looks at: use smooth
    activations, `jax.nn.tanh` and not `jax.nn.relu`.

    A solution with it can be saved where m is a matrix, or a module of a class of meshfree's. Raises ValueError where m
    has other values.
    """

    module: Any  # Callable | Float[Leaf, "q d"]

    @expects(kernel=Kernel, module=_MODULE)
    def __init__(self, kernel: Kernel, module: Callable | ArrayLike):
        if kernel.is_open:
            raise ValueError(
                "frequency='auto' is found in the coordinates of the problem, and not in those that a Warped kernel "
                "maps to: give numbers"
            )
        self.kernel, self.module = kernel, module

    @property
    def support(self):
        return math.inf  # in the coordinates of the problem it is not known

    @property
    def reach(self):
        return math.inf  # neither is this

    @property
    def tail(self):
        return -1 if self.kernel.tail == -1 else None

    @property
    def scalable(self):
        return False

    def eval(self, x, y):
        x, y = one_floating_type(x, y)

        def in_type_of_points(leaf):  # a network may have been made in single precision
            is_float = eqx.is_array_like(leaf) and jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
            return jnp.asarray(leaf, x.dtype) if is_float else leaf

        module = jax.tree.map(in_type_of_points, self.module)
        return self.kernel.eval(_mapped(module, x), _mapped(module, y))


def _mapped(module: Callable | Leaf, x: Float[Array, " d"]) -> Float[Array, " q"]:
    if callable(module):
        found = jnp.asarray(module(x))
        if found.ndim != 1:
            raise ValueError(f"the map of a Warped kernel must return a point (q,); it returns shape {found.shape}")
        return found
    if module.shape[1] != x.size:
        raise ValueError(
            f"the matrix of a Warped kernel has {module.shape[1]} columns, and the points have {x.size} coordinates"
        )
    return jnp.asarray(module) @ x
