"""What `tune` minimises: the natural log of a weighted root mean square, with the solve inside.

At the nodes of a square system the residual vanishes for every scale, so a loss looks elsewhere: at other points, or
at each node with that node left out. None of them knows the exact solution. The logarithm makes decades even.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from ..equations.assemble import assemble
from ..equations.fit import Fit
from ..equations.system import System
from ..geometry.cloud import Cloud
from ..internal.devices import on_host
from ..internal.expected import NUMBERS, Kind, came, expects
from ..internal.tracing import AnyArray, as_jax, is_traced, module_of
from ..linalg.batched import on_few_threads
from ..linalg.cholesky import inverse_diagonal
from ..linalg.factor import factor
from ..pde.problem import Problem
from ..solving.derivative import change_along
from ..solving.newton import newton
from ..solving.off_nodes import aside
from ..solving.posterior import left_out, negative_log_likelihood
from ..solving.solve import fit_of, solve_in, solve_on_host
from ..spaces.base import Space

_PROBLEM_OR_VALUES = Kind(
    "a Problem, or an array of values,", lambda given: given if isinstance(given, Problem) else NUMBERS.read(given)
)
COINCIDENT = 1e-6  # spacings

Tree = Space | tuple[Space, Problem]


class Residual(eqx.Module):
    """log of the root mean square of the residuals on a check cloud: `losses.residual`."""

    problem: Problem
    check: Cloud
    options: dict[str, Any]

    def __call__(self, tree: Tree) -> Float[Array, ""]:
        self.refuse(tree)
        known = self.slopes(tree)
        if known is not None:
            return as_jax(known[0])
        space, problem = _space_and_problem(tree, self.problem)
        u = solve_in(problem, space, judged=False, **self.options)
        weights, space = self.options.get("weights"), u.space if space.is_process else space
        return _log_rms(assemble(problem, space, self.check, weights).at_points(u.coefficients))

    def slopes(self, tree: Tree, directions: Sequence[Tree] = ()) -> tuple[float, list[float]] | None:
        """The loss and its derivatives along directions of the tree, with None for the leaves that stay, by hand on the
        host: no program for the size of the space. None where it has to be left to JAX.
        """
        space, problem = _space_and_problem(tree, self.problem)
        found = _solved(space, problem, directions, self.options)
        if found is None:
            return None
        system, at, along = found
        check = assemble(problem, space, self.check, self.options.get("weights"))
        if not check.follows(None):
            return None
        values = check.at_points(at.coefficients)

        def moved(direction):
            residual, matrix = system.along(at.coefficients, np.zeros_like(at.coefficients), direction)
            change = change_along(system, at, residual, matrix)
            return check.along(at.coefficients, change, direction)[0][: values.size]

        return _log_rms(values), [_slope_of_log_rms(values, moved(direction)) for direction in along]

    def refuse(self, tree: Tree) -> None:
        """ValueError where every interior check point is one of the points that the equations hold at."""
        space, _ = _space_and_problem(tree, self.problem)
        rows_at = self.options.get("points") or space.cloud
        if is_traced(rows_at, self.check):
            return  # `tune` asks before it traces anything
        distances, _ = cKDTree(np.asarray(rows_at.points)).query(np.asarray(self.check["interior"]))
        if np.all(distances <= COINCIDENT * float(rows_at.spacing)):
            raise ValueError(
                f"all {len(distances)} interior points of the check cloud are nodes, where the residual is small "
                "whatever the scale: use other points, as domain.cloud(spacing, seed=1), or mf.losses.leave_one_out"
            )


class LeaveOneOut(eqx.Module):
    """log of the root mean square of the residuals at each point with that point left out: `losses.leave_one_out`."""

    problem: Problem
    options: dict[str, Any]

    def __call__(self, tree: Tree) -> Float[Array, ""]:
        known = self.slopes(tree)
        if known is not None:
            return as_jax(known[0])
        space, problem = _space_and_problem(tree, self.problem)
        u = solve_in(problem, space, judged=False, **self.options)
        if space.is_process:
            return as_jax(_log_rms(left_out(problem, u)))
        system = assemble(problem, space, self.options.get("points"), self.options.get("weights"))
        if system.is_sparse:
            raise ValueError(
                "leave-one-out needs the inverse of the matrix, and the equations of a local space are sparse: "
                "use mf.losses.residual(problem, check)"
            )
        if system.multiplied() is not None:
            raise ValueError(
                "leave-one-out is not known of equations with mean= and its multiplier: use "
                "mf.losses.residual(problem, check), or points= of a larger cloud"
            )
        make = _left_out if on_host() else _compiled_left_out
        return make(system, u.coefficients, self.options.get("solver", "auto"))

    def slopes(self, tree: Tree, directions: Sequence[Tree] = ()) -> tuple[float, list[float]] | None:
        """As `Residual.slopes`."""
        space, problem = _space_and_problem(tree, self.problem)
        found = _solved(space, problem, directions, self.options)
        if found is None:
            return None
        system, at, along = found
        unknowns, judged = at.matrix.shape[1], at.residual.size - system.side_rows
        inverse = at.factored.solve_transposed(np.eye(unknowns)).T
        # a truncated square system is solved in least squares, and judged so
        by_centers = len(at.matrix) == unknowns and at.factored.rank() == unknowns
        numerator, denominator = (
            (at.coefficients.ravel(), np.diagonal(inverse))
            if by_centers
            else (at.residual, 1 - np.sum(at.matrix * inverse.T, axis=1))
        )
        left_out = _ratio(numerator, denominator)

        def moved(direction):
            residual, matrix = system.along(at.coefficients, np.zeros_like(at.coefficients), direction)
            change = change_along(system, at, residual, matrix)
            with_change = system.along(at.coefficients, change, None)
            residual, matrix = residual + with_change[0], matrix + with_change[1]
            with on_few_threads(matrix.size):
                product = inverse @ matrix
                if by_centers:
                    top, bottom = change.ravel(), -np.sum(product * inverse.T, axis=1)
                else:
                    top, bottom = residual, -2 * np.sum((matrix - at.matrix @ product) * inverse.T, axis=1)
            return _ratio(top - left_out * bottom, denominator)[:judged]

        left = left_out[:judged]
        return _log_rms(left), [_slope_of_log_rms(left, moved(direction)) for direction in along]


class LeaveOneOutOfValues(eqx.Module):
    """log of the root mean square of what the others make of each value: `losses.leave_one_out` of values."""

    values: Float[AnyArray, "m *f"]
    points: Float[AnyArray, "m d"] | None
    smoothing: Any
    solver: str = eqx.field(static=True)

    def __call__(self, space: Space) -> Float[Array, ""]:
        fit = fit_of(self.values, space, self.points, self.smoothing)
        if fit.is_sparse:
            raise ValueError(
                f"leave-one-out needs the inverse of the matrix, and that of {space.describe()} is sparse: use "
                "Collocation or Eigenbasis"
            )
        self.refuse(space)
        found, _ = newton(fit, np.zeros((fit.unknowns, *fit.values.shape[1:])), self.solver)
        make = _values_left_out if on_host() else _compiled_values_left_out
        return make(fit, found, self.solver)

    def refuse(self, space: Space) -> None:
        """ValueError for as many centers as points at other places: which center goes with a point is not known."""
        centers = getattr(space, "translated_to", None)
        points = space.nodes if self.points is None else self.points
        if centers is None or is_traced(centers, points) or np.shape(centers) != np.shape(points):
            return
        if not np.array_equal(np.asarray(centers), np.asarray(points)):
            raise ValueError("there are as many centers as points, and they are others: give fewer, or the points")


def _values_left_out(fit: Fit, found: Float[Array, "p *f"], solver: str) -> Float[Array, ""]:
    matrix, count = fit.of_one_field(found), len(fit.points)
    factored = factor(jax.lax.stop_gradient(matrix), solver)
    adjoint = factored.solve_transposed(jnp.eye(matrix.shape[1]))
    matrix, found, adjoint = (as_jax(one) for one in (matrix, found, adjoint))
    values = fit.values.reshape(count, -1)
    if matrix.shape[0] == matrix.shape[1]:
        left_out = _ratio(found.reshape(len(found), -1)[:count], inverse_diagonal(matrix, adjoint.T)[:count, None])
    else:
        residual = matrix[:count] @ found.reshape(len(found), -1) - values
        left_out = _ratio(residual, 1 - leverages(matrix, adjoint.T)[:count, None])
    return _log_rms(left_out)


@eqx.filter_jit
def _compiled_values_left_out(fit: Fit, found, solver: str):
    return _values_left_out(fit, found, solver)


class Likelihood(eqx.Module):
    """The negative log likelihood of a problem's data under a Gaussian process: `losses.likelihood`."""

    problem: Problem
    options: dict[str, Any]

    def __call__(self, tree: Tree) -> Float[Array, ""]:
        space, problem = _space_and_problem(tree, self.problem)
        if not space.is_process:
            raise ValueError(
                f"the likelihood is that of a mf.GaussianProcess, and {space.describe()} is none: use "
                "mf.losses.residual(problem, check) or mf.losses.leave_one_out(problem)"
            )
        return as_jax(negative_log_likelihood(solve_in(problem, space, judged=False, **self.options)))


def _left_out(system: System, coefficients: Float[Array, "n *f"], solver: str) -> Float[Array, ""]:
    residual, matrix = system.linearised(coefficients)
    factored = factor(jax.lax.stop_gradient(matrix), solver)
    adjoint = factored.solve_transposed(jnp.eye(matrix.shape[1]))
    left_out = _ratio(residual, 1 - leverages(matrix, adjoint.T))
    if matrix.shape[0] == matrix.shape[1]:
        # a truncated square system is solved in least squares, and judged so
        rippa = _ratio(jnp.ravel(coefficients), inverse_diagonal(matrix, adjoint.T))
        left_out = jnp.where(factored.rank() == matrix.shape[1], rippa, left_out)
    return _log_rms(left_out[: left_out.size - system.side_rows])


@eqx.filter_jit
def _compiled_left_out(system: System, coefficients, solver: str):
    return _left_out(system, coefficients, solver)


@expects(problem=Problem, check=Cloud)
def residual(problem: Problem, check: Cloud, **options) -> Residual:
    """log √(mean of the weighted squared residuals) of the solution on `check`, a cloud off the nodes.

    The loss takes a space, or `(space, problem)` to fit the problem's coefficients. `options` go to `solve`. A check
    cloud of 1 to 3 times as many points as the space's own serves well. Raises ValueError for one that has none but the
    points of the equations.
    """
    return Residual(problem, check, options)


@expects(problem=_PROBLEM_OR_VALUES)
def leave_one_out(problem: Problem | ArrayLike, **options) -> Any:
    """log of the root mean square of the leave-one-out residuals, all from one factorisation.

    Of values (m,) or (m, c) in place of a problem it is the loss of interpolating them: `leave_one_out(values,
    points=X, smoothing=0.0, solver="auto")`, as for `mf.interpolate`, by what all other values make of each. The loss
    takes a space, so that `mf.tune(mf.losses.leave_one_out(values, points=X), space)` finds the scale of its kernel.

    Square systems: eₖ = cₖ/(A⁻¹)ₖₖ, row and center k left out together (Rippa, Adv. Comput. Math. 11 (1999), eq. 17).
    Least squares, and square systems of deficient rank: eₖ = rₖ/(1 − hₖ), hₖ the diagonal of A A⁺ (PRESS; Allen,
    Technometrics 16 (1974)). A `GaussianProcess`: eₖ = wₖ/(K⁻¹)ₖₖ, w = K⁻¹y. A nonlinear problem is linearised at its
    solution. `options` go to `solve`.
    """
    if isinstance(problem, Problem):
        return LeaveOneOut(problem, options)
    unknown = sorted(set(options) - {"points", "smoothing", "solver"})
    if unknown:
        raise TypeError(f"leave_one_out(values) has points=, smoothing= and solver=; got {', '.join(unknown)}")
    given = {"points": None, "smoothing": 0.0, "solver": "auto"} | options
    values: Any = problem
    return LeaveOneOutOfValues(values if is_traced(values) else np.asarray(values), **given)


@expects(problem=Problem)
def likelihood(problem: Problem, **options) -> Likelihood:
    """½ yᵀK⁻¹y + ½ log det K + n/2 log 2π of a `GaussianProcess`, y the data and K the kernel's own covariances, noise
    included (Rasmussen & Williams 2006, equation 5.8), of a nonlinear problem linearised at its solution.

    Give the kernel an amplitude to be tuned, as in `1.0 * mf.Matern(5.5, 1.0)`: `Posterior.amplitude` has no part in
    it. It tells the scales of noisy data; those of equations are better found by the residual off the nodes or
    leave-one-out. `options` go to `solve`. ValueError for other spaces.
    """
    return Likelihood(problem, options)


@jax.custom_jvp
def leverages(A: Float[Array, "m n"], pseudoinverse: Float[Array, "n m"]) -> Float[Array, " m"]:
    """hₖ, the diagonal of the projection A A⁺, given A⁺; dhₖ = 2 [(I − A A⁺) dA A⁺]ₖₖ."""
    return jnp.sum(A * pseudoinverse.T, axis=1)


@leverages.defjvp
def _leverages_jvp(primals, tangents):
    (A, pseudoinverse), (A_dot, _) = primals, tangents
    off_range = A_dot - A @ (pseudoinverse @ A_dot)
    return leverages(A, pseudoinverse), 2 * jnp.sum(off_range * pseudoinverse.T, axis=1)


def own_loss(problem: Problem, space: Any) -> Residual | LeaveOneOut:
    """The loss that `tune` makes for a problem: the residual at points of the domain that are no nodes, about as many;
    leave-one-out where there is no domain, or no equation.
    """
    if getattr(space, "cloud", None) is None:
        raise TypeError(f"mf.tune(problem, space) tunes a space; got {came(space)}: give a loss for another tree")
    cloud, domain = space.cloud, problem.domain or space.cloud.domain
    if domain is None or problem.interior is None:
        return leave_one_out(problem)
    return residual(problem, aside(cloud, domain))


def _solved(space: Space, problem: Problem, directions: Sequence[Tree], options):
    """The equations, their solution, and the directions of the space; None where derivatives by hand are not known."""
    along = [direction[0] if isinstance(direction, tuple) else direction for direction in directions]
    if len(jax.tree.leaves(along)) < len(jax.tree.leaves(list(directions))):
        return None  # a coefficient of the problem moves
    found = solve_on_host(problem, space, **options)
    if found is None or not all(found[0].follows(direction) for direction in along):
        return None
    return *found, along


def _space_and_problem(tree: Tree, problem: Problem) -> tuple[Space, Problem]:
    return tree if isinstance(tree, tuple) else (tree, problem)


def _ratio(numerator, denominator):
    """The quotient, and 0 where the denominator is 0: there the point has no say."""
    array, nonzero = module_of(numerator, denominator), denominator != 0
    return array.where(nonzero, numerator / array.where(nonzero, denominator, 1), 0)


def _log_rms(values):
    if isinstance(values, np.ndarray):
        return 0.5 * np.log(np.maximum(np.mean(values**2), np.finfo(values.dtype).tiny))
    return _compiled_log_rms(values)


@jax.jit
def _compiled_log_rms(values):
    return 0.5 * jnp.log(jnp.maximum(jnp.mean(values**2), jnp.finfo(values.dtype).tiny))


def _slope_of_log_rms(values, slopes) -> float:
    return float(np.mean(values * slopes) / np.maximum(np.mean(values**2), np.finfo(values.dtype).tiny))
