"""A sparse matrix with as many entries in every row: the form in which local equations come."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Float, Int

from ..internal.tracing import AnyArray, is_traced, module_of


class SparseRows(eqx.Module):
    """The matrix (m, n) with entries `values` (m, k) in the columns `columns` (m, k); repeated columns add up."""

    values: Float[AnyArray, "m k"]
    columns: Int[AnyArray, "m k"]
    width: int = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        return self.values.shape[0], self.width

    def __matmul__(self, x: Float[AnyArray, " n"]) -> Float[AnyArray, " m"]:
        array = module_of(self.values, self.columns, x)
        return array.sum(self.values * array.asarray(x)[self.columns], axis=1)

    def transposed_times(self, y: Float[AnyArray, " m"]) -> Float[AnyArray, " n"]:
        """Aᵀ y."""
        if module_of(self.values, self.columns, y) is np:
            return np.bincount(np.ravel(self.columns), np.ravel(self.values * y[:, None]), self.width).astype(float)
        return jnp.zeros(self.width).at[self.columns].add(self.values * y[:, None])

    def __abs__(self) -> SparseRows:
        return SparseRows(module_of(self.values).abs(self.values), self.columns, self.width)

    def scaled_sum(self, left: Float[AnyArray, " m"], right: Float[AnyArray, " m"], other: SparseRows) -> SparseRows:
        """The rows of this matrix and another with the same columns, scaled by numbers and added."""
        return SparseRows(left[:, None] * self.values + right[:, None] * other.values, self.columns, self.width)

    def to_scipy(self) -> scipy.sparse.csr_array:
        """The same matrix in SciPy's compressed rows, zeros left out."""
        m, k = self.values.shape
        starts = np.arange(m + 1, dtype=np.int64 if m * k > np.iinfo(np.int32).max else np.int32) * k
        content = (np.array(self.values).ravel(), np.array(self.columns).ravel(), starts)
        matrix = scipy.sparse.csr_array(content, shape=self.shape)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix


def stacked(blocks: list[SparseRows]) -> SparseRows:
    """Matrices of as many columns, one below the other; rows with fewer entries are filled with zeros."""
    array, most = module_of(*(block.values for block in blocks)), max(block.values.shape[1] for block in blocks)

    def filled(entries):
        return entries if entries.shape[1] == most else array.pad(entries, ((0, 0), (0, most - entries.shape[1])))

    values, columns = (
        array.concatenate([filled(one) for one in arrays])
        for arrays in zip(*[(b.values, b.columns) for b in blocks], strict=True)
    )
    return SparseRows(values, columns, blocks[0].width)


def scaled_sum(left: Any, A: Any, right: Any, B: Any) -> Any:
    """The rows of two matrices scaled by numbers (m,) and added; sparse ones have the same columns."""
    if hasattr(A, "scaled_sum"):
        return A.scaled_sum(left, right, B)
    return left[:, None] * A + right[:, None] * B


def without_slow_coupling(A: Any, M: Any, fields: int, slow: float) -> Any:
    """A of M ċ + A c, on the host, without what other fields than those whose rates are in a row do there, if that is
    at most `slow` times the row of M: each field is then factored by itself, with less fill. Column f·j + i is
    of field i; of dense matrices, which have no use for the zeros, A itself.
    """
    if not isinstance(A, SparseRows):
        return A
    field, rates = np.asarray(A.columns) % fields, np.abs(M.values)
    own = np.stack([np.sum(rates, axis=1, where=field == index) for index in range(fields)], axis=1)
    others = np.any(own, axis=1, keepdims=True) & (np.take_along_axis(own, field, axis=1) == 0)
    sizes = np.sum(np.abs(A.values), axis=1, where=others)
    if np.any(sizes > slow * np.sum(own, axis=1)):
        return A
    return SparseRows(np.where(others, 0.0, A.values), A.columns, A.width)


def for_products(matrix: Any) -> Any:
    """A matrix in the form that is multiplied by vectors fastest."""
    return matrix.to_scipy() if hasattr(matrix, "to_scipy") and not is_traced(matrix) else matrix
