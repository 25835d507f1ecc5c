"""Interpolation, and the matrices of any linear operator in a space."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from .linalg import check_memory
from .newton import require_double, solution_of
from .operators import Field
from .rows import mapped
from .solution import Solution
from .spaces import Space


class Interpolation(eqx.Module):
    """The equations u(xᵢ) = fᵢ at the points of a space's cloud, in the form that `solve` takes."""

    space: Space
    values: Float[Array, "m *f"]

    def residual(self, coefficients):
        return self.linearised(coefficients)[0]

    def linearised(self, coefficients):
        matrix = jnp.concatenate([_rows(self.space, identity, self.space.cloud.points), self.space.side_conditions()])
        residual = (matrix @ coefficients).at[: len(self.values)].add(-self.values)
        if coefficients.ndim == 2:
            matrix = jnp.kron(matrix, jnp.eye(coefficients.shape[1]))
        return residual.reshape(-1), matrix

    def is_affine(self, coefficients) -> bool:
        return True

    def typical_size(self, coefficients):
        return jnp.ones(())

    def per_part(self, residual):
        at_points = residual[: self.values.size]
        return {"values": jnp.sqrt(jnp.mean(at_points**2))}


def interpolate(f: Callable | ArrayLike, space: Space, *, solver: str = "auto") -> Solution:
    """The function of `space` that takes the values of f at its cloud's points, or comes nearest in least squares.

    f: a function of one point, (d,) -> () or (fields,), a Solution included; or its values, (N,) or (N, fields).
    Raises ValueError for values of a wrong shape, and where the space has more functions than the cloud points.
    """
    require_double()
    points = jnp.asarray(space.cloud.points)
    values = jax.vmap(f)(points) if callable(f) else jnp.asarray(f, dtype=float)
    if values.ndim not in (1, 2) or len(values) != len(points):
        raise ValueError(f"values must have shape ({len(points)},) or ({len(points)}, fields); got {values.shape}")
    check_memory(len(points), space.size)
    start = jnp.zeros((space.size, *values.shape[1:]))
    return solution_of(Interpolation(space, values), space, start, solver)


def matrix(
    space: Space, operator: Callable[[Field], Field] | None = None, X: ArrayLike | None = None
) -> Float[Array, "m *c n"]:
    """The matrix of a linear operator: rows at the points X, columns the unknowns of one field.

    `operator` takes a function to a function, as `mf.laplacian` or `lambda u: mf.derivative(u, 0)` do; default: the
    identity. X: (m, d), or (m,) on the line; default: the cloud's points. An operator with values (c,), such as
    `mf.gradient`, gives (m, c, n).
    """
    X = jnp.asarray(space.cloud.points if X is None else X, dtype=float)
    if X.ndim == 1 and space.cloud.dim == 1:
        X = X[:, None]
    if X.ndim != 2 or X.shape[1] != space.cloud.dim:
        raise ValueError(f"X must have shape (m, {space.cloud.dim}); got {X.shape}")
    check_memory(len(X), space.size, copies=1)
    return _rows(space, operator or identity, X)


def identity(u: Field) -> Field:
    """The operator of plain interpolation."""
    return u


@eqx.filter_jit
def _rows(space, operator, X):
    def row(x):
        return jax.jacrev(lambda c: operator(space.function(c))(x))(jnp.zeros(space.size))

    return mapped(row, jnp.asarray(X), space.size)
