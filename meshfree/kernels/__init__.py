"""Trainable kernels: self-contained modules on pairs of points."""

from .coincident import check_coincident
from .families import (
    Gaussian,
    InverseMultiquadric,
    InverseQuadratic,
    Matern,
    Multiquadric,
    Polyharmonic,
    RationalQuadratic,
    Wendland,
)
from .kernel import Kernel, Product, Scaled, Stretched, Sum
from .radial import Radial, ScaledRadial

__all__ = [
    "Gaussian",
    "InverseMultiquadric",
    "InverseQuadratic",
    "Kernel",
    "Matern",
    "Multiquadric",
    "Polyharmonic",
    "Product",
    "Radial",
    "RationalQuadratic",
    "Scaled",
    "ScaledRadial",
    "Stretched",
    "Sum",
    "Wendland",
    "check_coincident",
]
