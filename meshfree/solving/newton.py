"""Gauss-Newton with a line search on any system of equations, and the derivative of its solution.

A linear problem takes one step. The loop runs in Python on concrete arrays, so that it can be interrupted, and as one
`lax.while_loop` under jit and grad; both take the same step.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..equations.sharded_system import ShardedSystem
from ..equations.system import System
from ..internal.devices import HOST, device_name, mesh_name
from ..internal.plain import Text
from ..internal.tracing import AnyArray, Scalar, as_jax, is_traced, module_of, without_derivative
from ..linalg.factor import factor
from ..linalg.interface import Factor
from .derivative import Solved, differentiable
from .uniqueness import SINGULAR_HINT, check_polynomials, check_unique, is_unique

MAX_STEPS = 50
HALVINGS = 20  # of the step length, in a line search
ARMIJO = 1e-4  # share of the promised decrease that a step must bring
ROUND_OFF = 1e-14  # of the first residual: nothing is left to reduce
REDUCIBLE = 1e-8  # share of the residual that a least-squares step can still reduce: the next would change nothing
FLOOR = 1e-6  # a search that fails with less than this share reducible has reached the floor of the arithmetic
NOISE_MARGIN = 10  # or with less than this many times the rounding noise, an upper bound itself
CONTRACTION = 0.5  # from step to step, of what a step promises: more, and what it promises is rounding
STALLED = 1e-3  # so has a full step that was to reduce much and gained less than this share


class ConvergenceError(RuntimeError):
    """Newton's method did not reach a solution."""


class State(NamedTuple):
    """Where Newton's iteration stands; `data` is the size of the residual, linearised there, of u = 0, and `reducible`
    what the last step promised to take from the residual.
    """

    coefficients: Float[AnyArray, "n *f"]
    residual: Float[AnyArray, " rows"]
    data: Scalar
    reducible: Scalar
    steps: Scalar
    done: Scalar
    failed: Scalar


def newton(
    system: System,
    start: Float[AnyArray, "n *f"],
    solver: str = "auto",
    reference: Scalar | None = None,
) -> tuple[Float[Array, "n *f"], dict[str, Any]]:
    """The coefficients that solve a system of equations, differentiable to first order, and the statistics of it.

    `solver`: as in `linalg.factor`. `reference`: the size that rounding is relative to, by default that of the first
    residual. Raises ValueError for a residual that is not finite at the start, and for a singular system;
    ConvergenceError where the method stops short.
    """
    multiplied = system.multiplied()
    if multiplied is not None:
        found, stats = newton(multiplied, multiplied.unknowns_of(start), solver, reference)
        return found[: start.size].reshape(start.shape), stats | {"multiplier": multiplied.told(found)}
    if not is_traced(system, start):
        began = time.perf_counter()
        with np.errstate(all="ignore"):  # what is not finite is told in words
            residual, matrix, affine = system.assembled(np.asarray(start))
        if not is_traced(residual, matrix):  # a residual may have closed over a tracer
            start = np.asarray(start) if isinstance(residual, np.ndarray) else start
            return _solve_concrete(system, start, solver, reference, residual, matrix, affine, began)
    solve = _compiled_traced if isinstance(system, ShardedSystem) else _solve_traced
    return solve(system, start, solver, reference)


def solved(system: System, start: Float[np.ndarray, "n *f"], solver: str = "auto") -> Solved:
    """What `newton` finds of dense equations on the host, to be differentiated by hand; whether it is the only solution
    is not asked.
    """
    with np.errstate(all="ignore"):
        residual, matrix, affine = system.assembled(start)
    state, matrix, factored, _ = _iterated(system, start, solver, None, residual, matrix, affine, time.perf_counter())
    residual = np.asarray(state.residual)
    if not affine:
        residual, matrix = system.linearised(state.coefficients)
        factored = factor(matrix, solver)
    return Solved(np.asarray(state.coefficients), np.asarray(residual), matrix, factored, affine)


def _solve_concrete(system: System, start, solver, reference, residual, matrix, affine, began):
    state, matrix, factored, seconds = _iterated(system, start, solver, reference, residual, matrix, affine, began)
    stats = _statistics(system, state, matrix, factored, seconds)
    check_unique(system, matrix, factored, state.coefficients, stats, affine)
    found = state.coefficients
    if factored.shared_by is not None:  # each process has all coefficients, to evaluate the solution by itself
        found = np.asarray(found)
    return as_jax(found), stats


def _iterated(system: System, start, solver, reference, residual, matrix, affine, began):
    """The last state with the last matrix and its factors, and the seconds of each phase."""
    state = first_state(start, residual)
    reference = module_of(residual).linalg.norm(residual) if reference is None else reference
    if not np.isfinite(reference):
        system.check_finite(start)
        raise ValueError(
            "the residual is not finite at the initial guess: check the residuals and the data there, "
            "or give initial= a function at which they are finite"
        )
    seconds = {"assembly": time.perf_counter() - began, "solve": 0.0}
    while True:
        began = time.perf_counter()
        try:
            factored = factor(matrix, solver)
            change = factored.solve(state.residual)
        except ValueError:
            system.check_finite(state.coefficients)  # it may be why there is no factor
            check_polynomials(system, state.coefficients, affine)  # or this, which tells what is free
            raise
        state = jax.block_until_ready(_advanced(system, state, matrix, change, reference, affine))
        seconds["solve"] += time.perf_counter() - began
        if state.done or state.failed:
            break
        began = time.perf_counter()
        residual, matrix, _ = jax.block_until_ready(system.assembled(state.coefficients))
        seconds["assembly"] += time.perf_counter() - began
    if not np.all(np.isfinite(state.coefficients)):
        raise ValueError(f"the matrix is singular to working precision ({SINGULAR_HINT})")
    if state.failed:
        left = float(np.linalg.norm(state.residual) / reference)
        raise ConvergenceError(
            f"Newton's method stopped after {int(state.steps)} steps at {left:.1e} of the first residual. "
            "Give initial= a function nearer to the solution, or reach it through a sequence of easier problems"
        )
    return state, matrix, factored, seconds


def _solve_traced(system: System, start, solver, reference):
    """The same under jit, vmap and grad: the iteration on stopped values, then one differentiable step."""
    affine = system.is_affine(start)
    start = _placed_as(start, system)
    # closure conversion makes every tracer that a user's residual closed over a leaf, which can be stopped
    residual_of = eqx.filter_closure_convert(system.residual, start)
    fixed_residual, linearised = without_derivative((residual_of, eqx.filter_closure_convert(system.linearised, start)))
    start = jax.lax.stop_gradient(start)
    residual, matrix = linearised(start)
    state = first_state(start, residual)
    reference = jnp.linalg.norm(residual) if reference is None else jax.lax.stop_gradient(reference)
    factored = factor(matrix, solver, traced=True)
    if affine:
        state = _affine_step(state, matrix, factored.solve(state.residual))
    else:

        def advance(state):
            _, matrix = linearised(state.coefficients)
            change = factor(matrix, solver, traced=True).solve(state.residual)
            return newton_step(fixed_residual, state, matrix, change, reference)

        state = jax.lax.while_loop(lambda s: ~(s.done | s.failed), advance, state)
        _, matrix = linearised(state.coefficients)
        factored = factor(matrix, solver, traced=True)
    coefficients = differentiable(
        residual_of, fixed_residual, state.coefficients, factored, matrix.shape[0] == matrix.shape[1], affine
    )
    seconds = {"assembly": jnp.nan, "solve": jnp.nan}
    system = without_derivative(system)
    flags = {
        "converged": ~state.failed & jnp.all(jnp.isfinite(state.coefficients)),
        "unique": is_unique(system, matrix, factored, state.coefficients, affine),
    }
    return coefficients, _statistics(system, state, matrix, factored, seconds) | flags


def _placed_as(start, system: System) -> Float[Array, "n *f"]:
    """The start as an array of the devices that what is traced in the equations is of, as all that follows is."""
    traced = [leaf for leaf in jax.tree.leaves(system) if is_traced(leaf) and eqx.is_inexact_array(leaf)]
    return jnp.asarray(start) + sum(jnp.zeros_like(leaf).sum() for leaf in traced[:1])


@eqx.filter_jit
def _compiled_traced(system: System, start, solver, reference):
    """For several devices, where op by op every one is a program to be compiled for all of them."""
    return _solve_traced(system, start, solver, reference)


def first_state(start, residual) -> State:
    """Before the first step."""
    numbers: list[Any] = [np.array(number) for number in (0.0, np.inf, 0, False, False)]
    if module_of(residual) is jnp:  # of the types that the following states have, so that one program serves all
        numbers = [as_jax(number) for number in numbers]
    return State(start, residual, *numbers)


def _advanced(system, state: State, matrix, change, reference, affine: bool) -> State:
    """The next state: of NumPy's arrays at once, of JAX's, on any device, by one program."""
    if isinstance(state.residual, np.ndarray):
        return _affine_step(state, matrix, change) if affine else _searched(system, state, matrix, change, reference)
    return (
        _compiled_affine_step(state, matrix, change)
        if affine
        else _compiled_search(system, state, matrix, change, reference)
    )


def _affine_step(state: State, matrix, change) -> State:
    array = module_of(state.residual)
    residual = state.residual - matrix @ change
    failed = ~array.all(array.isfinite(residual))
    coefficients = state.coefficients - change.reshape(state.coefficients.shape)
    data = _data(matrix, state.coefficients, state.residual)  # the same there, as the equations are affine
    return State(coefficients, residual, data, state.reducible, state.steps + 1, ~failed, failed)


@eqx.filter_jit
def _compiled_affine_step(state: State, matrix, change) -> State:
    return _affine_step(state, matrix, change)


def _searched(system, state: State, matrix, change, reference) -> State:
    with np.errstate(all="ignore"):  # a step that is too long is seen by what it leads to
        return newton_step(system.residual, state, matrix, change, reference)


@eqx.filter_jit
def _compiled_search(system, state: State, matrix, change, reference) -> State:
    return _searched(system, state, matrix, change, reference)


def newton_step(residual_of, state: State, matrix, change, reference) -> State:
    """The Gauss-Newton step `change`, halved until the residual falls; convergence is judged on the residual only."""
    array = module_of(state.residual)
    norm, reducible = array.linalg.norm(state.residual), array.linalg.norm(matrix @ change)
    # what rounding leaves of the residual when all its terms are summed: below it there is nothing to judge
    terms = abs(matrix) @ abs(state.coefficients.reshape(-1) - change)
    noise = np.finfo(terms.dtype).eps * array.linalg.norm(terms)

    def tried(length):
        c = state.coefficients - length * change.reshape(state.coefficients.shape)
        return length, c, residual_of(c)

    def unsatisfied(trial):
        length, _, residual = trial
        enough = array.sum(residual**2) < norm**2 - 2 * ARMIJO * length * reducible**2
        return ~enough & (length > 2.0**-HALVINGS)

    length, c, residual = _repeated(unsatisfied, lambda trial: tried(trial[0] / 2), tried(array.array(1.0)))
    reached = array.linalg.norm(residual)
    fell = reached < norm
    rounded = noise if matrix.shape[0] > matrix.shape[1] else noise / NOISE_MARGIN
    met = (reached <= ROUND_OFF * reference) | (reducible <= array.maximum(REDUCIBLE * norm, rounded))
    # what a least-squares step gains is of second order, hidden by rounding long before the step itself is
    hidden = norm - array.sqrt(array.maximum(norm**2 - reducible**2, 0.0)) <= noise
    met |= hidden & (reducible > CONTRACTION * state.reducible)
    least_gain = array.where(reached <= noise, 0.5, STALLED)
    judged = (length == 1) | (reached <= noise)  # within the noise a search halves its steps by chance
    stalled = judged & (reached > (1 - least_gain) * norm) & (reducible > 0.1 * norm)
    floor = ~fell & (hidden | (reducible <= array.maximum(FLOOR * norm, NOISE_MARGIN * noise)))
    done = (fell & (met | stalled)) | floor
    steps = state.steps + 1
    return State(
        array.where(fell, c, state.coefficients),
        array.where(fell, residual, state.residual),
        _data(matrix, c, residual),
        reducible,
        steps,
        done,
        ~done & (~fell | (steps >= MAX_STEPS)),
    )


def _repeated(condition, body, value):
    """`lax.while_loop`; a plain loop where all is known."""
    if is_traced(value):
        return jax.lax.while_loop(condition, body, value)
    while condition(value):
        value = body(value)
    return value


def _data(matrix, coefficients, residual) -> Scalar:
    array = module_of(residual)
    of_zero = residual if _is_zero(coefficients) else matrix @ coefficients.reshape(-1) - residual
    return array.linalg.norm(of_zero) / np.sqrt(matrix.shape[0])


def _is_zero(coefficients) -> bool:
    return isinstance(coefficients, np.ndarray) and not coefficients.any()


def _statistics(system, state: State, matrix, factored: Factor, seconds) -> dict[str, Any]:
    measured = _measured if isinstance(state.residual, np.ndarray | jax.core.Tracer) else _compiled_measured
    rank, condition, per_part = measured(system, state.residual, factored)
    if not isinstance(state.residual, jax.core.Tracer):
        rank, condition = int(rank), float(condition)
        per_part = {name: float(value) for name, value in per_part.items()}
    return {
        "unknowns": state.coefficients.size,
        "rows": matrix.shape[0],
        "steps": state.steps if isinstance(state.steps, jax.core.Tracer) else int(state.steps),
        "residual": per_part,
        "rank": rank,
        "condition": condition,
        "converged": True,  # as errors are raised otherwise, where nothing is traced
        "unique": True,
        "seconds": seconds,
        "device": _device_of(factored),
        "data": state.data,
    }


def _device_of(factored: Factor) -> Text:
    if factored.shared_by is not None:
        return mesh_name(factored.shared_by)
    return HOST if factored.runs_on_host else device_name()


def _measured(system, residual, factored: Factor):
    return factored.rank(), factored.condition(), system.per_part(residual)


@eqx.filter_jit
def _compiled_measured(system, residual, factored: Factor):
    return _measured(system, residual, factored)
