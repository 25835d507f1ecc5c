"""Between the accepted steps: Hermite interpolation of coefficients and rates."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from ..internal.tracing import AnyArray


def between_steps(
    times: Float[np.ndarray, " s"],
    coefficients: Float[AnyArray, "s n"],
    rates: Float[AnyArray, "s n"],
    t: float,
) -> tuple[Float[AnyArray, " n"], Float[AnyArray, " n"]]:
    """The coefficients and their rates at time t: of the polynomial of degree 5 through three steps, or 3 through two.

    At the times themselves they are what is given there. ValueError for a time outside of them.
    """
    if not times[0] <= t <= times[-1]:
        raise ValueError(f"expected a time from {times[0]:.10g} to {times[-1]:.10g}, got {t:.10g}")
    after = int(np.searchsorted(times, t))
    if times[after] == t:
        return coefficients[after], rates[after]
    first, last = _neighbours(times, after)
    values, slopes, value_rates, slope_rates = _weights(times[first:last], t)
    c, r = coefficients[first:last], rates[first:last]
    return values @ c + slopes @ r, value_rates @ c + slope_rates @ r


def _neighbours(times: np.ndarray, after: int) -> tuple[int, int]:
    """The steps around times[after − 1] to times[after]: with the one beyond at the most similar distance."""
    steps = np.diff(times[max(after - 2, 0) : after + 2])
    here = min(after - 1, 1)
    if here == 0 and len(steps) == 1:
        return after - 1, after + 1
    unlike = np.abs(np.log(steps / steps[here]))
    unlike[here] = math.inf
    return (after - 2, after + 1) if np.argmin(unlike) < here else (after - 1, after + 2)


def _weights(nodes: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of values and slopes at the nodes, in the Hermite interpolant at t; the same of its derivative."""
    distances = nodes[:, None] - nodes
    np.fill_diagonal(distances, 1)
    factors = (t - nodes) / distances
    np.fill_diagonal(factors, 1)
    lagrange = factors.prod(1)
    inverse = 1 / distances
    np.fill_diagonal(inverse, 0)
    slope_at_node = inverse.sum(1)
    # t is no node
    lagrange_rate = lagrange * ((1 / (t - nodes)).sum() - 1 / (t - nodes))
    offset = t - nodes
    straight = 1 - 2 * offset * slope_at_node
    values, slopes = lagrange**2 * straight, lagrange**2 * offset
    value_rates = 2 * lagrange * (lagrange_rate * straight - lagrange * slope_at_node)
    slope_rates = lagrange * (2 * lagrange_rate * offset + lagrange)
    return values, slopes, value_rates, slope_rates
