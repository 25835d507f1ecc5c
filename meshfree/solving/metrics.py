"""How good a solution is: its error where the exact one is known, and its residual off the nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from numpy.typing import ArrayLike

from ..equations.assemble import assemble
from ..equations.basis_derivatives import Guess
from ..equations.conditions import unknowns_of
from ..equations.system import Collocated
from ..equations.time_system import TimeSystem
from ..geometry.cloud import Cloud
from ..internal.expected import NUMBERS, OF_A_POINT, expects
from ..internal.watched import settled, watch
from ..pde.problem import Problem
from .finite_values import NotFiniteError, check_points, first_not_finite, not_finite
from .off_nodes import aside
from .solution import Snapshot, Solution

SAMPLES = 2000
TINY = 1e-150  # in place of data that are 0, the square root of the least number
_POINTS = NUMBERS._replace(phrase="points, an array (m, d),")
SAMPLE_SEED = 20_000  # apart from the seeds that clouds are usually made with


@settled
@expects(problem=Problem, u=OF_A_POINT, X=_POINTS)
def error(problem: Problem, u: Callable, X: ArrayLike | None = None) -> float:
    """The relative L2 error √(Σ|u − exact|² / Σ|exact|²) of a function u over points X, (m, d).

    By default over 2000 random points of the problem's domain, independent of every node. Of a problem in time u is
    `u.at(t)`, and compared with the exact solution then; of a branch `branch[i]`, at its parameter. Raises ValueError
    for a problem without an exact solution, and without a domain where X is not given; where u or the exact solution
    is not finite, and where the exact solution is zero at all points.
    """
    problem = problem.at(u.time) if problem.has_parameter and isinstance(u, Snapshot) else at_its_parameter(problem, u)
    if problem.exact is None:
        raise ValueError("the problem has no exact solution: give Problem(..., exact=), or judge by mf.residual_norm")
    X = np.asarray(independent_points(problem, u) if X is None else X, dtype=float)
    if X.ndim == 1:
        X = X[:, None]
    check_points(X, "mf.error")
    values = np.asarray(u(X) if isinstance(u, Solution) else _values(watch(u), X))
    exact = np.asarray(_values(watch(problem.exact), X))
    if exact.shape != values.shape:
        raise ValueError(f"the exact solution has values of shape {exact.shape} and u of shape {values.shape}")
    advice = "Check the function there, or give X= points at which it is finite"
    for what, found in (("the exact solution", exact), ("u", values)):
        if first_not_finite(found) is not None:
            raise not_finite(what, found, X, advice)
    size = np.linalg.norm(exact)
    if size == 0:
        raise NotFiniteError(
            "the exact solution is zero at all points, which no error can be relative to: compare the values of u, or "
            "judge by mf.residual_norm"
        )
    return float(np.linalg.norm(values - exact) / size)


@settled
@expects(problem=Problem, u=Solution, cloud=Cloud)
def residual_norm(problem: Problem, u: Solution, cloud: Cloud) -> float:
    """The root mean square of all residuals at the points of `cloud`, with the row weights of `solve`.

    Data have no part in it. In units of the interior residual; of a problem in time, with u = `u.at(t)`, in units of
    the rate. Off the nodes (on a cloud that is not u's own) it follows the error. Of `modes[i]` and `branch[i]` it is
    that at their parameter. Raises ValueError where a residual is not finite, and for a problem in time where u has no
    rate.
    """
    problem = at_its_parameter(problem, u)
    if problem.has_parameter:
        return _residual_in_time(problem, u, cloud)
    return weighted_residual(problem, u, cloud).size


def at_its_parameter(problem: Problem, u: Callable) -> Problem:
    """The problem at the eigenvalue, parameter or unknown numbers that a solution has in its stats; itself for any
    other one.
    """
    if isinstance(u, Solution) and u.unknowns:
        unknowns = unknowns_of(problem, u.space.cloud)
        values = [np.ravel(u.unknowns[name]) for name in unknowns if name in u.unknowns]
        if len(values) == len(unknowns) > 0:
            return problem.with_unknowns(unknowns.values(), np.concatenate(values))
    stats = u.stats if problem.has_parameter and isinstance(u, Solution) else {}
    value = stats.get("parameter", stats.get("eigenvalue"))
    return problem if value is None else problem.at(value)


def _residual_in_time(problem: Problem, u: Solution, cloud: Cloud) -> float:
    if not isinstance(u, Snapshot):
        raise ValueError("the problem has a parameter: give u.at(t) of what mf.evolve returns, which knows its rate")
    c, rates = (np.asarray(one) for one in (u.coefficients, u.rates))
    system = TimeSystem(problem, u.space, cloud, u.time, Guess(u.space, c))
    size = _rms(np.asarray(system.residual(u.time, c.reshape(-1), rates.reshape(-1))))
    if not np.isfinite(size):
        raise NotFiniteError(f"the residual is not finite at t = {u.time:.6g}: check its coefficients and data there")
    return size


def residuals_aside(problem: Problem, u: Solution, v: Solution) -> tuple[float, float]:
    """Those of two solutions in comparable weights, at points of the domain apart from the nodes of the first."""
    check = aside(u.space.cloud, problem.domain or u.space.cloud.domain)
    first = weighted_residual(problem, u, check)
    return first.size, weighted_residual(problem, v, check, first.weights).size


class Weighted(NamedTuple):
    """The root mean square of a residual r, and its share of the data d, the residual of u = 0 linearised there.

    `share` is ‖r‖/‖d‖, and `unanswered` r·d/d·d, without what of r is large by itself: 1 of data that no node has seen.
    """

    size: float
    share: float
    unanswered: float
    weights: Mapping[str, Any]


def weighted_residual(
    problem: Problem, u: Solution, cloud: Cloud, weights: Mapping[str, ArrayLike] | None = None
) -> Weighted:
    """What `residual_norm` measures; with given weights, so that solutions in several spaces can be compared."""
    system, c = assemble(problem, u.space, cloud, weights, with_data=False), np.asarray(u.coefficients)
    with np.errstate(all="ignore"):  # what is not finite is told in words
        residual = np.asarray(system.at_points(c))
        if not np.isfinite(residual).all():
            raise _residual_not_finite(system, residual, u)
        if system.is_affine(c):
            data = np.asarray(system.at_points(np.zeros_like(c)))
        else:
            data = residual - np.asarray(system.linearised(c)[1] @ c.reshape(-1))[: len(residual)]
    size = _rms(residual)
    # parts without a condition have no rows
    kept = {name: system.row_weights[name] for name in cloud.parts if name in system.row_weights}
    unanswered = abs(residual @ data) / max(data @ data, TINY)
    return Weighted(size, float(size / max(_rms(data), TINY)), float(unanswered), kept)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _residual_not_finite(system: Collocated, residual: np.ndarray, u: Solution) -> NotFiniteError:
    values, X = system.per_point(residual), np.concatenate([np.asarray(group.points) for group in system.groups])
    parts = [name for group in system.groups for name, count in group.parts for _ in range(count)]
    part = parts[int(np.argmin(np.isfinite(values)))]
    if first_not_finite(np.asarray(u.coefficients)) is not None:
        advice = "The coefficients of u are not finite: use a solution of finite coefficients"
    else:
        advice = "Check what the residual divides by there, and its coefficients and data"
    return not_finite(f"the residual of {part!r}", values, X, advice)


@eqx.filter_jit
def _values(u: Callable, X):
    return jax.vmap(u)(X)


def independent_points(problem: Problem, u: Callable | None = None) -> np.ndarray:
    """2000 random points of the domain of a problem, or of a cloud; ValueError where neither has one."""
    domain = problem.domain
    if domain is None and isinstance(u, Solution):
        domain = u.space.cloud.domain
    if domain is None:
        raise ValueError("neither the problem nor the cloud has a domain to draw points from: give X=")
    return domain.sample(SAMPLES, seed=SAMPLE_SEED)
