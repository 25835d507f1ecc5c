"""What every factor of a sparse matrix answers, and how a matrix is refused."""

import abc

import numpy as np

ACCEPTED = 1e-10  # backward error beyond which a factorisation is a bad one
GROWTH_LIMIT = 1e14  # ‖S‖ ‖x‖ / ‖b‖, a lower bound of the condition: beyond it the entries' own rounding decides
ROW, COLUMN = ("row", "its equation contains no unknown"), ("column", "no equation contains its unknown")


class SparseFactor(abc.ABC):
    """A factored sparse matrix A (m, n). Right-hand sides are vectors or have one column each.

    A right-hand side that is not finite has a solution of NaNs.
    """

    @property
    @abc.abstractmethod
    def solver(self) -> str:
        """The name of the solver that was really used."""

    @abc.abstractmethod
    def solve(self, b: np.ndarray) -> np.ndarray:
        """x (n, *k) with A x = b (m, *k); for m > n the least squares solution.

        Raises ValueError where the matrix turns out singular to working precision, KrylovError where GMRES stalls.
        """

    @abc.abstractmethod
    def solve_transposed(self, b: np.ndarray) -> np.ndarray:
        """y (m, *k) with Aᵀ y = b (n, *k), the adjoint of `solve`: for m > n the solution of least norm."""

    @abc.abstractmethod
    def rank(self) -> int:
        """The number of columns: a matrix of lower rank is refused."""

    @abc.abstractmethod
    def condition(self) -> float:
        """An estimate of the condition number, by a few solves at the first call; inf where they find A singular."""

    def solve_normal(self, b: np.ndarray) -> np.ndarray:
        """x (n, *k) with AᵀA x = b."""
        return self.solve(self.solve_transposed(b))


def largest(A, axis: int, line: str, meaning: str) -> np.ndarray:
    """The largest absolute entry of every row (axis 1) or column (axis 0); ValueError where one has only zeros."""
    sizes = np.zeros(A.shape[1 - axis])
    # in a third of the time that SciPy takes
    if axis == 1:
        filled = np.diff(A.indptr) > 0
        sizes[filled] = np.maximum.reduceat(np.abs(A.data), A.indptr[:-1][filled])
    else:
        np.maximum.at(sizes, A.indices, np.abs(A.data))
    zero = np.flatnonzero(sizes == 0)
    if len(zero):
        raise ValueError(
            f"{line} {zero[0]} of the matrix has only zeros ({len(zero)} such {line}s): {meaning}. "
            "Is a node in no stencil, or a residual independent of u?"
        )
    return sizes


def largest_sums(A) -> list[float]:
    """The norms ‖A‖∞ and ‖A‖₁ of a matrix in compressed rows, none of them empty."""
    sizes = np.abs(A.data)
    sums = np.add.reduceat(sizes, A.indptr[:-1]), np.bincount(A.indices, sizes)
    return [float(one.max()) for one in sums]


def right_hand_side(b, rows: int) -> np.ndarray:
    """b in double precision; ValueError for another shape than (rows,) or (rows, k)."""
    b = np.asarray(b, dtype=float)
    if b.ndim not in (1, 2) or len(b) != rows:
        raise ValueError(f"the right-hand side has the shape {b.shape}; expected ({rows},) or ({rows}, k)")
    return b


def singular(solver: str, measured: str) -> ValueError:
    """The error of a matrix that is singular to working precision, as was measured."""
    return ValueError(
        f"the matrix is singular to working precision: with solver={solver!r} {measured}. With nothing but Neumann "
        "conditions u is determined up to a constant only, as is a pressure that no condition contains: fix its mean, "
        "Problem(..., mean=lambda u, x: u(x)), or give a part a Dirichlet or Robin condition. Otherwise look for two "
        "equal nodes or equations, or for too few nodes per stencil"
    )
