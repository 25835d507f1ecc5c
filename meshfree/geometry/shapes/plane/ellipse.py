"""Ellipses with axes along the coordinates."""

from dataclasses import dataclass

import numpy as np

from meshfree.geometry.arguments import Coordinates, Name, check_name, numbers, positive, set_fields
from meshfree.geometry.boundary import BoundaryCurve
from meshfree.geometry.domain import Moved, Primitive
from meshfree.geometry.shape import as_points

_STEPS = 200  # at most; fewer than ten do unless a point is within a rounding error of the major axis


@dataclass(frozen=True)
class Ellipse(Primitive):
    """The ellipse (x − cx)²/a² + (y − cy)²/b² ≤ 1 with `semi_axes` (a, b); turn it with `.rotate`.

    One part: `boundary`, or `name`. `distance` is exact. Raises ValueError for semi-axes that are not positive.
    """

    center: Coordinates = (0.0, 0.0)
    semi_axes: Coordinates = (1.0, 0.5)
    name: Name = None

    dim = 2

    def __post_init__(self):
        center = numbers(self.center, "Ellipse", "center", (2,))
        axes = numbers(self.semi_axes, "Ellipse", "semi_axes", (2,))
        set_fields(self, center=center, semi_axes=tuple(positive(axis, "Ellipse", "semi_axes") for axis in axes))
        check_name(self.name, "Ellipse")

    @property
    def bounds(self):
        return np.subtract(self.center, self.semi_axes), np.add(self.center, self.semi_axes)

    @property
    def volume(self):
        return float(np.pi * np.prod(self.semi_axes))

    @property
    def pieces(self):
        return (EllipseLine("boundary" if self.name is None else self.name, self.center, self.semi_axes),)

    def distance(self, X):
        Y = np.abs(as_points(X, 2) - np.array(self.center))
        axes = np.array(self.semi_axes)
        gap = np.linalg.norm(Y - _foot(Y, axes), axis=1)
        return np.where(np.linalg.norm(Y / axes, axis=1) < 1, -gap, gap)

    def moved(self, motion):
        if not motion.upright:
            return Moved(self, motion)
        return Ellipse(motion.point(self.center), motion.turn(np.array(self.semi_axes)), self.name)


@dataclass(frozen=True)
class EllipseLine(BoundaryCurve):
    """A whole ellipse, counter-clockwise from the positive x-axis."""

    part: str
    center: tuple[float, float]
    semi_axes: tuple[float, float]
    closed = True

    def point(self, t):
        angle = 2 * np.pi * t
        return np.array(self.center) + np.array(self.semi_axes) * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def velocity(self, t):
        angle = 2 * np.pi * t
        return 2 * np.pi * np.array(self.semi_axes) * np.stack([-np.sin(angle), np.cos(angle)], axis=1)


def _foot(Y: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """The nearest point of the ellipse for points of the first quadrant (Eberly, Distance from a Point to an Ellipse).

    It is (a² p / (τ + a² − b²), b² q / τ) for (p, q), b the shorter semi-axis, where τ > 0 is the root of

        (a p / (τ + a² − b²))² + (b q / τ)² = 1.

    The left side is convex and falls, so that Newton's method rises from b q, or from a p − a² + b², to the root.
    """
    if axes[0] < axes[1]:
        return _foot(Y[:, ::-1], axes[::-1])[:, ::-1]
    (p, q), (a, b) = Y.T, axes
    excess = (a - b) * (a + b)
    tau = np.maximum(np.maximum(b * q, a * p - excess), np.finfo(float).tiny ** 0.25 * b**2)
    open_ = np.arange(len(Y))
    for _ in range(_STEPS):
        x, y = a * p[open_] / (tau[open_] + excess), b * q[open_] / tau[open_]
        slope = 2 * (x**2 / (tau[open_] + excess) + y**2 / tau[open_])
        step = (x**2 + y**2 - 1) / np.maximum(slope, np.finfo(float).tiny)
        tau[open_] += np.maximum(step, 0)
        open_ = open_[step > 1e-16 * tau[open_]]
        if len(open_) == 0:
            break
    x = np.minimum(a * p / (tau + excess), 1.0)
    # On the major axis τ tends to 0, and the height is known from x alone.
    y = np.where(b * q > 1e-100 * b**2, b * q / tau, np.sqrt((1 - x) * (1 + x)))
    return np.stack([a * x, b * y], axis=1)
