"""What a user may choose on the command line about nodes, space, tuning and solver."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal

SpaceName = Literal["collocation", "eigenbasis", "stencils", "wendland"]

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

SolverName = Literal["auto", "lu", "qr", "svd", "superlu", "rslab", "pardiso", "krylov", "amg"]


@dataclasses.dataclass(frozen=True)
class Flags:
    """The solver's choices."""

    space: SpaceName | None = None
    """Translates of a kernel, the Gaussian's eigenfunctions, RBF-FD stencils, or translates of a Wendland kernel with a
    narrow support; default: eigenbasis, collocation for a named kernel."""
    kernel: KernelName | None = None
    """The kernel; default: gaussian, polyharmonic for stencils."""
    shape: float | None = None
    """Its other parameter: nu (matern), smoothness (wendland), alpha (rational-quadratic), degree (polyharmonic)."""
    scale: tuple[float, ...] = ()
    """The kernel's scale, one number or one per dimension, for stencils in their radii; default: a rule."""
    degree: int | None = None
    """The eigenbasis' degree (default 30, 24, 14 in 1, 2, 3 dimensions), or that of the polynomials in a stencil (4) or
    beside translates."""
    size: int | None = None
    """The nodes of a stencil; default: twice the number of polynomials."""
    levels: int = 1
    """Levels of a Wendland kernel, the spacing and the support halved from each to the next; --spacing is that of the
    finest, --scale that of the coarsest."""
    ghost: bool = False
    """Ghost nodes outside of the boundary, for stencils."""
    spacing: float | None = None
    """The distance of neighbouring nodes; default: 1/16 of the domain, 1/48 (3-D: 1/20) for local spaces, or two nodes
    per eigenfunction."""
    cluster: float | None = None
    """How far nodes are drawn towards the boundary, 0 (not at all) to 1 (Chebyshev-like); default 1, 0 for local
    spaces."""
    nodes: Path | None = None
    """A file of nodes, in place of --spacing."""
    solver: SolverName = "auto"
    """The solver: auto, or a dense (lu, qr, svd) or sparse one (the others), as the space is."""
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
class Choices(Flags):
    """The flags, and what only a script can choose."""

    grading: Callable | None = None
    """x -> the share of the spacing there, (d,) -> ()."""

    @property
    def of_space(self) -> SpaceName:
        """The space by name: where none is given, collocation for a named kernel and the eigenbasis otherwise."""
        return self.space or ("eigenbasis" if self.kernel is None else "collocation")

    @property
    def is_local(self) -> bool:
        """Whether the space makes sparse equations."""
        return self.of_space in ("stencils", "wendland")

    @property
    def family(self) -> str:
        """What the meaning of --degree, --scale, --shape and --spacing depends on."""
        return f"{self.of_space} {self.of_kernel}"

    @property
    def of_kernel(self) -> KernelName:
        """The kernel by name."""
        default: dict[str, KernelName] = {"stencils": "polyharmonic", "wendland": "wendland"}
        return self.kernel or default.get(self.of_space, "gaussian")
