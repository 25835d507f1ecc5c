"""Interpolation, and the matrices of any linear operator in a space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..internal.batching import map_in_blocks
from ..internal.compile_cache import release_programs
from ..linalg.dense import check_memory
from ..linalg.sparse_rows import SparseRows
from ..pde.operators import Field
from ..solving.levels import solved_by_levels
from ..solving.newton import require_double, solution_of
from ..solving.solution import Solution
from ..spaces import GlobalSpace, Multilevel, Space, Stencils
from .sparse_system import operator_weights, rows_of


class Interpolation(eqx.Module):
    """The equations u(xᵢ) = fᵢ at the points of a space's cloud, in the form that `solve` takes."""

    space: Space
    values: Float[Array, "m *f"]

    @property
    def is_sparse(self) -> bool:
        return self.space.local_basis is not None

    def residual(self, coefficients):
        return self.linearised(coefficients)[0]

    def linearised(self, coefficients):
        if self.is_sparse:
            matrix = self._sparse(coefficients)
            return matrix @ jnp.ravel(coefficients) - jnp.ravel(self.values), matrix
        assert isinstance(self.space, GlobalSpace)
        matrix = jnp.concatenate([_rows(self.space, identity, self.space.cloud.points), self.space.side_conditions()])
        residual = (matrix @ coefficients).at[: len(self.values)].add(-self.values)
        if coefficients.ndim == 2:
            matrix = jnp.kron(matrix, jnp.eye(coefficients.shape[1]))
        return residual.reshape(-1), matrix

    def _sparse(self, coefficients):
        basis = self.space.local_basis
        assert basis is not None
        weights, columns = operator_weights(identity, basis, self.space.cloud.points, basis.own_columns)
        fields = coefficients.size // self.space.size
        return rows_of(weights[..., None] * jnp.eye(fields)[None, :, None, :], columns, coefficients)

    def is_affine(self, coefficients) -> bool:
        return True

    def typical_size(self, coefficients):
        return jnp.ones(())

    def per_part(self, residual):
        at_points = residual[: self.values.size]
        return {"values": jnp.sqrt(jnp.mean(at_points**2))}


def interpolate(f: Callable | ArrayLike, space: Space, *, solver: str = "auto") -> Solution:
    """The function of `space` that takes the values of f at its cloud's points, or comes nearest in least squares.

    f: a function of one point, (d,) -> () or (fields,), a Solution included; or its values, (N,) or (N, fields), at
    the cloud's points (of stencils with ghosts: at `space.nodes`; a `Multilevel`, with points on all levels, takes
    functions only).
    Raises ValueError for values of a wrong shape, and where the space has more functions than the cloud points.
    """
    require_double()
    release_programs()
    if isinstance(space, Multilevel):
        return _interpolated_by_levels(f, space, solver)
    points = jnp.asarray(space.nodes if isinstance(space, Stencils) else space.cloud.points)
    values = jax.vmap(f)(points) if callable(f) else jnp.asarray(f, dtype=float)
    if values.ndim not in (1, 2) or len(values) != len(points):
        raise ValueError(f"values must have shape ({len(points)},) or ({len(points)}, fields); got {values.shape}")
    if isinstance(space, Stencils):  # the coefficients are the nodal values
        return Solution(space, values, _of_nodal_values(values))
    if space.local_basis is None:
        check_memory(len(points), space.size)
    start = jnp.zeros((space.size, *values.shape[1:]))
    return solution_of(Interpolation(space, values), space, start, solver)


def _interpolated_by_levels(f, space: Multilevel, solver: str) -> Solution:
    if not callable(f):
        raise ValueError("a Multilevel interpolates at the points of every level: give a function, not its values")
    values = [jax.vmap(f)(jnp.asarray(cloud.points)) for cloud in space.clouds]
    start = jnp.zeros_like(values[0])
    return solved_by_levels(space, start, solver, lambda level: Interpolation(level, values[len(level.clouds) - 1]))


def matrix(space: Space, operator: Callable[[Field], Field] | None = None, X: ArrayLike | None = None) -> Any:
    """The matrix of a linear operator: rows at the points X, columns the unknowns of one field.

    `operator` takes a function to a function, as `mf.laplacian` or `lambda u: mf.derivative(u, 0)` do; default: the
    identity. X: (m, d), or (m,) on the line; default: the cloud's points. An operator with values (c,), such as
    `mf.gradient`, gives (m, c, n).

    A local space gives SciPy sparse arrays: one (m, n), or for an operator with values (c,) a tuple of c of them.
    """
    release_programs()
    X = jnp.asarray(space.cloud.points if X is None else X, dtype=float)
    if X.ndim == 1 and space.cloud.dim == 1:
        X = X[:, None]
    if X.ndim != 2 or X.shape[1] != space.cloud.dim:
        raise ValueError(f"X must have shape (m, {space.cloud.dim}); got {X.shape}")
    basis = space.local_basis
    if basis is not None:
        weights, columns = operator_weights(operator or identity, basis, np.asarray(X))
        found = tuple(SparseRows(weights[:, i], columns, space.size).to_scipy() for i in range(weights.shape[1]))
        return found if _has_components(operator or identity, X) else found[0]
    check_memory(len(X), space.size, copies=1)
    return _rows(space, operator or identity, X)


def identity(u: Field) -> Field:
    """The operator of plain interpolation."""
    return u


@eqx.filter_jit
def _rows(space, operator, X):
    def row(x):
        return jax.jacrev(lambda c: operator(space.function(c))(x))(jnp.zeros(space.size))

    return map_in_blocks(row, jnp.asarray(X), space.size)


def _has_components(operator, X) -> bool:
    """Whether the operator makes a vector of a scalar field."""
    return jax.eval_shape(lambda x: operator(lambda y: jnp.sum(y))(x), X[0]).ndim > 0


def _of_nodal_values(values) -> dict[str, Any]:
    count = values.size
    return {
        "unknowns": count,
        "rows": count,
        "steps": 0,
        "residual": {"values": 0.0},
        "rank": count,
        "condition": 1.0,
        "seconds": {"assembly": 0.0, "solve": 0.0},
    }
