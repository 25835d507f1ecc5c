"""Dense factorisations by LAPACK on the host: for known matrices no program is compiled, and Q is never formed."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import numpy as np
import scipy.linalg
from jaxtyping import Float, Int

from .batched import on_few_threads, on_one_thread
from .condition import inverse_norm
from .interface import Factor

TRUNCATION = 1e-15  # directions below this share of the largest are round-off, and are left out


class HostLU(Factor):
    """A = P L U with partial pivoting; right-hand sides are NumPy arrays."""

    runs_on_host: ClassVar[bool] = True

    lu: Float[np.ndarray, "n n"]
    pivots: Int[np.ndarray, " n"]
    norm: float = eqx.field(static=True)  # ‖A‖₁

    @classmethod
    def of(cls, A: Float[np.ndarray, "n n"]) -> HostLU:
        # LAPACK wants columns, and those of Aᵀ lie in memory as the rows of A
        (getrf,) = scipy.linalg.get_lapack_funcs(("getrf",), dtype=A.dtype)
        with on_few_threads(A.size):
            lu, pivots, _ = getrf(np.array(A).T, overwrite_a=True)
        return cls(lu, pivots, float(np.max(np.sum(np.abs(A), axis=0))))

    def solve(self, b):
        return self._solved(b, transposed=True)

    def solve_transposed(self, b):
        return self._solved(b, transposed=False)

    def _solved(self, b, transposed: bool):
        (getrs,) = scipy.linalg.get_lapack_funcs(("getrs",), dtype=self.lu.dtype)
        with np.errstate(all="ignore"), on_few_threads(self.lu.size):
            return getrs(self.lu, self.pivots, b, trans=int(transposed))[0].reshape(b.shape)

    def rank(self):
        return int(np.sum(np.abs(np.diagonal(self.lu)) > 0))

    def condition(self):
        """κ₁, from below."""
        with np.errstate(all="ignore"):
            estimate = self.norm * inverse_norm(self.solve, self.solve_transposed, len(self.lu))
        return float(estimate) if np.isfinite(estimate) else float("inf")


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
