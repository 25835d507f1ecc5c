"""A matrix with a few dense rows and columns at its edges, as integral conditions and continuation make it."""

from __future__ import annotations

import equinox as eqx
import numpy as np
import scipy.sparse
from jaxtyping import Float

from ..internal.tracing import AnyArray, module_of
from .sparse_rows import SparseRows


class Bordered(eqx.Module):
    """A sparse A (m, n) with dense edges; A may be singular where the whole is not:

        ⎡ A  B ⎤
        ⎣ C  D ⎦

    The whole is factored as one sparse matrix, so that no factor of A is asked for: an ordering puts dense lines last.
    """

    matrix: SparseRows
    columns: Float[AnyArray, "m p"]  # B
    rows: Float[AnyArray, "q n"]  # C
    corner: Float[AnyArray, "q p"]  # D

    @property
    def shape(self) -> tuple[int, int]:
        """(m + q, n + p)."""
        (m, n), (q, p) = self.matrix.shape, self.corner.shape
        return m + q, n + p

    def __matmul__(self, x: Float[AnyArray, " columns"]) -> Float[AnyArray, " rows"]:
        array, n = module_of(x, *self._arrays), self.matrix.shape[1]
        inner, outer = x[:n], x[n:]
        return array.concatenate([self.matrix @ inner + self.columns @ outer, self.rows @ inner + self.corner @ outer])

    def transposed_times(self, y: Float[AnyArray, " rows"]) -> Float[AnyArray, " columns"]:
        """The transpose times y."""
        array, m = module_of(y, *self._arrays), self.matrix.shape[0]
        inner, outer = y[:m], y[m:]
        return array.concatenate(
            [
                self.matrix.transposed_times(inner) + self.rows.T @ outer,
                self.columns.T @ inner + self.corner.T @ outer,
            ]
        )

    def __abs__(self) -> Bordered:
        size = module_of(*self._arrays).abs
        return Bordered(abs(self.matrix), size(self.columns), size(self.rows), size(self.corner))

    def scaled_sum(self, left: Float[AnyArray, " r"], right: Float[AnyArray, " r"], other: Bordered) -> Bordered:
        """The rows of this matrix and another like it, scaled by numbers and added."""
        m = self.matrix.shape[0]

        def added(mine, others, rows):
            return left[rows, None] * mine + right[rows, None] * others

        inner, outer = slice(None, m), slice(m, None)
        return Bordered(
            self.matrix.scaled_sum(left[inner], right[inner], other.matrix),
            added(self.columns, other.columns, inner),
            added(self.rows, other.rows, outer),
            added(self.corner, other.corner, outer),
        )

    def to_scipy(self) -> scipy.sparse.csr_array:
        """The same matrix in SciPy's compressed rows, zeros left out."""
        columns, rows, corner = (scipy.sparse.csr_array(np.asarray(edge)) for edge in self._arrays[1:])
        return scipy.sparse.csr_array(scipy.sparse.block_array([[self.matrix.to_scipy(), columns], [rows, corner]]))

    @property
    def _arrays(self) -> tuple[AnyArray, ...]:
        return self.matrix.values, self.columns, self.rows, self.corner


def bordered(
    A: Float[AnyArray, "m n"] | SparseRows,
    columns: Float[AnyArray, "m p"],
    rows: Float[AnyArray, "q n"],
    corner: Float[AnyArray, "q p"],
) -> Float[AnyArray, "m+q n+p"] | Bordered:
    """A with dense columns on its right and rows below, to be given to `factor`; p or q may be 0. Of an array an array.

    Unknowns and equations of the edges come last. Rows of about the size of those of A serve well.
    """
    if isinstance(A, SparseRows):
        return Bordered(A, columns, rows, corner)
    array = module_of(A, columns, rows, corner)
    return array.concatenate([array.concatenate([A, columns], axis=1), array.concatenate([rows, corner], axis=1)])
