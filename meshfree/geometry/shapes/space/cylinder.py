"""Cylinders."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from meshfree.geometry.arguments import Coordinates, Name, Number, check_name, numbers, positive, set_fields
from meshfree.geometry.domain import Primitive
from meshfree.geometry.shape import as_points

from .revolution_patches import CylinderSide, DiscFace, Rim


@dataclass(frozen=True)
class Cylinder(Primitive):
    """The solid, flat-ended cylinder of a radius around the straight line from `start` to `end`.

    Radius 1 and height 2 around the z axis by default. Parts `side`, `bottom` (at `start`) and `top` (at `end`), or
    all `name`; the two rims are edges. `distance` is exact.

    Raises ValueError for a radius that is not positive, for ends that coincide or have not three coordinates;
    TypeError for what is no number.
    """

    start: Coordinates = (0.0, 0.0, -1.0)
    end: Coordinates = (0.0, 0.0, 1.0)
    radius: Number = 1.0
    name: Name = None

    dim = 3

    def __post_init__(self):
        start, end = (numbers(getattr(self, what), "Cylinder", what, (3,)) for what in ("start", "end"))
        set_fields(self, start=start, end=end, radius=positive(self.radius, "Cylinder", "radius"))
        check_name(self.name, "Cylinder")
        if start == end:
            raise ValueError(f"Cylinder needs two ends apart, got start={start}, end={end}")

    @property
    def _axis(self) -> np.ndarray:
        return np.subtract(self.end, self.start)

    @property
    def bounds(self):
        w = self._axis / np.linalg.norm(self._axis)
        # The extent of a disc across w; 1 - w² would cancel.
        reach = self.radius * np.array([np.hypot(w[1], w[2]), np.hypot(w[2], w[0]), np.hypot(w[0], w[1])])
        return np.minimum(self.start, self.end) - reach, np.maximum(self.start, self.end) + reach

    @property
    def volume(self):
        return float(np.pi * self.radius**2 * np.linalg.norm(self._axis))

    @cached_property
    def pieces(self):
        side, bottom, top = ("side", "bottom", "top") if self.name is None else (self.name,) * 3
        down, up = tuple((-self._axis).tolist()), tuple(self._axis.tolist())
        return (
            CylinderSide(side, self.start, self.end, self.radius),
            DiscFace(bottom, self.start, down, self.radius),
            DiscFace(top, self.end, up, self.radius),
        )

    @property
    def edges(self):
        up = tuple(self._axis.tolist())
        return tuple(Rim("edge", center, up, self.radius) for center in (self.start, self.end))

    def moved(self, motion):
        return Cylinder(motion.point(self.start), motion.point(self.end), motion.factor * self.radius, self.name)

    def distance(self, X):
        X = as_points(X, 3)
        height = np.linalg.norm(self._axis)
        away = X - np.array(self.start)
        z = away @ (self._axis / height)
        rho = np.linalg.norm(away - z[:, None] * (self._axis / height), axis=1)
        beyond = np.stack([rho - self.radius, np.maximum(-z, z - height)], axis=1)
        return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)
