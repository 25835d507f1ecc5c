"""Unknown numbers beside u, by variable projection (Golub & Pereyra, Inverse Problems 19 (2003) R1; Kaufman, BIT 15).

Equations are much surer than data, so that u and the numbers move along a narrow curved valley, in which steps of both
at once are short. Here u follows the numbers: Gauss-Newton steps, with the line search of `newton`, reduce

    ρ(θ) = r(c(θ), θ),    ∂ρ/∂θ = (I − A A⁺) ∂r/∂θ,    A = ∂r/∂c,

c(θ) the solution for known numbers. Where the steps are small both methods take the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from ..equations.system import System
from ..internal.tracing import is_traced
from ..linalg.factor import factor
from ..linalg.interface import Factor
from ..spaces.base import Space
from .derivative import Solved
from .newton import ConvergenceError, first_state, newton, newton_step, solved
from .off_nodes import off_nodes

# of the residual, that a step promises to take from it: the misfit of m data is about √m standard deviations, and the
# step 1e-4 √m of those of the numbers, below which nothing is told by the data, and the residual is rounded
NEGLIGIBLE = 1e-4
# of a standard deviation, that a step moves the numbers by: where the residual does not fall along it, as where least
# squares for u leave out other functions from one place to the next, nothing that the data tell is left to be found
UNTOLD = 0.05


class _At:
    """The solution for the numbers that were asked for last, and where the next one starts."""

    def __init__(self, start: Float[np.ndarray, "n *f"]):
        self.values: np.ndarray | None = None
        self.coefficients = start
        self.system: Any = None
        self.found: Any = None


class Projected(System):
    """ρ(θ) = 0, in least squares."""

    space: Space
    equations: Any  # WithUnknowns
    latest: Any  # _At
    solver: str

    @property
    def is_sparse(self):
        return False

    @property
    def side_rows(self):
        return self.latest.system.side_rows

    def residual(self, coefficients):
        return self.solution(coefficients).residual

    def linearised(self, coefficients):
        found = self.solution(coefficients)
        columns = self.equations.columns(self.latest.system, found.coefficients, coefficients)
        followed = found.factored.solve(columns).T
        return found.residual, columns - np.stack([found.matrix @ one for one in np.asarray(followed)], axis=1)

    def solution(self, values: Float[np.ndarray, " p"]) -> Solved:
        """c(θ), with the equations there."""
        latest = self.latest
        if latest.values is None or not np.array_equal(latest.values, values):
            latest.system = self.equations.at(values)
            latest.found = solved(latest.system, np.asarray(latest.coefficients), self.solver)
            latest.values, latest.coefficients = np.array(values), latest.found.coefficients
        return latest.found

    def assembled(self, coefficients):
        return *self.linearised(coefficients), False

    def is_affine(self, coefficients):
        return False

    def per_part(self, residual):
        return self.latest.system.per_part(residual)

    def typical_size(self, coefficients):
        return np.ones(())

    def check_finite(self, coefficients):
        self.latest.system.check_finite(self.latest.coefficients)


def projected(equations: Any, start: Float[np.ndarray, "n *f"], solver: str) -> Projected:
    """ρ, with u found from some coefficients at first."""
    return Projected(equations.space, equations, _At(start), solver)


def solve_with_unknowns(equations: Any, start: Float[np.ndarray, "n *f"], solver: str) -> tuple[Any, dict[str, Any]]:
    """The coefficients of u and the statistics, with `unknown_numbers` and, of data, `std_of_unknowns`
    and `covariance_of_unknowns`.

    Raises ValueError for fewer equations than unknowns, and for numbers that equations and data do not determine.
    """
    _check_count(equations, start)
    system = projected(equations, start, solver)
    _check_seen(system, equations.start)
    values, factored, steps = _iterated(system, equations.start)
    found, stats = newton(equations.at(values), np.asarray(system.latest.coefficients), solver)
    stats |= off_nodes(equations.at(values), found, stats.pop("data"))
    stats |= {"unknowns": stats["unknowns"] + len(values), "steps": steps}
    stats["unknown_numbers"] = equations.by_name(values)
    weight = equations.weight_of_data()
    if weight is not None:
        inverse = weight * np.asarray(factored.solve_transposed(np.eye(len(values))))
        stats["std_of_unknowns"] = equations.by_name(np.linalg.norm(inverse, axis=0))
        stats["covariance_of_unknowns"] = inverse.T @ inverse
    return found, stats


def _iterated(system: Projected, values: Float[np.ndarray, " p"]) -> tuple[Float[np.ndarray, " p"], Factor, int]:
    """The numbers, the factors of the matrix there, and the steps that were taken."""
    state = first_state(values, system.residual(values))
    reference, weight = np.linalg.norm(state.residual), system.equations.weight_of_data()
    while True:
        residual, matrix = system.linearised(state.coefficients)
        factored = factor(matrix, "qr")
        if factored.rank() < len(values):
            raise ValueError(
                f"the equations and data determine only {int(factored.rank())} of {len(values)} unknown numbers "
                f"({', '.join(system.equations.unknowns)}): more data are needed, or a term that asks a little of the "
                "numbers, as prior=mf.Data(points, values, noise, of=...) of what they make"
            )
        if state.done:
            return np.asarray(state.coefficients), factored, int(state.steps)
        norm, change = np.linalg.norm(residual), factored.solve(residual)
        if np.linalg.norm(matrix @ change) <= NEGLIGIBLE * norm:
            return np.asarray(state.coefficients), factored, int(state.steps)
        with np.errstate(all="ignore"):  # a step that is too long is seen by what it leads to
            state = newton_step(system.residual, state, matrix, change, reference)
        if state.failed and weight is not None and np.linalg.norm(matrix @ change) <= UNTOLD * weight:
            return np.asarray(state.coefficients), factored, int(state.steps)
        if state.failed:
            left = np.linalg.norm(state.residual) / reference
            raise ConvergenceError(
                f"the unknown numbers were not found: Gauss-Newton stopped after {int(state.steps)} steps at "
                f"{left:.1e} of the first residual, with {system.equations.by_name(state.coefficients)}. Start nearer"
            )


def _check_count(equations: Any, start) -> None:
    residual = equations.at(equations.start).residual(start)
    if is_traced(residual):
        raise ValueError(
            "a residual with unknown numbers reads a number that JAX traces and that no leaf of the problem holds, as "
            "one that a lambda closes over: hold it in an eqx.Module or a jax.tree_util.Partial, of which it is a leaf"
        )
    rows = residual.size
    if rows < start.size + equations.start.size:
        raise ValueError(
            f"{equations.start.size} unknown numbers ({', '.join(equations.unknowns)}) beside the {start.size} of u, "
            f"and only {rows} equations: measured values are needed, as heads=mf.Data(points, values), or further "
            "conditions"
        )


def _check_seen(system: Projected, values) -> None:
    """ValueError for a number that nothing depends on."""
    found = system.solution(values)
    columns = system.equations.columns(system.latest.system, found.coefficients, values)
    for name, size in system.equations.by_name(np.linalg.norm(columns, axis=0)).items():
        if np.any(np.asarray(size) == 0):
            raise ValueError(
                f"no equation sees the unknown {name} at its start, where the derivative of all residuals by it is "
                "zero: use it in a residual, or start it elsewhere"
            )
