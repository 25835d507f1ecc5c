"""A sparse matrix with as many entries in every row: the form in which local equations come."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float, Int

from ..internal.tracing import as_jax, module_for


class SparseRows(eqx.Module):
    """The matrix (m, n) with entries `values` (m, k) in the columns `columns` (m, k); repeated columns add up."""

    values: Float[np.ndarray | Array, "m k"]
    columns: Int[np.ndarray | Array, "m k"]
    width: int = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        return self.values.shape[0], self.width

    def __matmul__(self, x: Float[Array, " n"]) -> Float[Array, " m"]:
        array = module_for(self, x)
        return as_jax(array.einsum("mk,mk->m", self.values, array.asarray(x)[array.asarray(self.columns)]))

    def transposed_times(self, y: Float[Array, " m"]) -> Float[Array, " n"]:
        """Aᵀ y."""
        return jnp.zeros(self.width).at[self.columns].add(self.values * y[:, None])

    def __abs__(self) -> SparseRows:
        return SparseRows(jnp.abs(self.values), self.columns, self.width)

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
    """Matrices of as many columns and entries a row, one below the other."""
    array = module_for(blocks)
    values, columns = array.concatenate([b.values for b in blocks]), array.concatenate([b.columns for b in blocks])
    return SparseRows(values, columns, blocks[0].width)
