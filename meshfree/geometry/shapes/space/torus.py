"""Tori."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from meshfree.geometry.arguments import Coordinates, Name, Number, check_name, numbers, positive, set_fields
from meshfree.geometry.domain import Primitive
from meshfree.geometry.shape import as_points

from .revolution_patches import TorusSurface


@dataclass(frozen=True)
class Torus(Primitive):
    """The solid torus: all points within `minor` of the circle of radius `major` around `center`, across `axis`.

    One part: `boundary`, or `name`. `distance` is exact.

    Raises ValueError for radii that are not 0 < minor < major, an axis of length zero and points that have not three
    coordinates; TypeError for what is no number.
    """

    center: Coordinates = (0.0, 0.0, 0.0)
    axis: Coordinates = (0.0, 0.0, 1.0)
    major: Number = 1.0
    minor: Number = 0.4
    name: Name = None

    dim = 3

    def __post_init__(self):
        for what, read in (("center", _point), ("axis", _point), ("major", positive), ("minor", positive)):
            set_fields(self, **{what: read(getattr(self, what), "Torus", what)})
        check_name(self.name, "Torus")
        if not any(self.axis):
            raise ValueError(f"Torus needs a direction as axis, got {self.axis}")
        if self.minor >= self.major:
            raise ValueError(
                f"Torus needs minor < major, or its hole closes; got major={self.major}, minor={self.minor}"
            )

    @property
    def bounds(self):
        w = np.array(self.axis) / np.linalg.norm(self.axis)
        # The extent of a circle across w; 1 - w² would cancel.
        ring = self.major * np.array([np.hypot(w[1], w[2]), np.hypot(w[2], w[0]), np.hypot(w[0], w[1])])
        return np.array(self.center) - (ring + self.minor), np.array(self.center) + (ring + self.minor)

    @property
    def volume(self):
        return 2 * np.pi**2 * self.major * self.minor**2

    @cached_property
    def pieces(self):
        part = "boundary" if self.name is None else self.name
        return (TorusSurface(part, self.center, self.axis, self.major, self.minor),)

    def moved(self, motion):
        axis = tuple(motion.turn(np.array(self.axis)).tolist())
        radii = motion.factor * self.major, motion.factor * self.minor
        return Torus(motion.point(self.center), axis, *radii, self.name)

    def distance(self, X):
        X = as_points(X, 3)
        return np.linalg.norm(X - self.pieces[0].spine(X), axis=1) - self.minor


def _point(value, kind: str, what: str) -> tuple[float, ...]:
    return numbers(value, kind, what, (3,))
