"""Dense factorisations: LU, pivoted QR, SVD, and the choice among them."""

import math
from types import ModuleType

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax.lax.linalg import lu, qr, triangular_solve
from jaxtyping import Array, Bool, Float, Int

from ..internal import memory
from ..internal.tracing import as_jax, is_traced, module_for
from .condition import inverse_norm
from .interface import Factor

TRUNCATION = 1e-15  # directions below this share of the largest are round-off, and are left out
CONDITION_LIMIT = 1e13  # beyond it LU stops short of what pivoted QR reaches


class LU(Factor):
    """P Aᵀ = L U with partial pivoting (square A): LAPACK wants columns, and those of Aᵀ lie in memory as A's rows.

    `rows` holds L and U by rows of A, that is (L + U − I)ᵀ.
    """

    rows: Float[Array, "n n"]
    permutation: Int[Array, " n"]  # P: its row i is the row permutation[i] of what it is applied to
    inverse: Int[Array, " n"]
    known: Float[Array, "2"]  # the norm of A, and the condition where LAPACK has estimated it, otherwise NaN

    @classmethod
    def of(cls, A: Float[Array, "n n"]) -> "LU":
        if is_traced(A):
            factors, _, permutation = lu(A.T)
            return cls(
                factors.T,
                permutation,
                jnp.argsort(permutation),
                jnp.stack([jnp.max(jnp.sum(jnp.abs(A), axis=0)), jnp.nan]),
            )
        # LAPACK itself: under XLA the passes over the matrix around it cost a third of the factorisation
        return cls(*_lapack_lu(A))

    @eqx.filter_jit
    def solve(self, b):
        x = _triangular(self.rows.T, b, transpose_a=True)
        x = _triangular(self.rows.T, x, transpose_a=True, lower=True, unit_diagonal=True)
        return x[self.inverse]

    @eqx.filter_jit
    def solve_transposed(self, b):
        x = _triangular(self.rows.T, b[self.permutation], lower=True, unit_diagonal=True)
        return _triangular(self.rows.T, x)

    def rank(self):
        array = module_for(self.rows)
        return array.sum(array.abs(array.diagonal(array.asarray(self.rows))) > 0)

    def condition(self):
        """κ₁, from below."""
        known = np.nan if is_traced(self) else np.asarray(self.known)[1]
        return self._estimated() if np.isnan(known) else known

    @eqx.filter_jit
    def _estimated(self):
        estimate = self.known[0] * inverse_norm(self.solve, self.solve_transposed, len(self.rows), jnp)
        return jnp.where(jnp.isfinite(estimate), estimate, jnp.inf)


def _triangular(matrix, b, **options):
    """x with T x = b for vectors or columns b; T upper triangular unless `lower`."""
    columns = b.reshape(len(b), math.prod(b.shape[1:]))
    return triangular_solve(matrix, columns, left_side=True, **options).reshape(b.shape)


def _lapack_lu(A):
    """The fields of `LU`, with one copy of A: LAPACK overwrites it, and JAX adopts it, aligned as it asks."""
    alignment = 64
    memory = np.empty(A.nbytes + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    copy = memory[start : start + A.nbytes].view(A.dtype).reshape(A.shape)
    copy[:] = np.asarray(A)
    getrf, lange, gecon = scipy.linalg.get_lapack_funcs(("getrf", "lange", "gecon"), dtype=A.dtype)
    norm = lange("I", copy.T)  # ‖A‖₁
    lu, pivots, _ = getrf(copy.T, overwrite_a=True)
    reciprocal, failed = gecon(lu, norm, "I")
    condition = 1 / reciprocal if reciprocal > 0 and not failed else np.inf
    known = np.array([norm, condition], dtype=A.dtype)
    permutation = np.arange(len(pivots), dtype=np.int32)
    for i, pivot in enumerate(pivots):
        permutation[[i, pivot]] = permutation[[pivot, i]]
    rows = jax.device_put(lu.T, may_alias=True)
    return rows, as_jax(permutation), as_jax(np.argsort(permutation)), as_jax(known)


class QR(Factor):
    """A P = Q R with column pivoting, truncated where |Rₖₖ| falls below 1e-15 |R₁₁|: the basic solution."""

    q: Float[Array, "m n"]
    r: Float[Array, "n n"]
    permutation: Int[Array, " n"]
    inverse: Int[Array, " n"]
    diagonal: Float[Array, " n"]  # of R, without signs
    kept: Bool[Array, " n"]

    @classmethod
    def of(cls, A: Float[Array, "m n"]) -> "QR":
        if is_traced(A):
            return cls(*_truncated_qr(*qr(A, pivoting=True, full_matrices=False), jnp))
        # LAPACK itself, which XLA would call, too, in a program to be compiled for every shape
        q, r, permutation = scipy.linalg.qr(np.asarray(A), mode="economic", pivoting=True, check_finite=False)
        return cls(*map(as_jax, _truncated_qr(q, r, permutation, np)))

    @eqx.filter_jit
    def solve(self, b):
        return self._unpermuted(_triangular(self.r, self._truncated(self.q.T @ b)))

    @eqx.filter_jit
    def solve_transposed(self, b):
        return self.q @ _triangular(self.r, self._truncated(b[self.permutation]), transpose_a=True)

    def rank(self):
        array = module_for(self.kept)
        return array.sum(array.asarray(self.kept))

    def condition(self):
        """|R₁₁|/|Rₖₖ|, k the rank: a lower bound, within a modest factor in practice."""
        return _ratio(self.diagonal, self.kept)

    def _truncated(self, b):
        return jnp.where(jnp.expand_dims(self.kept, tuple(range(1, b.ndim))), b, 0)

    def _unpermuted(self, y):
        return y[self.inverse]  # a gather: unlike a scatter it can be transposed


def _truncated_qr(q, r, permutation, array: ModuleType) -> tuple:
    """The fields of `QR`; beyond the rank R becomes the identity, so that one triangular solve serves every rank."""
    diagonal = array.abs(array.diagonal(r))
    kept = array.cumprod(diagonal > TRUNCATION * diagonal[0]).astype(bool)
    r = array.where(kept[:, None] & kept[None, :], r, array.eye(len(r), dtype=r.dtype))
    return q, r, permutation, array.argsort(permutation), diagonal, kept


class SVD(Factor):
    """A = U S Vᵀ, singular values below 1e-15 of the largest left out: the solution of least norm."""

    u: Float[Array, "m n"]
    s: Float[Array, " n"]
    vt: Float[Array, "n n"]

    @classmethod
    def of(cls, A: Float[Array, "m n"]) -> "SVD":
        return cls(*jnp.linalg.svd(A, full_matrices=False))

    @eqx.filter_jit
    def solve(self, b):
        return self.vt.T @ self._divided(self.u.T @ b)

    @eqx.filter_jit
    def solve_transposed(self, b):
        return self.u @ self._divided(self.vt @ b)

    def rank(self):
        return self._kept.sum()

    def condition(self):
        return _ratio(self.s, self._kept)

    @property
    def _kept(self):
        sizes = module_for(self.s).asarray(self.s)
        return sizes > TRUNCATION * sizes[0]

    def _divided(self, b):
        inverse = jnp.where(self._kept, 1 / jnp.where(self._kept, self.s, 1), 0)
        return jnp.expand_dims(inverse, tuple(range(1, b.ndim))) * b


def _ratio(sizes, kept):
    """The first over the least of those that are kept."""
    array = module_for(sizes, kept)
    sizes = array.asarray(sizes)
    with np.errstate(invalid="ignore"):  # a matrix of zeros
        return sizes[0] / array.min(array.where(kept, sizes, sizes[0]))


class Auto(Factor):
    """LU where it is as good as anything, pivoted QR where the condition is beyond 1e13; decided by the matrix."""

    lu: LU
    qr: QR
    ill: Bool[Array, ""]

    @classmethod
    def of(cls, A: Float[Array, "n n"]) -> "Auto":
        lu = LU.of(A)
        ill = ~(lu.condition() < CONDITION_LIMIT)
        unused = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(QR.of, A))
        return cls(lu, jax.lax.cond(ill, QR.of, lambda A: unused, A), ill)

    def solve(self, b):
        return jax.lax.cond(self.ill, lambda b: self.qr.solve(b), lambda b: self.lu.solve(b), b)

    def solve_transposed(self, b):
        return jax.lax.cond(self.ill, lambda b: self.qr.solve_transposed(b), lambda b: self.lu.solve_transposed(b), b)

    def rank(self):
        return jnp.where(self.ill, self.qr.rank(), self.lu.rank())

    def condition(self):
        return jnp.where(self.ill, self.qr.condition(), self.lu.condition())


def factor_dense(A: Float[Array, "m n"], solver: str = "auto") -> Factor:
    """A dense matrix factored.

    `"lu"`: fastest, square matrices only. `"qr"`: column-pivoted, truncated at 1e-15 |R₁₁|; the most accurate on the
    ill-conditioned systems of smooth kernels. `"svd"`: slowest, least norm. `"auto"`: LU for a square matrix of
    condition below 1e13, pivoted QR otherwise.

    Raises ValueError for an unknown solver, a matrix with fewer rows than columns, and LU of one with more.
    """
    rows, columns = A.shape
    if solver not in ("auto", "lu", "qr", "svd"):
        raise ValueError(
            f"solver is {solver!r}; it is one of 'auto', 'lu', 'qr', 'svd' for the dense equations of global spaces "
            "(the sparse solvers are for Stencils and compactly supported kernels)"
        )
    if rows < columns:
        raise ValueError(f"{rows} equations for {columns} unknowns: give more points, or a smaller space")
    if solver == "lu" and rows != columns:
        raise ValueError(f"LU needs a square matrix; got {rows} rows and {columns} columns. Use solver='qr'")
    if solver == "auto":
        if rows > columns:
            solver = "qr"
        elif not is_traced(A):
            return _chosen(A)
    if solver == "lu":
        return LU.of(A)
    if solver == "qr":
        return QR.of(A)
    return _factored(SVD if solver == "svd" else Auto, A)


@eqx.filter_jit
def _factored(kind: type[SVD | Auto], A):
    return kind.of(A)


def _chosen(A: Float[Array, "n n"]) -> Factor:
    """`Auto` for a concrete matrix: the decision in Python spares the factor that is not taken."""
    lu = LU.of(A)
    return lu if lu.condition() < CONDITION_LIMIT else QR.of(A)


def check_memory(rows: int, columns: int, copies: int = 3) -> None:
    """MemoryError if a dense (rows, columns) matrix and its factors would not fit this machine's memory."""
    needed, installed = 8 * copies * rows * columns, memory.installed()
    if needed > installed:
        raise MemoryError(
            f"a dense matrix of {rows} rows and {columns} columns takes {needed / 2**30:.0f} GiB with its factors, and "
            f"this machine has {installed / 2**30:.0f} GiB: use Stencils, whose matrix is sparse, an Eigenbasis of "
            "fewer functions, or a larger spacing"
        )
