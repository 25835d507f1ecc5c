"""An estimate of a solution's error where no exact one is known: by a second solution, and both residuals."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float

from ..internal.expected import expects
from ..pde.problem import Problem
from .metrics import at_its_parameter, independent_points, weighted_residual
from .off_nodes import COMPARABLE, aside
from .solution import Solution
from .solve import solve_in

SLOWEST = 0.9  # quotient of residuals: they stand still at corners, where the errors fall all the same


@expects(problem=Problem, u=Solution)
def estimate_error(problem: Problem, u: Solution) -> float:
    """The relative L2 error of a solution, estimated by one more solve: ‖u − v‖/‖u‖ · q/|1 − q|, q = R_u/R_v.

    v is the solution in `space.compared()`: of lower degree, or on fewer nodes. R is the residual on one cloud off the
    nodes of both, and errors are taken to fall as it does; the factor is at most 9. Of stencils v is the better
    solution, of two degrees more on the same nodes, and the quotient of the residuals is left out. Norms are over 2000
    independent points of the domain, as in `mf.error`.

    Unknown numbers of the problem are taken as u has them: their error is no part of it.

    Warns where the residual of u off the nodes is comparable to the data, so that nothing is resolved yet. Raises
    ValueError where there is no domain, and for a space that has nothing to be compared with.
    """
    problem, X = at_its_parameter(problem, u), independent_points(problem, u)
    other = u.space.compared()
    if other is None:
        raise ValueError(f"{u.space.describe()} has no smaller space of its kind to be compared with: use more nodes")
    finer, space = other
    v = solve_in(problem, space, initial=u if u.stats["steps"] > 1 else None)
    values, others = np.asarray(u(X)), np.asarray(v(X))
    if finer:
        estimate = difference(values, others)
    else:
        check = aside(u.space.cloud, problem.domain or u.space.cloud.domain)
        fine = weighted_residual(problem, u, check)
        coarse = weighted_residual(problem, v, check, fine.weights)
        estimate = extrapolated(difference(values, others), (fine.size, coarse.size))
    share = u.stats.get("off_nodes", 0.0)
    if share >= COMPARABLE:
        warnings.warn(
            f"the residual off the nodes is {share:.0%} of the data: the estimate {estimate:.1e} cannot be trusted. "
            "Use more nodes or another space",
            stacklevel=3,
        )
    return estimate


def extrapolated(moved: float, residuals: tuple[float, float], least: float = 0.0) -> float:
    """moved · q/|1 − q|, `moved` = ‖u − v‖/‖u‖ and q = R_u/R_v, at least `least`, the factor at most that of `SLOWEST`:
    where errors are as residuals, that of v is ‖u − v‖/|1 − q|. At most 1: more says that neither is a solution.
    """
    fine, coarse = residuals
    share = max(fine / coarse, least) if coarse > 0 else SLOWEST
    most = SLOWEST / (1 - SLOWEST)
    return min(moved * (most if share == 1 else min(share / abs(1 - share), most)), 1.0)


def difference(values: Float[np.ndarray, "m *f"], others: Float[np.ndarray, "m *f"]) -> float:
    """‖u − v‖/‖u‖ by the values at points."""
    with np.errstate(over="ignore"):  # of u = 0 the error is infinite, unless v = 0
        return float(np.linalg.norm(values - others) / max(np.linalg.norm(values), np.finfo(float).tiny))
