"""What one implicit step of any method needs: Newton's method with factors that are kept, and the sizes of steps."""

from __future__ import annotations

import collections
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from .stepping import Evolution, Factor, SteppingError

ITERATIONS = 4  # of Newton's method, before the step counts as too long
CONVERGED = 0.05  # part of the tolerance that may be left of an iteration's error
UNKNOWN_RATE = 0.9  # of convergence, where there was no second iteration to measure it
KEPT_ALPHA = (
    0.6  # how far α may be from a factor's: with the relaxation, a quarter of a stiff error is left by each step
)
KEPT_FACTORS = 3  # of a constant linear problem
WIDEST = 1e-2  # the first step, as a part of the time to go: something may happen in a problem that starts at rest


@dataclass
class Work:
    """What was done so far."""

    steps: int = 0
    rejected: int = 0
    factorisations: int = 0
    solves: int = 0
    residuals: int = 0


class Counted:
    """An evolution whose work is counted, and which knows why a residual was none."""

    def __init__(self, evolution: Evolution, work: Work):
        self.evolution, self.work, self.failure = evolution, work, "the solution is not finite"
        self.is_constant = evolution.is_linear and evolution.is_constant

    def residual(self, t: float, c, rates) -> np.ndarray | None:
        """F(t, c, ċ); None where it is not finite."""
        self.work.residuals += 1
        residual = self.evolution.residual(t, c, rates)
        if math.isfinite(residual.dot(residual)):
            return residual
        self.failure = "the equations are not finite"
        return None

    def factored(self, t: float, c, rates, alpha: float) -> Factor:
        self.work.factorisations += 1
        return self.evolution.factored(t, c, rates, alpha)

    def linear_part(self, t: float, c, alpha: float) -> tuple[Any, Any, Factor]:
        self.work.factorisations += 1
        return self.evolution.linear_part(t, c, alpha)

    def solved(self, factor: Factor, residual) -> np.ndarray:
        self.work.solves += 1
        return np.asarray(factor.solve(residual))

    def rates(self, t: float, c, at_rest=None) -> np.ndarray:
        self.work.solves += 1
        return self.evolution.rates(t, c, at_rest)


class KeptFactors:
    """The last few factors of ∂F/∂c + α ∂F/∂ċ where it depends on α only."""

    def __init__(self, counted: Counted):
        self._counted = counted
        self._kept: collections.OrderedDict[float, Factor] = collections.OrderedDict()

    def of(self, t: float, c, rates, alpha: float) -> Factor:
        found = self._kept.get(alpha)
        if found is None:
            while len(self._kept) >= KEPT_FACTORS:
                self._kept.popitem(last=False)
            found = self._kept[alpha] = self._counted.factored(t, c, rates, alpha)
        self._kept.move_to_end(alpha)
        return found


class Corrector:
    """Newton's method for F(t, c + d, ċ + α d) = 0, with d as the unknown.

    The factor of ∂F/∂c + α ∂F/∂ċ is kept while the iteration converges, also for another α: then the changes are
    multiplied by 2 / (1 + α / its α) (Brenan, Campbell & Petzold 1996, section 5.2.2). The equations of constant linear
    problems have a few factors, each for its α, and need one solve without a second residual.
    """

    def __init__(self, counted: Counted, tolerance: float):
        self.counted, self.tolerance = counted, tolerance
        self._of_alpha = KeptFactors(counted)
        self._made: tuple[float, float] = (
            math.nan,
            math.nan,
        )  # t and α of the factor of a problem that is not constant
        self._rate = UNKNOWN_RATE

    def corrected(
        self, t: float, c: Float[np.ndarray, " n"], rates: Float[np.ndarray, " n"], alpha: float
    ) -> Float[np.ndarray, " n"] | None:
        """d; None where Newton's method fails. ValueError where the matrix is singular."""
        with np.errstate(all="ignore"):  # a step that is too long is seen by what it leads to
            counted = self.counted
            residual = counted.residual(t, c, rates)
            if residual is None:
                return None
            if counted.is_constant:
                return -counted.solved(self._of_alpha.of(t, c, rates, alpha), residual)
            if self._is_near(alpha):
                d = self._iterated(t, c, rates, alpha, residual)
                if d is not None or self._made == (t, alpha):
                    return d
            self._factor = counted.factored(t, c, rates, alpha)
            self._made, self._rate = (t, alpha), UNKNOWN_RATE
            return self._iterated(t, c, rates, alpha, residual)

    def _is_near(self, alpha: float) -> bool:
        return KEPT_ALPHA <= alpha / self._made[1] <= 1 / KEPT_ALPHA

    def _iterated(self, t, c, rates, alpha: float, residual) -> np.ndarray | None:
        relaxation = 2 / (1 + alpha / self._made[1])
        evolution = self.counted.evolution
        at_once = evolution.is_linear and self._made == (t, alpha)
        d, last = np.zeros_like(c), math.nan
        for iteration in range(ITERATIONS):
            change = self.counted.solved(self._factor, residual)
            if relaxation != 1:
                change *= relaxation
            d -= change
            if at_once:
                return d
            iterate = c + d
            size = evolution.whole_size(change, iterate) / self.tolerance
            if iteration:
                rate = size / last
                self._rate = max(0.3 * self._rate, rate)
                if not rate < 1 or rate ** (ITERATIONS - 1 - iteration) / (1 - rate) * size > 1:
                    break
            if size == 0 or (self._rate < 1 and self._rate / (1 - self._rate) * size < CONVERGED):
                return d
            if iteration < ITERATIONS - 1:
                last = size
                next_residual = self.counted.residual(t, iterate, rates + alpha * d)
                if next_residual is None:
                    return None
                residual = next_residual
        self.counted.failure = "Newton's method fails"
        return None


def first_step(counted: Counted, times: tuple[float, float], c, rates, tolerance: float, order: int) -> float:
    """A step at which a method of this order makes an error of about the tolerance.

    As in Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I (1993), section II.4: by the size of the
    rates, and of their difference over a short time.
    """
    t, end = times
    size = counted.evolution.size
    with np.errstate(all="ignore"):
        speed = size(rates, c)
        if not speed * _least(times, t) < 1:
            speed = 0.0  # it starts from 0, or as good as that
        probe = min(1e-2 / speed if speed > 0 else np.inf, 1e-3 * (end - t))
        then = counted.rates(t + probe, c + probe * rates)
        turned = size(then - rates, c + probe * then) / probe  # of c alone there may be no size
    if not math.isfinite(turned):
        turned = probe**-2  # as if it ended within the probe
    per_time = max(speed, math.sqrt(turned))
    widest = min(WIDEST * (end - t), 100 * probe)
    return min(tolerance ** (1 / (order + 1)) / per_time, widest) if per_time > 0 else widest


def landed(t: float, step: float, end: float) -> tuple[float, float]:
    """The step, shorter if the last two, or the last, would not end exactly at the end; and the time where it ends."""
    left = end - t
    if left <= 2 * step:
        count = math.ceil(left / step * (1 - 1e-10))
        if abs(left / (count * step) - 1) > 1e-10:  # otherwise it is the step, whose factor may be kept
            step = left / count
        if count == 1:
            return step, end
    return step, t + step


def _least(times: tuple[float, float], t: float) -> float:
    """The shortest step."""
    return max(10 * math.ulp(t), 1e-18 * (times[1] - times[0]))


def check_step(counted: Counted, times: tuple[float, float], t: float, step: float, c, rates) -> None:
    """SteppingError where the step is too short to go on, which says whether the solution blows up there."""
    least = _least(times, t)
    if step >= least:
        return
    with np.errstate(all="ignore"):
        changes = counted.evolution.size(rates, c) * least
    if (
        not changes < 1e-6
    ):  # a solution that can be followed changes in such a time by what is hardly more than round-off
        raise SteppingError(f"the solution, or its rate, blows up at t = {t:.10g}", t)
    raise SteppingError(f"{counted.failure} at t = {t:.10g}, however short the step", t)
