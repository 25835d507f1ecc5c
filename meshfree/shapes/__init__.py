"""Shapes beyond boxes and balls."""

from .annulus import Annulus
from .capsule import Capsule
from .curve import Curve
from .cylinder import Cylinder
from .ellipse import Ellipse
from .polygon import Polygon
from .signed_distance import SignedDistance
from .torus import Torus
from .triangle_surface import TriangleSurface

__all__ = [
    "Annulus",
    "Capsule",
    "Curve",
    "Cylinder",
    "Ellipse",
    "Polygon",
    "SignedDistance",
    "Torus",
    "TriangleSurface",
]
