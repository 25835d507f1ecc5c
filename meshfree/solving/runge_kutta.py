"""Runge-Kutta methods of order 4 with an error estimate of order 3, implicit and half implicit.

Kennedy & Carpenter, Additive Runge-Kutta schemes for convection-diffusion-reaction equations, Appl. Numer. Math. 44
(2003), appendix C: ARK4(3)6L[2]SA, whose implicit half alone is an ESDIRK method with R(∞) = 0. Its last stage is the
step, so that algebraic rows hold at its end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .implicit_step import CONVERGED, ITERATIONS, Corrector, Counted, Work, check_step, landed
from .implicit_step import first_step as automatic_step
from .stepping import Evolution, Step, SteppingError


class Tableau(NamedTuple):
    """Of s stages: `implicit` has one diagonal element γ but for its first row, which is 0, and ends with `weights`."""

    times: Float[np.ndarray, " s"]
    implicit: Float[np.ndarray, "s s"]
    explicit: Float[np.ndarray, "s s"]
    weights: Float[np.ndarray, " s"]
    embedded: Float[np.ndarray, " s"]  # the weights of order 3, of both halves
    implicit_embedded: Float[np.ndarray, " s"]  # weights of order 3 of the implicit half, with R(∞) = 0


def _lower(*rows) -> np.ndarray:
    square = np.zeros((6, 6))
    for i, row in enumerate(rows):
        square[i, : len(row)] = row
    return square


_WEIGHTS = [82889 / 524892, 0, 15625 / 83664, 69875 / 102672, -2260 / 8211, 1 / 4]

TABLEAU = Tableau(
    times=np.array([0, 1 / 2, 83 / 250, 31 / 50, 17 / 20, 1]),
    implicit=_lower(
        [],
        [1 / 4, 1 / 4],
        [8611 / 62500, -1743 / 31250, 1 / 4],
        [5012029 / 34652500, -654441 / 2922500, 174375 / 388108, 1 / 4],
        [15267082809 / 155376265600, -71443401 / 120774400, 730878875 / 902184768, 2285395 / 8070912, 1 / 4],
        _WEIGHTS,
    ),
    explicit=_lower(
        [],
        [1 / 2],
        [13861 / 62500, 6889 / 62500],
        [-116923316275 / 2393684061468, -2731218467317 / 15368042101831, 9408046702089 / 11113171139209],
        [
            -451086348788 / 2902428689909,
            -2682348792572 / 7519795681897,
            12662868775082 / 11960479115383,
            3355817975965 / 11060851509271,
        ],
        [
            647845179188 / 3216320057751,
            73281519250 / 8382639484533,
            552539513391 / 3454668386233,
            3354512671639 / 8306763924573,
            4040 / 17871,
        ],
    ),
    weights=np.array(_WEIGHTS),
    embedded=np.array(
        [
            4586570599 / 29645900160,
            0,
            178811875 / 945068544,
            814220225 / 1159782912,
            -3700637 / 11593932,
            61727 / 225920,
        ]
    ),
    # The paper's have R(∞) = −0.15, by which boundary values in time seem to have larger errors. These are the weights
    # plus 0.13 of the unit vector that leaves order 3 and R(∞) as they are; error constants are 1.35 times the paper's.
    implicit_embedded=np.array(
        [
            0.14129863398514064,
            -0.08868426141894133,
            0.27383071582447505,
            0.6750256359477168,
            -0.24256775404367759,
            0.24109702970528643,
        ]
    ),
)

SAFETY = 0.9  # of a step that is predicted to meet the tolerance
LONGER, SHORTER = 4.0, 0.2  # the bounds of one change of the step
FIRST_LONGER = 16.0  # that of the first step, which was chosen without an estimate
WORTHWHILE = 1.2  # by which a step must be longer to change it
LOCAL = 0.5  # part of the tolerance that the estimate of one step's error may have; it is of the method of order 3
_ERROR = TABLEAU.weights - TABLEAU.embedded
_IMPLICIT_ERROR = TABLEAU.weights - TABLEAU.implicit_embedded
_GAMMA = 1 / 4


def esdirk(
    evolution: Evolution,
    times: tuple[float, float],
    c: Float[np.ndarray, " n"],
    rates: Float[np.ndarray, " n"],
    tolerance: float,
    first_step: float | None = None,
    longest: float | None = None,
    work: Work | None = None,
    steps: int | None = None,
) -> Iterator[Step]:
    """The accepted steps from (c, rates), which fulfil the equations at times[0], to times[1] exactly.

    A stage is F(tᵢ, c + h Σⱼ aᵢⱼ kⱼ, kᵢ) = 0, the first the rates at the end of the last step. `tolerance` is of
    `evolution.size`. No step is longer than `longest`; `work` counts what is done. With `steps`, that many equal ones
    are made, whatever their errors. SteppingError where it cannot go on.
    """
    counted = Counted(evolution, Work() if work is None else work)
    method = _Implicit(counted, LOCAL * tolerance, c, rates)
    return _steps(method, times, first_step, longest, steps, counted.is_constant)


def imex(
    evolution: Evolution,
    times: tuple[float, float],
    c: Float[np.ndarray, " n"],
    rates: Float[np.ndarray, " n"],
    tolerance: float,
    first_step: float | None = None,
    longest: float | None = None,
    work: Work | None = None,
    steps: int | None = None,
) -> Iterator[Step]:
    """As `esdirk`, but what is not linear is explicit in the differential rows; linear equations are those of `esdirk`.

    Of F = M ċ + F(t, c, 0), in a step from c₀, the part M ċ + F(t, c₀, 0) + K (c − c₀) is implicit. M and K are
    `evolution.linear_part` where its factor was made, which is kept as long as the step; steps grow by powers of
    two. Algebraic rows are solved by Newton's method with that factor. ValueError where M is not constant.
    """
    if evolution.is_linear:
        return esdirk(evolution, times, c, rates, tolerance, first_step, longest, work, steps)
    counted = Counted(evolution, Work() if work is None else work)
    method = _HalfImplicit(counted, LOCAL * tolerance, times[0], c, rates)
    return _steps(method, times, first_step, longest, steps, True)


class _Tried(NamedTuple):
    """Where a step ends, and its error in tolerances."""

    c: np.ndarray
    rates: np.ndarray
    error: float


class _Implicit:
    """The state of an ESDIRK method, and its steps."""

    def __init__(self, counted: Counted, local: float, c, rates):
        self.counted, self.local, self.c, self.rates = counted, local, c, rates
        self._corrector = Corrector(counted, local)
        self._stages = np.empty((6, c.size))  # the rates at each

    def tried(self, t: float, end: float, step: float) -> _Tried | None:
        stages, alpha = self._stages, 1 / (_GAMMA * step)
        stages[0] = self.rates
        c = self.c
        for i in range(1, 6):
            guess = self._guessed(i)
            base = self.c + (step * TABLEAU.implicit[i, :i]) @ stages[:i] + (_GAMMA * step) * guess
            time = end if i == 5 else t + step * TABLEAU.times.item(i)
            d = self._corrector.corrected(time, base, guess, alpha)
            if d is None:
                return None
            c = base + d
            stages[i] = guess + alpha * d
        error = self.counted.evolution.size((step * _IMPLICIT_ERROR) @ stages, c) / self.local
        return _Tried(c, stages[5].copy(), error)

    def accept(self, tried: _Tried, end: float) -> None:
        self.c, self.rates = tried.c, tried.rates

    def _guessed(self, i: int) -> np.ndarray:
        """The rates at a stage: the polynomial through the latest ones before it."""
        return self._stages[0] if i == 1 else _EXTRAPOLATION[i] @ self._stages[:i]


def _extrapolation(i: int) -> np.ndarray:
    """The weights of the rates of the stages before stage i, as a polynomial of degree 2 or less gives them there."""
    used = np.arange(i)[-3:]
    weights = np.zeros(i)
    for j in used:
        others = TABLEAU.times[used[used != j]]
        weights[j] = np.prod((TABLEAU.times[i] - others) / (TABLEAU.times[j] - others))
    return weights


_EXTRAPOLATION = [_extrapolation(i) for i in range(6)]


class _HalfImplicit:
    """The state of the additive method, and its steps, in the form of rows: without an inverse of M."""

    def __init__(self, counted: Counted, local: float, t: float, c, rates):
        self.counted, self.local, self.c, self.rates = counted, local, c, rates
        differential = counted.evolution.differential
        self._differential, self._algebraic = np.flatnonzero(differential), np.flatnonzero(~differential)
        self._alpha = math.nan  # of the factor
        self._zero = np.zeros_like(c)
        self._whole = counted.residual(t, c, self._zero)  # F(t, c, 0) at the last step
        self._all = np.empty((6, differential.size))  # F(t, c, 0) at each stage
        self._implicit = np.empty((6, differential.size))  # its implicit part
        self._harmless = 0.0  # a norm of algebraic rows which was seen to matter less than the tolerance

    def tried(self, t: float, end: float, step: float) -> _Tried | None:
        if self._whole is None:
            return None
        alpha = 1 / (_GAMMA * step)
        self._renew(t, alpha)
        self._all[0] = self._implicit[0] = self._whole
        c = self.c
        for i in range(1, 6):
            known = (TABLEAU.explicit[i, :i] / _GAMMA) @ self._all[:i]
            known += ((TABLEAU.implicit - TABLEAU.explicit)[i, :i] / _GAMMA) @ self._implicit[:i]
            found = self._stage(alpha, end if i == 5 else t + step * TABLEAU.times.item(i), known)
            if found is None:
                return None
            c, self._all[i], self._implicit[i] = found
        right = self._mass @ self.c - (step * TABLEAU.weights) @ self._all
        new = self.counted.evolution.projected(end, c, right)
        self.counted.work.solves += 1
        # divided by M + h γ K instead of M: what is stiff in the estimate is damped as by the method itself
        estimate = (_ERROR / _GAMMA) @ self._all
        estimate[self._algebraic] = 0
        error = self.counted.evolution.size(self.counted.solved(self._factor, estimate), new) / self.local
        return _Tried(new, self._zero, error)

    def accept(self, tried: _Tried, end: float) -> None:
        self.c = tried.c
        self._whole = self.counted.residual(end, self.c, self._zero)
        self.rates = self.counted.rates(end, self.c, self._whole)
        steps = self.counted.work.steps
        if self._whole is not None and steps & (steps - 1) == 0:
            self._check_mass(end)

    def _renew(self, t: float, alpha: float) -> None:
        """The factor for this α, of what is linear here."""
        if alpha != self._alpha:
            mass, self._stiffness, self._factor = self.counted.linear_part(t, self.c, alpha)
            if math.isnan(self._alpha):
                self._mass = mass  # that of the start: `_check_mass` finds out where it changes
            self._alpha = alpha

    def _stage(self, alpha: float, t: float, known):
        """c, F(t, c, 0) and its implicit part; None if not found. `known` is of the stages before, divided by γ.

        In the differential rows α M (c − c₀) + K (c − c₀) + F(t, c₀, 0) + known = 0, in the others F(t, c, 0) = 0.
        """
        counted, algebraic = self.counted, self._algebraic
        start = self._whole if counted.evolution.is_autonomous else counted.residual(t, self.c, self._zero)
        if start is None:
            return None
        rows = start + known
        rows[algebraic] = start[algebraic]
        change = -counted.solved(self._factor, rows)
        for _ in range(ITERATIONS):
            c = self.c + change
            whole = counted.residual(t, c, self._zero)
            if whole is None:
                return None
            implicit = self._stiffness @ change + start
            left = float(np.linalg.norm(whole[algebraic]))
            if left <= self._harmless:
                return c, whole, implicit
            rows = alpha * (self._mass @ change) + implicit + known
            rows[algebraic] = whole[algebraic]
            correction = counted.solved(self._factor, rows)
            if counted.evolution.whole_size(correction, c) < CONVERGED * self.local:
                self._harmless = max(self._harmless, left)
                return c, whole, implicit
            change = change - correction
        counted.failure = "Newton's method fails"
        return None

    def _check_mass(self, t: float) -> None:
        """ValueError where M is not what it was at the start."""
        rates = self._alpha * self.c if self.c.any() else np.ones_like(self.c)
        changed = self.counted.residual(t, self.c, rates)
        if changed is None:
            return
        expected = self._mass @ rates
        found = (changed - self._whole)[self._differential]
        if np.linalg.norm(found - expected[self._differential]) > 1e-6 * np.linalg.norm(expected):
            raise ValueError(
                "the factor of the time derivative changes with the solution or with time, which is not for "
                'half implicit steps: use method="bdf"'
            )


def _steps(method: _Implicit | _HalfImplicit, times, step, longest, count: int | None, doubles: bool) -> Iterator[Step]:
    t, end = times
    if count is not None:
        step = (end - t) / count
    elif step is None:
        step = automatic_step(method.counted, times, method.c, method.rates, method.local, 4)
    if doubles and count is None:  # so that doubled steps end at the end
        step = (end - t) * 2.0 ** math.floor(math.log2(min(step / (end - t), 1)))
    longest = math.inf if longest is None else longest
    work, again = method.counted.work, False
    while t < end:
        check_step(method.counted, times, t, step, method.c, method.rates)
        step, next_time = landed(t, min(step, longest), end)
        with np.errstate(all="ignore"):  # a step that is too long is seen by what it leads to
            tried = method.tried(t, next_time, step)
            done = tried is not None and (tried.error <= 1 if count is None else bool(np.isfinite(tried.c).all()))
            if tried is not None and done:
                work.steps += 1
                method.accept(tried, next_time)
        if tried is not None and done:
            t = next_time
            yield Step(t, tried.c, method.rates, 4)
            if count is None:
                most = 1.0 if again else FIRST_LONGER if work.steps == 1 else LONGER
                step *= _growth(tried.error, (end - t) / step, doubles, most)
        elif count is not None:
            raise SteppingError(f"{method.counted.failure} in the step from t = {t:.10g} to {next_time:.10g}", t)
        else:
            work.rejected += 1
            if tried is not None:
                method.counted.failure = "the error stays above the tolerance"
            factor = 0.4 if tried is None else SAFETY * min(_factor(tried.error), 1)
            if method.counted.is_constant:  # whose factor may be kept
                factor = 2.0 ** math.floor(math.log2(factor))
            step *= factor
            if doubles:
                step = (end - t) / math.ceil((end - t) / step * (1 - 1e-10))
        again = not done


def _growth(error: float, left: float, doubles: bool, most: float) -> float:
    """Of the step, after an accepted one with this error; `left` steps remain."""
    factor = min(SAFETY * _factor(error), most)
    if not doubles:
        return 1 if 1 <= factor < WORTHWHILE else factor
    if factor < 2:  # a shorter step costs a factor, and this one was good enough
        return 1
    left = max(round(left), 1)
    return left / math.ceil(left / 2.0 ** math.floor(math.log2(factor)))  # so that equal steps end at the end


def _factor(error: float) -> float:
    """By which the step changes the error to 1."""
    return max(max(error, 1e-20) ** (-1 / 4), SHORTER) if error < math.inf else SHORTER
