"""Branches of solutions by pseudo-arclength continuation.

H. B. Keller, Numerical solution of bifurcation and nonlinear eigenvalue problems, in: Applications of Bifurcation
Theory, Academic Press (1977) 359-384. The curve (u, λ) is followed by its length, so that it passes where λ turns.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..equations.basis_derivatives import Guess
from ..equations.parameter_system import ParameterSystem
from ..geometry.cloud import Cloud
from ..internal.compile_cache import release_programs
from ..internal.expected import FUNCTION, INTEGER, NUMBER, OF_A_POINT, expects
from ..internal.interrupts import noted
from ..internal.plain import Text
from ..internal.tracing import as_jax, is_traced
from ..internal.watched import settled
from ..linalg.bordered import bordered
from ..linalg.factor import factor
from ..pde.problem import Problem
from ..spaces.base import Space
from .branch import Branch
from .newton import ConvergenceError
from .solution import Solution
from .solve import require_double, solve_in

FIRST = 0.02  # of the way from start to stop: the first step
LONGEST, SHORTEST = 1.0, 1e-8  # steps, in units of the way
SWEEPS = 40  # of Newton's method in a step; in least squares it gains a digit in each where the residual is large
SLOW = 0.8  # of a sweep, which the next one is at most
EASY = 0.1  # of a step, up to which its first sweep lets the next one be longer
GROWTH, SHRINK = 1.6, 0.5  # of the step
CLOSE = 1e-10  # a sweep, relative to the size of the solution: the last one
NEARLY, CONTRACTION = 1e-5, 0.5  # the same, where sweeps become no smaller, as by rounding of ill-conditioned matrices
STRAIGHT, BENT = 0.98, 0.8  # cosines of the angle between tangents: for longer steps, and for a step to be accepted
TURN = 1e-6  # of a step, to which a fold is located: λ there to the square of it


@expects(
    problem=Problem,
    space=Space,
    start=NUMBER,
    stop=NUMBER,
    initial=OF_A_POINT,
    step=NUMBER,
    max_steps=INTEGER,
    until=FUNCTION,
    points=Cloud,
    weights=Mapping,
    solver=str,
)
@settled
def trace(
    problem: Problem,
    space: Space,
    start: float,
    stop: float,
    *,
    initial: Callable | None = None,
    step: float | None = None,
    max_steps: int = 100,
    until: Callable | None = None,
    points: Cloud | None = None,
    weights: Mapping[str, ArrayLike] | None = None,
    solver: str = "auto",
    progress: bool | None = None,
) -> Branch:
    """The solutions of a problem along its parameter, the last argument of its residuals, from one value to another.

    The branch begins with the solution that Newton's method finds at `start` from `initial`, by default the problem's
    own, a function of x, and without any from zero. It is followed through its folds, where the parameter turns, and
    ends where the parameter reaches `stop` or comes back to `start`, where `until` is true, or after `max_steps`. A
    step is accepted where Newton's method converges and the direction has not turned by much; the next one is longer
    or shorter by that. Other branches that cross this one are not looked for.

    - `step`: the first step of the parameter, by default a fiftieth of the way
    - `until`: until(u, parameter) of the Solution after each step; where it is true the branch ends
    - `points`, `weights`, `solver`: as in `solve`

    `branch.folds` are the values at which the parameter turned, to about 1e-10 of the way in the space's own equations.
    Shows a progress bar; Ctrl-C ends it, and what was reached is returned with a warning; so it is where steps become
    too short. Raises ValueError for a problem without parameter or that does not depend on it, for start = stop, for
    residuals that are not local; ConvergenceError where there is no solution at the start, or no step from it.
    """
    require_double()
    release_programs()
    began = time.perf_counter()
    _check(problem, space, start, stop, step, max_steps)
    initial = problem.initial if initial is None else initial
    first = _solved_at_start(problem, space, start, initial, points, weights, solver)
    space, c = first.space, np.asarray(first.coefficients)  # with the frequencies that its kernel asked for
    system = ParameterSystem(problem, space, points, weights, start, Guess(space, c))
    if not system.depends:
        raise ValueError(
            "no residual depends on the parameter, the last argument: write residual(u, x, p) with p in it"
        )
    run = _Run(system, solver, float(start), float(stop))
    run.begin(c.ravel())
    run.follow(abs(step / (stop - start)) if step else FIRST, max_steps, until, progress)
    return run.branch(time.perf_counter() - began)


def _check(problem: Problem, space: Space, start: float, stop: float, step: float | None, max_steps: int) -> None:
    if not problem.has_parameter:
        raise ValueError(
            "the problem has no parameter to follow: the last argument of all its residuals, as in "
            "interior=lambda u, x, p: mf.laplacian(u)(x) + p * jnp.exp(u(x))"
        )
    if not (np.isfinite(start) and np.isfinite(stop)) or start == stop:
        raise ValueError(f"start and stop are two values of the parameter; got {start} and {stop}")
    if step is not None and not (np.isfinite(step) and step != 0):
        raise ValueError(f"step is the first step of the parameter, not 0; got {step}")
    if max_steps < 1:
        raise ValueError(f"max_steps is at least 1; got {max_steps}")
    if len(space.levels()) > 1:
        raise ValueError(f"{space.describe()} is solved level by level, a branch all at once: use another space")
    if problem.mean is not None:
        raise ValueError("mf.trace knows no mean=: fix the constant by a condition at a point or on a part")
    if is_traced(problem, space):
        raise ValueError("mf.trace needs known numbers, and here JAX traces them: call it outside of jit and grad")


def _solved_at_start(problem: Problem, space: Space, start: float, initial, points, weights, solver) -> Solution:
    try:
        return solve_in(problem.at(start), space, points=points, initial=initial, weights=weights, solver=solver)
    except ConvergenceError as error:
        raise ConvergenceError(f"there is no start at the parameter {start:.6g}: {error}") from error


class Point(NamedTuple):
    """A solution c at λ, and the direction of the branch there, of length 1."""

    c: Float[np.ndarray, " n"]
    value: float
    along: Float[np.ndarray, " n"]
    rate: float


class _TooLongError(Exception):
    """A step was too long."""


class _Run:
    """The points that were reached."""

    def __init__(self, system: ParameterSystem, solver: str, start: float, stop: float):
        self.system, self.solver, self.start, self.stop = system, solver, start, stop
        self.way, self.size = abs(stop - start), 1.0
        self.points: list[Point] = []
        self.turns: list[int] = []
        self.work = {"steps": 0, "rejected": 0, "solves": 0}
        self.message, self.complete = "", True

    def begin(self, c: Float[np.ndarray, " n"]) -> None:
        """The first point; lengths are measured in units in which u and λ start alike."""
        matrix, slope = self.system.matrix(c, self.start), self.system.by_parameter(c, self.start)
        toward = 1.0 if self.stop > self.start else -1.0
        along = -np.asarray(factor(matrix, self.solver).solve(slope)) * toward
        moved = _rms(self.system.values(along)) * self.way
        self.size = moved if moved > 0 else _rms(self.system.values(c)) or 1.0
        length = self._far(along, toward)
        self.points.append(Point(c, self.start, along / length, toward / length))

    def follow(self, step: float, max_steps: int, until: Callable | None, progress: bool | None) -> None:
        """Step after step, to an end."""
        from tqdm import tqdm  # here, so that importing meshfree stays light

        bar = tqdm(desc="trace", total=max_steps, disable=None if progress is None else not progress)
        with contextlib.closing(bar), noted() as interrupted:
            try:
                while self.work["steps"] < max_steps:
                    step = self._step(step)
                    bar.update(self.work["steps"] - bar.n)
                    bar.set_postfix(parameter=f"{self.points[-1].value:.6g}", folds=len(self.turns))
                    if self.message or self._ended(until):
                        return
                    if interrupted():
                        raise KeyboardInterrupt
                self.message = f"ended after max_steps={max_steps} at {self.points[-1].value:.6g}"
            except KeyboardInterrupt:
                if len(self.points) == 1:
                    raise
                self._broken(f"interrupted at {self.points[-1].value:.6g}")

    def _step(self, step: float) -> float:
        """One step, in units of the way, and the length of the next."""
        last = self.points[-1]
        while True:
            try:
                found, aside = self._corrected(last, step)
                break
            except _TooLongError:
                self.work["rejected"] += 1
                step *= SHRINK
            if step < SHORTEST:
                where = f"at the parameter {last.value:.6g}"
                if len(self.points) == 1:
                    raise ConvergenceError(
                        f"no step leads away from the start {where}: is it a point where branches cross, or does the "
                        "solution end there? Start elsewhere"
                    )
                self._broken(f"stopped {where}, as steps became too short")
                return step
        self.work["steps"] += 1
        if found.rate * last.rate < 0:
            self.turns.append(len(self.points))
            self.points.append(self._turn(last, step, found))
        self.points.append(found)
        straight = self._product(found.along, found.rate, last.along, last.rate)
        return min(step * (GROWTH if aside <= EASY * step and straight > STRAIGHT else 1.0), LONGEST)

    def _corrected(self, last: Point, step: float) -> tuple[Point, float]:
        """The point of the branch in the plane across the direction of the last one, a step away, and how far from the
        straight line.
        """
        c, value, size = last.c + step * last.along, last.value + step * last.rate, np.inf
        first = 0.0
        for sweep in range(SWEEPS):
            residual = self.system.residual(c, value)
            if not np.all(np.isfinite(residual)):
                break
            ahead = self._product(c - last.c, value - last.value, last.along, last.rate) - step
            change, moved = self._solved(c, value, last, residual, ahead)
            c, value = c - change, value - moved
            before, size = size, self._far(change, moved)
            first = first or size
            if self._close(size, before, c, value):
                return self._directed(c, value, last), first
            if not size < (max(step, self._far(c, value)) if sweep == 0 else SLOW * before):
                break
        raise _TooLongError

    def _directed(self, c, value: float, last: Point) -> Point:
        """A point with the direction of the branch there, which has not turned by much."""
        rows = len(self.system.by_parameter(c, value))
        along, rate = self._solved(c, value, last, np.zeros(rows), 1.0)
        length = self._far(along, rate)
        if not length > 0 or self._product(along, rate, last.along, last.rate) < BENT * length:
            raise _TooLongError
        return Point(c, value, along / length, rate / length)

    def _solved(self, c, value: float, last: Point, residual, ahead: float) -> tuple[np.ndarray, float]:
        """(δc, δλ) of the bordered equations, with the last direction as their last row."""
        matrix, slope = self.system.matrix(c, value), self.system.by_parameter(c, value)
        row = self.system.from_values(self.system.values(last.along)) / (self._count * self.size**2)
        corner = last.rate / self.way**2
        # as large as all the others together, so that least squares fulfil it
        weight = np.sqrt(np.sum(slope**2) + np.sum(np.asarray(abs(matrix) @ np.ones(len(c))) ** 2))
        weight /= np.abs(row).sum() + abs(corner)
        whole = bordered(matrix, slope[:, None], weight * row[None], np.full((1, 1), weight * corner))
        self.work["solves"] += 1
        try:
            found = np.asarray(factor(whole, self.solver).solve(np.append(residual, weight * ahead)))
        except ValueError:
            raise _TooLongError from None
        return found[:-1], float(found[-1])

    def _turn(self, last: Point, step: float, found: Point) -> Point:
        """The fold between two points: where the rate of λ is zero."""
        import scipy.optimize  # here, so that importing meshfree stays light

        met = {0.0: last, step: found}

        def rate(length: float) -> float:
            if length not in met:
                met[length] = self._corrected(last, length)[0]
            return met[length].rate

        try:
            return met[scipy.optimize.brentq(rate, 0.0, step, xtol=TURN * step, rtol=TURN)]
        except _TooLongError:
            return min(met.values(), key=lambda point: abs(point.rate))

    def _ended(self, until: Callable | None) -> bool:
        """Whether the branch is at an end, which is made exact."""
        last, before = self.points[-1], self.points[-2]
        for end, words in ((self.stop, "reached the last value"), (self.start, "came back to the first value")):
            if len(self.points) > 2 or end == self.stop:
                inside = (before.value - end) * (last.value - end)
                if inside < 0 or last.value == end:
                    self.points[-1] = self._at(end, before, last)
                    self.message = words
                    return True
        if until is not None and bool(until(self._solution(last), last.value)):
            self.message = f"stopped at {last.value:.6g}, as asked"
        return bool(self.message)

    def _at(self, end: float, before: Point, last: Point) -> Point:
        """The point at a value of λ between two points, by Newton's method; the last one where that fails."""
        share = (end - before.value) / (last.value - before.value)
        c, size = before.c + share * (last.c - before.c), np.inf
        for _ in range(SWEEPS):
            change = np.asarray(factor(self.system.matrix(c, end), self.solver).solve(self.system.residual(c, end)))
            c, reached, size = c - change, size, self._far(change, 0.0)
            if self._close(size, reached, c, end):
                return last._replace(c=c, value=end)
        return last

    def _close(self, size: float, before: float, c, value: float) -> bool:
        """Whether a sweep of some size, after another, is the last one: it is small, or small and rounding only."""
        far = max(self._far(c, value), 1.0)
        return size <= CLOSE * far or (size <= NEARLY * far and size > CONTRACTION * before)

    def _broken(self, message: str) -> None:
        self.message, self.complete = message, False
        warnings.warn(f"mf.trace was {message}: it returns the branch up to there", stacklevel=5)

    @property
    def _count(self) -> int:
        return len(self.system.space.cloud) * self.system.fields

    def _product(self, c, value: float, other, other_value: float) -> float:
        u, v = self.system.values(c), self.system.values(other)
        return float(np.mean(u * v) / self.size**2 + value * other_value / self.way**2)

    def _far(self, c, value: float) -> float:
        return float(np.sqrt(self._product(c, value, c, value)))

    def _solution(self, point: Point) -> Solution:
        c = as_jax(point.c.reshape(self.system.shape))
        return Solution(self.system.space, c, {"parameter": point.value})

    def branch(self, seconds: float) -> Branch:
        """What was reached."""
        rows = len(self.system.by_parameter(self.points[0].c, self.start))
        stats = {
            **self.work,
            "unknowns": self.points[0].c.size,
            "rows": rows,
            "complete": self.complete,
            "message": Text(self.message),
            "seconds": seconds,
        }
        c = np.stack([point.c.reshape(self.system.shape) for point in self.points])
        norms = np.array([_rms(self.system.values(point.c)) for point in self.points])
        values = np.array([point.value for point in self.points])
        return Branch(self.system.space, values, c, norms, tuple(self.turns), stats)


def _rms(values: Float[np.ndarray, " m"]) -> float:
    return float(np.sqrt(np.mean(values**2)))
