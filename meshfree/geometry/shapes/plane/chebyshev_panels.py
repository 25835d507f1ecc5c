"""A parametric curve as polynomials in Chebyshev form, panel by panel, as exact as float64 holds it.

Whatever a curve is given by, afterwards points, velocities and accelerations are fast and need neither JAX nor the
function it came from. See Trefethen, Approximation Theory and Approximation Practice, SIAM 2013, chapters 3 and 8.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.polynomial import chebyshev

_TERMS = 16
_TAIL = 3  # the last coefficients, which tell what was cut off
_TOLERANCE = 1e-13  # of the size of the curve
_ROUNDING = 1e-15  # of the largest coordinate
_HALVINGS = 20
_GAUSS = np.polynomial.legendre.leggauss(_TERMS)
_NODES = np.cos(np.pi * (np.arange(_TERMS) + 0.5) / _TERMS)


class UnresolvedError(ValueError):
    """A function that no polynomial follows near the parameter `at`: it has a corner or a jump there."""

    def __init__(self, at: float):
        super().__init__(f"not smooth near {at}")
        self.at = at


class Panels(NamedTuple):
    """The curve on panels between `breaks` (m + 1,), with `coefficients` (m, k, d) of Chebyshev polynomials."""

    breaks: np.ndarray
    coefficients: np.ndarray

    def __call__(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
        """Points of the curve at parameters between the first break and the last."""
        panel = self.locate(t)
        left, right = self.breaks[panel], self.breaks[panel + 1]
        x = (((t - left) - (right - t)) / (right - left))[:, None]
        # Clenshaw's recurrence.
        b, following = np.zeros((2, len(t), self.coefficients.shape[2]))
        for column in self.coefficients.swapaxes(0, 1)[:0:-1]:
            b, following = column[panel] + 2 * x * b - following, b
        return self.coefficients[panel, 0] + x * b - following

    def locate(self, t: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """The panel of every parameter."""
        return np.clip(np.searchsorted(self.breaks, t, side="right") - 1, 0, len(self.breaks) - 2)

    def derivative(self) -> "Panels":
        """The derivative of the curve by its parameter."""
        scale = 2 / np.diff(self.breaks)
        return Panels(self.breaks, chebyshev.chebder(self.coefficients, axis=1) * scale[:, None, None])

    def reversed(self) -> "Panels":
        """The curve at −t."""
        signs = (-1.0) ** np.arange(self.coefficients.shape[1])
        return Panels(-self.breaks[::-1], self.coefficients[::-1] * signs[:, None])

    @property
    def ends(self) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, "m d"]]:
        """The values at the beginning and at the end of every panel."""
        signs = (-1.0) ** np.arange(self.coefficients.shape[1])
        return np.einsum("mkd,k->md", self.coefficients, signs), self.coefficients.sum(axis=1)

    def divided(self, count: int) -> Float[np.ndarray, " n"]:
        """Parameters that divide every panel into `count` equal steps."""
        left, width = self.breaks[:-1, None], np.diff(self.breaks)[:, None]
        return np.append((left + width * np.arange(count) / count).ravel(), self.breaks[-1])

    def area(self, origin: Float[np.ndarray, " 2"]) -> float:
        """½ ∫ (x dy − y dx) from an origin, by Gauss's rule, exact for the polynomials."""
        node, weight = _GAUSS
        left, right = self.breaks[:-1, None], self.breaks[1:, None]
        t = ((left * (1 - node) + right * (1 + node)) / 2).ravel()
        (x, y), (vx, vy) = (self(t) - origin).T, self.derivative()(t).T
        return float(np.sum(((right - left) / 2 * weight).ravel() * (x * vy - y * vx))) / 2


def fit(function: Callable, breaks: Float[np.ndarray, " m"]) -> Panels:
    """Panels for a function of many parameters (n,) -> (n, d), halved until the series has converged to round-off.

    Raises `UnresolvedError` where `_HALVINGS` halvings do not suffice.
    """
    from scipy.fft import dct  # here, as it takes 15 ms to import

    left, right = breaks[:-1], breaks[1:]
    done: list[tuple[np.ndarray, np.ndarray]] = []
    tolerance = 0.0
    for _ in range(_HALVINGS):
        t = (left[:, None] * (1 - _NODES) + right[:, None] * (1 + _NODES)) / 2
        values = function(t.ravel()).reshape(*t.shape, -1)
        size, largest = np.ptp(values, axis=(0, 1)).max(), np.abs(values).max()
        tolerance = max(tolerance, float(_TOLERANCE * size + _ROUNDING * largest))
        coefficients = dct(values, type=2, axis=1) / _TERMS
        coefficients[:, 0] /= 2
        open_ = np.abs(coefficients[:, -_TAIL:]).max(axis=(1, 2)) > tolerance
        done.append((left[~open_], coefficients[~open_]))
        left, right = left[open_], right[open_]
        if len(left) == 0:
            starts, found = (np.concatenate(column) for column in zip(*done, strict=True))
            order = np.argsort(starts)
            return Panels(np.append(starts[order], breaks[-1]), found[order])
        middle = (left + right) / 2
        left, right = np.stack([left, middle], axis=1).ravel(), np.stack([middle, right], axis=1).ravel()
    raise UnresolvedError(float(left[0]))
