"""An estimate of a solution's error where no exact one is known: by a second solution, and both residuals."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float

from ..internal.expected import expects
from ..pde.problem import Problem
from .metrics import at_its_parameter, independent_points, residuals_aside
from .off_nodes import COMPARABLE, extrapolated
from .solution import Solution
from .solve import solve_in


@expects(problem=Problem, u=Solution)
def estimate_error(problem: Problem, u: Solution) -> float:
    """The relative L2 error of a solution, estimated by one more solve: ‖u − v‖/‖u‖ · q/|1 − q|, q = R_u/R_v.

    v is the solution in `space.compared()`: of lower degree, or on fewer nodes. R is the residual on one cloud off the
    nodes of both, and errors are taken to fall as it does; the factor is at most 9. Of stencils v is the better
    solution, of two degrees more on the same nodes, and the quotient of the residuals is left out. Norms are over 2000
    independent points of the domain, as in `mf.error`.

    Unknown numbers of the problem are taken as u has them: their error is no part of it. That of the discretisation is
    estimated in `u.stats["shift_of_unknowns"]`.

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
        estimate = extrapolated(difference(values, others), residuals_aside(problem, u, v))
    share = u.stats.get("off_nodes", 0.0)
    if share >= COMPARABLE:
        warnings.warn(
            f"the residual off the nodes is {share:.0%} of the data: the estimate {estimate:.1e} cannot be trusted. "
            "Use more nodes or another space",
            stacklevel=3,
        )
    return estimate


def difference(values: Float[np.ndarray, "m *f"], others: Float[np.ndarray, "m *f"]) -> float:
    """‖u − v‖/‖u‖ by the values at points."""
    with np.errstate(over="ignore"):  # of u = 0 the error is infinite, unless v = 0
        return float(np.linalg.norm(values - others) / max(np.linalg.norm(values), np.finfo(float).tiny))
