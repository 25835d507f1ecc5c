"""The sparse solvers behind `factor_sparse`, one class each: a square, equilibrated matrix factored once."""

import abc
import contextlib
import copy
import ctypes
import functools
import importlib.metadata
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from scipy.sparse.csgraph import reverse_cuthill_mckee

from ..internal.extras import require
from .fill import is_dense

ROUND_OFF = 4 * np.finfo(float).eps  # the backward error that GMRES aims at, that of a direct solver
RELATIVE_RESIDUAL, BACKWARD_ERROR = 1e-12, 1e-14  # either will do where it stalls: rounding may allow no more
DENSE_ROW = 1e-6  # the size of dense rows for SuperLU
RESTART = 60  # good values 30 to 100: the vectors of this many steps are kept
GAIN = 0.5  # a cycle of RESTART steps that leaves more of the residual than this has stalled
# (drop tolerance, most entries per entry of the matrix): the next is used where GMRES stalls
INCOMPLETE = ((1e-3, 10.0), (1e-4, 20.0), (1e-5, 40.0), (1e-6, 80.0))
NOT_POISSON = "It is for Dirichlet problems of Poisson type: use solver='krylov', or a direct one"
SINGLE_FROM = 200_000  # rows from which on Pardiso factors in single precision
SINGLE_CONDITION = 2e6  # up to which that is refined safely: rounding hides a singular matrix from 1e7 on
REFINED = 1e-14  # ‖b − S x‖ / (‖x‖ + ‖b‖) to which its solutions are refined then
# By Intel's numbers: METIS, pivots perturbed at 1e-13, scaling and matching, as its defaults for such matrices
PARDISO_SETTINGS = {1: 1, 2: 2, 10: 13, 11: 1, 13: 1}


_MKL, _MKL_LIBRARY = "PYPARDISO_MKL_RT", re.compile(r"(lib)?mkl_rt(\.\d+)?\.(so(\.\d+)*|dll|dylib)")
_telling = threading.RLock()


class SingularFactorError(ArithmeticError):
    """A factorisation met a zero pivot."""


class KrylovError(RuntimeError):
    """A Krylov solve that stalled. `history`: its relative residuals, one per iteration."""

    def __init__(self, message: str, history: list[float]):
        super().__init__(message)
        self.history = tuple(history)


class Solver(abc.ABC):
    """A factored square matrix S (n, n) in CSR with sorted indices, every row of which has a largest entry of 1."""

    regular = False  # whether it has shown by itself that the matrix is far from singular

    @abc.abstractmethod
    def __init__(self, matrix: scipy.sparse.csr_array): ...

    @abc.abstractmethod
    def solve(self, b: np.ndarray) -> np.ndarray:
        """x with S x = b, both (n, k)."""

    @abc.abstractmethod
    def solve_transposed(self, b: np.ndarray) -> np.ndarray:
        """y with Sᵀ y = b, both (n, k)."""


class SuperLU(Solver):
    """SciPy's SuperLU, columns ordered by COLAMD: its minimum degree orderings take minutes on stencils.

    Dense rows are made small, so that they become pivots last: one that comes early fills everything below it, five
    times as many entries of 8000 nodes [measured].
    """

    def __init__(self, matrix):
        self._sizes = np.where(is_dense(np.diff(matrix.indptr)), DENSE_ROW, 1.0)[:, None]
        if np.any(self._sizes < 1):
            matrix = scipy.sparse.diags_array(self._sizes[:, 0]) @ matrix
        try:
            self._factor = scipy.sparse.linalg.splu(matrix.tocsc(), permc_spec="COLAMD")
        except RuntimeError as error:
            raise SingularFactorError(str(error)) from error

    def solve(self, b):
        return self._factor.solve(self._sizes * b)

    def solve_transposed(self, b):
        return self._sizes * self._factor.solve(b, trans="T")


class Rslab(Solver):
    """rslab's supernodal LU on two threads."""

    def __init__(self, matrix):
        try:
            self._factor = package_of("rslab").lu(matrix.tocsc(), threads=2)
        except RuntimeError as error:
            raise SingularFactorError(str(error)) from error

    def solve(self, b):
        return _by_columns(functools.partial(self._factor.solve, refine=2), b)

    def solve_transposed(self, b):
        return _by_columns(self._factor.solve_transpose, b)


class Pardiso(Solver):
    """MKL's Pardiso; large matrices are factored in single precision, in half the time and memory.

    Their solutions are refined with residuals in double precision (Higham 2002, section 12.2). Where inverse iteration
    finds the condition too large for that, or refinement stalls, the matrix is factored in double precision.
    """

    def __init__(self, matrix):
        self._matrix = matrix
        single = matrix.shape[0] >= SINGLE_FROM
        self._factor = _PardisoFactor(matrix, np.float32 if single else np.float64)
        self.regular = single and self._factor.condition() < SINGLE_CONDITION
        if single and not self.regular:
            self._factor_in_double()

    def solve(self, b):
        return self._solved(b, transposed=False)

    def solve_transposed(self, b):
        return self._solved(b, transposed=True)

    def _solved(self, b, transposed):
        if self._factor.dtype == np.float32:
            x = self._refined(b, transposed)
            if x is not None:
                return x
            self._factor_in_double()
        return self._factor.solve(b, transposed)

    def _factor_in_double(self):
        self._factor.free()  # before the other takes its own memory
        self._factor = _PardisoFactor(self._matrix, np.float64)

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # what overflows single precision stalls
    def _refined(self, b, transposed):
        """The solution; None where refinement stalls."""
        matrix = self._matrix.T if transposed else self._matrix
        x, residual, last = np.zeros_like(b), b, np.inf
        while True:
            size = max(np.max(np.abs(residual)), np.finfo(float).tiny)
            x = x + size * self._factor.solve(residual / size, transposed)
            residual = b - matrix @ x
            error = np.max(np.abs(residual)) / (np.max(np.abs(x)) + np.max(np.abs(b)))
            if error <= REFINED:
                return x
            if not error < last / 4:
                return None
            last = error


class _PardisoFactor:
    """The factors of a matrix in single or double precision, in a handle of their own, freed with this object."""

    def __init__(self, matrix, dtype):
        unused = _unused_handle()
        handle = copy.copy(unused)
        handle.pt, handle.iparm = np.zeros_like(unused.pt), np.zeros_like(unused.iparm)
        for number, value in PARDISO_SETTINGS.items():
            handle.set_iparm(number, value)
        handle.set_iparm(28, int(dtype == np.float32))
        self.dtype, self._handle = dtype, handle
        self._matrix = scipy.sparse.csr_array((matrix.data.astype(dtype), matrix.indices, matrix.indptr), matrix.shape)
        self.free = weakref.finalize(self, handle.free_memory, everything=True)  # Pardiso's memory is not Python's
        try:
            self._call(12, np.zeros((matrix.shape[0], 1)))
        except package_of("pardiso").pardiso_wrapper.PyPardisoError as error:
            raise SingularFactorError(str(error)) from error

    def solve(self, b, transposed: bool):
        self._handle.set_iparm(12, 2 * transposed)
        return self._call(33, b).astype(float)

    @np.errstate(over="ignore", invalid="ignore")
    def condition(self) -> float:
        """A lower bound of the condition number, mostly close, by a step of inverse iteration from random values."""
        x = self.solve(np.random.default_rng(0).standard_normal((self._matrix.shape[0], 1)), transposed=False)
        return float(np.nan_to_num(np.max(np.abs(self.solve(x / np.max(np.abs(x)), transposed=True))), nan=np.inf))

    def _call(self, phase: int, b):
        # not through pypardiso's `solve`, which compares the matrix with a copy of it and knows double precision only
        self._handle.set_phase(phase)
        return self._handle._call_pardiso(self._matrix, b.astype(self.dtype, order="F"))


@functools.cache
def _unused_handle():
    """A handle to be copied: making one looks for MKL."""
    with _mkl_known():
        return package_of("pardiso").PyPardisoSolver()


class Krylov(Solver):
    """GMRES on an incomplete LU of the matrix in reverse Cuthill–McKee order; more is kept of it where GMRES stalls."""

    def __init__(self, matrix):
        self._order = reverse_cuthill_mckee(scipy.sparse.csr_matrix(matrix), symmetric_mode=False)
        self._back = np.argsort(self._order)
        self._matrix = matrix[self._order][:, self._order]
        self._level = -1
        self._strengthen([])

    def solve(self, b):
        solve_one = functools.partial(self._solve_one, self._matrix, "N")
        return _by_columns(solve_one, b[self._order])[self._back]

    def solve_transposed(self, b):
        solve_one = functools.partial(self._solve_one, self._matrix.T.tocsr(), "T")
        return _by_columns(solve_one, b[self._order])[self._back]

    def _solve_one(self, matrix, trans, b):
        x, history = np.zeros_like(b), [1.0]
        while True:
            x, converged = gmres(matrix, lambda z: self._factor.solve(z, trans=trans), b, x, history)
            if converged:
                return x
            self._strengthen(history)

    def _strengthen(self, history):
        """The next incomplete factorisation of INCOMPLETE that has no zero pivot; KrylovError where there is none."""
        while self._level + 1 < len(INCOMPLETE):
            self._level += 1
            drop_tolerance, fill = INCOMPLETE[self._level]
            try:
                self._factor = scipy.sparse.linalg.spilu(
                    self._matrix.tocsc(), drop_tol=drop_tolerance, fill_factor=fill, permc_spec="NATURAL"
                )
                return
            except RuntimeError:  # a zero pivot, for what was dropped
                continue
        raise _stalled(
            "krylov",
            history,
            f"with an incomplete LU of drop tolerance {INCOMPLETE[-1][0]:.0e}. Is the matrix singular (nothing but "
            "Neumann conditions)? If not, use a direct solver: solver='pardiso', 'rslab' or 'superlu'",
        )


class AMG(Solver):
    """GMRES on smoothed aggregation, for Dirichlet problems of Poisson type."""

    def __init__(self, matrix):
        package_of("amg")
        diagonal = np.where(matrix.diagonal() < 0, -1.0, 1.0)
        self._signs = diagonal[:, None]  # of the rows: multigrid wants a positive diagonal
        self._matrix = scipy.sparse.csr_array(scipy.sparse.diags_array(diagonal) @ matrix)
        self._cycle = _multigrid(self._matrix)

    def solve(self, b):
        return self._solved(self._matrix, self._cycle, self._signs * b)

    def solve_transposed(self, b):
        return self._signs * self._solved(self._transposed, self._transposed_cycle, b)

    @functools.cached_property
    def _transposed(self):
        return self._matrix.T.tocsr()

    @functools.cached_property
    def _transposed_cycle(self):
        return _multigrid(self._transposed)

    @staticmethod
    def _solved(matrix, cycle, b):
        def solve_one(b):
            history = [1.0]
            x, converged = gmres(matrix, cycle, b, np.zeros_like(b), history)
            if not converged:
                raise _stalled(
                    "amg",
                    history,
                    "It is for Dirichlet problems of Poisson type: use solver='krylov', or a direct one",
                )
            return x

        return _by_columns(solve_one, b)


def _multigrid(matrix) -> Callable[[np.ndarray], np.ndarray]:
    """One V-cycle, as a function."""
    pyamg, matrix = package_of("amg"), scipy.sparse.csr_matrix(matrix)
    with _drawing:
        state = np.random.get_state()
        np.random.seed(0)  # pyamg draws from NumPy's global generator: the same cycle every time, and that as it was
        try:
            hierarchy = pyamg.smoothed_aggregation_solver(matrix, symmetry="nonsymmetric")
        except ValueError as error:  # its way to say that smoothing diverged
            raise KrylovError(f"solver='amg': pyamg found no coarser systems ({error}). {NOT_POISSON}", []) from error
        finally:
            np.random.set_state(state)
    return hierarchy.aspreconditioner().matvec


_drawing = threading.Lock()  # threads that solve at once share NumPy's generator


def gmres(matrix, precondition: Callable, b, x, history: list[float]) -> tuple[np.ndarray, bool]:
    """Restarted GMRES from x, preconditioned from the right, and whether it converged, as `judged` says."""
    size = np.linalg.norm(b)
    product = scipy.sparse.linalg.LinearOperator(matrix.shape, lambda z: matrix @ precondition(z), dtype=float)

    def cycle(residual, reduction):
        now = float(np.linalg.norm(residual))
        z, _ = scipy.sparse.linalg.gmres(
            product,
            residual,
            rtol=reduction,
            restart=RESTART,
            maxiter=1,
            callback=lambda share: history.append(float(share * now / size)),
            callback_type="pr_norm",
        )
        return precondition(z)

    return judged(matrix, scipy.sparse.linalg.norm(matrix, np.inf), cycle, b, x, history)


def judged(matrix, norm: float, cycle: Callable, b, x, history: list[float]) -> tuple[np.ndarray, bool]:
    """Cycles of an iterative solver from x, and whether they converged: judged by b − S x itself.

    cycle(r, reduction): about z with S z = r, the residual reduced by the factor. They have converged at a backward
    error of round-off, 1e-12 of ‖b‖ being too much where Dirichlet rows make up all of b; they have stalled where one
    leaves more than half of the residual, and 1e-12 or a backward error of 1e-14 then has to do. `norm`: ‖S‖. `history`
    is lengthened by the relative residual of every iteration that a cycle tells.
    """
    size = np.linalg.norm(b)
    residual, kept, least = b - matrix @ x, x, float("inf")
    while True:
        now, scale = float(np.linalg.norm(residual)), max(norm * float(np.linalg.norm(x)), float(size))
        if now <= ROUND_OFF * scale:
            return x, True
        stalled = not now <= GAIN * least
        if now < least:
            kept, least = x, now
        if stalled:
            allowed = max(RELATIVE_RESIDUAL * size, BACKWARD_ERROR * norm * np.linalg.norm(kept))
            return kept, bool(least <= allowed)
        x = x + cycle(residual, max(0.5 * ROUND_OFF * scale / now, 1e-14))
        residual = b - matrix @ x
        history[-1] = float(np.linalg.norm(residual) / size)  # the true one, which the solver's own may have left


def _stalled(solver: str, history: list[float], advice: str) -> KrylovError:
    if not history:
        return KrylovError(f"solver={solver!r}: no factorisation without a zero pivot {advice}", history)
    shown = history[:: -(-len(history) // 10)]
    return KrylovError(
        f"solver={solver!r}: GMRES stalled at a relative residual of {history[-1]:.1e} after {len(history) - 1} "
        f"iterations; expected {RELATIVE_RESIDUAL:.0e}. Residuals on the way: {', '.join(f'{r:.0e}' for r in shown)}. "
        f"{advice[0].upper()}{advice[1:]}",
        history,
    )


def _by_columns(solve: Callable[[np.ndarray], np.ndarray], b: np.ndarray) -> np.ndarray:
    return np.stack([solve(np.ascontiguousarray(column)) for column in b.T], axis=1)


def package_of(solver: str) -> ModuleType:
    """The optional package of a solver; ImportError that names the extra where it is missing."""
    with _mkl_known() if solver == "pardiso" else contextlib.nullcontext():
        return require(PACKAGES[solver], f"solver={solver!r}", "use solver='auto', which uses what is installed")


@contextlib.contextmanager
def _mkl_known() -> Iterator[None]:
    """Where pypardiso is told where MKL lies: by itself it looks through the whole environment, for 0.7 s each time."""
    with _telling:
        library = None if _MKL in os.environ else _mkl_library()
        if library is not None:
            os.environ[_MKL] = library
        try:
            yield
        finally:
            if library is not None:
                os.environ.pop(_MKL, None)


@functools.cache
def _mkl_library() -> str | None:
    """The library of the installed distribution `mkl`; None where it cannot be found so, or not be loaded."""
    try:
        files = importlib.metadata.files("mkl") or []
        (library,) = [file for file in files if _MKL_LIBRARY.fullmatch(file.name)]
        path = os.path.realpath(str(library.locate()))
        ctypes.CDLL(path)
    except (importlib.metadata.PackageNotFoundError, ValueError, OSError):
        return None
    return path


SOLVERS: dict[str, type[Solver]] = {
    "superlu": SuperLU,
    "rslab": Rslab,
    "pardiso": Pardiso,
    "krylov": Krylov,
    "amg": AMG,
}
PACKAGES = {"rslab": "rslab", "pardiso": "pypardiso", "amg": "pyamg", "petsc": "petsc4py"}
