"""Sparse matrices solved by PETSc: on one process, or on all that mpiexec started, each with its own rows.

Balay et al., PETSc/TAO Users Manual, ANL-21/39: KSP, PC and the options database. NumPy and SciPy in float64.
"""

from __future__ import annotations

import contextlib
import functools
import shlex
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from ..internal.extras import require
from .distributed_rows import DistributedRows, Layout
from .sparse_factor import ACCEPTED, GROWTH_LIMIT, ROW, SparseFactor, largest, right_hand_side, singular
from .sparse_solvers import RELATIVE_RESIDUAL, KrylovError, judged

# What PETSc is told where neither the user nor PETSC_OPTIONS says otherwise. After so many iterations, at most, the
# residual is computed anew, and they have stalled if they leave more than half of it.
KRYLOV = {"ksp_type": "gmres", "ksp_gmres_restart": "100", "ksp_max_it": "100", "ksp_pc_side": "right"}
PRECONDITIONER = {
    "pc_type": "asm",
    "pc_asm_overlap": "2",
    "sub_pc_type": "ilu",
    "sub_pc_factor_levels": "1",
    "sub_pc_factor_mat_ordering_type": "rcm",  # as nodes may come in any order
    "sub_pc_factor_shift_type": "nonzero",
}
WEAK = 1e-3  # of a row's largest entry: a diagonal one that is smaller is exchanged


class PetscFactor(SparseFactor):
    """S = R A, R diagonal, every row's largest entry 1, with a preconditioner of PETSc's. Solves are collective.

    Every solution is judged by its true residual, computed here: PETSc's own test of convergence, preconditioned as it
    may be, has passed errors of 100 %.
    """

    def __init__(self, A: DistributedRows, solver: str):
        own = A.own.copy()
        self._check(own, A.layout)
        layout, lengths = A.layout, np.diff(own.indptr)
        scales = 1 / largest(own, 1, *ROW)
        own.data *= np.repeat(scales, lengths)
        if layout.processes.any(len(_lacking(own, layout)) > 0):
            layout = Layout(_rematched(own, layout), layout.processes)
        signs = np.where(_diagonal(own, layout) < 0, -1.0, 1.0)  # multigrid wants a positive diagonal
        own.data *= np.repeat(signs, lengths)
        self._matrix, self._rows = DistributedRows(own, layout), layout.gathered(signs * scales)
        self._options = options_of(solver)
        largest_sum = np.asarray(abs(own).sum(axis=1)).max(initial=0.0)
        self._norms = [max(A.layout.processes.each(float(largest_sum))), float(abs(self._matrix).sum(axis=0).max())]
        self._ksp = _ksp(self._matrix, self._options)
        needed = np.zeros(A.layout.size, dtype=bool)
        needed[own.indices] = True
        needed[layout.unknowns] = False
        self._halo = int(needed.sum())  # values of other processes that a product takes

    @staticmethod
    def _check(own: scipy.sparse.csr_array, layout) -> None:
        if layout.processes.any(not np.all(np.isfinite(own.data))):
            raise ValueError("entries of the matrix are NaN or infinite: expected numbers")

    @property
    def solver(self):
        return "petsc"

    def solve(self, b):
        b = right_hand_side(b, self.rank())
        return self._by_columns((self._rows * b.T).T, transposed=False)

    def solve_transposed(self, b):
        return (self._rows * self._by_columns(right_hand_side(b, self.rank()), transposed=True).T).T

    def rank(self):
        return self._matrix.shape[1]

    def condition(self):
        return np.nan  # its estimate costs five solves

    def _by_columns(self, b: np.ndarray, transposed: bool) -> np.ndarray:
        if not np.all(np.isfinite(b)):
            return np.full_like(b, np.nan)
        columns = [self._solved(column, transposed) for column in np.ascontiguousarray(b.reshape(len(b), -1).T)]
        return np.stack(columns, axis=1).reshape(b.shape)

    def _solved(self, b: np.ndarray, transposed: bool) -> np.ndarray:
        if not b.any():
            return np.zeros_like(b)
        history, matrix, norm = [1.0], self._matrix, self._norms[transposed]
        product: Any = matrix
        if transposed:
            product = scipy.sparse.linalg.LinearOperator(matrix.shape, matrix.transposed_times, dtype=float)
        cycle = functools.partial(self._cycle, transposed, history)
        x, converged = judged(product, norm, cycle, b, np.zeros_like(b), history)
        residual = np.linalg.norm(b - product @ x)
        if not converged and not residual <= ACCEPTED * (norm * np.linalg.norm(x) + np.linalg.norm(b)):
            raise self._stalled(history, float(residual / np.linalg.norm(b)))
        growth = norm * np.max(np.abs(x)) / np.max(np.abs(b))
        if growth > GROWTH_LIMIT:
            raise singular("petsc", f"its condition number is at least {growth:.0e}")
        return x

    def _cycle(self, transposed: bool, history: list[float], residual: np.ndarray, reduction: float) -> np.ndarray:
        layout, ksp = self._matrix.layout, self._ksp
        if "ksp_rtol" not in self._options:
            # what GMRES leaves is smooth, and so the largest error for its size: a fifth costs few iterations
            ksp.setTolerances(rtol=max(reduction / 5, 1e-15))
        x, b = ksp.getOperators()[0].createVecs()
        if transposed:
            b.setArray(residual[layout.unknowns])
            self._run(ksp.solveTranspose, b, x)
            found = layout.gathered(x.getArray())
        else:
            b.setArray(residual[layout.rows])
            self._run(ksp.solve, b, x)
            found = layout.placed(x.getArray())
        count = ksp.getIterationNumber()
        layout.processes.iterations += count
        layout.processes.sent += 8 * self._halo * count
        history += [history[-1]] * max(count, 1)
        x.destroy()
        b.destroy()
        return found

    def _run(self, solve: Any, b: Any, x: Any) -> None:
        with _refused(self._options):
            solve(b, x)

    def _stalled(self, history: list[float], left: float) -> KrylovError:
        ksp = self._ksp
        said = " ".join(
            f"-{name} {value}".rstrip() for name, value in (_defaults(self._options) | self._options).items()
        )
        return KrylovError(
            f"solver='petsc': {len(history) - 1} iterations of {ksp.getType()} with {ksp.getPC().getType()} leave a "
            f"relative residual of {left:.1e}; expected {RELATIVE_RESIDUAL:.0e} (PETSc's reason: "
            f"{_REASONS.get(ksp.getConvergedReason(), ksp.getConvergedReason())}). The options were {said}. Is the "
            "matrix singular (nothing but Neumann conditions)? If not, use others, as petsc='-pc_type lu "
            "-pc_factor_mat_solver_type mumps', which is direct, or '-sub_pc_factor_levels 2'",
            history,
        )


_REASONS = {-3: "too many iterations", -5: "a breakdown", -9: "NaN or infinite", -11: "a zero pivot"}


def _lacking(own: scipy.sparse.csr_array, layout: Layout) -> np.ndarray:
    """The rows of this process without an entry, worth the name, at the unknown that belongs to them."""
    return np.flatnonzero(abs(_diagonal(own, layout)) < WEAK)


def _diagonal(own: scipy.sparse.csr_array, layout: Layout) -> np.ndarray:
    """The entry of each row of this process at the unknown that belongs to it."""
    lengths = np.diff(own.indptr)
    there = np.flatnonzero(np.repeat(layout.unknowns, lengths) == own.indices)
    found = np.zeros(own.shape[0])
    found[np.repeat(np.arange(own.shape[0]), lengths)[there]] = own.data[there]
    return found


def _rematched(own: scipy.sparse.csr_array, layout: Layout) -> np.ndarray:
    """The unknowns of this process's rows, exchanged between rows so that each has a large entry at its own, as
    elimination wants: between those of a node and of its ghost, say. As they were where that does not help.
    """
    unknowns, rows = layout.unknowns.copy(), _lacking(own, layout)
    block = own[:, unknowns]
    involved = np.union1d(rows, np.unique(block[rows].indices))
    part = abs(block[involved][:, involved]).tocoo()
    sound = part.data >= WEAK
    costs = 1 - np.log(part.data[sound])
    graph = scipy.sparse.csr_array((costs, (part.row[sound], part.col[sound])), part.shape)
    try:
        _, columns = min_weight_full_bipartite_matching(graph)
    except ValueError:  # there is none
        return unknowns
    unknowns[involved] = unknowns[involved[columns]]
    return unknowns


def with_options(solver: str, options: str) -> str:
    """The name of the solver that goes with options of PETSc's; ValueError where another one is meant."""
    if not options.strip():
        return solver
    if solver not in ("auto", "petsc"):
        raise ValueError(f"petsc={options!r} are options of solver='petsc', and solver={solver!r} is given: drop one")
    options_of(f"petsc {options}")
    return f"petsc {options}"


def options_of(solver: str) -> dict[str, str]:
    """The options in "petsc -ksp_type bcgs -ksp_monitor", by name; ValueError for what is no option."""
    found: dict[str, str] = {}
    name = None
    for word in shlex.split(solver)[1:]:
        if word[0] == "-" and word[1:2].isalpha():
            name = word[1:]
            found[name] = ""
        elif name is None or found[name]:
            raise ValueError(
                f"petsc={solver.partition(' ')[2]!r}: {word!r} is no option of PETSc's; expected names and values, as "
                "'-ksp_type bcgs -pc_type bjacobi'"
            )
        else:
            found[name] = word
    return found


def _defaults(options: dict[str, str]) -> dict[str, str]:
    """Those that are added: none of a Krylov method to one that is chosen, or of a preconditioner."""
    known = PETSc().Options()
    chosen = [one for one in (KRYLOV, PRECONDITIONER) if next(iter(one)) not in options]
    return {name: value for one in chosen for name, value in one.items() if not known.hasName(name)}


def _ksp(matrix: DistributedRows, options: dict[str, str]) -> Any:
    """PETSc's solver of a matrix, set up as the options say."""
    petsc, layout, own = PETSc(), matrix.layout, matrix.own
    comm = petsc.COMM_SELF if layout.processes.size == 1 else layout.processes.comm
    mine = (own.shape[0], layout.size)
    own = _with_diagonal(own, layout)
    starts, columns = own.indptr.astype(petsc.IntType), layout.numbers[own.indices].astype(petsc.IntType)
    database, told = petsc.Options(), _defaults(options) | options
    for name, value in told.items():
        database.setValue(name, value or None)
    try:
        with _refused(options):
            A = petsc.Mat().createAIJ((mine, mine), csr=(starts, columns, own.data), comm=comm)
            ksp = petsc.KSP().create(comm)
            ksp.setOperators(A)
            ksp.setFromOptions()
            ksp.setUp()
            ksp.setUpOnBlocks()
        unread = [name for name in options if not database.used(name)]
    finally:
        for name in told:  # PETSc has one database for all that it solves
            database.delValue(name)
    if unread:
        raise ValueError(
            f"PETSc has not read the options {', '.join('-' + name for name in unread)}: mistyped, or not of the "
            f"{ksp.getType()} and {ksp.getPC().getType()} that are used"
        )
    return ksp


def _with_diagonal(own: scipy.sparse.csr_array, layout: Layout) -> scipy.sparse.csr_array:
    """The same rows with entries, zeros at least, at the unknowns that belong to them, as PETSc's factors need."""
    rows = _lacking(own, layout)
    if not len(rows):
        return own
    there = own.tocoo()
    row, column = np.append(there.row, rows), np.append(there.col, layout.unknowns[rows])
    return scipy.sparse.coo_array((np.append(there.data, np.zeros(len(rows))), (row, column)), own.shape).tocsr()


@contextlib.contextmanager
def _refused(options: dict[str, str]) -> Iterator[None]:
    """Errors of PETSc inside as ValueError with its last words."""
    try:
        yield
    except PETSc().Error as error:
        words = [line.strip() for line in str(error).splitlines() if line.strip()]
        told = " ".join(f"-{name} {value}".rstrip() for name, value in options.items())
        raise ValueError(f"PETSc fails with the options {told!r}: {words[-1]}") from error


@functools.cache
def PETSc() -> Any:
    """The module, made ready; ImportError that names the extra where it is missing, ValueError where it is complex."""
    purpose = "solver='petsc'", "use solver='auto', which uses what is installed"
    # its handler of signals would print pages about a process that is ended from outside
    require("petsc4py", *purpose).init(["meshfree", "-no_signal_handler"])
    found = require("petsc4py.PETSc", *purpose)
    if np.dtype(found.ScalarType) != np.float64:
        raise ValueError(f"this PETSc computes with {np.dtype(found.ScalarType)}; expected one of real float64 numbers")
    return found
