"""A smooth curve on panels as a piece of a boundary: its tangents, its normals, its nearest point to another one."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from meshfree.geometry.boundary import BoundaryCurve

from .chebyshev_panels import Panels

_STEPS = 60  # at most; four do, but where a point is as near to many others: at a cusp, around a centre of curvature
_SETTLED = 1e-12  # the last step, whose square is what is left
_FLATTEST = 1e-3  # of the second derivative that a straight line would have


@dataclass(frozen=True, eq=False)
class PanelCurve(BoundaryCurve):
    """The curve on `panels`, the parameter of these mapped to [0, 1].

    Where it stops at an end, as at a cusp, tangents and normals are their limits from inside.
    """

    part: str
    panels: Panels
    closed: bool

    @cached_property
    def breaks(self):
        return tuple(self.divided(1)[:-1].tolist())

    def point(self, t):
        return self.panels(self._parameter(t))

    def velocity(self, t):
        return self._with_derivatives(t)[1]

    def normal(self, t):
        along = self.tangent(t)
        return np.stack([along[:, 1], -along[:, 0]], axis=1) + 0.0

    def tangent(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        """Unit tangents."""
        _, v, acceleration = self._with_derivatives(t)
        rest = np.flatnonzero(np.linalg.norm(v, axis=1) <= 1e-9 * self._fastest)
        v[rest] = np.where(t[rest] < 0.5, 1.0, -1.0)[:, None] * acceleration[rest]
        return v / np.linalg.norm(v, axis=1, keepdims=True)

    def divided(self, count: int) -> Float[np.ndarray, " n"]:
        """Parameters that divide every panel into `count` equal steps."""
        return (self.panels.divided(count) - self.panels.breaks[0]) / self._length

    def foot(
        self, X: Float[np.ndarray, "n 2"], low: Float[np.ndarray, " n"], high: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Parameters between bounds where the distance from X is least, by Newton's method from the middle.

        The bounds are to lie so close that there is one minimum between them; it may be at a bound.
        """
        t, open_ = (low + high) / 2, np.arange(len(X))
        for _ in range(_STEPS):
            here = t[open_]
            point, v, acceleration = self._with_derivatives(here)
            away = point - X[open_]
            slope, speed2 = np.einsum("nd,nd->n", away, v), np.einsum("nd,nd->n", v, v)
            bend = speed2 + np.einsum("nd,nd->n", away, acceleration)
            # Around the centre of curvature the distance hardly varies, and Newton's step knows no bounds.
            step = slope / np.maximum(np.maximum(bend, _FLATTEST * speed2), 1e-300)
            t[open_] = np.clip(here - step, low[open_], high[open_])
            open_ = open_[np.abs(t[open_] - here) > _SETTLED]
            if len(open_) == 0:
                break
        return t

    def _parameter(self, t: np.ndarray) -> np.ndarray:
        t = np.where((t < 0) | (t > 1), t % 1.0, t) if self.closed else t
        first, last = self.panels.breaks[[0, -1]]
        return np.where(t < 0.5, first + t * self._length, last - (1 - t) * self._length)

    def _with_derivatives(self, t: np.ndarray) -> list[np.ndarray]:
        """Points, velocities and accelerations."""
        return np.split(self._jets(self._parameter(t)), 3, axis=1)

    @property
    def _length(self) -> float:
        return float(self.panels.breaks[-1] - self.panels.breaks[0])

    @cached_property
    def _jets(self) -> Panels:
        """Points and their derivatives by t in one: evaluated together, they cost little more than one of them."""
        first = self.panels.derivative()
        columns = [self.panels, first, first.derivative()]
        terms = self.panels.coefficients.shape[1]
        padded = [
            np.pad(one.coefficients, ((0, 0), (0, terms - one.coefficients.shape[1]), (0, 0))) * self._length**order
            for order, one in enumerate(columns)
        ]
        return Panels(self.panels.breaks, np.concatenate(padded, axis=2))

    @cached_property
    def _fastest(self) -> float:
        return float(np.linalg.norm(self.velocity(self.divided(4)), axis=1).max())
