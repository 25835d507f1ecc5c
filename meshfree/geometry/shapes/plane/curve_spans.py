"""A closed curve that a user's function gives: what is wrong with it, and its polynomials from corner to corner."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from meshfree.internal.pointwise import Pointwise

from . import chebyshev_panels
from .chebyshev_panels import Panels, UnresolvedError
from .curve_crossings import self_crossing

_OPEN = 1e-9  # of the size: further apart the ends do not meet
_KINK = 1e-5  # radians between tangents that are not those of a smooth curve
_STANDSTILL = 1e-6  # of the greatest speed
_MODERATE = 0.1  # of the greatest speed: below, a standstill may be near


@dataclass(frozen=True)
class ClosedCurve:
    """t -> (2,) on an interval, smooth but at corners in [a, b); see `Curve` for what it raises."""

    function: Callable
    interval: tuple[float, float]
    corners: tuple[float, ...]

    @cached_property
    def spans(self) -> list[Panels]:
        """From each corner to the next, or once around, counter-clockwise."""
        self._refuse_open()
        found = [self._fitted(start, stop) for start, stop in self._ends]
        for span in found:
            self._refuse_kinks(span)
            self._refuse_standstill(span)
        area = sum(span.area(self._start) for span in found)
        self._refuse_crossing(found)
        return found if area > 0 else [span.reversed() for span in found[::-1]]

    @property
    def _ends(self) -> list[tuple[float, float]]:
        a, b = self.interval
        cuts = self.corners or (a,)
        return list(zip(cuts, (*cuts[1:], cuts[0] + b - a), strict=True))

    @cached_property
    def _start(self) -> Float[np.ndarray, " 2"]:
        return self._values(np.array(self.interval[:1]))[0]

    @cached_property
    def _pointwise(self) -> Pointwise:
        return Pointwise(self.function, _check_pair)

    def _values(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        """Points of the curve; parameters beyond the interval go on from its start."""
        X = self._pointwise(self._within(t))
        wrong = np.flatnonzero(~np.isfinite(X).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"Curve: function(t) returned {_pair(X[wrong[0]])} at t = {self._shown(t[wrong[0]])}; expected finite "
                "coordinates in the whole interval"
            )
        return X

    def _within(self, t):
        a, b = self.interval
        return np.where(t > b, t - (b - a), t)

    def _shown(self, t: float) -> str:
        return f"{self._within(t):.6g}"

    def _refuse_open(self) -> None:
        a, b = self.interval
        first, last = self._values(np.array([a, b]))
        size = np.ptp(self._values(np.linspace(a, b, 65)), axis=0).max()
        if size == 0:
            raise ValueError(f"Curve needs a curve, got the one point {_pair(first)} for all t")
        if np.linalg.norm(last - first) > _OPEN * size:
            raise ValueError(
                f"Curve needs a closed curve, got function({a:g}) = {_pair(first)} and function({b:g}) = {_pair(last)}"
            )

    def _fitted(self, start: float, stop: float) -> Panels:
        inner = [self.interval[1]] if start < self.interval[1] < stop else []
        try:
            return chebyshev_panels.fit(self._values, np.array([start, *inner, stop]))
        except UnresolvedError as error:
            raise ValueError(
                f"Curve is not smooth near t = {self._shown(error.at)}; give the parameters of corners in corners=, "
                "and write the curve such that x and y are smooth functions of t elsewhere"
            ) from None

    def _refuse_kinks(self, span: Panels) -> None:
        """Where panels meet, tangents do; a kink there is a corner that happened to be a break."""
        begin, end = span.derivative().ends
        speed = np.linalg.norm(np.concatenate([begin, end]), axis=1).max()
        before, after = (end[:-1], begin[1:]) if self.corners else (np.roll(end, 1, axis=0), begin)
        at = span.breaks[1:-1] if self.corners else span.breaks[:-1]
        slowest = np.minimum(np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1))
        still = np.flatnonzero(slowest <= _STANDSTILL * speed)
        if len(still):
            raise self._standstill(at[still[0]])
        turn = np.linalg.norm(_unit(after) - _unit(before), axis=1)
        if len(turn) and turn.max() > _KINK:
            i = int(np.argmax(turn))
            raise ValueError(
                f"Curve turns by {np.degrees(2 * np.arcsin(min(turn[i] / 2, 1))):.3g} degrees at t = "
                f"{self._shown(at[i])}; give the parameter of a corner in corners="
            )

    def _refuse_standstill(self, span: Panels) -> None:
        """Velocities that vanish inside a span, found on ever finer grids about the slowest points."""
        t, velocity = span.divided(16), span.derivative()
        speed = np.linalg.norm(velocity(t), axis=1)
        low = (speed[1:-1] <= np.minimum(speed[:-2], speed[2:])) & (speed[1:-1] < _MODERATE * speed.max())
        for i in np.flatnonzero(low) + 1:
            left, right = t[i - 1], t[i + 1]
            for _ in range(8):
                grid = np.linspace(left, right, 33)
                slow = int(np.argmin(np.linalg.norm(velocity(grid), axis=1)))
                left, right = grid[max(slow - 1, 0)], grid[min(slow + 1, 32)]
            if np.linalg.norm(velocity(grid[[slow]])) < _STANDSTILL * speed.max():
                raise self._standstill(grid[slow])

    def _standstill(self, t: float) -> ValueError:
        return ValueError(
            f"Curve stands still at t = {self._shown(t)}: its velocity is zero there; give the parameter of a cusp or "
            "corner in corners=, and write the curve with another parameter elsewhere"
        )

    def _refuse_crossing(self, spans: list[Panels]) -> None:
        found = self_crossing(spans)
        if found:
            one, two, x = found
            raise ValueError(
                f"Curve crosses or retraces itself: function({self._shown(one)}) and function({self._shown(two)}) are "
                f"both {_pair(x)}; run through a boundary once, and write a region whose boundary meets itself as "
                "several curves (a | b)"
            )


def _check_pair(shape: tuple[int, ...]) -> None:
    if shape != (2,):
        raise ValueError(f"Curve: function(t) must return a point of shape (2,) for a number t, got shape {shape}")


def _unit(vectors: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _pair(x: np.ndarray) -> str:
    return f"({x[0]:g}, {x[1]:g})"
