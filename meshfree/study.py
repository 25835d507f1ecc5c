"""From a few choices to a solution: nodes, space, tuning and solving with sensible defaults; convergence studies."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path
from typing import Literal

import optax

from . import kernels, losses
from .clouds import Cloud
from .metrics import error, residual_norm
from .polynomials import total_degree
from .problem import Problem
from .solution import Solution
from .solve import solve
from .spaces import Collocation, Eigenbasis, Space
from .tune import History, tune

KernelName = Literal[
    "gaussian",
    "matern",
    "wendland",
    "multiquadric",
    "inverse-multiquadric",
    "inverse-quadratic",
    "rational-quadratic",
    "polyharmonic",
]

EIGENBASIS_DEGREE = {1: 30, 2: 24, 3: 14}
EIGENBASIS_SCALE = 3.0
ROWS_PER_FUNCTION = 2.0
NODES_ACROSS = 16  # spacings along the shortest side of the bounding box, for translates
SPACINGS_PER_SCALE = {"gaussian": 5.0, "multiquadric": 12.0}
CHECK_SEED = 1000  # the check cloud's seed is this far from the nodes'


@dataclasses.dataclass(frozen=True)
class Choices:
    """The solver's choices."""

    space: Literal["collocation", "eigenbasis"] | None = None
    """Translates of a kernel, or the Gaussian's eigenfunctions; default: eigenbasis, collocation for a named kernel."""
    kernel: KernelName | None = None
    """The kernel; default: gaussian."""
    shape: float | None = None
    """Its other parameter: nu (matern), smoothness (wendland), alpha (rational-quadratic), degree (polyharmonic)."""
    scale: tuple[float, ...] = ()
    """The kernel's scale, one number or one per dimension; default: a rule from the spacing."""
    degree: int | None = None
    """The eigenbasis' degree (default 30, 24, 14 in 1, 2, 3 dimensions), or that of collocation's polynomial tail."""
    spacing: float | None = None
    """The distance of neighbouring nodes; default: 1/16 of the domain, or two nodes per eigenfunction."""
    cluster: float = 1.0
    """How far nodes are drawn towards the boundary, 0 (not at all) to 1 (Chebyshev-like)."""
    nodes: Path | None = None
    """A CSV or NPZ file of nodes, in place of --spacing."""
    solver: Literal["auto", "lu", "qr", "svd"] = "auto"
    """The dense solver."""
    tune: int = 0
    """Steps of gradient descent on the kernel's scale."""
    loss: Literal["residual", "leave-one-out"] = "residual"
    """What tuning minimises: the residual off the nodes, or at each node with that node left out."""
    optimizer: Literal["adam", "lbfgs"] = "adam"
    """The optimiser of --tune."""
    rate: float = 0.05
    """The learning rate of adam."""
    seed: int = 0
    """The seed of the nodes."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A solved problem: what was found, how good it is, and how long it took."""

    problem: Problem
    solution: Solution
    history: History | None
    error: float | None  # relative L2 at independent points, without a domain at the nodes; None: no exact solution
    residual: float | None  # root mean square off the nodes; None without a domain to take points from
    seconds: float


def study(problem: Problem, choices: Choices) -> Outcome:
    """Nodes, space, tuning and solve, as chosen."""
    began = time.perf_counter()
    cloud = nodes(problem, choices)
    space, history = build_space(problem, cloud, choices), None
    if choices.tune:
        space, history = _tuned(problem, space, choices)
    u = solve(problem, space, solver=choices.solver)
    check = None if problem.domain is None else check_cloud(problem, space.cloud, choices.seed)
    return Outcome(
        problem,
        u,
        history,
        None if problem.exact is None else error(problem, u, space.cloud.points if problem.domain is None else None),
        None if check is None else residual_norm(problem, u, check),
        time.perf_counter() - began,
    )


def converge(problem: Problem, choices: Choices, levels: int = 4) -> list[Outcome]:
    """The study at `levels` finer and finer resolutions: the spacing divided by √2, or the degree raised, each time."""
    if choices.nodes is not None:
        raise ValueError("a convergence study makes its own nodes: give --spacing in place of --nodes")
    if problem.domain is None:
        raise ValueError("a convergence study makes its own nodes, and the problem has no domain to make them on")
    if uses_eigenbasis(choices):
        last = _degree(choices, problem.domain.dim)
        degrees = sorted({max(round(last * (level + 1) / levels), 1) for level in range(levels)})
        refined = [dataclasses.replace(choices, degree=degree) for degree in degrees]
    else:
        spacings = [_spacing(problem, choices) / math.sqrt(2) ** level for level in range(levels)]
        refined = [dataclasses.replace(choices, spacing=spacing) for spacing in spacings]
    return [study(problem, each) for each in refined]


def observed_order(coarse: tuple[float, float], fine: tuple[float, float]) -> float:
    """log(error ratio)/log(spacing ratio) of two (spacing, error) pairs; NaN where no error is left to compare."""
    if not (coarse[1] > 0 and fine[1] > 0 and coarse[0] != fine[0]):
        return math.nan
    return math.log(coarse[1] / fine[1]) / math.log(coarse[0] / fine[0])


def nodes(problem: Problem, choices: Choices) -> Cloud:
    """The cloud from the file, or on the domain at the chosen spacing."""
    if choices.nodes is not None:
        return Cloud.load(choices.nodes, domain=problem.domain)
    spacing = _spacing(problem, choices)
    return problem.domain.cloud(spacing, seed=choices.seed, cluster=choices.cluster)


def check_cloud(problem: Problem, cloud: Cloud, seed: int) -> Cloud:
    """Points for judging a solution on `cloud`: about as many, elsewhere, and evenly spread."""
    spacing = (problem.domain.volume / len(cloud)) ** (1 / cloud.dim)
    return problem.domain.cloud(spacing, seed=seed + CHECK_SEED)


def uses_eigenbasis(choices: Choices) -> bool:
    """Whether the choices mean the eigenbasis: by name, or because no kernel is named."""
    return choices.space == "eigenbasis" or (choices.space is None and choices.kernel is None)


def build_space(problem: Problem, cloud: Cloud, choices: Choices) -> Space:
    """The chosen space over a cloud; ValueError for choices that exclude one another."""
    if uses_eigenbasis(choices):
        if choices.kernel not in (None, "gaussian"):
            raise ValueError(f"the eigenbasis is that of the gaussian, not of {choices.kernel}: drop one of the two")
        if choices.shape is not None:
            raise ValueError("the eigenbasis is that of the gaussian, which has no --shape")
        return Eigenbasis(kernels.Gaussian(_scale(choices, EIGENBASIS_SCALE)), cloud, _degree(choices, cloud.dim))
    tail = choices.degree if choices.degree is not None else _needed_tail(choices)
    return Collocation(build_kernel(cloud, choices), cloud, degree=tail)


def build_kernel(cloud: Cloud, choices: Choices) -> kernels.Kernel:
    """The chosen kernel; its default scale follows the spacing, or the cloud's width at finite smoothness."""
    name = choices.kernel or "gaussian"
    makers = {
        "gaussian": (kernels.Gaussian, None),
        "matern": (kernels.Matern, 5.5),
        "wendland": (kernels.Wendland, 6),
        "multiquadric": (kernels.Multiquadric, None),
        "inverse-multiquadric": (kernels.InverseMultiquadric, None),
        "inverse-quadratic": (kernels.InverseQuadratic, None),
        "rational-quadratic": (kernels.RationalQuadratic, 1.0),
        "polyharmonic": (kernels.Polyharmonic, 7),
    }
    make, default_shape = makers[name]
    if choices.shape is not None and default_shape is None:
        raise ValueError(f"the {name} kernel has no --shape")
    shape = default_shape if choices.shape is None else choices.shape
    if shape is not None and name in ("wendland", "polyharmonic"):
        if shape != int(shape):
            raise ValueError(f"--shape of the {name} kernel is a whole number; got {shape:g}")
        shape = int(shape)
    arguments = [] if shape is None else [shape]
    if name == "polyharmonic":
        if choices.scale:
            raise ValueError("the polyharmonic kernel has no --scale")
        return make(*arguments)
    return make(*arguments, scale=_scale(choices, _default_scale(name, cloud)))


def _tuned(problem: Problem, space: Space, choices: Choices) -> tuple[Space, History]:
    if choices.kernel == "polyharmonic":
        raise ValueError("the polyharmonic kernel has no scale to tune: drop --tune")
    loss: losses.LeaveOneOut | losses.Residual
    if choices.loss == "leave-one-out":
        loss = losses.leave_one_out(problem, solver=choices.solver)
    elif problem.domain is None:
        raise ValueError("--loss residual needs a domain to take check points from: take --loss leave-one-out")
    else:
        loss = losses.residual(problem, check_cloud(problem, space.cloud, choices.seed), solver=choices.solver)
    optimizer = optax.lbfgs() if choices.optimizer == "lbfgs" else optax.adam(choices.rate)
    return tune(loss, space, optimizer=optimizer, steps=choices.tune)


def _spacing(problem: Problem, choices: Choices) -> float:
    if choices.spacing is not None:
        return choices.spacing
    if problem.domain is None:
        raise ValueError("the problem has no domain: give the nodes as a file, --nodes")
    dim = problem.domain.dim
    if uses_eigenbasis(choices):
        functions = len(total_degree(dim, _degree(choices, dim)))
        return (problem.domain.volume / (ROWS_PER_FUNCTION * functions)) ** (1 / dim)
    lower, upper = problem.domain.bounds
    return float(min(upper - lower)) / (NODES_ACROSS if dim < 3 else NODES_ACROSS // 2)


def _default_scale(name: str, cloud: Cloud) -> float:
    width = float(max(cloud.points.max(axis=0) - cloud.points.min(axis=0)))
    if name in ("matern", "wendland"):
        return width if name == "matern" else 2 * width
    typical = width / len(cloud) ** (1 / cloud.dim)
    return SPACINGS_PER_SCALE.get(name, SPACINGS_PER_SCALE["multiquadric"]) * typical


def _needed_tail(choices: Choices) -> int:
    """The degree of polynomials that a conditionally positive definite kernel needs; −1 for the others."""
    if choices.kernel == "polyharmonic":
        return int(7 if choices.shape is None else choices.shape) // 2
    return 0 if choices.kernel == "multiquadric" else -1


def _degree(choices: Choices, dim: int) -> int:
    """The degree of the eigenbasis."""
    degree = EIGENBASIS_DEGREE.get(dim) if choices.degree is None else choices.degree
    if degree is None:
        raise ValueError(f"no default degree of the eigenbasis in {dim} dimensions: give --degree")
    if degree < 0:
        raise ValueError(f"--degree must be at least 0; got {degree}")
    return degree


def _scale(choices: Choices, default: float) -> float | list[float]:
    """One number, or one per dimension."""
    if not choices.scale:
        return default
    return choices.scale[0] if len(choices.scale) == 1 else list(choices.scale)
