"""Numerical differentiation formulas of orders 1 to 5, with steps and orders that vary.

Shampine & Reichelt, The MATLAB ODE Suite, SIAM J. Sci. Comput. 18 (1997), section 2, in the form for F(t, c, ċ) = 0:
the solution's backward differences are kept for equal steps, and interpolated where the step changes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from .implicit_step import Corrector, Counted, Work, check_step, landed
from .implicit_step import first_step as automatic_step
from .stepping import Evolution, Step

HIGHEST = 5
# κ of the paper's table 1, by the order: smaller errors than those of the BDF, for little less stability
_KAPPA = np.array([0, -0.1850, -1 / 9, -0.0823, -0.0415, 0])
_GAMMA = np.concatenate([[0], np.cumsum(1 / np.arange(1, HIGHEST + 1))])
_ALPHA = (1 - _KAPPA) * _GAMMA
_ERROR = _KAPPA * _GAMMA + 1 / np.arange(1, HIGHEST + 2)

SAFETY = 0.9  # of a step that is predicted to meet the tolerance
LONGER, SHORTER = 8.0, 0.2  # the bounds of one change of the step
WORTHWHILE = 1.2  # by which a step must be longer to change it
LOCAL = 0.5  # part of the tolerance that the error of one step may have: those of the solution are 0.1 to 5 tolerances


def bdf(
    evolution: Evolution,
    times: tuple[float, float],
    c: Float[np.ndarray, " n"],
    rates: Float[np.ndarray, " n"],
    tolerance: float,
    first_step: float | None = None,
    longest: float | None = None,
    work: Work | None = None,
) -> Iterator[Step]:
    """The accepted steps from (c, rates), which fulfil the equations at times[0], to times[1] exactly.

    `tolerance` is of `evolution.size`. No step is longer than `longest`; `work` counts what is done. SteppingError
    where it cannot go on.
    """
    history = _History(evolution, times, c, rates, tolerance, first_step, longest, Work() if work is None else work)
    while history.t < times[1]:
        yield history.advanced()


class _History:
    """The backward differences (order + 3, n) of a solution, of equal steps."""

    def __init__(self, evolution: Evolution, times, c, rates, tolerance: float, step, longest, work: Work):
        self.counted, self.size, self.times, self.work = Counted(evolution, work), evolution.size, times, work
        self.local = LOCAL * tolerance
        self.corrector = Corrector(self.counted, self.local)
        self.longest = math.inf if longest is None else longest
        if step is None:
            step = automatic_step(self.counted, times, c, rates, self.local, 1)
        self.t, self.order, self.equal = times[0], 1, 0
        self.c, self.rates = c, rates
        self.alpha = float(_ALPHA[1]) / min(step, self.longest)
        self._restart()

    @property
    def step(self) -> float:
        # from α and not the other way round, as constant problems keep factors by it
        return _ALPHA.item(self.order) / self.alpha

    def advanced(self) -> Step:
        """The next accepted step."""
        with np.errstate(all="ignore"):  # a step that is too long is seen by what it leads to
            return self._advanced()

    def _advanced(self) -> Step:
        failures = 0
        while True:
            check_step(self.counted, self.times, self.t, self.step, self.c, self.rates)
            order, t = self.order, self._landed()
            predicted = self.differences[: order + 1].sum(0)
            slopes = (_GAMMA[1 : order + 1] / self.step) @ self.differences[1 : order + 1]
            d = self.corrector.corrected(t, predicted, slopes, self.alpha)
            if d is None:
                factor = 0.4
            else:
                c = predicted + d
                size = self.size(d, c) / self.local
                error = _ERROR.item(order) * size
                if error <= 1:
                    break
                factor, self.counted.failure = _factor(error, order), "the error stays above the tolerance"
            self.work.rejected += 1
            failures += 1
            if failures > 2:  # what is not smooth is best stepped over by the lowest order
                self._restart()
            self._change(self.order, self._alpha(self.order, min(SAFETY * factor, 0.9)))
        self._accept(t, c, slopes + self.alpha * d, d)
        done = Step(t, c, self.rates, order)
        self._adapt(error)
        return done

    def _restart(self) -> None:
        """Order 1, from what is known at this time."""
        self.alpha *= _ALPHA.item(1) / _ALPHA.item(self.order)
        self.order, self.equal = 1, 0
        self.differences = np.zeros((HIGHEST + 3, self.c.size))
        self.differences[0], self.differences[1] = self.c, self.step * self.rates

    def _landed(self) -> float:
        """Where the step ends, which is shortened if it would miss the end."""
        step, t = landed(self.t, self.step, self.times[1])
        if step != self.step:
            self._change(self.order, _ALPHA.item(self.order) / step)
        return t

    def _accept(self, t: float, c, rates, d) -> None:
        self.work.steps += 1
        self.t, self.c, self.rates = t, c, rates
        self.equal += 1
        differences, order = self.differences, self.order
        np.subtract(d, differences[order + 1], out=differences[order + 2])
        differences[order + 1] = d
        for i in range(order, -1, -1):
            differences[i] += differences[i + 1]
        self.differences = self.counted.evolution.settled(differences)
        self.c = self.differences[0]

    def _adapt(self, error: float) -> None:
        """Another order or step, if it lets the next ones be longer."""
        order = self.order
        if self.equal <= order:
            return
        factors = {order: _factor(error, order)}
        for other, difference in ((order - 1, order), (order + 1, order + 2)):
            if 1 <= other <= HIGHEST:
                size = self.size(self.differences[difference], self.c) / self.local
                factors[other] = _factor(_ERROR.item(other) * size, other)
        alphas = {other: self._alpha(other, SAFETY * factor) for other, factor in factors.items()}
        if self.counted.is_constant:  # a shorter step costs a factor, and this one was good enough
            alphas[order] = min(alphas[order], self.alpha)
        # of equal steps, those of the order that will sooner let them grow
        best = max(alphas, key=lambda other: (_ALPHA.item(other) / alphas[other], factors[other]))
        if best != order or not 1 <= self.alpha / alphas[best] < WORTHWHILE:
            self._change(best, alphas[best])

    def _alpha(self, order: int, factor: float) -> float:
        """Of the step times the factor, which is bounded; of a constant problem the next 2^m times the present."""
        factor = min(max(factor, SHORTER), LONGER, self.longest / self.step)
        ratio = _ALPHA.item(order) / _ALPHA.item(self.order) / factor
        if self.counted.is_constant:
            ratio = 2.0 ** math.ceil(math.log2(ratio))
        return self.alpha * ratio

    def _change(self, order: int, alpha: float) -> None:
        factor = _ALPHA.item(order) / alpha / self.step
        if factor != 1:
            self.differences[: order + 1] = _changed(order, factor) @ self.differences[: order + 1]
        self.order, self.alpha, self.equal = order, alpha, 0


def _factor(error: float, order: int) -> float:
    """By which the step changes the error to 1."""
    return max(error, 1e-20) ** (-1 / (order + 1)) if error < math.inf else SHORTER


@functools.lru_cache(100)
def _changed(order: int, factor: float) -> np.ndarray:
    """The matrix (order + 1, order + 1) by which backward differences are those of a step `factor` times as long."""
    return (_of_points(order, factor) @ _of_points(order, 1.0)).T


def _of_points(order: int, factor: float) -> np.ndarray:
    i, j = np.arange(1, order + 1)[:, None], np.arange(1, order + 1)
    ratios = np.ones((order + 1, order + 1))
    ratios[1:, 0] = 0
    ratios[1:, 1:] = (i - 1 - factor * j) / i
    return np.cumprod(ratios, axis=0)
