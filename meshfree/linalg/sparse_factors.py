"""Sparse factorisations on the host: factor once, solve for many right-hand sides and for adjoints.

NumPy and SciPy in float64; JAX enters elsewhere.
"""

import functools

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from ..internal import memory
from .condition import inverse_norm
from .distributed_rows import DistributedRows, Layout
from .fill import check_fits, direct_memory
from .petsc import PetscFactor
from .sparse_factor import (
    ACCEPTED,
    COLUMN,
    GROWTH_LIMIT,
    ROW,
    SparseFactor,
    largest,
    largest_sums,
    right_hand_side,
    singular,
)
from .sparse_solvers import PACKAGES, SOLVERS, KrylovError, SingularFactorError, Solver, package_of

__all__ = ["KrylovError", "SparseFactor", "factor_sparse"]

PETSC = "petsc"
DIRECT = ("pardiso", "rslab", "superlu")  # fastest first: 40 000 nodes in 2-D and 20 000 in 3-D
REFINED_TO = 1e-14  # backward error below which refinement has nothing to add
PROBE_MARGIN = 100.0  # of a first growth that is far enough below the limit
AUGMENTED = 1e-6  # α of `LeastSquaresFactor`, at first
ACCEPTED_AUGMENTED = 1e-13  # backward error of its square system, whose condition is large where that of A is not
LEAST_AUGMENTED = 1e-12  # as 1/α must stay below GROWTH_LIMIT
WASTED = 100.0  # κ α, κ = condition(B), beyond which κ² α, not κ, is what rounding is multiplied by
FEW = 2**15  # entries up to which SuperLU needs less than the others take to begin: 500 nodes of a plane


class SquareFactor(SparseFactor):
    """S = R A C factored, R and C diagonal, every row's and column's largest entry 1.

    A is scaled in place. Every solution's normwise backward error is measured, refined where it is above 1e-14, and
    SuperLU takes over from an optional direct solver where it stays above `accepted`.
    """

    def __init__(self, A: scipy.sparse.csr_array, solver: str, refinements: int = 0, accepted: float = ACCEPTED):
        self._refinements = refinements  # as many at least
        self._accepted = accepted
        self._rows = 1 / largest(A, 1, *ROW)
        self._norm = largest_sums(A)[1]
        # in place: at a million nodes each copy is a third of a gigabyte beside the factors
        A.data *= np.repeat(self._rows, np.diff(A.indptr))
        self._columns = 1 / largest(A, 0, *COLUMN)
        A.data *= self._columns[A.indices]
        A.sort_indices()
        self._matrix = A
        self._norms = largest_sums(A)
        if solver == "auto" and A.nnz <= FEW:
            self._factor("superlu", {})  # to ask for the memory would take longer
            return
        needed = direct_memory(self._matrix) if solver == "auto" or solver in DIRECT else {}
        self._factor(_chosen(needed) if solver == "auto" else solver, needed)

    @property
    def solver(self):
        return self._taken

    def solve(self, b):
        return self._scaled(self._columns, b, self._rows, transposed=False)

    def solve_transposed(self, b):
        return self._scaled(self._rows, b, self._columns, transposed=True)

    def rank(self):
        return self._matrix.shape[1]

    def condition(self):
        return self._condition

    @functools.cached_property
    def _condition(self) -> float:
        try:
            return float(self._norm * inverse_norm(self.solve, self.solve_transposed, self.rank()))
        except ValueError:
            return float("inf")

    def _factor(self, solver: str, needed: dict[str, float]) -> None:
        if solver in needed:
            check_fits(solver, needed[solver])
        self._taken, self._needed = solver, needed
        try:
            self._solver: Solver = SOLVERS[solver](self._matrix)
        except SingularFactorError as error:
            if solver == "superlu":
                raise singular(solver, f"the factorisation met a zero pivot ({error})") from error
            return self._factor("superlu", needed)
        if solver in DIRECT and not self._solver.regular:
            self._probe()

    def _probe(self) -> None:
        """ValueError for a singular matrix, by inverse iteration: the second solve grows by nearly the condition.

        The first, from random values, sees 1/√n of it, and mostly tells that there is nothing to fear.
        """
        b = np.random.default_rng(0).standard_normal((self.rank(), 1))
        x = self._checked(b, transposed=False)
        if self._growth(x, b, transposed=False) * np.sqrt(self.rank()) > GROWTH_LIMIT / PROBE_MARGIN:
            self._checked(x / np.max(np.abs(x)), transposed=True)

    def _growth(self, x, b, transposed: bool) -> float:
        """‖S‖ ‖x‖ / ‖b‖, the largest of the columns: a lower bound of the condition number."""
        sizes = np.maximum(_largest_of_columns(b), np.finfo(float).tiny)
        return float(np.max(self._norms[transposed] * _largest_of_columns(x) / sizes))

    def _scaled(self, left, b, right, transposed):
        b = right_hand_side(b, self.rank())
        if not np.all(np.isfinite(b)):
            return np.full_like(b, np.nan)
        columns = b.reshape(len(b), -1)
        return (left[:, None] * self._checked(right[:, None] * columns, transposed)).reshape(b.shape)

    @np.errstate(over="ignore", invalid="ignore")  # a bad factorisation may overflow: the error is then not a number
    def _checked(self, b, transposed):
        """The solution of the equilibrated system, (n, k), refined and measured."""
        matrix = self._matrix.T if transposed else self._matrix
        solve = self._solver.solve_transposed if transposed else self._solver.solve
        norm = self._norms[transposed]
        x = solve(b)
        for step in range(4):
            residual = b - matrix @ x
            error = _backward_error(residual, norm, x, b)
            refined = error <= REFINED_TO and step >= self._refinements
            if refined or step == 3 or self.solver not in DIRECT:
                break
            x = x + solve(residual)
        if not error <= self._accepted and self.solver in DIRECT and self.solver != "superlu":
            self._factor("superlu", self._needed)
            return self._checked(b, transposed)
        if not error <= ACCEPTED:
            raise singular(self.solver, f"the backward error is {error:.1e}, expected below {ACCEPTED:.0e}")
        growth = self._growth(x, b, transposed)
        if growth > GROWTH_LIMIT:
            raise singular(self.solver, f"its condition number is at least {growth:.0e}")
        return x


class TallFactor(SparseFactor):
    """Least squares: A (m, n), m > n."""

    _A: scipy.sparse.csr_array

    def rank(self):
        return self._A.shape[1]

    def condition(self):
        return self._condition

    @functools.cached_property
    def _condition(self) -> float:
        """√κ₁(AᵀA)."""
        inverse = inverse_norm(self.solve_normal, self.solve_normal, self.rank())
        return float(np.sqrt(scipy.sparse.linalg.norm(self._A.T @ self._A, 1) * inverse))


class LeastSquaresFactor(TallFactor):
    """The square system of least squares for A (m, n), m > n, with columns of norm 1 in B = A C:

        ⎡ α I  B ⎤ ⎡ r/α ⎤   ⎡ b ⎤
        ⎣ Bᵀ   0 ⎦ ⎣  x  ⎦ = ⎣ 0 ⎦

    As accurate as QR where α is about the least singular value of B (Björck, Numerical Methods for Least Squares
    Problems, 1996, section 2.5.4): a larger one, which least squares with a large residual is better served by, is made
    smaller until it is. The normal equations cost half, but their refinement slows down from condition 1e7 on
    [measured].
    """

    def __init__(self, A: scipy.sparse.csr_array, solver: str):
        self._columns = 1 / _column_norms(A)
        self._A = A
        alpha, least = AUGMENTED, self._factor(AUGMENTED, solver)
        while WASTED * least < alpha > LEAST_AUGMENTED:
            alpha = max(least, LEAST_AUGMENTED)
            least = self._factor(alpha, solver)

    def _factor(self, alpha: float, solver: str) -> float:
        """The least singular value of B by inverse iteration with the new factors, 0 where they find it to be so."""
        vars(self).pop("_square", None)  # of which there is no room for two
        x = np.random.default_rng(0).standard_normal(self.rank())
        try:
            self._square = SquareFactor(_augmented(self._A, self._columns, alpha), solver, 1, ACCEPTED_AUGMENTED)
            for _ in range(2):
                x = self.solve_normal(x / np.linalg.norm(x) / self._columns) / self._columns
        except ValueError:
            if alpha == LEAST_AUGMENTED:
                raise
            return 0.0
        return float(np.linalg.norm(x) ** -0.5)

    @property
    def solver(self):
        return self._square.solver

    def solve(self, b):
        b = right_hand_side(b, self._A.shape[0])
        x = self._square.solve(np.concatenate([b, np.zeros((self.rank(), *b.shape[1:]))]))[len(b) :]
        return (self._columns * x.T).T

    def solve_transposed(self, b):
        b = right_hand_side(b, self.rank())
        rows = self._A.shape[0]
        return self._square.solve(np.concatenate([np.zeros((rows, *b.shape[1:])), (self._columns * b.T).T]))[:rows]


class NormalFactor(TallFactor):
    """Least squares by a Krylov solver: BᵀB x = Bᵀb, B = A C with columns of norm 1, refined by the residual b − B x.

    An incomplete LU of the larger system of `LeastSquaresFactor` is as dear as the complete one [measured].
    """

    def __init__(self, A: scipy.sparse.csr_array, solver: str):
        self._columns = 1 / _column_norms(A)
        self._A, self._B = A, scipy.sparse.csr_array(A @ scipy.sparse.diags_array(self._columns))
        self._normal = _square(scipy.sparse.csr_array(self._B.T @ self._B), solver)

    @property
    def solver(self):
        return self._normal.solver

    def solve(self, b):
        b = right_hand_side(b, self._A.shape[0])
        x = self._refined(b, lambda x: self._B @ x, lambda b: self._normal.solve(self._B.T @ b))
        return (self._columns * x.T).T

    def solve_transposed(self, b):
        b = (self._columns * right_hand_side(b, self.rank()).T).T
        return self._refined(b, lambda y: self._B.T @ y, lambda b: self._B @ self._normal.solve(b))

    def _refined(self, b, product, solve):
        x = solve(b)
        for _ in range(3):
            step = solve(b - product(x))
            x = x + step
            moved, size = np.linalg.norm(step), np.linalg.norm(x)
            if moved <= REFINED_TO * size:
                break
        if moved > ACCEPTED * size:
            raise singular(self.solver, f"the third refinement still moves the solution by {moved / size:.1e}")
        return x


def factor_sparse(A: scipy.sparse.csr_array, solver: str = "auto") -> SparseFactor:
    """A (m, n), m ≥ n, factored once, to be solved with any number of times.

    `"superlu"`: SciPy's, always there. `"rslab"` and `"pardiso"`: 2 to 10 times faster; extras `fast` and `mkl`.
    `"krylov"`: GMRES with an incomplete LU, a tenth of the memory. `"amg"`: GMRES with algebraic multigrid, for
    Dirichlet problems of Poisson type; extra `fast`. `"petsc"`, with PETSc's options behind it as in
    `"petsc -ksp_type bcgs"`: `petsc.PetscFactor`; extra `petsc`. `"auto"`: superlu for small matrices, otherwise the
    fastest direct solver that is installed and whose factors fit the memory, else krylov.

    Raises ValueError for an unknown solver, fewer rows than columns, entries that are not finite, a row or column of
    zeros, and a matrix that is singular to working precision; ImportError for a solver that is not installed;
    MemoryError for a direct one whose factors would not fit; KrylovError for an incomplete LU that does not exist.
    """
    name = solver.partition(" ")[0]
    if (name if name == PETSC else solver) not in ("auto", *SOLVERS, PETSC):
        raise ValueError(
            f"solver is {solver!r}; it is one of 'auto', {', '.join(map(repr, (*SOLVERS, PETSC)))} for the sparse "
            "equations of local spaces (the dense solvers are for Collocation with kernels of global support, and "
            "Eigenbasis)"
        )
    if name in PACKAGES:
        package_of(name)
    A = scipy.sparse.csr_array(A, dtype=float, copy=True)
    A.sum_duplicates()
    rows, columns = A.shape
    if rows < columns:
        raise ValueError(f"{rows} equations for {columns} unknowns: give more points, or a smaller space")
    if not np.all(np.isfinite(A.data)):
        bad = np.flatnonzero(~np.isfinite(A.data))
        row = np.searchsorted(A.indptr, bad[0], side="right") - 1
        raise ValueError(
            f"{len(bad)} entries of the matrix are NaN or infinite, the first in row {row}: expected numbers"
        )
    if rows == columns:
        return _square(A, solver)
    if solver == "auto":
        solver = _chosen(direct_memory(_augmented(A, 1 / _column_norms(A))))
    return LeastSquaresFactor(A, solver) if solver in DIRECT else NormalFactor(A, solver)


def _square(A: scipy.sparse.csr_array, solver: str) -> SparseFactor:
    if solver.startswith(PETSC):
        return PetscFactor(DistributedRows(A, Layout.alone(len(A.indptr) - 1)), solver)
    return SquareFactor(A, solver)


def _augmented(A, scales, alpha: float = AUGMENTED) -> scipy.sparse.csr_array:
    B = A @ scipy.sparse.diags_array(scales)
    return scipy.sparse.csr_array(
        scipy.sparse.block_array([[alpha * scipy.sparse.eye_array(A.shape[0]), B], [B.T, None]])
    )


def _column_norms(A) -> np.ndarray:
    largest(A, 0, *COLUMN)
    return scipy.sparse.linalg.norm(A, axis=0)


def _chosen(needed: dict[str, float]) -> str:
    """The fastest direct solver that is installed and fits."""
    available = memory.available()
    return next((name for name in DIRECT if needed[name] <= available and _installed(name)), "krylov")


def _installed(solver: str) -> bool:
    try:
        return solver not in PACKAGES or bool(package_of(solver))
    except ImportError:
        return False


def _largest_of_columns(x):
    return np.abs(x).max(axis=0)


def _backward_error(residual, norm, x, b) -> float:
    """‖b − S x‖ / (‖S‖ ‖x‖ + ‖b‖) in the maximum norm, the worst of the columns."""
    scale = np.maximum(norm * _largest_of_columns(x) + _largest_of_columns(b), np.finfo(float).tiny)
    return float(np.max(_largest_of_columns(residual) / scale))
