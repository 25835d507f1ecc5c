"""The shapes that a user names."""

from .basic import Ball, Box, Disk, Interval
from .plane.annulus import Annulus
from .plane.curve import Curve
from .plane.ellipse import Ellipse
from .plane.polygon import Polygon
from .signed_distance import SignedDistance
from .space.capsule import Capsule
from .space.cylinder import Cylinder
from .space.torus import Torus
from .space.triangle_surface import TriangleSurface

__all__ = [
    "Annulus",
    "Ball",
    "Box",
    "Capsule",
    "Curve",
    "Cylinder",
    "Disk",
    "Ellipse",
    "Interval",
    "Polygon",
    "SignedDistance",
    "Torus",
    "TriangleSurface",
]
