"""Cholesky factors of covariances: unit diagonal, a nugget, and refinement that takes the nugget out again."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Float

from ..internal.tracing import AnyArray, Scalar, is_traced, module_of
from .batched import on_few_threads
from .interface import Factor
from .qr import jsl

NUGGET = 1e-13  # of the unit diagonal
LARGEST = 1e-6  # nugget that is tried: what needs more is not positive definite
SWEEPS = 2  # of refinement against the matrix without the nugget: without them three digits go [m]


class Cholesky(Factor):
    """S⁻¹ A S⁻¹ + nugget = L Lᵀ, S² the diagonal of A, symmetric and positive definite but for rounding."""

    matrix: Float[AnyArray, "n n"]  # S⁻¹ A S⁻¹
    lower: Float[AnyArray, "n n"]
    sizes: Float[AnyArray, " n"]  # S
    nugget: Scalar

    @classmethod
    def of(cls, A: Float[AnyArray, "n n"]) -> Cholesky:
        """ValueError where A is not positive definite: where its diagonal is not, or no nugget helps; NaN where traced.

        A concrete A is overwritten.
        """
        if is_traced(A):
            return cls._traced(A)
        A = A if isinstance(A, np.ndarray) else np.array(A)
        diagonal = np.diagonal(A).copy()
        if not np.all(np.isfinite(diagonal) & (diagonal > 0)):
            raise ValueError(f"the covariance of row {int(np.argmin(diagonal > 0))} with itself is not positive")
        sizes = np.sqrt(diagonal)
        A /= sizes[:, None]
        A /= sizes[None, :]
        nugget = NUGGET
        while nugget <= LARGEST:
            with on_few_threads(A.size):
                raised = A.copy(order="C").T  # symmetric: as LAPACK wants its columns
                raised[np.diag_indices(len(A))] += nugget
                lower, failed = scipy.linalg.lapack.dpotrf(raised, lower=1, clean=1, overwrite_a=1)
            if not failed:
                return cls(A, lower, sizes, nugget)
            nugget *= 10
        raise ValueError(
            f"the covariances are not positive definite, not even with a nugget of {LARGEST:g} on their unit diagonal"
        )

    @classmethod
    def _traced(cls, A) -> Cholesky:
        sizes = jnp.sqrt(jnp.diagonal(A))
        scaled = A / sizes[:, None] / sizes[None, :]

        def factored(nugget):
            return jnp.linalg.cholesky(scaled + nugget * jnp.eye(len(A)))

        def failed(state):
            return ~jnp.all(jnp.isfinite(state[1])) & (state[0] < LARGEST)

        start = jnp.array(NUGGET)
        nugget, lower = jax.lax.while_loop(failed, lambda s: (10 * s[0], factored(10 * s[0])), (start, factored(start)))
        return cls(scaled, lower, sizes, nugget)

    def solve(self, b):
        scaled = b / self._sizes(b)
        x = self._once(scaled)
        for _ in range(SWEEPS):
            x = x + self._once(scaled - self.matrix @ x)
        return x / self._sizes(b)

    def solve_transposed(self, b):
        return self.solve(b)

    def half(self, b: Float[AnyArray, "n *k"]) -> Float[AnyArray, "n *k"]:
        """L⁻¹ S⁻¹ b: its columns have the inner products bᵀ A⁻¹ b, nugget included."""
        scaled = b / self._sizes(b)
        if isinstance(self.lower, np.ndarray) and isinstance(scaled, np.ndarray):
            with on_few_threads(self.lower.size):
                return scipy.linalg.solve_triangular(self.lower, scaled, lower=True, check_finite=False)
        return jsl().solve_triangular(jnp.asarray(self.lower), scaled, lower=True)

    def inverse(self) -> Float[AnyArray, "n n"]:
        """A⁻¹, nugget included."""
        array: Any = module_of(self.lower)
        half = self.half(array.diag(self.sizes)) / self.sizes[None, :]
        if array is np:
            with on_few_threads(self.lower.size):
                return half.T @ half
        return half.T @ half

    def log_determinant(self) -> Scalar:
        """log det A, nugget included."""
        array = module_of(self.lower)
        return 2 * array.sum(array.log(array.diagonal(self.lower)) + array.log(self.sizes))

    def rank(self):
        return len(self.sizes)

    def condition(self):
        """Of the matrix of unit diagonal, from below, by the pivots."""
        array = module_of(self.lower)
        pivots = array.diagonal(self.lower)
        return (array.max(pivots) / array.min(pivots)) ** 2

    def _once(self, b):
        if isinstance(self.lower, np.ndarray) and isinstance(b, np.ndarray):
            with on_few_threads(self.lower.size):
                return scipy.linalg.cho_solve((self.lower, True), b, check_finite=False)
        return jsl().cho_solve((jnp.asarray(self.lower), True), b)

    def _sizes(self, b) -> Any:
        return self.sizes if b.ndim == 1 else self.sizes[:, None]


@jax.custom_jvp
def inverse_diagonal(A: Float[AnyArray, "n n"], inverse: Float[AnyArray, "n n"]) -> Float[AnyArray, " n"]:
    """The diagonal of A⁻¹, given A⁻¹; its derivative is −diag(A⁻¹ dA A⁻¹), whatever made the inverse."""
    return jnp.diagonal(inverse)


@inverse_diagonal.defjvp
def _inverse_diagonal_jvp(primals, tangents):
    (A, inverse), (A_dot, _) = primals, tangents
    return inverse_diagonal(A, inverse), -jnp.sum((inverse @ A_dot) * inverse.T, axis=1)
