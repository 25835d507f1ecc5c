"""Dense factorisations by LAPACK on the host: for known matrices no program is compiled, and Q is never formed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import numpy as np
import scipy.linalg
from jaxtyping import Float, Int

from .batched import on_few_threads, on_one_thread
from .condition import inverse_norm
from .interface import Factor

TRUNCATION = 1e-15  # directions below this share of the largest are round-off, and are left out
SPANNED = 1e-13  # of the values, to which some columns of a semidefinite matrix must give them all
SAMPLE, BLOCK = 32, 256  # rows that are compared with columns, first a few


class HostLU(Factor):
    """A = P L U with partial pivoting; right-hand sides are NumPy arrays."""

    runs_on_host: ClassVar[bool] = True

    lu: Float[np.ndarray, "n n"]
    pivots: Int[np.ndarray, " n"]
    kappa: float = eqx.field(static=True)

    @classmethod
    def of(cls, A: Float[np.ndarray, "n n"]) -> HostLU:
        # LAPACK wants columns, and those of Aᵀ lie in memory as the rows of A
        (getrf,) = scipy.linalg.get_lapack_funcs(("getrf",), dtype=A.dtype)
        with on_few_threads(A.size):
            lu, pivots, _ = getrf(np.array(A).T, overwrite_a=True)
        return cls(lu, pivots, _condition(A, *(functools.partial(_solved, lu, pivots, t) for t in (True, False))))

    def solve(self, b):
        return _solved(self.lu, self.pivots, True, b)

    def solve_transposed(self, b):
        return _solved(self.lu, self.pivots, False, b)

    def rank(self):
        return int(np.sum(np.abs(np.diagonal(self.lu)) > 0))

    def condition(self):
        """κ₁, from below."""
        return self.kappa


def _solved(lu, pivots, transposed: bool, b):
    (getrs,) = scipy.linalg.get_lapack_funcs(("getrs",), dtype=lu.dtype)
    with np.errstate(all="ignore"), on_few_threads(lu.size):
        return getrs(lu, pivots, b, trans=int(transposed))[0].reshape(b.shape)


class HostCholesky(Factor):
    """P A Pᵀ = Uᵀ U for a symmetric positive definite A, the largest pivot first; right-hand sides are NumPy arrays."""

    runs_on_host: ClassVar[bool] = True

    factor: Float[np.ndarray, "n n"]  # U above the diagonal and on it
    permutation: Int[np.ndarray, " n"]
    norm: float = eqx.field(static=True)  # ‖A‖₁

    def solve(self, b):
        (potrs,) = scipy.linalg.get_lapack_funcs(("potrs",), dtype=self.factor.dtype)
        x = np.empty_like(b)
        x[self.permutation] = potrs(self.factor, b[self.permutation])[0].reshape(b.shape)
        return x

    def solve_transposed(self, b):
        return self.solve(b)

    def rank(self):
        return len(self.factor)

    def condition(self):
        """κ₁, from below."""
        return self.norm * float(inverse_norm(self.solve, self.solve, len(self.factor)))


def factor_semidefinite(A: Float[np.ndarray, "n n"]) -> Factor | None:
    """A symmetric positive (semi)definite matrix factored at a third of the price of LU, at less where the rank is low.

    Its rows are eliminated in the order of the largest pivot, until what is left is round-off. Where nothing is left
    out the elimination is the factor; otherwise the columns that were taken, which span the others to round-off, are
    factored by pivoted QR. None for any other matrix.
    """
    diagonal = np.diagonal(A)
    if not (len(A) and np.all(diagonal > 0) and _is_symmetric(A)):
        return None
    (pstrf,) = scipy.linalg.get_lapack_funcs(("pstrf",), dtype=A.dtype)
    # the rows of A are the columns of LAPACK, and the lower triangle is read there as the upper one
    factor, pivots, rank, _ = pstrf(np.array(A).T, tol=TRUNCATION * diagonal.max(), overwrite_a=True)
    pivots -= 1
    smallest = np.diagonal(factor)[:rank].min() ** 2
    if rank == len(A) and smallest > len(A) * np.finfo(float).eps * diagonal.max():
        return HostCholesky(factor, pivots, _one_norm(A))
    del factor  # as large as A
    if rank == len(A):
        return HostQR.of(A)
    found = HostQR.of_columns(A, pivots, rank)
    data = A @ np.random.default_rng(0).standard_normal(len(A))
    missed = data - A @ found.solve(data)
    return found if np.linalg.norm(missed) <= SPANNED * np.linalg.norm(data) else None


def _is_symmetric(A: Float[np.ndarray, "n n"]) -> bool:
    some = slice(None, None, max(len(A) // SAMPLE, 1))
    if not np.array_equal(A[some, some], A[some, some].T):
        return False
    blocks = range(0, len(A), BLOCK)
    return all(
        np.array_equal(A[i : i + BLOCK, j : j + BLOCK], A[j : j + BLOCK, i : i + BLOCK].T)
        for i in blocks
        for j in blocks
        if j <= i
    )


def _condition(A: Float[np.ndarray, "n n"], solve: Callable, solve_transposed: Callable) -> float:
    """κ₁, from below."""
    with np.errstate(all="ignore"):
        estimate = _one_norm(A) * inverse_norm(solve, solve_transposed, len(A))
    return float(estimate) if np.isfinite(estimate) else float("inf")


def _one_norm(A: Float[np.ndarray, "n n"]) -> float:
    """‖A‖₁, by LAPACK, which makes no copy for the absolute values."""
    (lange,) = scipy.linalg.get_lapack_funcs(("lange",), dtype=A.dtype)
    return float(lange("I", np.ascontiguousarray(A).T))


class HostQR(Factor):
    """A P = Q R with column pivoting, truncated where |Rₖₖ| falls below 1e-15 |R₁₁|: the basic solution.

    Q is applied as LAPACK's reflectors. Right-hand sides are NumPy arrays.
    """

    runs_on_host: ClassVar[bool] = True

    reflectors: Float[np.ndarray, "m n"]
    factors: Float[np.ndarray, " n"]
    r: Float[np.ndarray, "k k"]  # of the rank
    permutation: Int[np.ndarray, " n"]

    @classmethod
    def of_columns(cls, A: Float[np.ndarray, "m n"], order: Int[np.ndarray, " n"], count: int) -> HostQR:
        """Of the first `count` columns in that order; the unknowns of the others are 0."""
        found = cls.of(np.take(A.T, order[:count], axis=0).T)
        return eqx.tree_at(lambda qr: qr.permutation, found, np.append(order[found.permutation], order[count:]))

    @classmethod
    def of(cls, A: Float[np.ndarray, "m n"]) -> HostQR:
        (geqp3,) = scipy.linalg.get_lapack_funcs(("geqp3",), dtype=A.dtype)
        matrix = np.array(A, order="F")
        size = int(geqp3(matrix, lwork=-1)[3][0])
        # half of it is bound by memory, and two threads wait for each other on a busy machine, 30 times as long [m]
        with on_one_thread():
            qr, pivots, factors, _, _ = geqp3(matrix, lwork=size, overwrite_a=True)
        diagonal = np.abs(np.diagonal(qr))
        rank = int(np.sum(np.cumprod(diagonal > TRUNCATION * diagonal[0]))) if len(diagonal) else 0
        return cls(qr, factors, np.triu(qr[:rank, :rank]), pivots - 1)

    def solve(self, b):
        y = self._rotated(b, "T")[: len(self.r)]
        return self._placed(scipy.linalg.solve_triangular(self.r, y, check_finite=False))

    def solve_transposed(self, b):
        y = scipy.linalg.solve_triangular(self.r, b[self.permutation[: len(self.r)]], trans=1, check_finite=False)
        return self._rotated(np.concatenate([y, np.zeros((len(self.reflectors) - len(y), *y.shape[1:]))]), "N")

    def solve_normal(self, b):
        y = scipy.linalg.solve_triangular(self.r, b[self.permutation[: len(self.r)]], trans=1, check_finite=False)
        return self._placed(scipy.linalg.solve_triangular(self.r, y, check_finite=False))

    def rank(self):
        return len(self.r)

    def condition(self):
        """|R₁₁|/|Rₖₖ|, k the rank: a lower bound, within a modest factor in practice."""
        diagonal = np.abs(np.diagonal(self.r))
        return float(diagonal[0] / diagonal.min()) if len(diagonal) else float("inf")

    def _rotated(self, b, transposed: str):
        """Qᵀ b ("T") or Q b ("N")."""
        (ormqr,) = scipy.linalg.get_lapack_funcs(("ormqr",), dtype=self.reflectors.dtype)
        columns = np.asfortranarray(b.reshape(len(b), -1))
        size = int(ormqr("L", transposed, self.reflectors, self.factors, columns, -1)[1][0])
        with on_few_threads(self.reflectors.size):
            return ormqr("L", transposed, self.reflectors, self.factors, columns, size)[0].reshape(b.shape)

    def _placed(self, y):
        x = np.zeros((len(self.permutation), *y.shape[1:]))
        x[self.permutation[: len(y)]] = y
        return x


class HostSVD(Factor):
    """A = U S Vᵀ, singular values below 1e-15 of the largest left out: the solution of least norm."""

    runs_on_host: ClassVar[bool] = True

    u: Float[np.ndarray, "m k"]
    s: Float[np.ndarray, " k"]
    vt: Float[np.ndarray, "k n"]

    @classmethod
    def of(cls, A: Float[np.ndarray, "m n"]) -> HostSVD:
        u, s, vt = scipy.linalg.svd(A, full_matrices=False, check_finite=False)
        kept = s > TRUNCATION * s[0]
        return cls(u[:, kept], s[kept], vt[kept])

    def solve(self, b):
        return self.vt.T @ self._divided(self.u.T @ b)

    def solve_transposed(self, b):
        return self.u @ self._divided(self.vt @ b)

    def rank(self):
        return len(self.s)

    def condition(self):
        return float(self.s[0] / self.s[-1]) if len(self.s) else float("inf")

    def _divided(self, b):
        return (b.T / self.s).T
