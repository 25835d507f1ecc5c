"""Linear functionals of second order at two points, applied to a kernel's two arguments.

Every scalar residual of second order, linearised at a point, is such a functional. f_x g_y k is the covariance of two
of them under the Gaussian process of kernel k: an entry of the matrix of symmetric collocation (Fasshauer, Meshfree
approximation methods with Matlab, 2007, chapter 38).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Functional(NamedTuple):
    """f(u) = c u + b·∇u + H:∇²u at a point, H symmetric; None for a part that is zero beforehand."""

    value: Any  # c, ()
    slope: Any = None  # b, (d,)
    bend: Any = None  # H, (d, d)

    @property
    def order(self) -> int:
        """Of its highest derivative."""
        return 0 if self.slope is None else 1 if self.bend is None else 2

    def of(self, u: Callable, x: Float[Array, " d"]) -> Float[Array, ""]:
        """f(u) at x by automatic differentiation."""
        found = self.value * u(x)
        if self.slope is not None:
            found = found + jax.jvp(u, (x,), (self.slope,))[1]
        if self.bend is not None:
            found = found + jnp.sum(self.bend * jax.hessian(u)(x))
        return found
