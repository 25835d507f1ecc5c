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
from .functionals import Functional
from .kernel import Kernel, Product, Scaled, Stretched, Sum
from .oscillating import Cosine, Periodic, SpectralMixture
from .radial import Radial, ScaledRadial
from .warped import Warped

__all__ = [
    "Cosine",
    "Functional",
    "Gaussian",
    "InverseMultiquadric",
    "InverseQuadratic",
    "Kernel",
    "Matern",
    "Multiquadric",
    "Periodic",
    "Polyharmonic",
    "Product",
    "Radial",
    "RationalQuadratic",
    "Scaled",
    "ScaledRadial",
    "SpectralMixture",
    "Stretched",
    "Sum",
    "Warped",
    "Wendland",
    "check_coincident",
]
