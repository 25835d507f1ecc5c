"""Dense factorisations: LU, rank-revealing QR, SVD, and the choice among them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int

from ..internal import memory
from ..internal.devices import device_memory, mesh_memory, mesh_name, on_host
from ..internal.tracing import AnyArray
from .condition import inverse_norm
from .dense_host import TRUNCATION, HostLU, HostQR, HostSVD, factor_semidefinite
from .interface import Factor
from .qr import QR, SketchedQR, jsl

FITS = 2**28  # bytes that every machine has: what it has more is read off files
CONDITION_LIMIT = 1e13  # beyond it LU stops short of what pivoted QR reaches


class LU(Factor):
    """P Aᵀ = L U with partial pivoting (square A): LAPACK wants columns, and those of Aᵀ lie in memory as A's rows.

    `rows` holds L and U by rows of A, that is (L + U − I)ᵀ.
    """

    rows: Float[Array, "n n"]
    pivots: Int[Array, " n"]
    norm: Float[Array, ""]

    @classmethod
    def of(cls, A: Float[Array, "n n"]) -> "LU":
        if isinstance(A, jax.core.Tracer) or not on_host():
            lu, pivots = jsl().lu_factor(A.T, check_finite=False)
            return cls(lu.T, pivots, _one_norm(A))
        # LAPACK itself: under XLA the passes over the matrix around it cost a third of the factorisation
        rows, pivots = _lapack_lu(A)
        return cls(rows, pivots, _one_norm(A))

    @eqx.filter_jit
    def solve(self, b):
        return jsl().lu_solve((self.rows.T, self.pivots), b, trans=1, check_finite=False)

    @eqx.filter_jit
    def solve_transposed(self, b):
        return jsl().lu_solve((self.rows.T, self.pivots), b, trans=0, check_finite=False)

    def rank(self):
        return jnp.sum(jnp.abs(jnp.diagonal(self.rows)) > 0)

    @eqx.filter_jit
    def condition(self):
        """κ₁, from below."""
        estimate = self.norm * inverse_norm(self.solve, self.solve_transposed, len(self.rows), jnp)
        return jnp.where(jnp.isfinite(estimate), estimate, jnp.inf)


def _lapack_lu(A):
    """The rows and pivots of `LU`, with one copy of A: LAPACK overwrites it, and JAX adopts it, aligned as it asks."""
    alignment = 64
    memory = np.empty(A.nbytes + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    copy = memory[start : start + A.nbytes].view(A.dtype).reshape(A.shape)
    copy[:] = np.asarray(A)
    (getrf,) = scipy.linalg.get_lapack_funcs(("getrf",), dtype=A.dtype)
    lu, pivots, _ = getrf(copy.T, overwrite_a=True)
    return jax.device_put(lu.T, may_alias=True), jnp.asarray(pivots)


@jax.jit
def _one_norm(A):
    return jnp.max(jnp.sum(jnp.abs(A), axis=0))


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
        return jnp.sum(self._kept)

    def condition(self):
        return self.s[0] / jnp.min(jnp.where(self._kept, self.s, self.s[0]))

    @property
    def _kept(self):
        return self.s > TRUNCATION * self.s[0]

    def _divided(self, b):
        inverse = jnp.where(self._kept, 1 / jnp.where(self._kept, self.s, 1), 0)
        return jnp.expand_dims(inverse, tuple(range(1, b.ndim))) * b


class Auto(Factor):
    """LU where it is as good as anything, QR where the condition is beyond 1e13; decided by the matrix."""

    lu: LU
    qr: QR | SketchedQR
    ill: Bool[Array, ""]

    @classmethod
    def of(cls, A: Float[Array, "n n"]) -> "Auto":
        lu = LU.of(A)
        ill = ~(lu.condition() < CONDITION_LIMIT)
        qr = _rank_revealing().of
        unused = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(qr, A))
        return cls(lu, jax.lax.cond(ill, qr, lambda A: unused, A), ill)

    def solve(self, b):
        return jax.lax.cond(self.ill, lambda b: self.qr.solve(b), lambda b: self.lu.solve(b), b)

    def solve_transposed(self, b):
        return jax.lax.cond(self.ill, lambda b: self.qr.solve_transposed(b), lambda b: self.lu.solve_transposed(b), b)

    def rank(self):
        return jnp.where(self.ill, self.qr.rank(), self.lu.rank())

    def condition(self):
        return jnp.where(self.ill, self.qr.condition(), self.lu.condition())


Kind = LU | QR | SketchedQR | SVD | Auto


def factor_dense(A: Float[AnyArray, "m n"], solver: str = "auto") -> Factor:
    """A dense matrix factored.

    `"lu"`: fastest, square matrices only. `"qr"`: column-pivoted, truncated at 1e-15 |R₁₁|; the most accurate on the
    ill-conditioned systems of smooth kernels. `"svd"`: slowest, least norm. `"auto"`: LU for a square matrix of
    condition below 1e13, pivoted QR otherwise; of a matrix on the host that is symmetric and positive definite, as in
    interpolation, pivoted Cholesky, and pivoted QR of the columns that it finds to span the others.

    JAX arrays are factored on JAX's default device. On an accelerator, where JAX has no pivoted QR, `"auto"` takes
    `SketchedQR`, as accurate on the average, and `"qr"` factors on the host.

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
    if isinstance(A, np.ndarray):
        return _on_host(A, solver)
    if solver == "auto" and rows == columns:
        return _factored(Auto, A) if isinstance(A, jax.core.Tracer) else _chosen(A)
    if solver == "lu":
        return _lu(A)
    kinds: dict[str, type[Kind]] = {"qr": QR, "svd": SVD, "auto": _rank_revealing()}
    return _factored(kinds[solver], A)


@eqx.filter_jit
def _factored(kind: type[Kind], A):
    return kind.of(A)


def _rank_revealing() -> type[QR | SketchedQR]:
    return QR if on_host() else SketchedQR


def _lu(A: Float[Array, "n n"]) -> LU:
    return LU.of(A) if on_host() else _factored(LU, A)


def _on_host(A: Float[np.ndarray, "m n"], solver: str) -> Factor:
    if not np.all(np.isfinite(A)):
        raise ValueError("the matrix holds NaN or infinity: check the coefficients of the equations, and the kernel")
    square = len(A) == A.shape[1]
    found = factor_semidefinite(A) if solver == "auto" and square else None
    if found is not None:
        return found
    if solver in ("auto", "lu") and square:
        lu = HostLU.of(A)
        if solver == "lu" or lu.condition() < CONDITION_LIMIT:
            return lu
    return HostSVD.of(A) if solver == "svd" else HostQR.of(A)


def _chosen(A: Float[Array, "n n"]) -> Factor:
    """`Auto` for a concrete matrix: the decision in Python spares the factor that is not taken."""
    lu = _lu(A)
    return lu if float(lu.condition()) < CONDITION_LIMIT else _factored(_rank_revealing(), A)


def check_memory(rows: int, columns: int, copies: int = 3, mesh: Mesh | None = None) -> None:
    """MemoryError if a dense (rows, columns) matrix and its factors would not fit the memory of the device, or of the
    devices of a mesh together, on which `ShardedQR` needs one copy more.
    """
    needed = 8 * (copies + (mesh is not None)) * rows * columns
    if needed <= FITS:
        return
    installed = memory.installed() if on_host() else device_memory()
    installed = installed if mesh is None else mesh_memory(mesh)
    if needed > installed:
        who = "this process" if mesh is None else mesh_name(mesh)
        raise MemoryError(
            f"a dense matrix of {rows} rows and {columns} columns takes {needed / 2**30:.3g} GiB with its factors, and "
            f"{who} can have {installed / 2**30:.3g} GiB: use Stencils, whose matrix is sparse, an Eigenbasis "
            "of fewer functions, or a larger spacing"
        )
