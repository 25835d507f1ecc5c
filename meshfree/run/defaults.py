"""From choices to nodes and a space: the rules behind the defaults of the command line."""

from __future__ import annotations

import dataclasses

from .. import kernels
from ..geometry.cloud import Cloud
from ..pde.multi_indices import total_degree
from ..pde.problem import Problem
from ..spaces import Collocation, Eigenbasis, Multilevel, Space, Stencils
from .flags import Choices

EIGENBASIS_DEGREE = {1: 30, 2: 24, 3: 14}
EIGENBASIS_SCALE = 3.0
ROWS_PER_FUNCTION = 2.0
STENCIL_DEGREE = 4
STENCIL_SCALE = 1.0  # radii of the stencil
NODES_ACROSS = {1: 16, 2: 16, 3: 8}  # spacings along the shortest side of the bounding box, for translates
LOCAL_NODES_ACROSS = {1: 200, 2: 48, 3: 20}
SPACINGS_PER_SCALE = {"gaussian": 5.0, "multiquadric": 12.0}
SPACINGS_PER_SUPPORT = {1: 20.0, 2: 8.0, 3: 4.0}  # of a narrow Wendland kernel: some 200 centers
CHECK_SEED = 1000  # the check cloud's seed is this far from the nodes'
KERNELS = {
    "gaussian": (kernels.Gaussian, None),
    "matern": (kernels.Matern, 5.5),
    "wendland": (kernels.Wendland, 6),
    "multiquadric": (kernels.Multiquadric, None),
    "inverse-multiquadric": (kernels.InverseMultiquadric, None),
    "inverse-quadratic": (kernels.InverseQuadratic, None),
    "rational-quadratic": (kernels.RationalQuadratic, 1.0),
    "polyharmonic": (kernels.Polyharmonic, 7),
}  # with the default of --shape


def nodes(problem: Problem, choices: Choices) -> Cloud:
    """The cloud from the file, or on the domain at the chosen spacing."""
    if choices.nodes is not None:
        return Cloud.load(choices.nodes, domain=problem.domain)
    cluster = float(not choices.is_local) if choices.cluster is None else choices.cluster
    spacing, grading = spacing_of(problem, choices), choices.grading
    graded = spacing if grading is None else lambda x: spacing * grading(x)
    return problem.domain.cloud(graded, seed=choices.seed, cluster=cluster)


def check_cloud(problem: Problem, cloud: Cloud, seed: int) -> Cloud:
    """Points for judging a solution on `cloud`: about as many, elsewhere, and evenly spread."""
    spacing = (problem.domain.volume / len(cloud)) ** (1 / cloud.dim)
    return problem.domain.cloud(spacing, seed=seed + CHECK_SEED)


def build_space(problem: Problem, cloud: Cloud, choices: Choices) -> Space:
    """The chosen space over a cloud; ValueError for choices that exclude one another."""
    name = choices.of_space
    if name != "stencils" and (choices.size is not None or choices.ghost):
        raise ValueError(f"--size and --ghost are for --space stencils, not for {name}")
    if name != "wendland" and choices.levels != 1:
        raise ValueError(f"--levels is for --space wendland, not for {name}")
    if name == "eigenbasis":
        return _eigenbasis(cloud, choices)
    if name == "wendland" and choices.of_kernel != "wendland":
        raise ValueError(f"--space wendland takes the wendland kernel, not {choices.kernel}: drop one of the two")
    if choices.levels != 1:
        return _multilevel(problem, cloud, choices)
    kernel = build_kernel(cloud, choices)
    if name == "stencils":
        degree = STENCIL_DEGREE if choices.degree is None else choices.degree
        return Stencils(kernel, cloud, degree, size=choices.size, ghost=choices.ghost)
    needed = -1 if kernel.tail is None else kernel.tail
    return Collocation(kernel, cloud, degree=needed if choices.degree is None else choices.degree)


def build_kernel(cloud: Cloud, choices: Choices) -> kernels.Kernel:
    """The chosen kernel; its default scale is a stencil's radius, or follows the spacing or the cloud's width."""
    name = choices.of_kernel
    make, default_shape = KERNELS[name]
    if choices.shape is not None and default_shape is None:
        raise ValueError(f"the {name} kernel has no --shape")
    if name == "polyharmonic" and choices.of_space == "stencils":
        default_shape = 5
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
    return make(*arguments, scale=_scale(choices, _default_scale(cloud, choices)))


def spacing_of(problem: Problem, choices: Choices) -> float:
    """The chosen spacing, or the rule's; ValueError for a problem without a domain."""
    if choices.spacing is not None:
        return choices.spacing
    if problem.domain is None:
        raise ValueError("the problem has no domain: give the nodes as a file, --nodes")
    dim = problem.domain.dim
    if choices.of_space == "eigenbasis":
        functions = len(total_degree(dim, eigenbasis_degree(choices, dim)))
        return (problem.domain.volume / (ROWS_PER_FUNCTION * functions)) ** (1 / dim)
    lower, upper = problem.domain.bounds
    return float(min(upper - lower)) / (LOCAL_NODES_ACROSS if choices.is_local else NODES_ACROSS)[dim]


def eigenbasis_degree(choices: Choices, dim: int) -> int:
    """The chosen degree of the eigenbasis, or the default in `dim` dimensions."""
    degree = EIGENBASIS_DEGREE.get(dim) if choices.degree is None else choices.degree
    if degree is None:
        raise ValueError(f"no default degree of the eigenbasis in {dim} dimensions: give --degree")
    if degree < 0:
        raise ValueError(f"--degree must be at least 0; got {degree}")
    return degree


def _multilevel(problem: Problem, cloud: Cloud, choices: Choices) -> Multilevel:
    if choices.levels < 1:
        raise ValueError(f"--levels must be at least 1; got {choices.levels}")
    if choices.nodes is not None:
        raise ValueError("--levels makes its own nodes: give --spacing in place of --nodes")
    if choices.degree is not None:
        raise ValueError("translates on several levels have no polynomials beside them: drop --degree")
    finest = spacing_of(problem, choices)
    spacings = [finest * 2**above for above in range(choices.levels - 1, 0, -1)]
    coarser = [nodes(problem, dataclasses.replace(choices, spacing=spacing)) for spacing in spacings]
    clouds = [*coarser, cloud]
    return Multilevel(build_kernel(clouds[0], choices), clouds)


def _eigenbasis(cloud: Cloud, choices: Choices) -> Eigenbasis:
    if choices.kernel not in (None, "gaussian"):
        raise ValueError(f"the eigenbasis is that of the gaussian, not of {choices.kernel}: drop one of the two")
    if choices.shape is not None:
        raise ValueError("the eigenbasis is that of the gaussian, which has no --shape")
    kernel = kernels.Gaussian(_scale(choices, EIGENBASIS_SCALE))
    return Eigenbasis(kernel, cloud, eigenbasis_degree(choices, cloud.dim))


def _default_scale(cloud: Cloud, choices: Choices) -> float:
    name, space = choices.of_kernel, choices.of_space
    if space == "stencils":
        return STENCIL_SCALE
    width = float(max(cloud.points.max(axis=0) - cloud.points.min(axis=0)))
    typical = width / len(cloud) ** (1 / cloud.dim)
    if space == "wendland":
        return SPACINGS_PER_SUPPORT[cloud.dim] * typical
    if name in ("matern", "wendland"):
        return width if name == "matern" else 2 * width
    return SPACINGS_PER_SCALE.get(name, SPACINGS_PER_SCALE["multiquadric"]) * typical


def _scale(choices: Choices, default: float) -> float | list[float]:
    """One number, or one per dimension."""
    if not choices.scale:
        return default
    return choices.scale[0] if len(choices.scale) == 1 else list(choices.scale)
