"""The flags of a problem script: their help, with the numbers of `defaults`, and the reading of a command line."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from ..internal.expected import came
from ..pde.problem import Problem
from .defaults import (
    EIGENBASIS_DEGREE,
    EIGENBASIS_SCALE,
    KERNELS,
    LOCAL_NODES_ACROSS,
    NODES_ACROSS,
    RESOLUTIONS,
    ROWS_PER_FUNCTION,
    SPACES,
    STENCIL_DEGREE,
    STENCIL_POLYHARMONIC,
    STENCIL_SCALE,
    Choices,
)

RENAMED = {"shape": "kernel_order", "nodes": "cloud"}  # flags by their names in old scripts
OF_ONE_FAMILY = ("degree", "scale", "kernel_order", "size", "ghost", "levels", "spacing", "cluster")  # see `parse`

_NUMBERS = {"tol", "degree", "size", "levels", "spacing", "cluster", "kernel_order", "tune", "rate", "seed"} | {
    "devices",
    "tolerance",
    "modes",
    "near",
}


@dataclasses.dataclass(frozen=True)
class Output:
    """What to do with the result."""

    plot: Path | None = None
    save: Path | None = None
    report: Path | None = None
    frames: int | None = None
    converge: bool = False


def _by_dimension(numbers: Mapping[int, float]) -> str:
    """As in `30, 24, 14 in 1, 2, 3 dimensions`."""
    return f"{', '.join(map(str, numbers.values()))} in {', '.join(map(str, numbers))} dimensions"


HELP = {
    "tol": "The relative error that is asked for, in place of a space: one is chosen, and its error estimated.",
    "space": "; ".join(f"{name}: {rules.phrase}" for name, rules in SPACES.items())
    + ". Default: eigenbasis, collocation for a named kernel.",
    "kernel": "The kernel; default: gaussian, "
    + ", ".join(f"{rules.kernel} for {name}" for name, rules in SPACES.items() if rules.kernel != "gaussian")
    + ".",
    "kernel_order": "The kernel's other parameter: "
    + ", ".join(f"{rules.order} of {name} (default {rules.default})" for name, rules in KERNELS.items() if rules.order)
    + f"; {STENCIL_POLYHARMONIC} for polyharmonic stencils.",
    "scale": f"The kernel's scale, one number or one per dimension; default: {EIGENBASIS_SCALE:g} for the eigenbasis, "
    f"{STENCIL_SCALE:g} for stencils, in their radii, else from the spacing or the domain's width.",
    "degree": f"The eigenbasis' degree (default {_by_dimension(EIGENBASIS_DEGREE)}), or that of the polynomials in a "
    f"stencil ({STENCIL_DEGREE}) or beside translates.",
    "size": "The nodes of a stencil; default: twice the number of polynomials.",
    "levels": "Levels of a Wendland kernel, the spacing and the support halved from each to the next; --spacing is "
    "that of the finest, --scale that of the coarsest.",
    "ghost": "Ghost nodes outside of the boundary, for stencils.",
    "spacing": f"The distance of neighbouring nodes; default: {ROWS_PER_FUNCTION} nodes per eigenfunction, or the "
    f"domain's shortest side divided by {_by_dimension(NODES_ACROSS)}, by {_by_dimension(LOCAL_NODES_ACROSS)} for "
    "local spaces.",
    "cluster": "How far nodes are drawn towards the boundary, 0 (not at all) to 1 (Chebyshev-like); default 1, 0 for "
    "local spaces.",
    "cloud": "A file with the nodes, in place of --spacing: .npz, .csv, .txt, .xyz, .ply, or a mesh, .msh, .vtu, .vtk, "
    ".xdmf.",
    "solver": "The solver: auto, or a dense (lu, qr, svd) or sparse one (the others), as the space is.",
    "petsc": "Options of PETSc's for the solver petsc, as '-ksp_type bcgs -ksp_monitor'; mpiexec -n 8 python SCRIPT "
    "--solver petsc solves on eight processes.",
    "devices": "So many devices share the rows of dense equations, and the scan of --tune; default: all accelerators.",
    "tune": "Find the kernel's scale in so many losses of a search, or steps of gradient descent.",
    "loss": "What tuning minimises: the residual off the nodes, or at each node with that node left out.",
    "optimizer": "How --tune does it: by bounded search, which needs no good start, or by gradient descent.",
    "rate": "The learning rate of --optimizer adam.",
    "seed": "The seed of the nodes.",
    "times": "In time: the first and the last time; default: 0 and 1.",
    "tolerance": "In time: the relative error that the steps may make; default: 1e-6.",
    "method": "In time: bdf, esdirk (for waves) or imex (for mild reactions); default: one that suits.",
    "modes": "Of a linear problem with a parameter: so many eigenvalues of it, and their functions.",
    "near": "The place of these eigenvalues.",
    "trace": "Of a problem with a parameter: the branch of solutions from one value of it to another, or back.",
    "plot": "Write a picture of the solution here; in time also a movie, .mp4 or .gif. With --converge, of the study. "
    "With --tune, NAME_tuning beside it.",
    "report": "Write a page of the run to this .html file: the equation, pictures, results, settings, versions, and "
    "how to repeat it.",
    "save": "Write the solution to this file: .npz, which Solution.load reads, or .vtu, .pvtu, .vtk, .xdmf for "
    "ParaView; in time .npz, which Trajectory.load reads, or .pvd; of modes and branches .npz, which Modes.load and "
    "Branch.load read.",
    "frames": "In time: how many times the movie, the picture or the .pvd file has.",
    "converge": f"Solve at {RESOLUTIONS} resolutions, and print the observed order.",
}


def parse(
    problem: Problem | Callable[..., Problem],
    args: Sequence[str] | None,
    defaults: Mapping[str, Any],
    program: str,
    description: str,
) -> tuple[dict[str, Any], Choices, Output]:
    """The factory's arguments, the choices and the output that a command line asks for.

    Raises ValueError for defaults that are no flags, and TypeError for a factory's arguments that cannot be; prints
    what is wrong with the command line, and exits with status 2.
    """
    if (not callable(problem) and not isinstance(problem, Problem)) or isinstance(problem, type):
        raise TypeError(f"run takes a Problem, or a function that makes one; got {came(problem)}")
    if args is not None and (isinstance(args, str) or not isinstance(args, Sequence)):
        raise TypeError(f"args is a list of words, as ['--degree', '8']; got {args!r}")
    equation = _argument_class(problem)
    args = _joined(sys.argv[1:] if args is None else list(args))
    _refuse_unknown(defaults, args, equation)
    before = Choices(**defaults)
    family = before.family
    parsed = _parsed(equation, before, args, program, description)
    told = any(arg.partition("=")[0] == "--tol" for arg in args)
    if parsed[1].tol is not None and "tol" not in defaults:
        parsed = _parsed(equation, Choices(), args, program, description)
    elif before.tol is not None and not told and parsed[1].chosen_beside_tol():
        # A script's tolerance stands for a space: flags that choose one themselves take its place.
        others = {name: value for name, value in defaults.items() if name != "tol"}
        parsed = _parsed(equation, Choices(**others), args, program, description)
    elif parsed[1].family != family:
        # A script's degree and scale are those of its own space: another one starts from its rules.
        others = {name: value for name, value in defaults.items() if name not in OF_ONE_FAMILY}
        parsed = _parsed(equation, Choices(**others), args, program, description)
    return parsed


def _joined(args: Sequence[str]) -> list[str]:
    """The options that follow --petsc as its value: they begin as flags do."""
    found: list[str] = []
    for arg in args:
        if found and found[-1] == "--petsc":
            found[-1] = f"--petsc={arg}"
        else:
            found.append(arg)
    return found


def _parsed(equation: type, before: Choices, args: Sequence[str], program: str, description: str):
    import tyro

    unprefixed: Any = tyro.conf.OmitArgPrefixes
    parts = {"equation": equation, "choices": _flags_of(before), "output": _flags_of(Output())}
    flags = dataclasses.make_dataclass(
        "Flags",
        [(name, unprefixed[kind], dataclasses.field(default_factory=kind)) for name, kind in parts.items()],  # type: ignore[misc]
    )
    parsed: Any = tyro.cli(flags, prog=program, args=args, description=description)
    choices = dataclasses.replace(before, **vars(parsed.choices))
    return dict(vars(parsed.equation)), choices, Output(**vars(parsed.output))


def script_and_flags() -> type:
    """A dataclass of a script and the flags that all have, for the help and the completion of `meshfree run`."""
    import tyro

    told: Any = tyro.conf.arg(help="The problem script; its flags follow.", metavar="SCRIPT")
    script: Any = Annotated[tyro.conf.Positional[Path], told]
    flat: Any = tyro.conf.OmitArgPrefixes
    parts = [("choices", flat[_flags_of(Choices())]), ("output", flat[_flags_of(Output())])]
    kind = dataclasses.make_dataclass("Run", [("script", script), *parts])
    kind.__doc__ = "Solve a problem script. A script may have more flags than these: meshfree run SCRIPT --help."
    return kind


def _flags_of(defaults: Choices | Output) -> type:
    """A dataclass as tyro reads it: the fields that have a help, and the names of a table for those chosen from one."""
    import tyro

    kinds: dict[str, Any] = get_type_hints(type(defaults))
    one_of: Any = Literal  # names that only a table knows are beyond a type checker
    kinds |= {"space": one_of[tuple(SPACES)] | None, "kernel": one_of[tuple(KERNELS)] | None}
    fields = [
        (
            name,
            Annotated[kinds[name], tyro.conf.arg(help=HELP[name])],
            dataclasses.field(default_factory=_always(value)),
        )
        for name, value in vars(defaults).items()
        if name in HELP
    ]
    return dataclasses.make_dataclass(type(defaults).__name__, fields)


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


def _argument_class(problem: Problem | Callable[..., Problem]) -> type:
    """A dataclass with the factory's keyword arguments as fields; TypeError for those that cannot be flags."""
    fields = []
    parameters = {} if isinstance(problem, Problem) else inspect.signature(problem, eval_str=True).parameters
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty:
            raise TypeError(f"the factory's argument {name} needs a default, that of its flag")
        if name in HELP:
            raise TypeError(f"the factory's argument {name} is a flag of every problem already: rename it")
        annotated = parameter.annotation is not parameter.empty
        kind = parameter.annotation if annotated else type(parameter.default)
        fields.append((name, kind, dataclasses.field(default=parameter.default)))
    return dataclasses.make_dataclass("Equation", fields)


def _refuse_unknown(defaults: Mapping[str, Any], args: Sequence[str], equation: type) -> None:
    """ValueError for a default that is no flag, and for one or a flag by its name in old scripts."""
    own = {field.name for field in dataclasses.fields(equation)}
    for old, new in RENAMED.items():
        if old in defaults:
            raise ValueError(f"{old}= is called {new}= now: rename it in the script")
        if old not in own and any(arg == f"--{old}" or arg.startswith(f"--{old}=") for arg in args):
            raise ValueError(f"--{old} is called --{new.replace('_', '-')} now")
    names = [field.name for field in dataclasses.fields(Choices)]
    unknown = [name for name in defaults if name not in names]
    if unknown:
        raise ValueError(f"no flag is named {', '.join(unknown)}; a script may set {', '.join(names)}")
    for name in _NUMBERS & set(defaults):
        if isinstance(defaults[name], str):
            raise TypeError(f"{name}= is a number; got {defaults[name]!r}")
    if not isinstance(defaults.get("scale", ()), tuple | list):
        raise TypeError(f"scale= is a tuple of numbers, as (0.5,); got {defaults['scale']!r}")
