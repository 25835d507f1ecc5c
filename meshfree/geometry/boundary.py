"""Smooth pieces that boundaries are made of: end points, curves and surface patches, each with a part's name.

A new shape describes its boundary with these; node placement and the algebra of shapes need nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

_RING = 0.3 + np.arange(8) * np.pi / 4  # angles
_SAMPLES = 1025  # of a curve, for its bounding box
_ZOOMS = 3  # each by a factor of 16: then heights at a smooth extreme are exact


@dataclass(frozen=True)
class End:
    """An end point of a domain on the line; `normal` is -1.0 or 1.0."""

    part: str
    x: float
    normal: float


class BoundaryCurve(ABC):
    """A smooth parametric curve, t in [0, 1], in the plane or (as an edge) in space.

    In the plane the domain lies to the LEFT of the direction of travel (counter-clockwise around the
    outside, clockwise around holes). A `closed` curve is smooth and periodic in t, with period 1.
    """

    part: str
    closed: bool
    straight = False  # and run through at constant speed

    @property
    def breaks(self) -> tuple[float, ...]:
        """Parameters in [0, 1) where the curvature jumps, which rules of integration should know; most have none."""
        return ()

    @abstractmethod
    def point(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
        """Points of the curve."""

    @abstractmethod
    def velocity(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
        """Derivatives of the points by t; never zero."""

    def normal(self, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        """Unit normals to the right of the direction of travel, outward; for plane curves."""
        vx, vy = self.velocity(t).T
        return np.stack([vy, -vx], axis=1) / np.hypot(vx, vy)[:, None] + 0.0  # + 0.0 turns -0.0 into 0.0


@dataclass(frozen=True)
class Segment(BoundaryCurve):
    """The straight line from `start` to `end`, points as tuples."""

    part: str
    start: tuple[float, ...]
    end: tuple[float, ...]
    closed = False
    straight = True

    def point(self, t):
        start, end, t = np.array(self.start), np.array(self.end), t[:, None]
        # Measured from the nearer end, so that both ends come out exactly.
        return np.where(t < 0.5, start + t * (end - start), end - (1 - t) * (end - start))

    def velocity(self, t):
        return np.tile(np.subtract(self.end, self.start), (len(t), 1))


@dataclass(frozen=True)
class Circle(BoundaryCurve):
    """A whole circle from angle zero, counter-clockwise unless around a hole."""

    part: str
    center: tuple[float, float]
    radius: float
    clockwise: bool = False
    closed = True

    def point(self, t):
        angle = self._full_turn * t
        return np.array(self.center) + self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def velocity(self, t):
        angle = self._full_turn * t
        return self._full_turn * self.radius * np.stack([-np.sin(angle), np.cos(angle)], axis=1)

    @property
    def _full_turn(self) -> float:
        return -2 * np.pi if self.clockwise else 2 * np.pi


class Sides(NamedTuple):
    """The smooth sides of a surface that meet at some points of it.

    - `point`, `normal`: of every side the number of its point, and its unit outward normal there
    - `beside`, `side`: points of the surface beside those points, and the number of the side that each lies on
    """

    point: Int[np.ndarray, " s"]
    normal: Float[np.ndarray, "s 3"]
    beside: Float[np.ndarray, "r 3"]
    side: Int[np.ndarray, " r"]


class BoundaryPatch(ABC):
    """A piece of surface in space; smooth, unless its class says what `sides` meet where it is not."""

    part: str

    @property
    def aspect(self) -> float:
        """How many times as long as wide the square that `at` maps counts, when it is cut into cells for nodes."""
        return 1.0

    @property
    @abstractmethod
    def area(self) -> float:
        """Area of the patch."""

    @abstractmethod
    def at(self, U: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
        """An area-preserving map of the unit square onto the patch (up to the factor `area`)."""

    @abstractmethod
    def project(self, X: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """The nearest points of the patch."""

    @abstractmethod
    def normal(self, X: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Unit outward normals at points of the patch."""

    def sides(self, X: Float[np.ndarray, "n 3"], radius: float) -> Sides:
        """The sides that meet at points of the patch, with points `radius` away."""
        N = self.normal(X)
        around = ring(X, N, radius)
        Y = self.project(around)
        # Beyond the rim of the patch the projection falls back onto the rim, which says nothing.
        valid = np.linalg.norm(Y - around, axis=1) < 0.1 * radius
        return Sides(np.arange(len(X)), N, Y[valid], np.repeat(np.arange(len(X)), len(_RING))[valid])


def ring(X: Float[np.ndarray, "n 3"], N: Float[np.ndarray, "n 3"], radius: float) -> Float[np.ndarray, "m 3"]:
    """Eight points around each X, across the unit vectors N."""
    u = np.cross(N, np.eye(3)[np.argmin(np.abs(N), axis=1)])
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    cos, sin = np.cos(_RING)[:, None], np.sin(_RING)[:, None]
    return (X[:, None] + radius * (cos * u[:, None] + sin * np.cross(N, u)[:, None])).reshape(-1, 3)


@dataclass(frozen=True)
class Rectangle(BoundaryPatch):
    """The side of an axis-parallel box where coordinate `axis` is at its lower (-1) or upper (+1) value."""

    part: str
    lower: tuple[float, float, float]
    upper: tuple[float, float, float]
    axis: int
    side: int

    @property
    def area(self):
        return float(np.prod(np.delete(np.subtract(self.upper, self.lower), self.axis)))

    @property
    def _level(self) -> float:
        return (self.lower if self.side < 0 else self.upper)[self.axis]

    def at(self, U):
        free = np.delete(np.arange(3), self.axis)
        lower, upper = np.array(self.lower)[free], np.array(self.upper)[free]
        X = np.full((len(U), 3), self._level)
        X[:, free] = lower + U * (upper - lower)
        return X

    def project(self, X):
        X = np.clip(X, self.lower, self.upper)
        X[:, self.axis] = self._level
        return X

    def normal(self, X):
        N = np.zeros_like(X)
        N[:, self.axis] = self.side
        return N


@dataclass(frozen=True)
class Sphere(BoundaryPatch):
    """A whole sphere."""

    part: str
    center: tuple[float, float, float]
    radius: float

    @property
    def area(self):
        return 4 * np.pi * self.radius**2

    def at(self, U):
        # Archimedes: the projection onto the enclosing cylinder preserves area.
        z, angle = 2 * U[:, 0] - 1, 2 * np.pi * U[:, 1]
        ring = np.sqrt(1 - z**2)
        return np.array(self.center) + self.radius * np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)

    def project(self, X):
        return np.array(self.center) + self.radius * self.normal(X)

    def normal(self, X):
        away = X - np.array(self.center)
        length = np.linalg.norm(away, axis=1, keepdims=True)
        # The centre is equally far from everywhere: any direction will do.
        away[length[:, 0] == 0] = (1.0, 0.0, 0.0)
        return away / np.where(length == 0, 1.0, length)


# -------------------------------------------------------------------------------------------- bounding boxes


def bounding_box(curves: Sequence[BoundaryCurve]) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
    """The lower and the upper corner of the box around plane curves, to round-off."""
    return _least(curves, 1.0), -_least(curves, -1.0)


def _least(curves: Sequence[BoundaryCurve], sign: float) -> Float[np.ndarray, " d"]:
    return np.min([_least_of(curve, sign) for curve in curves], axis=0)


def _least_of(curve: BoundaryCurve, sign: float) -> Float[np.ndarray, " d"]:
    """The least coordinates of sign × the curve, on ever finer grids about the lowest point of each."""
    t = np.linspace(0, 1, _SAMPLES)
    X = sign * curve.point(t)
    least = X.min(axis=0)
    for axis, lowest in enumerate(np.argmin(X, axis=0)):
        middle, reach = t[lowest], 1 / (_SAMPLES - 1)
        for _ in range(_ZOOMS):
            grid = middle + reach * np.linspace(-1, 1, 33)
            grid = grid if curve.closed else np.clip(grid, 0, 1)
            heights = sign * curve.point(grid)[:, axis]
            middle, reach = grid[np.argmin(heights)], reach / 16
            least[axis] = min(least[axis], heights.min())
    return least
