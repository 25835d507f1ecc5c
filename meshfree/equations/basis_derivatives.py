"""The derivatives of a space's functions at points, of which the rows of matrices are made."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..internal.plain import Plain
from ..internal.tracing import AnyArray, is_traced, module_of
from ..linalg.sparse_rows import SparseRows
from ..pde.jets import derivatives_at
from ..pde.multi_indices import total_degree
from ..spaces.base import Space

KEPT = 2**27  # entries of derivatives of all basis functions up to which they are kept from step to step


class BasisDerivatives(Plain):
    """Those of the functions `columns` at each of the points, or of all functions."""

    space: Space
    points: Float[AnyArray, "m d"]
    columns: Int[AnyArray, "m k"] | None  # None: all, in their order
    direction: Any = None  # of the space's leaves, along which the derivative of everything here is meant

    @classmethod
    def at(cls, space: Space, points: Float[AnyArray, "m d"]) -> BasisDerivatives:
        """At any points."""
        basis = space.local_basis
        return cls(space, points, None if basis is None else basis.columns_at(points))

    @classmethod
    def at_nodes(cls, space: Space) -> BasisDerivatives:
        """At the points of the space's own cloud."""
        basis = space.local_basis
        return cls(space, space.cloud.points, None if basis is None else basis.own_columns)

    def __getitem__(self, place: Any) -> BasisDerivatives:
        """Those at some of the points."""
        columns = None if self.columns is None else self.columns[place]
        return BasisDerivatives(self.space, self.points[place], columns, self.direction)

    def along(self, direction: Any) -> BasisDerivatives:
        """How they change where the space's leaves move along `direction`; of global spaces."""
        return BasisDerivatives(self.space, self.points, self.columns, direction)

    def weights(self, functionals: Float[AnyArray, "m r J"], order: int) -> Any:
        """The weights of linear functionals Σ_α g_α Dᵅ in the coefficients, (m, r, k)."""
        basis = self.space.local_basis
        if basis is None:
            space: Any = self.space
            if is_traced(space):  # the host's rows need known kernels
                return functionals @ _derivatives_of(space.basis, jnp.asarray(self.points), order)
            if self.direction is not None:
                return space.rows_along(self.points, functionals, order, self.direction)
            return space.rows(self.points, functionals, order)
        assert self.columns is not None
        return basis.weights(self.points, self.columns, functionals, order)

    def weights_of_gradient(self, gradient: Float[AnyArray, "m c f J"], order: int) -> Any:
        """Those of c functionals of f fields at every point, (m, c, k, *f)."""
        m, c, fields, count = gradient.shape
        found = self.weights(gradient.reshape(m, c * fields, count), order)
        found = found.reshape(m, c, fields, found.shape[-1])
        return found[:, :, 0] if fields == 1 else found.swapaxes(2, 3)

    def check_finite(self, gradient: Float[AnyArray, "m c f J"], order: int) -> None:
        """ValueError, naming it and the point, for a function of the space that makes these weights NaN or infinite."""
        m, c, fields, count = gradient.shape
        reason = self.space.why_not_finite(self.points, gradient.reshape(m, c * fields, count), order)
        if reason is not None:
            raise ValueError(reason)

    def units(self, order: int) -> Any:
        """The weights of every derivative by itself, (m, J, k); None where they are too many to be kept."""
        functions = self.space.size if self.columns is None else 0  # a local space has few
        few = len(self.points) * len(total_degree(self.points.shape[1], order)) * functions <= KEPT
        return self._units(order) if few else None

    def jets(self, coefficients: Float[AnyArray, "n *f"], order: int) -> Float[np.ndarray, "m J *f"]:
        """The derivatives of the function with these coefficients, some points at a time."""
        width = len(coefficients) if self.columns is None else self.columns.shape[1]
        size = max(KEPT // 8 // (len(total_degree(self.points.shape[1], order)) * width), 1)
        parts = [self[start : start + size] for start in range(0, len(self.points), size)]
        return np.concatenate([part.combined(part._units(order), coefficients) for part in parts])

    def combined(self, units: Float[AnyArray, "m J k"], coefficients: Float[AnyArray, "n *f"]) -> Any:
        """The derivatives of the function with these coefficients, (m, J, *f), by the weights `units`."""
        if self.columns is None:
            return units @ coefficients
        array = module_of(units, coefficients)
        return array.einsum("mjk,mk...->mj...", units, coefficients[self.columns])

    def matrix(self, weights: Float[AnyArray, "m c k *f"], fields: int) -> Any:
        """(m, c, k, *f) as rows of the matrix: unknown j of field i is column f·j + i."""
        m, c, k = weights.shape[:3]
        if self.columns is None:
            return weights.reshape(m * c, k * fields)
        array = module_of(weights, self.columns)
        fields_of = array.arange(fields, dtype=np.int32)[None, None, None]
        placed = array.asarray(self.columns)[:, None, :, None] * fields + fields_of
        placed = array.broadcast_to(placed, (m, c, k, fields)).reshape(m * c, k * fields)
        return SparseRows(weights.reshape(m * c, k * fields), placed, self.space.size * fields)

    def _units(self, order: int):
        count = len(total_degree(self.points.shape[1], order))
        return self.weights(np.broadcast_to(np.eye(count), (len(self.points), count, count)), order)


def _derivatives_of(basis, points, order: int) -> Float[Array, "m J n"]:
    return jax.vmap(lambda x: derivatives_at(basis, x, order))(points)


class Guess(eqx.Module):
    """A function of a space that nonlinear equations are linearised around."""

    space: Space
    coefficients: Float[AnyArray, "n *f"]

    def __call__(self, x: Float[AnyArray, " d"]) -> Float[AnyArray, "*f"]:
        return self.space.function(jnp.asarray(self.coefficients))(x)

    def jets(self, points: Float[AnyArray, "m d"], order: int) -> Float[np.ndarray, "m J *f"] | None:
        """Its derivatives at points; None where they need a program of their own."""
        if is_traced(self, points) or not self.space.has_rows:
            return None
        return BasisDerivatives.at(self.space, np.asarray(points)).jets(np.asarray(self.coefficients), order)


def values_matrix(space: Space) -> Any:
    """The values of the basis functions at the points of the space's cloud, (m, n), an array or sparse rows."""
    derivatives = BasisDerivatives.at_nodes(space)
    return derivatives.matrix(derivatives.weights(np.ones((len(derivatives.points), 1, 1)), 0), 1)
