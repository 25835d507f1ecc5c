"""meshfree: a kernel-based meshless solver of partial differential equations, on JAX."""

from . import losses
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
from .problem import Problem, dirichlet, neumann, robin
from .solution import Solution
from .solve import solve
from .spaces import Collocation, Eigenbasis
from .tune import tune
