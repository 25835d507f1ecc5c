"""From choices to nodes and a space: what may be chosen, and the rules for all that is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .. import kernels
from ..geometry.cloud import Cloud
from ..linalg.petsc import with_options
from ..pde.multi_indices import degrees_on_box, total_degrees
from ..pde.problem import Problem
from ..solving.off_nodes import aside
from ..spaces import Collocation, Eigenbasis, GaussianProcess, Multilevel, Space, Stencils
from ..spaces.eigenbasis import ROWS_PER_FUNCTION

EIGENBASIS_DEGREE = {1: 30, 2: 24, 3: 14}  # by dimension
EIGENBASIS_SCALE = 3.0
STENCIL_DEGREE = 4
STENCIL_SCALE = 1.0  # radii of the stencil
STENCIL_POLYHARMONIC = 5  # the degree of that kernel in a stencil
NODES_ACROSS = {1: 16, 2: 16, 3: 8}  # spacings along the shortest side of the bounding box, for translates
LOCAL_NODES_ACROSS = {1: 200, 2: 48, 3: 20}
SPACINGS_PER_SUPPORT = {1: 20.0, 2: 8.0, 3: 4.0}  # of a narrow Wendland kernel: some 200 centers
RESOLUTIONS = 4  # of a convergence study


@dataclasses.dataclass(frozen=True)
class Choices:
    """What a user may choose about nodes, space, tuning and solver: a flag each, explained in `flags.HELP`."""

    tol: float | None = None
    space: str | None = None
    kernel: str | None = None
    kernel_order: float | None = None
    scale: tuple[float, ...] = ()
    degree: int | None = None
    size: int | None = None
    levels: int = 1
    ghost: bool = False
    spacing: float | None = None
    cluster: float | None = None
    cloud: Path | None = None
    solver: Literal["auto", "lu", "qr", "svd", "superlu", "rslab", "pardiso", "krylov", "amg", "petsc"] = "auto"
    petsc: str = ""
    devices: int | None = None
    tune: int = 0
    loss: Literal["residual", "leave-one-out"] = "residual"
    optimizer: Literal["search", "adam", "lbfgs"] = "search"
    rate: float = 0.05
    seed: int = 0
    times: tuple[float, float] | None = None
    tolerance: float | None = None
    method: Literal["auto", "bdf", "esdirk", "imex"] | None = None
    modes: int = 0
    near: float = 0.0
    trace: tuple[float, float] | None = None
    enrich: Callable[[Space], Space] | None = None  # the space with more functions; for scripts, and no flag
    grading: Callable | None = None  # x -> the share of the spacing there, (d,) -> (); for scripts, and no flag

    @property
    def of_solver(self) -> str:
        """The solver with the options of PETSc's."""
        return with_options(self.solver, self.petsc)

    def chosen_beside_tol(self) -> list[str]:
        """What is chosen though `tol` chooses it."""
        return [name for name, value in vars(self).items() if name != "tol" and value != getattr(Choices, name)]

    @property
    def in_time(self) -> dict[str, Any]:
        """What is chosen of the steps in time, as `evolve` takes it."""
        found = {name: getattr(self, name) for name in ("times", "tolerance", "method")}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def of_parameter(self) -> dict[str, Any]:
        """What is chosen of a parameter that is no time."""
        found = {"modes": self.modes or None, "near": self.near or None, "trace": self.trace}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def of_space(self) -> str:
        """The space by name: where none is given, collocation for a named kernel and the eigenbasis otherwise."""
        return _known("space", self.space or ("eigenbasis" if self.kernel is None else "collocation"), SPACES)

    @property
    def of_kernel(self) -> str:
        """The kernel by name."""
        return _known("kernel", self.kernel or SPACES[self.of_space].kernel, KERNELS)

    @property
    def is_local(self) -> bool:
        """Whether the space makes sparse equations."""
        return SPACES[self.of_space].is_local

    @property
    def family(self) -> str:
        """What the meaning of --degree, --scale, --kernel-order and --spacing depends on."""
        return f"{self.of_space} {self.of_kernel}"


class KernelRules(NamedTuple):
    """What the command line knows of a kernel. Its default scale is so many widths of the cloud, or else spacings."""

    make: type[kernels.Kernel]
    order: str | None = None  # the constructor's argument that --kernel-order sets
    default: float | None = None  # for --kernel-order; where it is an integer, the order is one
    spacings: float = 12.0
    widths: float | None = None

    @property
    def has_scale(self) -> bool:
        """Whether there is a scale to choose and to tune."""
        return issubclass(self.make, kernels.ScaledRadial)


KERNELS = {
    "gaussian": KernelRules(kernels.Gaussian, spacings=5.0),
    "matern": KernelRules(kernels.Matern, "nu", 5.5, widths=1.0),
    "wendland": KernelRules(kernels.Wendland, "smoothness", 6, widths=2.0),
    "multiquadric": KernelRules(kernels.Multiquadric),
    "inverse-multiquadric": KernelRules(kernels.InverseMultiquadric),
    "inverse-quadratic": KernelRules(kernels.InverseQuadratic),
    "rational-quadratic": KernelRules(kernels.RationalQuadratic, "alpha", 1.0),
    "polyharmonic": KernelRules(kernels.Polyharmonic, "degree", 7),
}


def nodes(problem: Problem, choices: Choices) -> Cloud:
    """The cloud from the file, or on the domain at the chosen spacing."""
    if choices.cloud is not None:
        return Cloud.load(choices.cloud, domain=problem.domain)
    cluster = float(not choices.is_local) if choices.cluster is None else choices.cluster
    spacing, grading = spacing_of(problem, choices), choices.grading
    graded = spacing if grading is None else lambda x: spacing * grading(x)
    return problem.domain.cloud(graded, seed=choices.seed, cluster=cluster)


def check_cloud(problem: Problem, cloud: Cloud, seed: int) -> Cloud:
    """Points for judging a solution on `cloud`: about as many, elsewhere, and evenly spread."""
    return aside(cloud, problem.domain, 1.0, seed)


def build_space(problem: Problem, cloud: Cloud, choices: Choices) -> Space:
    """The chosen space over a cloud; ValueError for choices that exclude one another."""
    chosen = choices.of_space
    for name, rules in SPACES.items():
        if name != chosen and any(getattr(choices, flag) != getattr(Choices, flag) for flag in rules.own_flags):
            flags = " and ".join(f"--{flag}" for flag in rules.own_flags)
            verb = "is" if len(rules.own_flags) == 1 else "are"
            raise ValueError(f"{flags} {verb} for --space {name}, not for {chosen}")
    space = SPACES[chosen].build(problem, cloud, choices)
    return space if choices.enrich is None else choices.enrich(space)


def build_kernel(cloud: Cloud, choices: Choices) -> kernels.Kernel:
    """The chosen kernel; its default scale is a stencil's radius, or follows the spacing or the cloud's width."""
    name = choices.of_kernel
    rules, order = KERNELS[name], choices.kernel_order
    if order is not None and rules.order is None:
        raise ValueError(f"the {name} kernel has no --kernel-order: drop it")
    if choices.scale and not rules.has_scale:
        raise ValueError(f"the {name} kernel has no --scale: drop it")
    if order is None:
        in_stencil = name == "polyharmonic" and choices.of_space == "stencils"
        order = STENCIL_POLYHARMONIC if in_stencil else rules.default
    elif isinstance(rules.default, int):
        if order != int(order):
            raise ValueError(f"--kernel-order of the {name} kernel is an integer; got {order:g}")
        order = int(order)
    arguments: dict[str, Any] = {} if rules.order is None else {rules.order: order}
    if rules.has_scale:
        arguments["scale"] = _scale(choices, _default_scale(cloud, choices))
    return rules.make(**arguments)


def spacing_of(problem: Problem, choices: Choices) -> float:
    """The chosen spacing, or the rule's; ValueError for a problem without a domain."""
    if choices.spacing is not None:
        return choices.spacing
    if problem.domain is None:
        raise ValueError("the problem has no domain: give a cloud from a file, --cloud FILE")
    dim = problem.domain.dim
    if choices.of_space == "eigenbasis":
        lower, upper = problem.domain.bounds
        functions = len(total_degrees(degrees_on_box(eigenbasis_degree(choices, dim), upper - lower)))
        return (problem.domain.volume / (ROWS_PER_FUNCTION * functions)) ** (1 / problem.domain.manifold_dim)
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


def _collocation(problem: Problem, cloud: Cloud, choices: Choices) -> Collocation:
    kernel = build_kernel(cloud, choices)
    needed = -1 if kernel.tail is None else kernel.tail
    return Collocation(kernel, cloud, degree=needed if choices.degree is None else choices.degree)


def _eigenbasis(problem: Problem, cloud: Cloud, choices: Choices) -> Eigenbasis:
    if choices.kernel not in (None, "gaussian"):
        raise ValueError(f"the eigenbasis is that of the gaussian, not of {choices.kernel}: drop one of the two")
    if choices.kernel_order is not None:
        raise ValueError("the eigenbasis is that of the gaussian, which has no --kernel-order: drop it")
    kernel = kernels.Gaussian(_scale(choices, EIGENBASIS_SCALE))
    return Eigenbasis(kernel, cloud, eigenbasis_degree(choices, cloud.dim))


def _gaussian_process(problem: Problem, cloud: Cloud, choices: Choices) -> GaussianProcess:
    if choices.degree is not None:
        raise ValueError("a Gaussian process has no polynomials beside it: drop --degree")
    return GaussianProcess(build_kernel(cloud, choices), cloud)


def _stencils(problem: Problem, cloud: Cloud, choices: Choices) -> Stencils:
    degree = STENCIL_DEGREE if choices.degree is None else choices.degree
    return Stencils(build_kernel(cloud, choices), cloud, degree, size=choices.size, ghost=choices.ghost)


def _narrow_wendland(problem: Problem, cloud: Cloud, choices: Choices) -> Space:
    if choices.of_kernel != "wendland":
        raise ValueError(f"--space wendland takes the wendland kernel, not {choices.kernel}: drop one of the two")
    return (_collocation if choices.levels == 1 else _multilevel)(problem, cloud, choices)


def _multilevel(problem: Problem, cloud: Cloud, choices: Choices) -> Multilevel:
    if choices.levels < 1:
        raise ValueError(f"--levels must be at least 1; got {choices.levels}")
    if choices.cloud is not None:
        raise ValueError("--levels makes its own nodes: give --spacing in place of --cloud")
    if choices.degree is not None:
        raise ValueError("translates on several levels have no polynomials beside them: drop --degree")
    finest = spacing_of(problem, choices)
    spacings = [finest * 2**above for above in range(choices.levels - 1, 0, -1)]
    coarser = [nodes(problem, dataclasses.replace(choices, spacing=spacing)) for spacing in spacings]
    clouds = [*coarser, cloud]
    return Multilevel(build_kernel(clouds[0], choices), clouds)


class SpaceRules(NamedTuple):
    """What the command line knows of a space."""

    build: Callable[[Problem, Cloud, Choices], Space]
    phrase: str  # what it is, for the help of --space
    kernel: str = "gaussian"  # where none is named
    is_local: bool = False  # its equations are sparse: many nodes, evenly spread
    own_flags: tuple[str, ...] = ()  # that mean nothing to another space


SPACES = {
    "collocation": SpaceRules(_collocation, "translates of a kernel"),
    "eigenbasis": SpaceRules(_eigenbasis, "the Gaussian's eigenfunctions"),
    "gaussian-process": SpaceRules(_gaussian_process, "symmetric collocation, with standard deviations", "matern"),
    "stencils": SpaceRules(_stencils, "RBF-FD", "polyharmonic", is_local=True, own_flags=("size", "ghost")),
    "wendland": SpaceRules(
        _narrow_wendland, "translates with a narrow support", "wendland", is_local=True, own_flags=("levels",)
    ),
}


def _known(what: str, name: str, table: Mapping[str, tuple]) -> str:
    if name not in table:
        raise ValueError(f"{what} is {name!r}; it is one of {', '.join(table)}")
    return name


def _default_scale(cloud: Cloud, choices: Choices) -> float:
    if choices.of_space == "stencils":
        return STENCIL_SCALE
    width = float(max(cloud.points.max(axis=0) - cloud.points.min(axis=0)))
    typical = width / len(cloud) ** (1 / cloud.dim)
    if choices.of_space == "wendland":
        return SPACINGS_PER_SUPPORT[cloud.dim] * typical
    rules = KERNELS[choices.of_kernel]
    return rules.spacings * typical if rules.widths is None else rules.widths * width


def _scale(choices: Choices, default: float) -> float | list[float]:
    """One number, or one per dimension."""
    if not choices.scale:
        return default
    return choices.scale[0] if len(choices.scale) == 1 else list(choices.scale)
