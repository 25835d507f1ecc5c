"""What `tune` minimises: the natural log of a weighted root mean square, with the solve inside.

At the nodes of a square system the residual vanishes for every scale, so a loss looks elsewhere: at other points, or
at each node with that node left out. None of them knows the exact solution. The logarithm makes decades even.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.spatial import cKDTree

from ..equations.assemble import assemble
from ..equations.system import System
from ..geometry.cloud import Cloud
from ..internal.devices import on_host
from ..internal.expected import expects
from ..internal.tracing import is_traced
from ..linalg.factor import factor
from ..pde.problem import Problem
from ..solving.solve import solve
from ..spaces.base import Space

COINCIDENT = 1e-6  # spacings

Tree = Space | tuple[Space, Problem]


class Residual(eqx.Module):
    """log of the root mean square of the residuals on a check cloud: `losses.residual`."""

    problem: Problem
    check: Cloud
    options: dict[str, Any]

    def __call__(self, tree: Tree) -> Float[Array, ""]:
        self.refuse(tree)
        space, problem = _space_and_problem(tree, self.problem)
        u = solve(problem, space, **self.options)
        weights = self.options.get("weights")
        return _log_rms(assemble(problem, space, self.check, weights).at_points(u.coefficients))

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
        space, problem = _space_and_problem(tree, self.problem)
        u = solve(problem, space, **self.options)
        system = assemble(problem, space, self.options.get("points"), self.options.get("weights"))
        if system.is_sparse:
            raise ValueError(
                "leave-one-out needs the inverse of the matrix, and the equations of a local space are sparse: "
                "use mf.losses.residual(problem, check)"
            )
        make = _left_out if on_host() else _compiled_left_out
        return make(system, u.coefficients, self.options.get("solver", "auto"))


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


@expects(problem=Problem)
def leave_one_out(problem: Problem, **options) -> LeaveOneOut:
    """log of the root mean square of the leave-one-out residuals, all from one factorisation.

    Square systems: eₖ = cₖ/(A⁻¹)ₖₖ, row and center k left out together (Rippa, Adv. Comput. Math. 11 (1999), eq. 17).
    Least squares, and square systems of deficient rank: eₖ = rₖ/(1 − hₖ), hₖ the diagonal of A A⁺ (PRESS; Allen,
    Technometrics 16 (1974)). A nonlinear problem is linearised at its solution. `options` go to `solve`.
    """
    return LeaveOneOut(problem, options)


@jax.custom_jvp
def inverse_diagonal(A: Float[Array, "n n"], inverse: Float[Array, "n n"]) -> Float[Array, " n"]:
    """The diagonal of A⁻¹, given A⁻¹; its derivative is −diag(A⁻¹ dA A⁻¹), whatever made the inverse."""
    return jnp.diagonal(inverse)


@inverse_diagonal.defjvp
def _inverse_diagonal_jvp(primals, tangents):
    (A, inverse), (A_dot, _) = primals, tangents
    return inverse_diagonal(A, inverse), -jnp.sum((inverse @ A_dot) * inverse.T, axis=1)


@jax.custom_jvp
def leverages(A: Float[Array, "m n"], pseudoinverse: Float[Array, "n m"]) -> Float[Array, " m"]:
    """hₖ, the diagonal of the projection A A⁺, given A⁺; dhₖ = 2 [(I − A A⁺) dA A⁺]ₖₖ."""
    return jnp.sum(A * pseudoinverse.T, axis=1)


@leverages.defjvp
def _leverages_jvp(primals, tangents):
    (A, pseudoinverse), (A_dot, _) = primals, tangents
    off_range = A_dot - A @ (pseudoinverse @ A_dot)
    return leverages(A, pseudoinverse), 2 * jnp.sum(off_range * pseudoinverse.T, axis=1)


def _space_and_problem(tree: Tree, problem: Problem) -> tuple[Space, Problem]:
    return tree if isinstance(tree, tuple) else (tree, problem)


def _ratio(numerator, denominator):
    """The quotient, and 0 where the denominator is 0: there the point has no say."""
    nonzero = denominator != 0
    return jnp.where(nonzero, numerator / jnp.where(nonzero, denominator, 1), 0)


@jax.jit
def _log_rms(values):
    return 0.5 * jnp.log(jnp.maximum(jnp.mean(values**2), jnp.finfo(values.dtype).tiny))
