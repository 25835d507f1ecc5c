"""Solving a problem in a space, and interpolating in one."""

from __future__ import annotations

import functools
import hashlib
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..equations.assemble import assemble
from ..equations.basis_derivatives import Guess
from ..equations.conditions import unknowns_of
from ..equations.fit import Fit
from ..equations.means import FieldMeans, free_constants
from ..equations.operator_matrix import Interpolation
from ..equations.system import Collocated
from ..equations.unknown_system import WithUnknowns
from ..geometry.cloud import Cloud
from ..geometry.cloud_checks import check_cloud_in
from ..internal.batching import in_padded_blocks
from ..internal.compile_cache import release_programs
from ..internal.devices import HOST, mesh_over
from ..internal.expected import DATA, INTEGER, NUMBERS, expects
from ..internal.memory import peak
from ..internal.processes import together
from ..internal.tracing import AnyArray, as_jax, is_traced, without_derivative
from ..internal.watched import settled, watch
from ..linalg.dense import check_memory
from ..pde.problem import Problem
from ..spaces.base import Space
from .derivative import Solved
from .finite_values import NotFiniteError
from .frequencies import with_frequencies
from .levels import solve_by_levels
from .metrics import at_its_parameter, error, residuals_aside
from .misfit import judged as misfit
from .newton import newton, solved
from .posterior import Posterior
from .shared_derivative import solve_shared
from .shift_of_unknowns import shift_of_unknowns
from .solution import Solution
from .symmetric import Mean, interpolate_process, solve_symmetric
from .unknown_derivative import differentiated
from .unknown_numbers import projected, solve_with_unknowns

JUDGED = 1000  # values, about, whose misfit is measured where each needs a fit of its own
BLOCK = 512  # nodes at which a function is asked for its values at a time
_VALUES = DATA._replace(phrase="a function of x or values at the nodes")


def solve_in(
    problem: Problem,
    space: Space,
    *,
    points: Cloud | None = None,
    initial: Callable | None = None,
    weights: Mapping[str, ArrayLike] | None = None,
    solver: str = "auto",
    judged: bool = True,
    mesh: Mesh | None = None,
) -> Solution:
    """The function of a space that makes the problem's residuals vanish, or least in square: see `automatic.solve`.

    `mesh`: what `mesh_for` says of devices. Not `judged`, a Gaussian process says nothing of the residual between the
    nodes, as where its scale is sought.
    """
    require_double()
    release_programs()
    rows_at = space.cloud if points is None else points
    if problem.domain is not None and problem.domain.dim != rows_at.dim:
        raise ValueError(f"the problem's domain has {problem.domain.dim} dimensions and the cloud {rows_at.dim}")
    space = with_frequencies(problem, space, rows_at)
    shared = on_processes(problem, space, points, solver)
    if shared.partition is not None:
        return _solved_together(problem, space, shared, initial, weights, solver)
    if space.is_process:
        if unknowns_of(problem, space.cloud):
            raise ValueError(
                f"{space.describe()} is conditioned on equations with known numbers, and the problem has unknown ones "
                f"({', '.join(unknowns_of(problem, space.cloud))}): find them in Stencils, Eigenbasis or Collocation"
            )
        found = _in_process(problem, space, points, initial, weights, solver, judged)
        return Posterior(*found._replace(stats=found.stats | _misfit(problem, found.stats, None)))
    levels = space.levels()
    if len(levels) > 1 and points is not None:
        raise ValueError(f"every level of {space.describe()} is solved at the points of its own cloud: drop points=")
    if len(levels) > 1 and problem.mean is not None:
        raise ValueError(
            f"{space.describe()} is solved level by level, each by itself, which fixes no mean= of their sum: use "
            "Stencils, Collocation or Eigenbasis"
        )
    unknowns = unknowns_of(problem, rows_at)
    if len(levels) > 1 and (problem.data or unknowns):
        raise ValueError(
            f"{space.describe()} is solved level by level, and {', '.join([*problem.data, *unknowns])} would be fitted "
            "by each: for data and unknown numbers use Stencils, Collocation or Eigenbasis"
        )
    if unknowns and is_traced(problem, space, points, weights, initial):
        return _differentiated(problem, space, points, initial, weights, solver)
    if unknowns:
        start = initial_coefficients(problem, space, initial)
        around = None if initial is None else Guess(space, start)
        system = WithUnknowns(problem, space, points, weights, around, unknowns)
        u = Solution(space, *solve_with_unknowns(system, np.asarray(start), solver))
        told = _misfit(problem, u.stats, weights) | (_shift(problem, system, u, solver) if judged else {})
        return Solution(space, u.coefficients, {**u.stats, **told})
    start, equations_of = _stated(problem, space, points, initial, weights, mesh)
    try:
        coefficients, stats = solve_by_levels(levels, map(equations_of, levels), start, solver)
    except ValueError:
        fixed = problem if len(levels) > 1 else with_constants_fixed(problem, rows_at)
        if fixed is problem:
            raise
        return solve_in(fixed, space, points=points, initial=initial, weights=weights, solver=solver, mesh=mesh)
    u = Solution(space, coefficients, stats | _misfit(problem, stats, weights))
    if is_traced(problem, u):
        return u
    price = space.sparsity(rows_at.points)
    return Solution(space, coefficients, {**u.stats, **price, "error": _error(problem, u)}) if price else u


def on_processes(problem: Problem, space: Space, points: Cloud | None, solver: str) -> Space:
    """The space with nodes that all processes share, where they were started to solve by PETSc together.

    ValueError for what they cannot solve together, and where they have not the same nodes.
    """
    if not solver.startswith("petsc"):
        return space
    found = together()
    if found.size == 1:
        return space
    for given, what in ((points, "points="), (problem.mean, "mean="), (problem.data or None, "mf.Data")):
        if given is not None:
            raise ValueError(f"{what} is not solved by several processes together: start one")
    if unknowns_of(problem, space.cloud):
        raise ValueError("a problem with mf.Unknown is not solved by several processes together: start one")
    nodes = hashlib.blake2b(np.ascontiguousarray(space.nodes).data).hexdigest()
    if len(set(found.each(nodes))) > 1:
        raise ValueError(
            "the processes have different nodes: make the cloud in the same way on each, with the same seed, or load "
            "it from one file"
        )
    return space.shared(found)


def _solved_together(problem: Problem, space: Space, shared: Space, initial, weights, solver: str) -> Solution:
    """By all processes, with what each of them has done."""
    assert shared.partition is not None
    found, began = shared.partition.processes, time.perf_counter()
    sent, iterations = found.sent, found.iterations
    start, equations_of = _stated(problem, shared, None, initial, weights)
    assembled = functools.partial(equations_of, shared)
    system = assembled()
    if is_traced(start, system, system.own.residual(start)):
        coefficients, stats = solve_shared(assembled, start, solver)
    else:
        coefficients, stats = solve_by_levels((shared,), iter([system]), start, solver)
    own = {
        "nodes": int(shared.partition.own.sum()),
        "seconds": time.perf_counter() - began,
        "iterations": found.iterations - iterations,
        "sent": found.sent - sent,  # bytes
        "memory": peak(),  # bytes, at most so far
    }
    return Solution(space, coefficients, {**stats, "processes": found.each(own)})


def _in_process(problem: Problem, space: Any, points, initial, weights, solver: str, judged: bool) -> Mean:
    if points is not None or weights is not None or solver != "auto":
        raise ValueError(
            f"{space.describe()} satisfies each equation, by Cholesky: points=, weights= and solver= are for other "
            "spaces. For more equations give it a larger cloud"
        )
    check_cloud_in(problem.domain, space.cloud)
    return solve_symmetric(problem, space, initial, judged)


def _differentiated(problem: Problem, space: Space, points, initial, weights, solver: str) -> Solution:
    """u with its unknown numbers, where something is traced to be differentiated."""
    known = without_derivative((problem, space, points, initial, weights))
    if is_traced(known):
        raise ValueError(
            "unknown numbers are found by a search outside of compiled programs: take jax.grad, jax.jvp or "
            "jax.jacobian of what is made of the solution, without jax.jit or jax.vmap around it"
        )
    fixed, its_space, its_points, initial, its_weights = known
    options = {"points": its_points, "initial": initial, "weights": its_weights}
    u = solve_in(fixed, its_space, **options, solver=solver)
    around = None if initial is None else Guess(its_space, initial_coefficients(fixed, its_space, initial))
    unknowns = unknowns_of(fixed, its_space.cloud if its_points is None else its_points)
    equations = (
        WithUnknowns(fixed, its_space, its_points, its_weights, around, unknowns),
        WithUnknowns(problem, space, points, weights, around, unknowns),
    )
    return Solution(space, *differentiated(u, *equations, solver))


def _misfit(problem: Problem, stats: Mapping[str, Any], weights: Mapping[str, ArrayLike] | None) -> dict[str, Any]:
    """What is told of the misfit of data, unless some were given weights of their own."""
    return {} if set(weights or ()) & set(problem.data) else misfit(problem.data, stats["residual"])


def _shift(problem: Problem, equations: WithUnknowns, u: Solution, solver: str) -> dict[str, Any]:
    other = equations.space.compared()
    if other is None:
        return {}
    finer, space = other
    start = np.asarray(initial_coefficients(problem, space, u))
    known = at_its_parameter(problem, u)
    residuals = None if finer else lambda v: residuals_aside(known, u, v)
    return shift_of_unknowns(u, equations.by_name, projected(equations.on(space), start, solver), residuals)


def with_constants_fixed(problem: Problem, cloud: Cloud | None = None) -> Problem:
    """The problem with the means of fields set to 0 that its equations have derivatives of only, as of a pressure
    beside a velocity, and a warning that names them; itself where there are none, or nothing but such fields.
    """
    domain = problem.domain if problem.domain is not None or cloud is None else cloud.domain
    if problem.mean is not None or problem.fields == 1 or domain is None or is_traced(problem):
        return problem
    free = free_constants(problem, domain.dim)
    if len(free) in (0, problem.fields):
        return problem
    names = ", ".join(f"u[{field}]" for field in free)
    warnings.warn(
        f"the equations and conditions have derivatives of {names} only, and leave a constant free: the mean over the "
        f"domain is set to 0. Problem(..., mean=lambda u, x: u(x)[{free[0]}]) says so, or another value",
        stacklevel=7,  # of who calls `solve`, which is decorated
    )
    return eqx.tree_at(lambda p: p.mean, problem, FieldMeans(free), is_leaf=lambda leaf: leaf is None)


def mesh_for(
    problem: Problem, space: Space, solver: str = "auto", devices: int | Sequence[jax.Device] | None = None
) -> Mesh | None:
    """The devices that the rows of the equations are spread over, None for the default one alone: those asked for, or
    by default as `mesh_over` says where the equations can be spread. ValueError for equations that cannot.
    """
    mesh = mesh_over(devices)
    told = None if mesh is None else _why_on_one(problem, space, solver)
    if told is None:
        return mesh
    if devices is None:
        return None
    raise ValueError(f"{told} drop devices=")


def _why_on_one(problem: Problem, space: Space, solver: str) -> str | None:
    """Why equations are not spread over several devices; None where they are."""
    if space.is_process:
        return f"{space.describe()} is solved by Cholesky, on one device:"
    if space.local_basis is not None or len(space.levels()) > 1:
        return (
            f"devices share the rows of a dense matrix, and {space.describe()} has a sparse one, which is factored on "
            "the CPU: use Collocation of a kernel without compact support or an Eigenbasis, or"
        )
    if problem.mean is not None or unknowns_of(problem, space.cloud):
        return "equations with mean= or unknown numbers are solved on one device:"
    if solver not in ("auto", "qr"):
        return f"several devices factor by QR, and solver={solver!r} is not known of them: use solver='qr', or"
    return None


def _stated(problem: Problem, space: Space, points, initial, weights, mesh: Mesh | None = None):
    """The coefficients to start from, and the equations of each level of the space."""
    first = space.levels()[0]
    start = initial_coefficients(problem, first, initial)
    if space.local_basis is None:
        check_memory(len(space.cloud if points is None else points), start.size, mesh=mesh)
    around = None if initial is None else Guess(first, start)

    def equations_of(level: Space) -> Collocated:
        system = assemble(problem, level, points, weights, around, mesh=mesh)
        for cloud in (level.cloud, *([] if points is None else [points])):
            check_cloud_in(problem.domain, cloud)  # now that its parts have their conditions
        return system

    return start, equations_of


@settled
def solve_on_host(
    problem: Problem, space: Space, *, points=None, initial=None, weights=None, solver: str = "auto"
) -> tuple[Collocated, Solved] | None:
    """The equations and their solution, as `solve_in` finds it, with all that derivatives by hand need; whether it is
    the only one is not asked. None where something is traced, for local spaces, and where equations are made by JAX.
    """
    require_double()
    if space.is_process or space.local_basis is not None or is_traced(problem, space, points, initial, weights):
        return None
    if unknowns_of(problem, space.cloud):
        return None
    start, equations_of = _stated(problem, space, points, initial, weights)
    system, start = equations_of(space), np.asarray(start)
    if not system.follows(None):
        return None
    return system, solved(system, start, solver)


@expects(space=Space, f=_VALUES, points=NUMBERS, smoothing=NUMBERS, neighbors=INTEGER, solver=str)
@settled
def interpolate(
    f: Callable | ArrayLike,
    space: Space,
    *,
    points: ArrayLike | None = None,
    smoothing: ArrayLike = 0.0,
    neighbors: int | None = None,
    solver: str = "auto",
) -> Solution:
    """The function of `space` that takes the values of f at its cloud's points, or comes nearest in least squares.

    f: a function of one point, (d,) -> () or (fields,), a Solution included; or its values, (N,) or (N, fields), at
    the cloud's points (of stencils with ghosts: at `space.nodes`; of a `Multilevel`, with points on all levels, only a
    function). Complex values (N,) or (N, c) are fitted as two fields, or 2c: their real parts first.

    `points`: (m, d), where the values are instead; with more of them than the space has functions in least squares.
    `smoothing`: λ ≥ 0 for noisy values in `Collocation`: Σ(u(xᵢ) − fᵢ)² + λ‖u‖² is least, the norm that of the kernel.
    Where the centers are the points it is that of SciPy's `RBFInterpolator`, with the same values, and may be (m,).
    `neighbors`: at every x only so many of the points, the nearest, are fitted, by the kernel and the polynomials of a
    `Collocation`, whose centers have no part in it: for many points, as `RBFInterpolator(neighbors=)`. u jumps a little
    where others become the nearest.
    `mf.tune(mf.losses.leave_one_out(values, points=X, smoothing=λ), space)` finds the kernel's scale.

    Raises ValueError for values of a wrong shape or not finite, a negative smoothing or one in another space, where
    the space has more functions than there are points, and for neighbours that do not determine the polynomials.
    """
    require_double()
    release_programs()
    levels = space.levels()
    if neighbors is not None:
        return _by_the_nearest(f, space, points, smoothing, neighbors)
    if points is not None or not _is_zero(smoothing):
        return _fitted(fit_of(f, space, points, smoothing), solver)
    if len(levels) > 1 and not callable(f):
        raise ValueError(f"{space.describe()} has points on every level: give a function, not its values")
    values = [_values_at(f, level.nodes) for level in levels]
    if space.is_process:
        process: Any = space
        return Posterior(*interpolate_process(values[-1], process))
    if space.is_nodal:  # the coefficients are the values
        return Solution(space, as_jax(values[-1]), _of_nodal_values(values[-1]))
    if space.local_basis is None:
        check_memory(len(space.nodes), space.size)
    start = np.zeros((levels[0].size, *values[0].shape[1:]))
    return Solution(space, *solve_by_levels(levels, map(Interpolation, levels, values), start, solver))


def fit_of(f: Callable | ArrayLike, space: Space, points: ArrayLike | None, smoothing: ArrayLike) -> Fit:
    """The equations of values at points, or the nodes; ValueError where they are not enough, or of another kind."""
    if len(space.levels()) > 1:
        raise ValueError(
            f"{space.describe()} takes its values at the points of its levels: drop points= and smoothing="
        )
    X, values = _scattered(f, space, points)
    fit = Fit(space, X, values, _smoothing(smoothing, space, len(X)))
    if fit.smoothing is not None and np.shape(fit.smoothing) and not fit.at_centers:
        raise ValueError("smoothing (m,), one for each value, needs a translate at each point: give one number")
    if fit.unknowns > len(X) + fit.side_rows // fit.fields:
        raise ValueError(
            f"{len(X)} values do not determine the {fit.unknowns} functions of {space.describe()}: use a space of "
            "fewer, or centers at the points, Collocation(kernel, mf.Cloud(interior=X)), with smoothing= where they "
            "are noisy"
        )
    if space.local_basis is None:
        check_memory(len(X), space.size)
    return fit


def _scattered(f: Callable | ArrayLike, space: Space, points: ArrayLike | None) -> tuple[Any, Any]:
    """Points (m, d), by default the nodes, and the values there."""
    X: Any = space.nodes if points is None else points
    X = X if is_traced(X) else np.asarray(X, dtype=float)
    X = X[:, None] if X.ndim == 1 and space.cloud.dim == 1 else X
    if X.ndim != 2 or X.shape[1] != space.cloud.dim:
        raise ValueError(f"points must have shape (m, {space.cloud.dim}); got {X.shape}")
    values = _values_at(f, X)
    for name, one in (("points", X), ("values", values)):
        if not is_traced(one) and not np.isfinite(one).all():
            raise ValueError(f"{name} are not finite: leave out what was not measured")
    return X, values


def _by_the_nearest(f: Callable | ArrayLike, space: Space, points, smoothing, neighbors: int) -> Solution:
    X, values = _scattered(f, space, points)
    penalty = None if _is_zero(smoothing) else _checked_smoothing(smoothing, len(X))
    fits = space.of_nearest(X, penalty, neighbors)
    if fits is None:
        raise ValueError(
            f"neighbors= takes the kernel and the polynomials of a Collocation without periods; got {space.describe()}"
        )
    u = Solution(fits, values if is_traced(values) else as_jax(values), _of_nodal_values(values))
    if penalty is None or is_traced(u):
        return u
    some = slice(None, None, max(len(X) // JUDGED, 1))
    misfit = np.asarray(u.as_computed(X[some])) - np.asarray(values[some])
    return Solution(fits, u.coefficients, {**u.stats, "residual": {"values": float(np.sqrt(np.mean(misfit**2)))}})


def _fitted(fit: Fit, solver: str) -> Solution:
    found, stats = newton(fit, np.zeros((fit.unknowns, *fit.values.shape[1:])), solver)
    del stats["data"]
    u = Solution(fit.space, as_jax(fit.field_of(found)), stats)
    if fit.smoothing is not None and not is_traced(u):
        misfit = np.asarray(u.as_computed(fit.points)) - np.asarray(fit.values)
        stats["residual"] = {"values": float(np.sqrt(np.mean(misfit**2)))}
    return u


def _smoothing(given: ArrayLike, space: Space, count: int) -> Any:
    if _is_zero(given):
        return None
    translated = getattr(space, "translated_to", None)
    if translated is None or space.local_basis is not None:
        raise ValueError(
            f"smoothing= is by the norm of a kernel with centers, and {space.describe()} has none or a sparse matrix: "
            "use Collocation with a kernel without compact support, or more points than functions"
        )
    return _checked_smoothing(given, count)


def _checked_smoothing(given: ArrayLike, count: int) -> Any:
    found: Any = given if is_traced(given) else np.asarray(given, dtype=float)
    if np.shape(found) not in ((), (count,)):
        raise ValueError(f"smoothing must be a number or ({count},); got shape {np.shape(found)}")
    if not is_traced(found) and not np.all(np.isfinite(found) & (found >= 0)):
        raise ValueError(f"smoothing must be finite and not negative; got {np.min(found):.6g}")
    return found


def _is_zero(smoothing: Any) -> bool:
    return not is_traced(smoothing) and np.shape(smoothing) == () and smoothing == 0


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
    if kind not in "fiuc":
        raise TypeError(f"values must be numbers, an array of floats or integers; got {kind!r} of NumPy")
    array = jnp if is_traced(values) else np
    if kind == "c":
        values = array.asarray(values)
        values = array.stack([values.real, values.imag], axis=1).reshape(len(values), -1)
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


def initial_coefficients(problem: Problem, space: Space, initial) -> Float[AnyArray, "n *f"]:
    """Those of a function in the space, zero without one; ValueError unless it has as many fields as the problem."""
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
