"""Finding positive parameters by their logarithms, from any start: a scan, then bounded searches. Needs values only."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

REACH = math.log(30.0)  # of the scan, to both sides of the start
SCANNED = 9  # values of a scan, the start among them
REFINED = 6  # values of the search between the neighbours of the best
SIMPLEX = 0.2  # of Nelder and Mead's method, the first one: a change of 20 %


def search(
    value: Callable[[Float[np.ndarray, " p"]], float],
    count: int,
    ahead: Callable[[Float[np.ndarray, "k p"]], None] = lambda several: None,
) -> None:
    """Look for the p logarithms, from zero, at which `value` is least; who calls remembers what was asked.

    All of them together are scanned over a factor of 30 to both sides, and searched between the neighbours of the best
    value (Brent, Algorithms for Minimization without Derivatives (1973), chapter 5); then, of several, each by itself,
    and at last all by the method of Nelder and Mead (Comput. J. 7 (1965)).
    A value that is not finite is never best. `ahead` is told which values a scan asks for, before the first of them.
    """
    from scipy.optimize import minimize

    together = np.ones(count)
    best = _along(value, np.zeros(count), together, REACH, SCANNED, ahead)
    if count == 1:
        return
    for axis in np.eye(count):
        best = _along(value, best, axis, math.log(3.0), 5, ahead)
    simplex = best + SIMPLEX * np.concatenate([np.zeros((1, count)), np.eye(count)])

    def finite(logarithms):
        found = value(logarithms)
        return found if math.isfinite(found) else math.inf

    minimize(finite, best, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 1e-2, "fatol": 1e-2})


def outwards(reach: float, count: int) -> list[float]:
    """So many even steps from −reach to reach, the smallest first, which is 0."""
    steps = np.linspace(-reach, reach, count)
    steps[np.argmin(abs(steps))] = 0.0
    return sorted(steps.tolist(), key=abs)


def _along(value, start, direction, reach: float, count: int, ahead) -> Float[np.ndarray, " p"]:
    """The best of a scan along a line, from the start outwards, and of a bounded search around the best of it."""
    from scipy.optimize import minimize_scalar

    found: dict[float, float] = {}

    def at(step: float) -> float:
        found[step] = value(start + step * direction)
        return found[step] if math.isfinite(found[step]) else max(filter(math.isfinite, found.values()), default=0.0)

    steps = outwards(reach, count)
    ahead(start + np.outer(steps, direction))
    for step in steps:
        at(step)
    middle, width = _least(found), 2 * reach / (count - 1)
    minimize_scalar(
        at, bounds=(middle - width, middle + width), method="bounded", options={"maxiter": REFINED, "xatol": 1e-3}
    )
    return start + _least(found) * direction


def _least(found: dict[float, float]) -> float:
    return min(found, key=lambda step: found[step] if math.isfinite(found[step]) else math.inf)
