"""A sparse matrix whose rows are shared by processes. Vectors are whole on each of them."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from jaxtyping import Float, Int

from ..internal.processes import ALONE, Processes


class Layout:
    """Which rows, and which unknowns, of a square matrix each process has.

    The rows of the first process come first, then those of the second. `unknowns`: for each row of this process the
    unknown that its diagonal entry belongs to; of all processes together a permutation. The solver numbers unknowns by
    these rows, so that those of a process lie side by side.
    """

    def __init__(self, unknowns: Int[np.ndarray, " m"], processes: Processes = ALONE):
        self.processes = processes
        self.unknowns = np.asarray(unknowns)
        self.counts = processes.each(len(unknowns))
        self.order = processes.gathered(self.unknowns)
        self.numbers = np.empty(len(self.order), dtype=self.order.dtype)
        self.numbers[self.order] = np.arange(len(self.order))
        first = sum(self.counts[: processes.rank])
        self.rows = slice(first, first + len(unknowns))

    @classmethod
    def alone(cls, size: int) -> Layout:
        """All rows on one process, in the order of the unknowns."""
        return cls(np.arange(size))

    @property
    def size(self) -> int:
        """The number of all rows, and of all unknowns."""
        return len(self.order)

    def gathered(self, own: Float[np.ndarray, "m *k"]) -> Float[np.ndarray, "n *k"]:
        """The values at all rows from those at each process's own."""
        return self.processes.gathered(np.asarray(own))

    def placed(self, own: Float[np.ndarray, " m"]) -> Float[np.ndarray, " n"]:
        """The values of all unknowns from those of each process's own."""
        whole = np.empty(self.size)
        whole[self.order] = self.gathered(own)
        return whole


class DistributedRows:
    """The rows of this process, (m, n) in SciPy's compressed rows, of a square matrix (n, n). Products are collective.

    A matrix of one process is one, too.
    """

    def __init__(self, own: scipy.sparse.csr_array, layout: Layout):
        self.own, self.layout = own, layout

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.layout.size, self.own.shape[1]

    def __matmul__(self, x: Float[np.ndarray, "n *k"]) -> Float[np.ndarray, "n *k"]:
        return self.layout.gathered(self.own @ np.asarray(x))

    def transposed_times(self, y: Float[np.ndarray, "n *k"]) -> Float[np.ndarray, "n *k"]:
        """Aᵀ y."""
        return self.layout.processes.summed(self.own.T @ np.asarray(y)[self.layout.rows])

    def sum(self, axis: int) -> Float[np.ndarray, " n"]:
        """The sums of all columns, for axis 0."""
        assert axis == 0
        return self.layout.processes.summed(np.asarray(self.own.sum(axis=0)).ravel())

    def __abs__(self) -> DistributedRows:
        return DistributedRows(abs(self.own), self.layout)

    def scaled_sum(
        self, left: Float[np.ndarray, " n"], right: Float[np.ndarray, " n"], other: DistributedRows
    ) -> DistributedRows:
        """The rows of this matrix and another scaled by numbers and added."""
        scales = [scipy.sparse.diags_array(one[self.layout.rows]) for one in (left, right)]
        return DistributedRows(scipy.sparse.csr_array(scales[0] @ self.own + scales[1] @ other.own), self.layout)
