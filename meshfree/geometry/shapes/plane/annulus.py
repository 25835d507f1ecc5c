"""Annuli: what lies between two concentric circles."""

from dataclasses import dataclass

import numpy as np

from meshfree.geometry.arguments import Coordinates, Name, Number, check_name, numbers, positive, set_fields
from meshfree.geometry.boundary import Circle
from meshfree.geometry.domain import Moved, Primitive
from meshfree.geometry.shape import as_points


@dataclass(frozen=True)
class Annulus(Primitive):
    """The points further than `inner` and no further than `outer` from the centre.

    Parts `inner` and `outer`, or both `name`. `distance` is exact. Raises ValueError unless 0 < inner < outer.
    """

    center: Coordinates = (0.0, 0.0)
    inner: Number = 0.5
    outer: Number = 1.0
    name: Name = None

    dim = 2

    def __post_init__(self):
        radii = {what: positive(getattr(self, what), "Annulus", what) for what in ("inner", "outer")}
        set_fields(self, center=numbers(self.center, "Annulus", "center", (2,)), **radii)
        check_name(self.name, "Annulus")
        if self.inner >= self.outer:
            raise ValueError(f"Annulus needs inner < outer, got inner={self.inner}, outer={self.outer}")

    @property
    def bounds(self):
        return np.array(self.center) - self.outer, np.array(self.center) + self.outer

    @property
    def volume(self):
        return float(np.pi * (self.outer - self.inner) * (self.outer + self.inner))

    @property
    def pieces(self):
        inner, outer = ("inner", "outer") if self.name is None else (self.name, self.name)
        return (
            Circle(inner, self.center, self.inner, clockwise=True),
            Circle(outer, self.center, self.outer),
        )

    def distance(self, X):
        radius = np.linalg.norm(as_points(X, 2) - np.array(self.center), axis=1)
        return np.maximum(self.inner - radius, radius - self.outer)

    def moved(self, motion):
        if not motion.similar:
            return Moved(self, motion)
        k = motion.factor
        return Annulus(motion.point(self.center), k * self.inner, k * self.outer, self.name)
