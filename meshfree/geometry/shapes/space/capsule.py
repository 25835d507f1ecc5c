"""Capsules: all points within a radius of a straight line."""

from dataclasses import dataclass

import numpy as np

from meshfree.geometry.arguments import Coordinates, Name, Number, check_name, numbers, positive, set_fields
from meshfree.geometry.boundary import BoundaryCurve
from meshfree.geometry.domain import Moved, Primitive
from meshfree.geometry.shape import as_points

from ..nearest_simplex import on_segment
from .revolution_patches import CapsuleSurface


@dataclass(frozen=True)
class Capsule(Primitive):
    """All points within `radius` of the straight line from `start` to `end`: a stadium in the plane.

    In the plane or in space, by the number of coordinates. One part: `boundary`, or `name`. `distance` is exact.

    Raises ValueError for ends that coincide or are of unlike dimension, and for a radius that is not positive.
    """

    start: Coordinates = (-0.5, 0.0)
    end: Coordinates = (0.5, 0.0)
    radius: Number = 0.5
    name: Name = None

    def __post_init__(self):
        start, end = (numbers(getattr(self, what), "Capsule", what, (2, 3)) for what in ("start", "end"))
        set_fields(self, start=start, end=end, radius=positive(self.radius, "Capsule", "radius"))
        check_name(self.name, "Capsule")
        if len(start) != len(end):
            raise ValueError(f"Capsule needs ends of equal dimension, got start={start}, end={end}")
        if start == end:
            kind = "Disk" if len(start) == 2 else "Ball"
            raise ValueError(f"Capsule needs two different ends, got {start} twice; use a {kind}")

    @property
    def dim(self):
        return len(self.start)

    @property
    def bounds(self):
        ends = np.array([self.start, self.end])
        return ends.min(axis=0) - self.radius, ends.max(axis=0) + self.radius

    @property
    def _length(self) -> float:
        return float(np.linalg.norm(np.subtract(self.end, self.start)))

    @property
    def volume(self):
        if self.dim == 2:
            return float(2 * self.radius * self._length + np.pi * self.radius**2)
        return float(np.pi * self.radius**2 * (self._length + 4 / 3 * self.radius))

    @property
    def pieces(self):
        part = "boundary" if self.name is None else self.name
        line = StadiumLine if self.dim == 2 else CapsuleSurface
        return (line(part, self.start, self.end, self.radius),)

    def distance(self, X):
        X = as_points(X, self.dim)
        start, end = (np.broadcast_to(point, X.shape) for point in (self.start, self.end))
        return np.linalg.norm(X - on_segment(X, start, end), axis=1) - self.radius

    def moved(self, motion):
        if not motion.similar:
            return Moved(self, motion)
        return Capsule(motion.point(self.start), motion.point(self.end), motion.factor * self.radius, self.name)


@dataclass(frozen=True)
class StadiumLine(BoundaryCurve):
    """The boundary of a stadium by arc length: along one side to `end`, around it, back, around `start`."""

    part: str
    start: tuple[float, float]
    end: tuple[float, float]
    radius: float
    closed = True

    @property
    def breaks(self):
        _, length, cap = self._travelled(np.zeros(1))
        share = length / (2 * (length + cap))
        return 0.0, share, 0.5, 0.5 + share

    def point(self, t):
        travelled, length, cap = self._travelled(t)
        forth, back = np.clip(travelled, 0, length), np.clip(travelled - length - cap, 0, length)
        _, outward = self._frame(travelled, length, cap)
        along = np.subtract(self.end, self.start) / length
        return np.array(self.start) + (forth - back)[:, None] * along + self.radius * outward

    def velocity(self, t):
        travelled, length, cap = self._travelled(t)
        return 2 * (length + cap) * self._frame(travelled, length, cap)[0]

    def _travelled(self, t: np.ndarray) -> tuple[np.ndarray, float, float]:
        """Arc length, the length of a straight side, the length of a half circle."""
        length, cap = float(np.linalg.norm(np.subtract(self.end, self.start))), np.pi * self.radius
        return (t % 1.0) * 2 * (length + cap), length, cap

    def _frame(self, travelled: np.ndarray, length: float, cap: float) -> tuple[np.ndarray, np.ndarray]:
        """Unit tangents and outward normals."""
        turned = np.clip(travelled - length, 0, cap) + np.clip(travelled - 2 * length - cap, 0, cap)
        cos, sin = np.cos(turned / self.radius)[:, None], np.sin(turned / self.radius)[:, None]
        along = np.subtract(self.end, self.start) / length
        right = np.array([along[1], -along[0]])
        return cos * along - sin * right, cos * right + sin * along
