"""The equations of fitting scattered values: smoothed, or with more values than functions."""

from __future__ import annotations

from typing import Any, cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..internal.tracing import AnyArray, is_traced, module_of
from ..linalg.repeated import Repeated
from ..spaces.base import GlobalSpace, Space
from .basis_derivatives import BasisDerivatives, values_matrix
from .operator_matrix import derivatives_known, identity, rows_of
from .system import System

NUGGET = 1e-13  # of the largest entry on the diagonal, that a matrix is definite with


class Fit(System):
    """u(xᵢ) ≈ fᵢ at given points, with a penalty on the translates' coefficients a: u = Σⱼ aⱼ k(·, yⱼ) + Σᵢ bᵢ pᵢ.

    Where the points are the centers, K + λI takes the place of K, and Pᵀa = 0 closes the system (Wahba 1990, section
    2.4; SciPy's `RBFInterpolator`). Otherwise Σᵢ (u(xᵢ) − fᵢ)² + λ aᵀKa is least over all a with Pᵀa = 0: the same
    where both can be asked. The unknowns are then those in a basis of that subspace. The kernel is taken with the sign
    that makes it positive definite there, as −|x − y|.
    """

    space: Space
    points: Float[AnyArray, "m d"]
    values: Float[AnyArray, "m *f"]
    smoothing: Any  # (), or (m,) at the centers; None: none

    @property
    def is_sparse(self):
        return self.space.local_basis is not None

    @property
    def at_centers(self) -> bool:
        """Whether there is one translate for each point, so that the system is square."""
        centers = None if self.is_sparse else cast(GlobalSpace, self.space).translated_to
        if centers is None or np.shape(centers) != np.shape(self.points):
            return False
        return is_traced(centers, self.points) or np.array_equal(np.asarray(centers), np.asarray(self.points))

    @property
    def side_rows(self):
        if self.is_sparse:
            return 0
        if self.at_centers:
            return len(self._side) * self.fields
        if self.smoothing is None:
            return 0
        return (len(cast(GlobalSpace, self.space).translated_to) - len(self._side)) * self.fields  # type: ignore[arg-type]

    @property
    def fields(self) -> int:
        """How many functions are fitted at once."""
        return self.values.size // len(self.values)

    @property
    def unknowns(self) -> int:
        """Of one field."""
        return self.space.size if self.is_sparse or self.at_centers else self.space.size - len(self._side)

    def residual(self, coefficients):
        return self.linearised(coefficients)[0]

    def linearised(self, coefficients):
        values, fields = self.values.reshape(-1), self.fields
        if self.is_sparse:
            derivatives = BasisDerivatives.at(self.space, self.points)
            weights = derivatives.weights(np.ones((len(self.points), 1, 1)), 0)
            rows = derivatives.matrix(weights[..., None] * np.eye(fields)[None, :, None, :], fields)
            return rows @ coefficients.reshape(-1) - values, rows
        matrix = self.of_one_field(coefficients)
        array = module_of(matrix)
        values = array.pad(values, (0, (len(matrix) - len(self.points)) * fields))
        residual = (matrix @ coefficients).reshape(-1) - values
        if coefficients.ndim == 1:
            return residual, matrix
        return residual, Repeated(np.asarray(matrix), fields) if array is np else jnp.kron(matrix, jnp.eye(fields))

    def of_one_field(self, *others: Any) -> Float[AnyArray, "rows p"]:
        """The matrix of one field, of a global space: NumPy's where all is known, `others` too."""
        known = self._is_known(*others)
        array = np if known else jnp
        if known:
            ones = np.ones((len(self.points), 1, 1))
            own = BasisDerivatives.at(self.space, self.points).weights(ones, 0)[:, 0]
        else:
            own = rows_of(self.space, identity, self.points)
        return self._square(own, array) if self.at_centers else self._least_squares(own, array)

    def _is_known(self, *others: Any) -> bool:
        return derivatives_known(self.space, self.values, self.points, self.smoothing, *others)

    def assembled(self, coefficients):
        if self.is_sparse or self._is_known(coefficients):
            return *self.linearised(coefficients), True
        return super().assembled(coefficients)

    def field_of(self, coefficients):
        free = self._free(module_of(self.values, coefficients))
        return coefficients if free is None else free @ coefficients

    def unknowns_of(self, coefficients):
        free = self._free(module_of(self.values, coefficients))
        return coefficients if free is None else free.T @ coefficients

    def nested(self):
        return None

    def is_affine(self, coefficients):
        return True

    def per_part(self, residual):
        array = module_of(residual)
        return {"values": array.sqrt(array.mean(residual[: self.values.size] ** 2))}

    def typical_size(self, coefficients):
        return np.ones(())

    def values_matrix(self):
        return None if is_traced(self) else values_matrix(self.space)

    @property
    def reads_values(self):
        return True

    def _square(self, own, array):
        """⎡K + λI  P⎤ over ⎡Pᵀ  0⎤."""
        if self.smoothing is not None:
            count = len(self.points)
            added = self._sign(own[:, :count], array) * array.broadcast_to(self.smoothing, (count,))
            own = own + array.pad(array.diag(added), ((0, 0), (0, own.shape[1] - count)))
        return array.concatenate([own, self._side]) if len(self._side) else own

    def _least_squares(self, own, array):
        """M N over √λ Lᵀ Zᵀ, the columns of N a basis of the coefficients that fulfil the side conditions, of Z one of
        the translates' alone, and L Lᵀ = ± ZᵀKZ between the centers.
        """
        free = self._free(array)
        own = own if free is None else own @ free
        if self.smoothing is None:
            return own
        space: Any = self.space
        centers = space.translated_to
        count = len(centers)
        found = rows_of(space, identity, centers)[:, :count]
        between = np.asarray(found) if array is np else found
        moments = self._side[:, :count].T
        own_free = array.linalg.qr(moments, mode="complete")[0][:, moments.shape[1] :]
        form = self._sign(between, array) * (own_free.T @ between @ own_free)
        penalty = _root((form + form.T) / 2) @ own_free.T
        basis = array.eye(space.size) if free is None else free
        return array.concatenate([own, array.sqrt(self.smoothing) * (penalty @ basis[:count])])

    def _sign(self, between, array):
        """1 of a kernel that is positive definite where Pᵀa = 0, −1 of one that is negative, read off one such a."""
        a = np.cos(3.0 * np.arange(len(between)) ** 2)
        if len(self._side):
            moments = self._side[:, : len(a)].T
            a = a - moments @ array.linalg.lstsq(moments, a)[0]
        return array.sign(a @ between @ a)

    def _free(self, array):
        """An orthonormal basis of the coefficients that fulfil the side conditions, (n, n − q); None: all count."""
        if self.is_sparse or self.at_centers or not len(self._side):
            return None
        return array.linalg.qr(self._side.T, mode="complete")[0][:, len(self._side) :]

    @property
    def _side(self):
        return cast(GlobalSpace, self.space).side_conditions()


def _root(form: Float[AnyArray, "p p"]) -> Float[AnyArray, "p p"]:
    """Lᵀ with L Lᵀ the matrix, positive definite but for rounding; by Cholesky where there are to be derivatives."""
    if isinstance(form, np.ndarray):
        sizes, directions = np.linalg.eigh(form)
        return np.sqrt(np.maximum(sizes, 0.0))[:, None] * directions.T
    return jnp.linalg.cholesky(form + NUGGET * jnp.max(jnp.diagonal(form)) * jnp.eye(len(form))).T
