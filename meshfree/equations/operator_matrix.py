"""The matrices of linear operators in a space, and the equations of interpolation, whose operator is the identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..internal.batching import map_in_blocks
from ..internal.compile_cache import release_programs
from ..internal.devices import on_host
from ..internal.expected import FUNCTION, NUMBERS, came, expects
from ..internal.tracing import AnyArray, as_jax, is_traced, module_of
from ..internal.watched import settled, watch
from ..linalg.dense import check_memory
from ..linalg.repeated import Repeated
from ..linalg.sparse_rows import SparseRows
from ..pde.linearity import depends_on_input
from ..pde.operators import Field
from ..spaces.base import GlobalSpace, Space
from .basis_derivatives import BasisDerivatives, values_matrix
from .conditions import Group
from .residual_jets import part_of
from .system import System

_POINTS = NUMBERS._replace(phrase="points, an array (m, d),")


class Interpolation(System):
    """The equations u(xᵢ) = fᵢ at the points of a space's cloud."""

    space: Space
    values: Float[AnyArray, "m *f"]

    @property
    def is_sparse(self):
        return self.space.local_basis is not None

    @property
    def side_rows(self):
        return 0 if self.is_sparse else len(self._side) * (self.values.size // len(self.values))

    def residual(self, coefficients):
        return self.linearised(coefficients)[0]

    def linearised(self, coefficients):
        values, fields = self.values.reshape(-1), self.values.size // len(self.values)
        derivatives = BasisDerivatives.at_nodes(self.space)
        if self.is_sparse:
            weights = derivatives.weights(np.ones((len(self.values), 1, 1)), 0)
            rows = derivatives.matrix(weights[..., None] * np.eye(fields)[None, :, None, :], fields)
            return rows @ coefficients.reshape(-1) - values, rows
        known = derivatives_known(self.space, self.values, coefficients)
        array = np if known else jnp
        ones = np.ones((len(self.values), 1, 1))
        own = derivatives.weights(ones, 0)[:, 0] if known else rows_of(self.space, identity, self.space.cloud.points)
        matrix = array.concatenate([own, self._side]) if self.side_rows else own
        values = array.pad(values, (0, self.side_rows))
        from_zero = known and not np.any(coefficients)
        residual = -values if from_zero else (matrix @ coefficients).reshape(-1) - values
        if coefficients.ndim == 1:
            return residual, matrix
        return residual, Repeated(matrix, fields) if known else jnp.kron(matrix, jnp.eye(fields))

    def assembled(self, coefficients):
        if self.is_sparse or derivatives_known(self.space, self.values, coefficients):
            return *self.linearised(coefficients), True
        return super().assembled(coefficients)

    def is_affine(self, coefficients):
        return True

    def per_part(self, residual):
        array = module_of(residual)
        return {"values": array.sqrt(array.mean(residual[: self.values.size] ** 2))}

    def values_matrix(self):
        return None if is_traced(self) else values_matrix(self.space)

    def typical_size(self, coefficients):
        return np.ones(())

    @property
    def reads_values(self):
        return True

    @property
    def _side(self):
        return cast(GlobalSpace, self.space).side_conditions()


@settled
@expects(space=Space, operator=FUNCTION, X=_POINTS)
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
    _check_linear(operator or identity, X[0])
    if space.local_basis is None:
        check_memory(len(X), space.size, copies=1)
    derivatives = BasisDerivatives.at(space, np.asarray(X)) if derivatives_known(space, X) else None
    found = None if derivatives is None else operator_weights(operator or identity, derivatives)
    if space.local_basis is not None:
        if found is None:
            raise TypeError(
                "the matrix of a local space is one of SciPy's, which cannot be traced: make it outside of jit"
            )
        weights, columns = found
        parts = tuple(SparseRows(weights[:, i], columns, space.size).to_scipy() for i in range(weights.shape[1]))
        return parts if _has_components(operator or identity, X) else parts[0]
    if found is None:
        rows = rows_of(space, watch(operator or identity), X)
    else:
        rows = as_jax(found[0] if _has_components(operator or identity, X) else found[0][:, 0])
    if not is_traced(rows) and not _is_finite(rows):
        space.check_kernel()
    return rows


def operator_weights(operator: Callable, derivatives: BasisDerivatives) -> tuple[Any, Any] | None:
    """The weights (m, c, k) of a linear operator's components, and their columns.

    None for a global space in which the operator is not local, or reads something traced.
    """
    X = derivatives.points
    part = part_of(Group((), Applied(watch(operator)), X, np.zeros_like(X)), 1, None, derivatives.columns is not None)
    if part is None or is_traced(part.gradient):
        return None
    weights = derivatives.weights_of_gradient(part.gradient, part.order)
    if not _is_finite(weights):
        derivatives.check_finite(part.gradient, part.order)
    return weights, derivatives.columns


class Applied(eqx.Module):
    """A linear operator on u as a residual."""

    operator: Callable

    def __call__(self, u, x, n):
        return jnp.ravel(self.operator(u)(x))


def derivatives_known(space: Space, *others: Any) -> bool:
    """Whether the derivatives of the space's functions are known at concrete points."""
    return not is_traced(space, others) and space.has_rows


def _check_linear(operator: Callable[[Field], Field], x) -> None:
    """ValueError for an operator whose matrix would depend on u, or that does not vanish for u = 0, at the point x."""

    def at_multiple(factor):
        applied = operator(lambda y: factor * jnp.cos(jnp.sum(y)))
        if not callable(applied):
            raise TypeError(
                f"the operator must return a function of x, as mf.laplacian does; it returns {came(applied)}"
            )
        return applied(x)

    if depends_on_input(jax.jacfwd(at_multiple), jnp.ones(())):
        raise ValueError(
            "the operator is not linear in u, and has no matrix: linearise it around a function first, as in "
            "lambda v: lambda x: jax.jvp(lambda t: operator(lambda y: u(y) + t * v(y))(x), (0.0,), (1.0,))[1]"
        )
    if not is_traced(x) and np.any(np.asarray(_of_zero(watch(operator), x))):
        raise ValueError(
            "the operator does not vanish for u = 0, and has no matrix: leave out what is added to the linear part"
        )


def identity(u: Field) -> Field:
    """The operator of plain interpolation."""
    return u


def _is_finite(rows: Float[AnyArray, "..."]) -> bool:
    return bool(np.all(np.isfinite(rows))) if on_host() else bool(_finite(rows))


@eqx.filter_jit
def _finite(rows):
    return jnp.all(jnp.isfinite(rows))


@eqx.filter_jit
def _of_zero(operator, x):
    return operator(lambda y: 0.0 * jnp.sum(y))(x)


@eqx.filter_jit
def rows_of(space, operator, X):
    """The matrix of an operator by a program of its own, (m, c, n) or (m, n)."""

    def row(x):
        return jax.jacrev(lambda c: operator(space.function(c))(x))(jnp.zeros(space.size))

    return map_in_blocks(row, jnp.asarray(X), space.size)


def _has_components(operator, X) -> bool:
    """Whether the operator makes a vector of a scalar field."""
    return jax.eval_shape(lambda x: operator(lambda y: jnp.sum(y))(x), X[0]).ndim > 0
