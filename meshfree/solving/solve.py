"""Solving a problem in a space, and interpolating in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..equations.assemble import assemble
from ..equations.basis_derivatives import Guess
from ..equations.operator_matrix import Interpolation
from ..equations.system import Collocated
from ..geometry.cloud import Cloud
from ..geometry.cloud_checks import check_cloud_in
from ..internal.batching import in_padded_blocks
from ..internal.compile_cache import release_programs
from ..internal.devices import HOST
from ..internal.expected import DATA, INTEGER, NUMBER, OF_A_POINT, expects
from ..internal.tracing import AnyArray, is_traced
from ..internal.watched import settled, watch
from ..linalg.dense import check_memory
from ..pde.problem import Problem
from ..spaces.base import Space
from .derivative import Solved
from .finite_values import NotFiniteError
from .frequencies import with_frequencies
from .levels import solve_by_levels
from .metrics import error
from .newton import solved
from .solution import Solution

BLOCK = 512  # nodes at which a function is asked for its values at a time
_VALUES = DATA._replace(phrase="a function of x or values at the nodes")


@settled
@expects(
    problem=Problem,
    space=Space | None,
    points=Cloud,
    initial=OF_A_POINT,
    weights=Mapping,
    solver=str,
    tol=NUMBER,
    functions=Sequence,
    max_unknowns=INTEGER,
    seconds=NUMBER,
)
def solve(
    problem: Problem,
    space: Space | None = None,
    *,
    points: Cloud | None = None,
    initial: Callable | None = None,
    weights: Mapping[str, ArrayLike] | None = None,
    solver: str = "auto",
    tol: float | None = None,
    functions: Sequence[Callable] = (),
    max_unknowns: int = 100_000,
    seconds: float = 20.0,
    progress: bool | None = None,
) -> Solution:
    """The function of `space` that makes the problem's residuals vanish, or least in square.

    Without a space one is chosen such that the relative L2 error is below `tol` (1e-6): eigenfunctions of growing
    degree are tried, then stencils on more and more nodes, placed where the residual is large, each with an estimate of
    its error (`mf.estimate_error`), until three times that is below `tol`. `u.space` is the space,
    `stats["estimate"]` the estimate, `stats["reached"]` whether it suffices, and `stats["ladder"]` lists what was
    tried: `space`, `unknowns`, `residual`, `estimate`, `seconds`. Otherwise the best solution is returned, and a
    warning says what limits it: `max_unknowns` of all fields, `seconds` of work (which a rung, once begun, may
    exceed). `functions` of x, singular as the solution is, are added to the eigenfunctions (`mf.Enriched`).
    `progress`: a bar; by default where standard error is a terminal. Ctrl-C returns the best so far.

    In a given space:

    `points`: a second cloud that carries the equations (least squares when it is larger); default the space's own.
    `initial`: a function of x or a Solution to start Newton's method from; default zero.
    `weights`: row weights by part, a number or (c,), in place of the measured ones.
    `solver`: `"auto"`, `"lu"`, `"qr"` or `"svd"`, as in `linalg.dense.factor_dense`; for a local space `"auto"`,
    `"superlu"`, `"rslab"`, `"pardiso"`, `"krylov"` or `"amg"`, as in `linalg.sparse_factors.factor_sparse`.

    Everything dense is computed on JAX's default device, which `jax.default_device` and JAX_PLATFORMS choose. On an
    accelerator `"auto"` finds the pivots of its QR factorisation beforehand, as accurate on the average, and `"qr"`
    factors on the host, as sparse matrices always are. `stats["device"]` tells.

    `stats["off_nodes"]` is the residual between the nodes over the data, both weighted: a few times the relative error
    as a rule; a half and more is warned of. Under jit, where no error can be
    raised, `stats["converged"]` and `stats["unique"]` are False instead: `eqx.error_if` makes an error of them.

    `stats` of a solution by translates of a compactly supported kernel tell its price too: `support`,
    `centers_per_row`, `fill` and, where the exact solution is known, the relative `error` (`mf.error`). Those of a
    `Multilevel`, solved level by level, are of its finest level, and those of each level are in the list `levels`; its
    `residual_before` is the residual, at the points of the level, of what the coarser ones found.

    The result is differentiable by anything in the problem or the space, forward and reverse, to first order: a square
    system through one more Newton step, least squares through its normal equations with the matrix's own derivative.

    Raises ValueError for a cloud on another domain than the problem's, parts without a condition, residuals of a wrong
    shape, more unknowns than equations, a singular system, or without float64; MemoryError where the
    matrix would not fit; ConvergenceError where Newton fails.
    """
    require_double()
    release_programs()
    if space is None:
        if points is not None or weights is not None or solver != "auto":
            raise ValueError("points=, weights= and solver= are for a space of your own: give it, or drop them")
        from .automatic import solve_to  # which solves in the spaces that it tries

        tol = 1e-6 if tol is None else float(tol)
        return solve_to(
            problem,
            tol,
            solve,
            initial=initial,
            functions=functions,
            max_unknowns=max_unknowns,
            seconds=seconds,
            progress=progress,
        )
    if tol is not None or len(functions):
        name = "tol" if tol is not None else "functions"
        raise ValueError(f"{name}= chooses a space, and {space.describe()} is given: drop one of the two")
    rows_at = space.cloud if points is None else points
    if problem.domain is not None and problem.domain.dim != rows_at.dim:
        raise ValueError(f"the problem's domain has {problem.domain.dim} dimensions and the cloud {rows_at.dim}")
    space = with_frequencies(problem, space, rows_at)
    levels = space.levels()
    if len(levels) > 1 and points is not None:
        raise ValueError(f"every level of {space.describe()} is solved at the points of its own cloud: drop points=")
    start, equations_of = _stated(problem, space, points, initial, weights)
    coefficients, stats = solve_by_levels(levels, map(equations_of, levels), start, solver)
    u = Solution(space, coefficients, stats)
    if is_traced(problem, u):
        return u
    price = space.sparsity(rows_at.points)
    return Solution(space, coefficients, {**stats, **price, "error": _error(problem, u)}) if price else u


def _stated(problem: Problem, space: Space, points, initial, weights):
    """The coefficients to start from, and the equations of each level of the space."""
    first = space.levels()[0]
    start = _initial_coefficients(problem, first, initial)
    if space.local_basis is None:
        check_memory(len(space.cloud if points is None else points), start.size)
    around = None if initial is None else Guess(first, start)

    def equations_of(level: Space) -> Collocated:
        system = assemble(problem, level, points, weights, around)
        for cloud in (level.cloud, *([] if points is None else [points])):
            check_cloud_in(problem.domain, cloud)  # now that its parts have their conditions
        return system

    return start, equations_of


@settled
def solve_on_host(
    problem: Problem, space: Space, *, points=None, initial=None, weights=None, solver: str = "auto"
) -> tuple[Collocated, Solved] | None:
    """The equations and their solution, as `solve` finds it, with all that derivatives by hand need; whether it is the
    only one is not asked. None where something is traced, for local spaces, and where equations are made by JAX.
    """
    require_double()
    if space.local_basis is not None or is_traced(problem, space, points, initial, weights):
        return None
    start, equations_of = _stated(problem, space, points, initial, weights)
    system, start = equations_of(space), np.asarray(start)
    if not system.follows(None):
        return None
    return system, solved(system, start, solver)


@expects(space=Space, f=_VALUES, solver=str)
@settled
def interpolate(f: Callable | ArrayLike, space: Space, *, solver: str = "auto") -> Solution:
    """The function of `space` that takes the values of f at its cloud's points, or comes nearest in least squares.

    f: a function of one point, (d,) -> () or (fields,), a Solution included; or its values, (N,) or (N, fields), at
    the cloud's points (of stencils with ghosts: at `space.nodes`; of a `Multilevel`, with points on all levels, only a
    function).
    Raises ValueError for values of a wrong shape, and where the space has more functions than the cloud points.
    """
    require_double()
    release_programs()
    levels = space.levels()
    if len(levels) > 1 and not callable(f):
        raise ValueError(f"{space.describe()} has points on every level: give a function, not its values")
    values = [_values_at(f, level.nodes) for level in levels]
    if space.is_nodal:  # the coefficients are the values
        return Solution(space, jnp.asarray(values[-1]), _of_nodal_values(values[-1]))
    if space.local_basis is None:
        check_memory(len(space.nodes), space.size)
    start = np.zeros((levels[0].size, *values[0].shape[1:]))
    return Solution(space, *solve_by_levels(levels, map(Interpolation, levels, values), start, solver))


def require_double() -> None:
    """ValueError unless JAX computes in float64."""
    if jnp.result_type(float) != jnp.float64:
        raise ValueError(
            "meshfree solves in float64, and JAX is set to float32; add, before anything else:\n"
            '    import jax; jax.config.update("jax_enable_x64", True)'
        )


def _values_at(f: Callable | ArrayLike, nodes) -> Float[AnyArray, "m *f"]:
    points = nodes
    values = _mapped(f if isinstance(f, Solution) else watch(f), nodes) if callable(f) else f
    kind = (values if hasattr(values, "dtype") else np.asarray(values)).dtype.kind
    if kind not in "fiu":
        advice = ": give its real and its imaginary part as two fields, (N, 2)" * (kind == "c")
        raise TypeError(f"values must be real numbers, an array of floats or integers; got {kind!r} of NumPy{advice}")
    array = jnp if is_traced(values) else np
    values = array.asarray(values, dtype=float)
    if values.ndim not in (1, 2) or len(values) != len(points):
        raise ValueError(f"values must have shape ({len(points)},) or ({len(points)}, fields); got {values.shape}")
    return values


def _mapped(f: Callable, nodes):
    """f at all nodes: known ones block by block, of one size."""
    if isinstance(f, Solution):
        return f(nodes)
    found = None if is_traced(f, nodes) else in_padded_blocks(lambda X: _vmapped(f, X), (nodes,), BLOCK, known=False)
    return _vmapped(f, jnp.asarray(nodes)) if found is None else found


@eqx.filter_jit
def _vmapped(f: Callable, X):
    return jax.vmap(f)(X)


def _initial_coefficients(problem: Problem, space: Space, initial) -> Float[AnyArray, "n *f"]:
    shape = (space.size,) if problem.fields == 1 else (space.size, problem.fields)
    if initial is None:
        return np.zeros(shape)
    coefficients = interpolate(initial, space).coefficients
    if coefficients.shape != shape:
        raise ValueError(f"initial has coefficients of shape {coefficients.shape}; the problem's unknowns are {shape}")
    return coefficients


def _error(problem: Problem, u: Solution) -> float:
    """What it costs: the error where the solution is known, at all points of the sample, otherwise NaN."""
    known = problem.exact is not None and (problem.domain is not None or u.space.cloud.domain is not None)
    try:
        return error(problem, u) if known else float("nan")
    except NotFiniteError:
        return float("nan")


def _of_nodal_values(values) -> dict[str, Any]:
    count = values.size
    return {
        "unknowns": count,
        "rows": count,
        "steps": 0,
        "residual": {"values": 0.0},
        "rank": count,
        "condition": 1.0,
        "seconds": {"assembly": 0.0, "solve": 0.0},
        "device": HOST,
    }
