"""meshfree: a kernel-based meshless solver of partial differential equations, on JAX."""

from .equations.operator_matrix import matrix
from .geometry import (
    Annulus,
    Ball,
    Box,
    Capsule,
    Cloud,
    Curve,
    Cylinder,
    Disk,
    Ellipse,
    Interval,
    Polygon,
    SignedDistance,
    Surface,
    Torus,
    TriangleSurface,
)
from .internal import compiler_faults
from .kernels import (
    Cosine,
    Gaussian,
    InverseMultiquadric,
    InverseQuadratic,
    Kernel,
    Matern,
    Multiquadric,
    Periodic,
    Polyharmonic,
    RationalQuadratic,
    SpectralMixture,
    Warped,
    Wendland,
)
from .pde.components import component
from .pde.data import Data
from .pde.manufactured import manufactured
from .pde.operators import biharmonic, derivative, divergence, gradient, hessian, jacobian, laplacian
from .pde.parameter import time_derivative
from .pde.problem import Problem, dirichlet, neumann, robin
from .pde.unknown import Unknown
from .plots import plot, plot_cloud, plot_convergence, plot_history, plot_quality
from .run.command_line import run
from .solving.automatic import solve
from .solving.branch import Branch
from .solving.eigen import eigen
from .solving.error_estimate import estimate_error
from .solving.evolve import evolve
from .solving.indicator import indicator, refine
from .solving.integrals import integrate
from .solving.l_curve import LCurve, l_curve
from .solving.metrics import error, residual_norm
from .solving.modes import Modes, Spectrum
from .solving.solution import Solution
from .solving.solve import interpolate
from .solving.spectrum import spectrum
from .solving.sweep import sweep
from .solving.trace import trace
from .solving.trajectory import Trajectory
from .spaces import Collocation, Eigenbasis, Enriched, GaussianProcess, Multilevel, Stencils
from .tuning import losses
from .tuning.tune import tune

compiler_faults.avoid_wrong_programs()

__all__ = [
    "Annulus",
    "Ball",
    "Box",
    "Branch",
    "Capsule",
    "Cloud",
    "Collocation",
    "Cosine",
    "Curve",
    "Cylinder",
    "Data",
    "Disk",
    "Eigenbasis",
    "Ellipse",
    "Enriched",
    "Gaussian",
    "GaussianProcess",
    "Interval",
    "InverseMultiquadric",
    "InverseQuadratic",
    "Kernel",
    "LCurve",
    "Matern",
    "Modes",
    "Multilevel",
    "Multiquadric",
    "Periodic",
    "Polygon",
    "Polyharmonic",
    "Problem",
    "RationalQuadratic",
    "SignedDistance",
    "Solution",
    "SpectralMixture",
    "Spectrum",
    "Stencils",
    "Surface",
    "Torus",
    "Trajectory",
    "TriangleSurface",
    "Unknown",
    "Warped",
    "Wendland",
    "biharmonic",
    "component",
    "derivative",
    "dirichlet",
    "divergence",
    "eigen",
    "error",
    "estimate_error",
    "evolve",
    "gradient",
    "hessian",
    "indicator",
    "integrate",
    "interpolate",
    "jacobian",
    "l_curve",
    "laplacian",
    "losses",
    "manufactured",
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
    "spectrum",
    "sweep",
    "time_derivative",
    "trace",
    "tune",
]
