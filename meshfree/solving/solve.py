"""Solving a problem in a space."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..equations.assemble import equations
from ..equations.operator_matrix import interpolate
from ..equations.system import System
from ..geometry.cloud import Cloud
from ..internal.compile_cache import release_programs
from ..internal.tracing import is_traced
from ..linalg.dense import check_memory
from ..pde.problem import Problem
from ..spaces import Collocation, Multilevel, Space
from ..spaces.compact_translates import coupling
from .levels import solved_by_levels
from .metrics import error
from .newton import require_double, solution_of
from .solution import Solution


def solve(
    problem: Problem,
    space: Space,
    *,
    points: Cloud | None = None,
    initial: Callable | None = None,
    weights: Mapping[str, ArrayLike] | None = None,
    solver: str = "auto",
) -> Solution:
    """The function of `space` that makes the problem's residuals vanish, or least in square.

    `points`: a second cloud that carries the equations (least squares when it is larger); default the space's own.
    `initial`: a function of x or a Solution to start Newton's method from; default zero.
    `weights`: row weights by part, a number or (c,), in place of the measured ones.
    `solver`: `"auto"`, `"lu"`, `"qr"` or `"svd"`, as in `linalg.factor`; for a local space `"auto"`, `"superlu"`,
    `"rslab"`, `"pardiso"`, `"krylov"` or `"amg"`, as in `linalg.sparse_factors.factor_sparse`.

    `stats` of a solution by translates of a compactly supported kernel tell its price too: `support`,
    `centres_per_row`, `fill` and, where the exact solution is known, the relative `error` (`mf.error`). Those of a
    `Multilevel`, solved level by level, are of its finest level, and those of each level are in the list `levels`; its
    `residual_before` is the residual, at the points of the level, of what the coarser ones found.

    The result is differentiable by anything in the problem or the space, forward and reverse, to first order: a square
    system through one more Newton step, least squares through its normal equations with the matrix's own derivative.

    Raises ValueError for parts without a condition, residuals of a wrong shape, more unknowns than equations, a
    singular system, or without float64; MemoryError where the matrix would not fit; ConvergenceError where Newton
    fails.
    """
    require_double()
    release_programs()
    rows_at = space.cloud if points is None else points
    if problem.domain is not None and problem.domain.dim != rows_at.dim:
        raise ValueError(f"the problem's domain has {problem.domain.dim} dimensions and the cloud {rows_at.dim}")
    if isinstance(space, Multilevel) and points is not None:
        raise ValueError("every level of a Multilevel is solved at the points of its own cloud: drop points=")
    first = space.coarsest(1) if isinstance(space, Multilevel) else space
    start = _initial_coefficients(problem, first, initial)
    if space.local_basis is None:
        check_memory(len(rows_at), start.size)
    exact = problem.exact
    # pictures and errors need the exact solution, the equations do not: a new one must not recompile them
    problem = eqx.tree_at(lambda p: p.exact, problem, None, is_leaf=lambda leaf: leaf is None)
    around = None if initial is None else first.function(start)

    def system_of(space: Space) -> System:
        return equations(_with_array_leaves(problem), _with_array_leaves(space), points, weights, around)

    if isinstance(space, Multilevel):
        u, price = solved_by_levels(space, start, solver, system_of), {}
    else:
        u, price = solution_of(system_of(space), space, start, solver), _coupling(space, rows_at)
    if is_traced(problem, u) or not ("fill" in price or "fill" in u.stats):
        return u
    return Solution(space, u.coefficients, {**u.stats, **price, "error": _error(problem, exact, u)})


def _coupling(space: Space, cloud: Cloud) -> dict[str, float]:
    if isinstance(space, Collocation) and space.is_compact:
        return coupling(space.kernel, space.centers, cloud.points)
    return {}


def _error(problem: Problem, exact: Callable | None, u: Solution) -> float:
    """What it costs: the error where the solution is known, otherwise NaN."""
    domain = u.space.cloud.domain if problem.domain is None else problem.domain
    if exact is None or domain is None:
        return float("nan")
    return error(eqx.tree_at(lambda p: p.exact, problem, exact, is_leaf=lambda leaf: leaf is None), u)


def _initial_coefficients(problem: Problem, space: Space, initial) -> Float[Array, "n *f"]:
    shape = (space.size,) if problem.fields == 1 else (space.size, problem.fields)
    if initial is None:
        return jnp.zeros(shape)
    coefficients = interpolate(initial, space).coefficients
    if coefficients.shape != shape:
        raise ValueError(f"initial has coefficients of shape {coefficients.shape}; the problem's unknowns are {shape}")
    return coefficients


def _with_array_leaves(tree):
    """Python floats as arrays: a changed number is then a changed value, and not a new program."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, float) else leaf, tree)
