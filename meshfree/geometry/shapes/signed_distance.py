"""Regions where a function is negative."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from meshfree.internal.pointwise import PointwiseGradient

from ..arguments import Name, check_name, numbers, set_fields
from ..domain import Primitive, sampled_volume
from ..shape import as_points
from .plane.curve_region import CurvedBoundary
from .plane.panel_curve import PanelCurve
from .plane.zero_curves import zero_curves
from .space.implicit_surface import ImplicitSurface


@dataclass(frozen=True, init=False)
class SignedDistance(Primitive):
    """The region of the plane or of space where `function(x)` is negative.

    - `function`: one point x (d,) -> a number, negative inside, zero on the boundary, positive outside; written with
      `jax.numpy` or NumPy. A signed distance, or any other function whose gradient on the boundary is not zero
    - `bounds`: (lower, upper), the corners of a box in which the whole region lies; it may be much larger
    - `name`: the boundary's part, `boundary` by default

    In the plane the boundary is traced on a lattice of 100 000 cells and drawn onto function(x) = 0 to round-off, with
    its corners, as those of max(f, g), as nodes; what is smaller than a cell is not seen. `distance` is that to the
    boundary, exact as that of `Curve`. In space the lattice has 48 cells along each side of a shape as wide and high as
    long, and the boundary is to be smooth: `distance` is then exact near it, by Newton's method, elsewhere hardly too
    large, and the volume good to 1e-3.

    Two such shapes are equal when their functions are the same object.

    Raises ValueError for a region that is empty or touches the bounds, values that are NaN, infinite or no number, a
    function without gradient on the boundary; TypeError for what is no function.
    """

    function: Any
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    name: Name = None

    def __init__(self, function: Any, bounds: Any, name: Name = None):
        if not callable(function):
            raise TypeError(f"SignedDistance needs a function of a point, got {type(function).__name__}")
        check_name(name, "SignedDistance")
        lower, upper = _read_bounds(bounds)
        set_fields(self, function=function, lower=lower, upper=upper, name=name)
        self.pieces  # noqa: B018  what is wrong with the function is told now

    @cached_property
    def _implicit(self) -> PointwiseGradient:
        return PointwiseGradient(self.function, "SignedDistance", float(np.max(np.subtract(self.upper, self.lower))))

    @cached_property
    def pieces(self):
        part = "boundary" if self.name is None else self.name
        lower, upper = np.array(self.lower), np.array(self.upper)
        if self.dim == 3:
            return (ImplicitSurface(part, self._implicit, lower, upper),)
        curves = zero_curves(self._implicit, lower, upper)
        return tuple(PanelCurve(part, span, closed) for spans, closed in curves for span in spans)

    @cached_property
    def _boundary(self) -> CurvedBoundary:
        return CurvedBoundary(self.pieces)

    @property
    def dim(self):
        return len(self.lower)

    @property
    def bounds(self):
        return self._boundary.bounds if self.dim == 2 else self.pieces[0].bounds

    @cached_property
    def volume(self):
        return self._boundary.area if self.dim == 2 else sampled_volume(self)

    def distance(self, X):
        X = as_points(X, self.dim)
        if self.dim == 2:
            return self._boundary.distance(X)
        gap = np.linalg.norm(X - self.pieces[0].project(X), axis=1)
        return np.where(self.pieces[0].contains(X, 0.0), -gap, gap)

    def contains(self, X):
        X = as_points(X, self.dim)
        return (self._boundary if self.dim == 2 else self.pieces[0]).contains(X, self.round_off)


def _read_bounds(bounds) -> tuple[tuple[float, ...], tuple[float, ...]]:
    try:
        lower, upper = bounds
    except (TypeError, ValueError):
        raise TypeError(f"SignedDistance needs bounds=(lower, upper), two corners of a box, got {bounds!r}") from None
    lower, upper = (numbers(corner, "SignedDistance", "bounds", (2, 3)) for corner in (lower, upper))
    if len(lower) != len(upper) or any(a >= b for a, b in zip(lower, upper, strict=True)):
        raise ValueError(f"SignedDistance needs bounds with lower < upper, got lower={lower}, upper={upper}")
    return lower, upper
