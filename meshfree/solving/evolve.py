"""Problems in time: from the initial values on, step by step."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..equations.time_system import TimeSystem
from ..geometry.cloud import Cloud
from ..internal.compile_cache import release_programs
from ..internal.expected import FUNCTION, INTEGER, NUMBER, NUMBERS, expects
from ..internal.interrupts import noted
from ..internal.plain import Text
from ..internal.processes import not_shown
from ..internal.tracing import as_jax
from ..internal.watched import settled
from ..linalg.petsc import with_options
from ..pde.problem import Problem
from ..spaces.base import Space
from ..spaces.partition import Partition
from .bdf import bdf
from .differentiable_steps import Stopped, differentiable_steps, known_values
from .implicit_step import Work
from .off_nodes import COMPARABLE, between_nodes
from .runge_kutta import esdirk, imex
from .semidiscrete import SemiDiscrete, equations_in_time, started
from .solve import on_processes, require_double
from .spectrum import grows_unresolved
from .stepping import Step
from .trajectory import Snapshot, Trajectory

_TIMES = NUMBERS._replace(phrase="two times, as (0, 1),")
METHODS: dict[str, Callable] = {"bdf": bdf, "esdirk": esdirk, "imex": imex}


@expects(
    problem=Problem,
    space=Space,
    times=_TIMES,
    tolerance=NUMBER,
    method=str,
    points=Cloud,
    stop=FUNCTION,
    steps=INTEGER,
    petsc=str,
)
@settled
def evolve(
    problem: Problem,
    space: Space,
    times: ArrayLike = (0.0, 1.0),
    tolerance: float = 1e-6,
    method: str = "auto",
    *,
    initial: Callable | Trajectory | None = None,
    points: Cloud | None = None,
    save: int | ArrayLike | None = None,
    stop: Callable | None = None,
    steps: int | None = None,
    hyperviscosity: bool | float = False,
    solver: str = "auto",
    petsc: str = "",
    progress: bool | None = None,
) -> Trajectory:
    """The solution u(x, t) of a problem in time, whose residuals have t as last argument and `time_derivative(u)`.

    Conditions without a rate, as on the boundary, hold at every time: with the others they are a system of
    differential-algebraic equations of index 1. Steps and orders are chosen so that the error that a step makes is at
    most about `tolerance`, relative to the root mean square of each field over the nodes. What is damped ends with an
    error of that size; those of waves add up, as over many periods. The error of the space comes on top.

    - `times`: (first, last), the first smaller
    - `method`: "bdf", of orders 1 to 5, for all that is damped; "esdirk", Runge-Kutta of order 4, for waves; "imex",
      which linearises once and takes the rest explicitly, for mild reactions; "auto" chooses between the first two
    - `initial`: the values at the first time, by default `problem.initial`: a function of x, a Solution, of another
      space too, or what `evolve` returned, which is continued. What contradicts the conditions is changed to fit them
    - `points`: equations at the points of this cloud, in least squares, instead of the space's own
    - `save`: so many equally spaced times, or the times, that are kept; by default every step
    - `stop`: stop(u, t) of the Solution at the end of each step; where it is true the run ends
    - `steps`: so many equal steps of a Runge-Kutta method, whatever their errors; `tolerance` is then that of Newton's
      method in each
    - `hyperviscosity`: γ, so that the rate becomes ∂u/∂t + γ h³ Δ²u, h the spacing; True for 0.02, which damps what
      advection by stencils makes grow and is of order 3 in h. See `spectrum`
    - `solver`, `petsc`: as in `solve`, on several processes too

    Works under jit and grad, forward and reverse, where numbers in the problem, its initial values or its functions are
    traced: by "esdirk", with the steps that the present values need under grad alone, with `steps` of them under jit.

    Shows a progress bar; Ctrl-C ends it after the step that runs, and what was reached is returned with a warning, to
    be continued with `initial=`. Raises ValueError for a problem without parameter, without rates or initial values,
    for times that do not increase, for equations of index 2; SteppingError where the solution blows up, or the steps
    become too short. Warns where the equation is off between the nodes at the last time: `stats["off_nodes"]`.
    """
    require_double()
    release_programs()
    first, last = _span(times)
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive; got {tolerance}")
    if method not in ("auto", *METHODS):
        raise ValueError(f"method is {method!r}; it is one of 'auto', {', '.join(map(repr, METHODS))}")
    solver, began = with_options(solver, petsc), time.perf_counter()
    shared = on_processes(problem, space, points, solver)
    system, c = equations_in_time(problem, space, points, initial, first, hyperviscosity, shared)
    if system.is_traced:
        if shared.partition is not None:
            raise ValueError("several processes do not find the derivative of a run in time together: start one")
        return _evolve_traced(space, system, c, (first, last), tolerance, steps, save, solver)
    evolution, c, rates = started(system, np.asarray(c), first, solver)
    undamped = evolution.is_undamped(first, c)
    if undamped:
        _warn_of_growth(space, evolution, (first, last), c, tolerance)
    if method == "auto":
        method = "esdirk" if undamped or steps is not None else "bdf"
    if steps is not None and method == "bdf":
        raise ValueError("steps= is the number of equal steps of a Runge-Kutta method: use 'esdirk' or 'imex'")
    run = _Run(space, shared.partition, evolution, method, tolerance, stop)
    run.until((first, last), c, rates, steps, progress)
    return run.trajectory(save, time.perf_counter() - began)


def _evolve_traced(
    space: Space, system: TimeSystem, c, times, tolerance: float, steps, save, solver: str
) -> Trajectory:
    """Under jit and grad: by equal steps, or those that the tolerance asks for with the present values."""
    if steps is None:
        known: Any = Stopped(system)
        evolution, start, rates = started(known, known_values(c), times[0], solver)
        taken = esdirk(evolution, times, start, rates, tolerance)
        at = np.array([times[0], *(step.time for step in taken)])
    else:
        at = np.linspace(times[0], times[1], steps + 1)
    ends, slopes = (one.reshape(len(at), *system.shape) for one in differentiable_steps(system, c, at, solver))
    stats = {"method": Text("esdirk"), "steps": len(at) - 1, "tolerance": tolerance, "unknowns": c.size}
    u = Trajectory(space, at, ends, slopes, stats)
    return u if save is None else u.on(_saved(save, at))


def _span(times: ArrayLike) -> tuple[float, float]:
    values = np.asarray(times, dtype=float)
    if values.shape != (2,) or not np.all(np.isfinite(values)) or not values[0] < values[1]:
        raise ValueError(f"times are the first and the last, the first smaller, as (0, 1); got {times!r}")
    return float(values[0]), float(values[1])


def _warn_of_growth(space: Space, evolution: SemiDiscrete, times: tuple[float, float], c, tolerance: float) -> None:
    """Warn of what grows from the size of the tolerance to that of the solution and is not resolved by the nodes."""
    found = None if space.local_basis is None else grows_unresolved(space, evolution, times[0], c)
    if found is not None and found[0] * (times[1] - times[0]) > -np.log(min(tolerance, 0.1)):
        growth, wavelength = found
        warnings.warn(
            f"in this space functions grow as exp({growth:.3g} t) with a wavelength of {wavelength:.1f} spacings, "
            f"which the nodes do not resolve, and by t = {times[1]:.6g} they may hide the solution: "
            "use hyperviscosity=True, or an Eigenbasis. mf.spectrum(problem, space) shows them",
            stacklevel=5,
        )


class _Run:
    """The steps that were made."""

    def __init__(
        self,
        space: Space,
        partition: Partition | None,
        evolution: SemiDiscrete,
        method: str,
        tolerance: float,
        stop: Callable | None,
    ):
        self.space, self.evolution, self.tolerance, self.stop = space, evolution, tolerance, stop
        self.partition, self.method = partition, method
        self.work = Work()
        self.steps: list[Step] = []
        self.message, self.complete = "reached the last time", True

    def until(self, times: tuple[float, float], c, rates, count: int | None, progress: bool | None) -> None:
        """Step after step, to the last time, or as far as is asked for."""
        from tqdm import tqdm  # here, so that importing meshfree stays light

        self.steps.append(Step(times[0], c, rates, 0))
        bar = tqdm(desc="evolve", total=times[1] - times[0], disable=not_shown(progress))
        with contextlib.closing(bar), noted() as interrupted:
            try:
                for step in self._method(count)(self.evolution, times, c, rates, self.tolerance, work=self.work):
                    self.steps.append(step)
                    bar.update(step.time - times[0] - bar.n)
                    bar.set_postfix(step=f"{step.time - self.steps[-2].time:.1e}", order=step.order)
                    if self.stop is not None and bool(self.stop(self._snapshot(step), step.time)):
                        self.message = f"stopped at t = {step.time:.6g}, as asked"
                        break
                    if self._interrupted(interrupted()):
                        raise KeyboardInterrupt
            except KeyboardInterrupt:
                if len(self.steps) == 1:
                    raise
                self.message, self.complete = f"interrupted at t = {self.steps[-1].time:.6g}", False
                warnings.warn(
                    f"mf.evolve was {self.message}: what it returns goes on with initial=u, times=(u.times[-1], ...)",
                    stacklevel=4,
                )

    def _interrupted(self, here: bool) -> bool:
        """Whether some process of those that share the nodes was."""
        return here if self.partition is None else self.partition.processes.any(here)

    def _method(self, count: int | None) -> Callable:
        method = METHODS[self.method]
        return method if count is None else functools.partial(method, steps=count)

    def _snapshot(self, step: Step) -> Snapshot:
        shape = self.evolution.shape
        c, rates = (as_jax(one.reshape(shape)) for one in (step.coefficients, step.rates))
        return Snapshot(self.space, c, {"time": step.time}, rates)

    def _off_nodes(self) -> float:
        """By which share of its terms the equation is off between the nodes at the last time; warns of a large one."""
        time, c, rates, _ = self.steps[-1]
        off = self.evolution.off(between_nodes(self.space.cloud), time, c, rates)
        if not off <= COMPARABLE:
            warnings.warn(
                f"at t = {time:.6g} the equation is off between the nodes by {off:.0%} of its terms "
                "(stats['off_nodes']): what was found satisfies it at the nodes and not elsewhere, as where functions "
                "grow that the space does not resolve. mf.spectrum(problem, space) shows what grows: use another "
                "space, hyperviscosity=True, or conditions with the rates that they are about, as u_t + u_n = 0 of "
                "a wave that leaves",
                stacklevel=6,
            )
        return off

    def trajectory(self, save: Any, seconds: float) -> Trajectory:
        """What is kept of the steps."""
        times = np.array([step.time for step in self.steps])
        shape = (len(times), *self.evolution.shape)
        c, rates = (np.stack(arrays).reshape(shape) for arrays in zip(*(step[1:3] for step in self.steps), strict=True))
        stats = {
            "method": Text(self.method),
            "tolerance": self.tolerance,
            "unknowns": self.evolution.unknowns,
            "rows": len(self.evolution.differential),
            **dataclasses.asdict(self.work),
            "complete": self.complete,
            "message": Text(self.message),
            "off_nodes": self._off_nodes(),
            "seconds": seconds,
        }
        u = Trajectory(self.space, times, c, rates, stats)
        return u if save is None else u.on(_saved(save, times))


def _saved(save: Any, times: Float[np.ndarray, " s"]) -> Float[np.ndarray, " k"]:
    """The times to keep, those that were reached."""
    kept = np.linspace(times[0], times[-1], int(save)) if np.ndim(save) == 0 else np.asarray(save, dtype=float)
    if kept.ndim != 1 or len(kept) < 2 or not np.all(np.diff(kept) > 0) or kept[0] < times[0]:
        raise ValueError(
            f"save is a number of times, at least 2, or growing times from {times[0]:.6g} on; got {save!r}"
        )
    return kept[kept <= times[-1]]
