"""Shapes, their boundaries, nodes, clouds and mesh files.

The face of every class that a file of ours can hold: its name there is `meshfree.geometry:Difference`, wherever in
this folder the class stands.
"""

from .cloud import Cloud
from .domain import Difference, Domain, Intersection, Moved, Union
from .motions import Motion
from .refinement import refine
from .shapes import (
    Annulus,
    Ball,
    Box,
    Capsule,
    Curve,
    Cylinder,
    Disk,
    Ellipse,
    Interval,
    Polygon,
    SignedDistance,
    Torus,
    TriangleSurface,
)
from .surface import Surface

__all__ = [
    "Annulus",
    "Ball",
    "Box",
    "Capsule",
    "Cloud",
    "Curve",
    "Cylinder",
    "Difference",
    "Disk",
    "Domain",
    "Ellipse",
    "Intersection",
    "Interval",
    "Motion",
    "Moved",
    "Polygon",
    "SignedDistance",
    "Surface",
    "Torus",
    "TriangleSurface",
    "Union",
    "refine",
]
