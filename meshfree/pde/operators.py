"""Differential operators: plain functions from functions to functions.

`laplacian(u)` is again a function of one point, so operators compose: `laplacian(laplacian(u))`. A field u maps a
point (d,) to a scalar () or a vector (f,); vectors are differentiated component by component. Derivatives are those at
the point: `divergence` of a flux whose coefficient jumps does not see the jump (`problems/interface.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..internal.expected import FIELD, NUMBERS, came, expects

Field = Callable[[Float[Array, " d"]], Float[Array, "..."]]
_DIRECTION = NUMBERS._replace(phrase="an axis (an integer) or a vector (d,)")


@runtime_checkable
class HasLaplacian(Protocol):
    """A field that knows its Laplacian in closed form: `laplacian(u)` takes it, whoever wrote the residual."""

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "..."]:
        """Δu at one point."""


@expects(u=FIELD, direction=_DIRECTION)
def derivative(u: Field, direction: int | ArrayLike) -> Field:
    """∂u/∂v = v·∇u along an axis (an integer) or a vector v (d,), not normalised: of the shape of u(x).

    Raises ValueError for an axis or a vector that does not fit the point.
    """

    def derived(x):
        x = _point(x, "derivative")
        return jax.jvp(u, (x,), (_direction(direction, x),))[1]

    return derived


@expects(u=FIELD)
def gradient(u: Field) -> Field:
    """∇u: (d,) for a scalar field; the Jacobian (f, d) for a vector field. ValueError where it is given many points."""
    return lambda x: jax.jacfwd(u)(_point(x, "gradient"))


@expects(u=FIELD)
def jacobian(u: Field) -> Field:
    """The matrix ∂uᵢ/∂xⱼ: (f, d) for a vector field; the gradient (d,) for a scalar one. Raises as `gradient`."""
    return lambda x: jax.jacfwd(u)(_point(x, "jacobian"))


@expects(u=FIELD)
def hessian(u: Field) -> Field:
    """The second derivatives ∂²u/∂xᵢ∂xⱼ: (d, d), or (f, d, d) for a vector field. Raises as `gradient`."""
    return lambda x: jax.jacfwd(jax.jacfwd(u))(_point(x, "hessian"))


@expects(u=FIELD)
def laplacian(u: Field) -> Field:
    """Δu = Σᵢ ∂²u/∂xᵢ²: of the shape of u(x), component by component.

    In units of u over length². Raises ValueError where it is given many points, and for a u of a kernel that has fewer
    continuous derivatives.
    """
    if isinstance(u, HasLaplacian):
        return lambda x: u.laplacian(_point(x, "laplacian"))

    def derived(x):
        x = _point(x, "laplacian")

        def second(v):
            return jax.jvp(lambda y: jax.jvp(u, (y,), (v,))[1], (x,), (v,))[1]

        return jnp.sum(jax.vmap(second)(jnp.eye(x.size, dtype=x.dtype)), axis=0)

    return derived


@expects(u=FIELD)
def biharmonic(u: Field) -> Field:
    """Δ²u = Δ(Δu): of the shape of u(x). Raises as `laplacian`, for derivatives of fourth order."""
    return laplacian(laplacian(u))


@expects(F=FIELD)
def divergence(F: Field) -> Field:
    """∇·F = Σᵢ ∂Fᵢ/∂xᵢ: () for a vector field of as many components as the space has dimensions.

    Raises ValueError for any other field.
    """

    def derived(x):
        x = _point(x, "divergence")
        matrix = jax.jacfwd(F)(x)
        if matrix.shape != (x.size, x.size):
            raise ValueError(
                f"divergence takes a vector field of shape ({x.size},) at a point of shape ({x.size},); "
                f"got one of shape {matrix.shape[:-1]}"
            )
        return jnp.trace(matrix)

    return derived


def _point(x: ArrayLike, operator: str) -> Float[Array, " d"]:
    if callable(x):
        raise TypeError(
            f"{operator}(u) is a function of one point; got {came(x)}. The operator is mf.{operator} itself"
        )
    x = jnp.asarray(x)
    if x.ndim != 1:
        raise ValueError(
            f"{operator}(u) is a function of one point of shape (d,); got shape {x.shape}. "
            f"For many points: jax.vmap({operator}(u))(X)"
        )
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)


def _direction(direction: int | ArrayLike, x: Float[Array, " d"]) -> Float[Array, " d"]:
    if isinstance(direction, (int, np.integer)):
        if not 0 <= direction < x.size:
            raise ValueError(f"axis {direction} of a point with {x.size} coordinates; axes are 0 to {x.size - 1}")
        return jnp.zeros_like(x).at[direction].set(1)
    direction = jnp.asarray(direction, dtype=x.dtype)
    if direction.shape != x.shape:
        raise ValueError(f"direction must be an axis or a vector of shape {x.shape}; got shape {direction.shape}")
    return direction
