"""meshfree: a kernel-based meshless solver of partial differential equations, on JAX."""

from . import losses
from .cli import run
from .clouds import Cloud
from .domains import Ball, Box, Disk, Interval
from .kernels import (
    Gaussian,
    InverseMultiquadric,
    InverseQuadratic,
    Kernel,
    Matern,
    Multiquadric,
    Polyharmonic,
    RationalQuadratic,
    Wendland,
)
from .matrices import interpolate, matrix
from .metrics import error, residual_norm
from .operators import biharmonic, derivative, divergence, gradient, hessian, jacobian, laplacian
from .plots import plot, plot_cloud, plot_convergence, plot_history, plot_quality
from .problem import Problem, dirichlet, neumann, robin
from .quadrature import integrate
from .refinement import refine
from .shapes import Annulus, Capsule, Curve, Cylinder, Ellipse, Polygon, SignedDistance, Torus, TriangleSurface
from .solution import Solution
from .solve import solve
from .spaces import Collocation, Eigenbasis, Multilevel, Stencils
from .tune import tune

__all__ = [
    "Annulus",
    "Ball",
    "Box",
    "Capsule",
    "Cloud",
    "Collocation",
    "Curve",
    "Cylinder",
    "Disk",
    "Eigenbasis",
    "Ellipse",
    "Gaussian",
    "Interval",
    "InverseMultiquadric",
    "InverseQuadratic",
    "Kernel",
    "Matern",
    "Multilevel",
    "Multiquadric",
    "Polygon",
    "Polyharmonic",
    "Problem",
    "RationalQuadratic",
    "SignedDistance",
    "Solution",
    "Stencils",
    "Torus",
    "TriangleSurface",
    "Wendland",
    "biharmonic",
    "derivative",
    "dirichlet",
    "divergence",
    "error",
    "gradient",
    "hessian",
    "integrate",
    "interpolate",
    "jacobian",
    "laplacian",
    "losses",
    "matrix",
    "neumann",
    "plot",
    "plot_cloud",
    "plot_convergence",
    "plot_history",
    "plot_quality",
    "refine",
    "residual_norm",
    "robin",
    "run",
    "solve",
    "tune",
]
