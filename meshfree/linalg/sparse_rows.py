"""A sparse matrix with as many entries in every row: the form in which local equations come, and its factors in JAX."""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float, Int

from ..internal.tracing import without_derivative
from .dense import Factor
from .sparse_factors import SparseFactor, factor_sparse

KEPT = 3  # factors of traced matrices that the host remembers: Newton's last and the adjoint's are the same


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
        return jnp.sum(self.values * x[self.columns], axis=1)

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
    values, columns = (jnp.concatenate(arrays) for arrays in zip(*[(b.values, b.columns) for b in blocks], strict=True))
    return SparseRows(values, columns, blocks[0].width)


class HostFactor:
    """A factored concrete matrix. The host solves; right-hand sides and solutions are JAX arrays."""

    def __init__(self, matrix: SparseRows, solver: str):
        self._factor = factor_sparse(matrix.to_scipy(), solver)
        self.solver = self._factor.solver
        self.solve = self._on_host(self._factor.solve)
        self.solve_transposed = self._on_host(self._factor.solve_transposed)
        self.solve_normal = self._on_host(self._factor.solve_normal)
        self.rank, self.condition = self._factor.rank, self._factor.condition

    @staticmethod
    def _on_host(solve: Callable) -> Callable:
        return lambda b: jnp.asarray(solve(np.asarray(b)))


class TracedFactor(Factor):
    """A matrix that the host factors when the program runs: solves are callbacks, and differentiable in b."""

    matrix: SparseRows
    solver: str = eqx.field(static=True)

    @classmethod
    def of(cls, A: SparseRows, solver: str = "auto") -> TracedFactor:  # type: ignore[override]
        return cls(without_derivative(A), solver)

    def solve(self, b):
        if self._square:
            return self._solved(b)
        return self.solve_normal(self.matrix.transposed_times(b))

    def solve_transposed(self, b):
        if self._square:
            # the transposed solve is the derivative's adjoint of the plain one, so that one rule serves both
            return jax.lax.custom_linear_solve(
                self.matrix.transposed_times,
                b,
                lambda _, b: self._call("solve_transposed", b),
                lambda _, b: self._call("solve", b),
            )
        return self.matrix @ self.solve_normal(b)

    def solve_normal(self, b):
        if self._square:
            return self.solve(self.solve_transposed(b))

        def normal(x):
            return self.matrix.transposed_times(self.matrix @ x)

        return jax.lax.custom_linear_solve(normal, b, lambda _, b: self._call("solve_normal", b), symmetric=True)

    def rank(self):
        return jnp.asarray(self.matrix.shape[1])

    def condition(self):
        return jnp.asarray(jnp.nan)  # its estimate costs five solves: not inside a traced program

    @property
    def _square(self) -> bool:
        return self.matrix.shape[0] == self.matrix.shape[1]

    def _solved(self, b):
        return jax.lax.custom_linear_solve(
            lambda x: self.matrix @ x,
            b,
            lambda _, b: self._call("solve", b),
            lambda _, b: self._call("solve_transposed", b),
        )

    def _call(self, method: str, b):
        shape = jax.ShapeDtypeStruct((self.matrix.shape[1], *b.shape[1:]), b.dtype)
        width, solver = self.matrix.width, self.solver

        def on_host(values, columns, b):
            try:
                factor = _remembered(np.asarray(values), np.asarray(columns), width, solver)
                return getattr(factor, method)(np.asarray(b))
            except ValueError:  # singular: a tuning step there is taken back
                return np.full(shape.shape, np.nan)

        return jax.pure_callback(on_host, shape, self.matrix.values, self.matrix.columns, b, vmap_method="sequential")


_factors: collections.OrderedDict[bytes, SparseFactor] = collections.OrderedDict()


def _remembered(values: np.ndarray, columns: np.ndarray, width: int, solver: str) -> SparseFactor:
    """The factor of a matrix, made once as long as it is among the last few."""
    digest = hashlib.blake2b(solver.encode())
    for array in (values, columns):
        digest.update(np.ascontiguousarray(array).data)
    key = digest.digest()
    if key not in _factors:
        _factors[key] = factor_sparse(SparseRows(values, columns, width).to_scipy(), solver)
        while len(_factors) > KEPT:
            _factors.popitem(last=False)
    _factors.move_to_end(key)
    return _factors[key]
