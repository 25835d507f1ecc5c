"""Regions inside closed parametric curves."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from meshfree.geometry.arguments import Coordinates, Name, check_name, number, numbers, set_fields
from meshfree.geometry.domain import Primitive
from meshfree.geometry.shape import as_points

from .curve_region import CurvedBoundary
from .curve_spans import ClosedCurve
from .panel_curve import PanelCurve


@dataclass(frozen=True)
class Curve(Primitive):
    """The region inside the closed curve that `function(t)` runs through once, in either sense of direction.

    - `function`: one parameter t -> a point (2,), written with `jax.numpy` or NumPy, smooth between corners
    - `interval`: the parameters (a, b), with function(a) = function(b); (0, 2π) by default
    - `corners`: parameters where the curve has a corner or a cusp, like an aerofoil's trailing edge; they become nodes
    - `name`: the boundary's part, `boundary` by default

    When the shape is made, polynomials that agree with the function to 1e-13 of the size replace it. `distance` is
    exact to round-off; where two places of the boundary are equally far, up to some 1e-7 of the size, it may be that
    to the farther. Two curves are equal when their functions are the same object.

    Raises ValueError for an empty interval, values of another shape than (2,), NaN, a curve that is not closed, crosses
    or retraces itself, turns sharply or stands still at a parameter that is not among the corners; TypeError for what
    is no function.
    """

    function: Any
    interval: Coordinates = (0.0, 2 * np.pi)
    corners: Any = ()
    name: Name = None

    dim = 2

    def __post_init__(self):
        if not callable(self.function):
            raise TypeError(f"Curve needs a function t -> (x, y), got {type(self.function).__name__}")
        interval = numbers(self.interval, "Curve", "interval", (2,))
        if interval[0] >= interval[1]:
            raise ValueError(f"Curve needs an interval (a, b) with a < b, got {interval}")
        set_fields(self, interval=interval, corners=_read_corners(self.corners, *interval))
        check_name(self.name, "Curve")
        self._boundary  # noqa: B018  what is wrong with the function is told now

    @cached_property
    def _boundary(self) -> CurvedBoundary:
        part = "boundary" if self.name is None else self.name
        spans = ClosedCurve(self.function, self.interval, self.corners).spans
        return CurvedBoundary([PanelCurve(part, span, closed=not self.corners) for span in spans])

    @property
    def bounds(self):
        return self._boundary.bounds

    @property
    def volume(self):
        return self._boundary.area

    @property
    def pieces(self):
        return self._boundary.paths

    def distance(self, X):
        return self._boundary.distance(as_points(X, 2))

    def contains(self, X):
        return self._boundary.contains(as_points(X, 2), self.round_off)


def _read_corners(corners, a: float, b: float) -> tuple[float, ...]:
    """The corners in order; one at the end of the interval is moved to its start."""
    try:
        found = [number(corner, "Curve", "corners") for corner in corners]
    except TypeError:
        raise TypeError(f"Curve needs a sequence of parameters as corners, got {corners!r}") from None
    outside = [corner for corner in found if not a <= corner <= b]
    if outside:
        raise ValueError(f"Curve needs corners between {a:g} and {b:g}, the ends of its interval, got {outside[0]:g}")
    return tuple(sorted({a if corner == b else corner for corner in found}))
