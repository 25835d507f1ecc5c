"""Solving in a Gaussian process: Gauss-Newton on the jets of u at the nodes, each step a linear problem.

Chen, Hosseini, Owhadi & Stuart, J. Comput. Phys. 447 (2021) 110668, section 3: the solution is the function of least
norm that satisfies the equations at the nodes; the equations are linearised again and again, and with them the basis.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..equations.symmetric_system import Between, SymmetricSystem, symmetric_system
from ..internal.devices import HOST
from ..internal.tracing import AnyArray, as_jax, is_traced, module_of, without_derivative
from ..internal.watched import watch
from ..linalg.dense import check_memory
from ..pde.problem import Problem
from ..spaces.functional_rows import variances
from ..spaces.gaussian_process import GaussianProcess, Observed
from .conditioning import Conditioned, conditioned
from .derivative import of_first_order
from .newton import ARMIJO, CONTRACTION, FLOOR, HALVINGS, MAX_STEPS, NOISE_MARGIN, ROUND_OFF, ConvergenceError
from .off_nodes import off_nodes

SETTLED = 1e-10  # of the jets: a step that changes them by less is the last
SWEEPS = 60  # of the fixed point's derivative
CLOSE = 1e-12


class Mean(NamedTuple):
    """What a `Posterior` is made of."""

    space: GaussianProcess
    coefficients: Any
    stats: dict[str, Any]
    amplitude: Any


class Step(NamedTuple):
    """A linearisation at jets, and the function that it leads to, with its own jets."""

    residual: Float[AnyArray, " n"]  # at the jets
    space: GaussianProcess
    data: Float[AnyArray, " n"]
    found: Conditioned
    jets: Float[AnyArray, "m J *f"]


def solve_symmetric(problem: Problem, space: GaussianProcess, initial: Callable | None, judged: bool = True) -> Mean:
    """The process given the problem's equations: see `GaussianProcess`.

    Raises ValueError as `symmetric_system`, ConvergenceError where Gauss-Newton stops short.
    """
    began = time.perf_counter()
    system = symmetric_system(problem, space)
    check_memory(len(system.noise), len(system.noise))
    start = system.zero_jets() if initial is None else system.jets_of(watch(initial))
    if is_traced(problem, space, start):
        return _traced(system, start)
    if is_traced(system.linearised(start)):  # a residual may have closed over a tracer
        return _traced(system, start)
    step, steps = _iterated(system, start)
    space, found = step.space, step.found
    left, _ = system.linearised(step.jets)
    observed = space.functionals
    weights = system.row_weights(observed)
    data = float(np.sqrt(np.mean((system.weights(observed) * step.data) ** 2)))
    stats = {
        "unknowns": len(left),
        "rows": len(left),
        "steps": steps,
        "residual": {name: float(value) for name, value in system.per_part(left).items()},
        "rank": len(left),
        "condition": float(found.factor.condition()),
        "converged": True,
        "unique": True,
        "nugget": float(found.factor.nugget),
        "amplitude": float(found.amplitude),
        "seconds": {"assembly": 0.0, "solve": time.perf_counter() - began},
        "device": HOST,
    }
    if judged and problem.interior is not None:
        stats |= off_nodes(Between(system, space, weights["interior"]), found.coefficients, data)
    return Mean(space, as_jax(found.coefficients), stats, as_jax(np.float64(found.amplitude)))


def interpolate_process(values: Float[AnyArray, "n *f"], space: GaussianProcess) -> Mean:
    """The process given values at the space's nodes."""
    space.check_order(0)
    n, fields = len(values), 1 if values.ndim == 1 else values.shape[1]
    check_memory(n * fields, n * fields)
    points = module_of(space.cloud.points).repeat(space.cloud.points, fields, axis=0)
    space = space.given(Observed(points, np.tile(np.eye(fields)[:, :, None], (n, 1, 1)), np.zeros(n * fields)))
    found = conditioned(space, values.reshape(-1))
    coefficients, amplitude = found.coefficients, found.amplitude
    if is_traced(coefficients):
        coefficients = of_first_order(coefficients)
    stats = {
        "unknowns": n * fields,
        "rows": n * fields,
        "steps": 1,
        "residual": {},
        "rank": n * fields,
        "condition": found.factor.condition(),
        "converged": True,
        "unique": True,
        "nugget": found.factor.nugget,
        "amplitude": amplitude,
        "seconds": {"assembly": float("nan"), "solve": float("nan")},
        "device": HOST,
    }
    return Mean(space, _as_jax(coefficients), stats, _as_jax(amplitude))


def _as_jax(number):
    return number if is_traced(number) else as_jax(np.asarray(number, dtype=float))


def _step(system: SymmetricSystem, jets) -> Step:
    residual, observed = system.linearised(jets)
    space = system.space.given(observed)
    data = system.data(jets, residual, observed)
    found = conditioned(space, data)
    return Step(residual, space, data, found, space.jets(system.points, system.order, found.coefficients))


def _iterated(system: SymmetricSystem, jets) -> tuple[Step, int]:
    """The last linearisation, with the function that solves it, and how many there were."""
    step = _step(system, jets)
    if system.affine:
        return step, 1
    exact = system.noise == 0
    reference = None
    for steps in range(1, MAX_STEPS + 1):
        observed = step.space.functionals
        sizes = np.sqrt(np.asarray(variances(step.space.repeated, observed.points, observed.gradient)))

        def norm(residual, sizes=sizes):
            return float(np.linalg.norm((residual / sizes)[exact]))

        before = norm(step.residual)
        reference = before if reference is None else max(reference, before)
        # what the linear solve misses, by the nugget and by rounding: no step can be better than that
        missed = norm(-system.data(step.jets, step.data, observed))
        floor = max(FLOOR * reference, NOISE_MARGIN * missed)
        length, after, tried = 1.0, np.inf, jets
        while length > 2.0**-HALVINGS:
            tried = jets + length * (step.jets - jets)
            with np.errstate(all="ignore"):
                after = norm(_residual(system, tried))
            if after**2 <= (1 - 2 * ARMIJO * length) * before**2 or not exact.any() or before <= floor:
                break
            length /= 2
        else:
            raise ConvergenceError(
                f"Gauss-Newton stopped after {steps} steps at {before / reference:.1e} of the first residual. Give "
                "initial= a function nearer to the solution, or reach it through a sequence of easier problems"
            )
        jets, moved = tried, length * _size(step.jets - jets)
        stalled = before <= floor and after > CONTRACTION * before
        if stalled or after <= ROUND_OFF * reference or (length == 1 and moved <= SETTLED * _size(step.jets)):
            return step, steps
        step = _step(system, jets)
    raise ConvergenceError(
        f"Gauss-Newton stopped after {MAX_STEPS} steps. Give initial= a function nearer to the solution"
    )


def _residual(system: SymmetricSystem, jets):
    try:
        return system.linearised(jets)[0]
    except ValueError:  # not finite there: the step is too long
        return np.full(len(system.noise), np.inf)


def _size(jets) -> float:
    return float(np.linalg.norm(jets[:, 0]))


def _traced(system: SymmetricSystem, start) -> Mean:
    """Under jit and grad: the iteration on stopped values, then the derivative of its fixed point."""

    def jets_after(jets):
        return _step(system, jets).jets

    start = jax.lax.stop_gradient(jnp.asarray(start))
    steps, moved = jnp.array(1), jnp.array(0.0)
    jets = start
    if not system.affine:
        # closure conversion makes every tracer that a user's residual closed over a leaf, which can be stopped
        following = eqx.filter_closure_convert(jets_after, start)
        fixed = without_derivative(following)

        def advance(state):
            jets, _, steps = state
            after = fixed(jets)
            return after, jnp.linalg.norm(after[:, 0] - jets[:, 0]) / jnp.linalg.norm(after[:, 0]), steps + 1

        def running(state):
            return (state[1] > SETTLED) & (state[2] < MAX_STEPS)

        jets, moved, steps = jax.lax.while_loop(running, advance, (start, jnp.array(jnp.inf), jnp.array(0)))
        jets = _fixed_point(following, fixed, jax.lax.stop_gradient(jets))
    step = _step(system, jets)
    c, amplitude = of_first_order(step.found.coefficients), of_first_order(step.found.amplitude)
    left = without_derivative(system.linearised(without_derivative(step.jets))[0])
    finite = jnp.all(jnp.isfinite(c))
    stats = {
        "unknowns": len(left),
        "rows": len(left),
        "steps": steps,
        "residual": system.per_part(left),
        "rank": len(left),
        "condition": step.found.factor.condition(),
        "converged": finite & (moved <= FLOOR),
        "unique": finite,
        "nugget": step.found.factor.nugget,
        "amplitude": amplitude,
        "seconds": {"assembly": jnp.nan, "solve": jnp.nan},
        "device": HOST,
        "off_nodes": float("nan"),
    }
    return Mean(step.space, c, stats, amplitude)


def _fixed_point(following: Callable, fixed: Callable, jets):
    """z with z = N(z), by its derivative: dz = (I − N′)⁻¹ dN, by the iteration that found it, which converges."""

    def contracted(v):
        return jax.jvp(fixed, (jets,), (v,))[1]

    def adjoint(v):
        return jax.vjp(fixed, jets)[1](v)[0]

    def richardson(step, b):
        def running(state):
            return (state[1] > CLOSE * jnp.linalg.norm(state[0])) & (state[2] < SWEEPS)

        def body(state):
            after = b + step(state[0])
            return after, jnp.linalg.norm(after - state[0]), state[2] + 1

        return jax.lax.while_loop(running, body, (b, jnp.array(jnp.inf), jnp.array(0)))[0]

    after = following(jets)
    change = jax.lax.custom_linear_solve(
        lambda v: v - contracted(v),
        after - jax.lax.stop_gradient(after),
        lambda _, b: richardson(contracted, b),
        lambda _, b: richardson(adjoint, b),
    )
    return jets + change
