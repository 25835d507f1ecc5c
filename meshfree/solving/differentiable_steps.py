"""Steps in time under jit and grad: one program for all of them, differentiable in forward and reverse mode.

Every stage of every step is solved with all values held constant, and then differentiated as any solution is (the
implicit function theorem, `derivative.differentiable`). Reverse mode keeps the ends of the steps only, and makes the
stages again (`jax.checkpoint`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..equations.time_system import TimeSystem
from ..internal.tracing import AnyArray, is_traced, without_derivative
from ..linalg.factor import factor
from ..linalg.sparse_rows import scaled_sum
from .derivative import differentiable
from .runge_kutta import TABLEAU

MOST = 20  # iterations of Newton's method with one factor
REACHED = 1e-13  # a change by less, relative to the coefficients, is the last one


class Stopped:
    """A system whose values are known, and held constant, though what it is made of is to be differentiated."""

    def __init__(self, system: TimeSystem):
        self._system = system

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._system, name)
        return (lambda *args, **named: known_values(found(*args, **named))) if callable(found) else known_values(found)


def known_values(tree: Any) -> Any:
    """The values of arrays, without derivatives; ValueError where they are not known, as under jit."""
    stopped = without_derivative(tree)
    if is_traced(stopped):
        raise ValueError(
            "under jit mf.evolve cannot choose the steps by their errors: give steps=, the number of equal ones; "
            "without jit, as in jax.grad alone, it can"
        )
    return jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, stopped)


def differentiable_steps(
    system: TimeSystem, c: Float[AnyArray, " n"], times: Float[np.ndarray, " s"], solver: str
) -> tuple[Float[Array, "s n"], Float[Array, "s n"]]:
    """The coefficients and rates at the given times, by one step of ESDIRK4(3)6L[2]SA between each two of them."""
    first, intervals = float(times[0]), (jnp.asarray(times[:-1]), jnp.asarray(np.diff(times)))

    @jax.checkpoint
    def step(state, interval):
        (c, rates), (t, h) = state, interval
        found = _stepped(system, c, rates, t, h, solver)
        return found, found

    @jax.jit  # one program, not one for every operation
    def run(c):
        c = _consistent(system, first, c, solver)
        rates = _rates(system, first, c, solver)
        _, ends = jax.lax.scan(step, (c, rates), intervals)
        return jnp.concatenate([c[None], ends[0]]), jnp.concatenate([rates[None], ends[1]])

    return run(jnp.asarray(c))


def _stepped(system: TimeSystem, c, rates, t, h, solver: str):
    """The end of a step: all stages but the first, which is `rates`, one after another."""
    gamma = TABLEAU.implicit[1, 1]
    alpha = 1 / (gamma * h)
    scale = jnp.where(system.differential, 1.0, alpha + system.ratio)

    def stage(stages, row):
        index, time, weights = row
        base = c + h * (weights @ stages)  # the stages from this one on are still zero

        def residual_of(k):
            return scale * system.residual(t + time * h, base + gamma * h * k, k)

        def matrix_of(k):
            by_c, by_rate = system.matrices(t + time * h, base + gamma * h * k, k)
            return scaled_sum(gamma * h * scale, by_c, scale, by_rate)

        k = _solved(residual_of, matrix_of, stages[index - 1], system.is_linear, solver)
        return stages.at[index].set(k), base + gamma * h * k

    count = len(TABLEAU.times)
    strict = jnp.asarray(np.tril(TABLEAU.implicit, -1)[1:])
    rows = jnp.arange(1, count), jnp.asarray(TABLEAU.times[1:]), strict
    stages, values = jax.lax.scan(stage, jnp.zeros((count, c.size)).at[0].set(rates), rows)
    return values[-1], stages[-1]


def _consistent(system: TimeSystem, t: float, given, solver: str):
    """The c nearest to the given one that fulfils the equations without rates."""
    still = jnp.zeros_like(given)

    def residual_of(c):
        _, by_rate = without_derivative(system.matrices(t, given, still))
        return jnp.where(system.differential, by_rate @ (c - given), system.residual(t, c, still))

    def matrix_of(c):
        return _at_start(system, *system.matrices(t, c, still))

    return _solved(residual_of, matrix_of, given, system.is_linear, solver)


def _rates(system: TimeSystem, t: float, c, solver: str):
    """ċ by the differential rows, and by the derivative in time of the others."""

    def residual_of(k):
        def others(time, c):
            return system.residual(time, c, k)

        along = jax.jvp(others, (jnp.asarray(t), c), (jnp.ones(()), k))[1]
        return jnp.where(system.differential, system.residual(t, c, k), along)

    def matrix_of(k):
        return _at_start(system, *system.matrices(t, c, k))

    return _solved(residual_of, matrix_of, jnp.zeros_like(c), system.has_constant_mass, solver)


def _at_start(system: TimeSystem, by_c, by_rate):
    mask = jnp.asarray(system.differential, dtype=float)
    return scaled_sum(1 - mask, by_c, mask, by_rate)


def _solved(residual_of: Callable, matrix_of: Callable, start, affine: bool, solver: str):
    """The solution by Newton's method with one factor, on constant values, and its derivative."""
    # closure conversion makes every tracer that a user's residual closed over a leaf, which can be stopped
    start = jax.lax.stop_gradient(start)
    converted = eqx.filter_closure_convert(residual_of, start)
    fixed, matrix_at = without_derivative((converted, eqx.filter_closure_convert(matrix_of, start)))
    matrix = matrix_at(start)
    factored = factor(matrix, solver, traced=True)
    square = matrix.shape[0] == matrix.shape[1]
    if affine:
        found = start - factored.solve(fixed(start))
        return differentiable(converted, fixed, found, factored, square, affine)

    def running(state):
        x, change, count = state
        return (count < MOST) & ~(jnp.linalg.norm(change) <= REACHED * jnp.linalg.norm(x))

    def body(state):
        x, _, count = state
        change = factored.solve(fixed(x))
        return x - change, change, count + 1

    found, _, _ = jax.lax.while_loop(running, body, body((start, start, 0)))
    return differentiable(converted, fixed, found, factor(matrix_at(found), solver, traced=True), square, affine)
