"""The command line: of a problem script (`run`), and of the installed command `meshfree`."""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import importlib.util
import inspect
import math
import os
import platform
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

import jax

from ..internal.compile_cache import cache_folder
from ..internal.extras import require
from ..internal.files import check_path, check_target
from ..internal.processes import at_work, first_prints, is_first, processes, together, wait_for_earlier
from ..pde.problem import Problem
from ..plots import FORMATS, MOVIES, plot, plot_convergence, plot_history
from ..solving.branch import Branch
from ..solving.modes import Modes
from ..solving.newton import ConvergenceError
from ..solving.solution_files import SUFFIXES
from ..solving.stepping import SteppingError
from ..solving.trajectory import SUFFIXES as SERIES
from ..solving.trajectory import Trajectory
from .defaults import Choices
from .flags import Output, parse
from .outcome import Outcome
from .study import converge, study
from .tables import convergence_table, judged, table

MEASURES = {
    "error": "relative error",
    "difference": "relative difference from the finest",
    "residual": "residual off the nodes",
}
BAD_INPUT = (ValueError, TypeError, KeyError, IndexError, OSError, MemoryError, ConvergenceError, SteppingError)


class _Script(NamedTuple):
    """Where a problem comes from."""

    name: str
    program: str
    description: str
    file: str | None


def run(problem: Problem | Callable[..., Problem], args: Sequence[str] | None = None, **defaults: Any) -> Outcome:
    """The command line of a problem script. Takes a factory, whose arguments become flags, or a Problem.

    Solves the problem as the flags say, prints a table, and writes pictures and files on request. `defaults` replace
    the defaults of flags (`degree=30`), as long as the flags name no other space or kernel; `args` stand in for the
    command line's own. Switches JAX to float64 and its persistent compilation cache on. Says what is wrong
    with bad input and exits with status 2; an error in the problem's own code keeps its traceback. Ctrl-C ends with
    status 130, after what was reached has been printed and written: the best of tuning, the finished resolutions.
    """
    return _run(problem, args, defaults, _script_of(problem))


def _run(problem, args, defaults, script: _Script) -> Outcome:
    if processes().size > 1:
        together()
    with _one_line_errors(script.file), first_prints():
        configure_jax()
        with first_prints(sys.stderr):
            keywords, choices, output = parse(problem, args, defaults, script.program, script.description)
        made = problem if isinstance(problem, Problem) else problem(**keywords)
        if not isinstance(made, Problem):
            raise ValueError(f"{script.name} makes a {type(made).__name__}; it must return a meshfree.Problem")
        suffixes = SUFFIXES if not made.has_parameter else ((".npz",) if choices.of_parameter else SERIES)
        _check_output(output, made.has_parameter and not choices.of_parameter, suffixes)
        outcomes = converge(made, choices) if output.converge else [study(made, choices)]
        finest = outcomes[-1]
        print(convergence_table(script.name, outcomes) if output.converge else table(script.name, keywords, finest))
        if output.plot and output.converge:
            measure, values = judged(outcomes)
            unknowns = [o.solution.stats["unknowns"] for o in outcomes]
            rows = [row for row in zip(unknowns, values, strict=True) if math.isfinite(row[1])]
            plot_convergence({script.name: rows}, output.plot, ylabel=MEASURES[measure])
        elif output.plot:
            plot(finest.solution, output.plot, problem=made, frames=output.frames)
        if output.plot and finest.history is not None:
            plot_history(finest.history, output.plot.with_stem(f"{output.plot.stem}_tuning"))
        if output.save and isinstance(finest.solution, Modes | Branch):
            finest.solution.save(output.save)
        elif output.save and isinstance(finest.solution, Trajectory):
            finest.solution.save(output.save, exact=made.exact, frames=output.frames)
        elif output.save:
            told = {name: value for name, value in {**_settings(choices), **keywords}.items() if name != "exact"}
            finest.final.save(output.save, exact=made.exact, **told)
        if finest.stopped:
            _exit_interrupted(_reached(outcomes, choices, output))
        return finest


def main(args: Sequence[str] | None = None) -> None:
    """The command `meshfree`: `run SCRIPT [flags]`, `list [FOLDER]`, `info`."""
    args = list(sys.argv[1:] if args is None else args)
    commands = {"run": _run_script, "list": _list_problems, "info": _print_info}
    with _one_line_errors():
        if not args or args[0] in ("-h", "--help"):
            print(__doc__, *(f"  meshfree {c:<5} {inspect.getdoc(f)}" for c, f in commands.items()), sep="\n")
        elif args[0] not in commands:
            raise ValueError(f"unknown command {args[0]!r}; commands: {', '.join(commands)}")
        else:
            commands[args[0]](args[1:])


def configure_jax() -> None:
    """float64, and compiled programs kept on disk, so that a second run starts fast."""
    jax.config.update("jax_enable_x64", True)
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(cache_folder("jax")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def load_script(path: str | Path) -> ModuleType:
    """The module of a problem script, imported from its file.

    Raises FileNotFoundError, and ValueError for another kind of file or one that defines no `problem`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no problem script at {path}; `meshfree list` shows those of a folder")
    if path.suffix != ".py":
        raise ValueError(f"a problem script is a .py file; got {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # as it is a .py file
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)  # where a saved class of the script's own is looked up
    spec.loader.exec_module(module)
    if not hasattr(module, "problem"):
        raise ValueError(f"{path} defines no `problem`, a Problem or a function that makes one")
    return module


def _run_script(args: Sequence[str]) -> None:
    """SCRIPT [flags]: solve a problem script; flags as those of `python SCRIPT --help`"""
    if not args or args[0].startswith("-"):
        raise ValueError("run which script? meshfree run problems/poisson_disk.py [flags]")
    module = load_script(args[0])
    path = Path(args[0])
    script = _Script(path.stem, f"meshfree run {path}", module.__doc__ or "", str(module.__file__))
    _run(module.problem, args[1:], getattr(module, "DEFAULTS", {}), script)


def _list_problems(args: Sequence[str]) -> None:
    """[FOLDER]: the problem scripts of a folder (default: problems) with their first lines"""
    folder = Path(args[0] if args else "problems")
    titles = {path: _title(path) for path in sorted(folder.glob("*.py"))} if folder.is_dir() else {}
    found = {str(path): title for path, title in titles.items() if title is not None}
    if not found:
        raise FileNotFoundError(f"no problem scripts in {folder.resolve()}; give the folder: meshfree list FOLDER")
    width = max(map(len, found))
    for path, title in found.items():
        print(f"{path:<{width}}  {title}")


def _title(path: Path) -> str | None:
    """The first line of a problem script's docstring; None for a file that defines no `problem`."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return None
    defined = {getattr(node, "name", None) for node in tree.body}
    defined |= {ast.unparse(target) for node in tree.body for target in getattr(node, "targets", ())}
    return (ast.get_docstring(tree) or "").partition("\n")[0] if "problem" in defined else None


def _print_info(args: Sequence[str]) -> None:
    """versions and the machine, for a bug report"""
    packages = ("meshfree", "jax", "jaxlib", "equinox", "optax", "scipy", "numpy")
    print(f"python      {platform.python_version()} on {platform.platform()}")
    for package in packages:
        print(f"{package:<11} {_version(package)}")
    print(f"devices     {', '.join(str(device) for device in jax.devices())}; {os.cpu_count()} cores")
    configure_jax()
    folder = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    print(f"cache       {folder}")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed" + f", used from {Path(__file__).parent}" * (package == "meshfree")


@contextlib.contextmanager
def _one_line_errors(file: str | None = None):
    """Bad input as one line and status 2; but a mistake in the problem's own code, in `file`, with its traceback."""
    try:
        yield
    except BAD_INPUT as error:
        active = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
        if isinstance(error, TypeError | KeyError) and file in active:
            raise
        message: Any = error.args[0] if isinstance(error, KeyError) and error.args else error
        wait_for_earlier(at_work())
        print("error:", " ".join(str(message).split()) or type(error).__name__, file=sys.stderr)
        at_work().end(2)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        _exit_interrupted("nothing is left to write")


def _exit_interrupted(reached: str) -> NoReturn:
    if is_first():
        print(f"interrupted: {reached}", file=sys.stderr)
    raise SystemExit(130)  # as shells tell of Ctrl-C


def _reached(outcomes: Sequence[Outcome], choices: Choices, output: Output) -> str:
    """What there was when Ctrl-C came, in words."""
    history, u = outcomes[-1].history, outcomes[-1].solution
    parts = [f"{len(outcomes)} resolution{'s' * (len(outcomes) != 1)} solved"] * output.converge
    if history is not None and history.interrupted:
        parts.append(f"the best of {history.steps} steps of tuning, of {choices.tune}, kept")
    if isinstance(u, Branch):
        parts.append(str(u.stats["message"]))
    if isinstance(u, Trajectory) and not u.stats["complete"]:
        parts.append(f"t = {float(u.times[-1]):.6g} reached")
    if output.save:
        parts.append(f"{output.save} written")
    return ", ".join(parts)


def _check_output(output: Output, in_time: bool, suffixes: Sequence[str]) -> None:
    """Refuse what cannot be written before the work is done, not after."""
    formats = (*FORMATS, *MOVIES) if in_time and not output.converge else FORMATS
    if output.plot is not None and output.plot.suffix.lower() not in formats:
        raise ValueError(f"--plot writes {', '.join(formats)}; got {output.plot}: rename the file")
    if output.frames is not None and not in_time:
        raise ValueError("--frames is for problems in time, and this one is stationary: drop it")
    if output.frames is not None and output.frames < 2:
        raise ValueError(f"--frames is a number of times, at least 2; got {output.frames}")
    for path in (output.plot, output.save):
        if path is None:
            continue
        folder = path.resolve().parent
        if not folder.is_dir():
            raise FileNotFoundError(f"the folder {folder} of {path.name} does not exist; make it first")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"the folder {folder} of {path.name} cannot be written")
        check_target(path)
    if output.save is not None:
        check_path(output.save, suffixes)
        if output.save.suffix.lower() != ".npz":
            _check_meshio(output.save)


def _check_meshio(path: Path) -> None:
    try:
        require("meshio", f"a {path.suffix} file")
    except ImportError as error:
        raise ValueError(str(error)) from error


def _settings(choices: Choices) -> dict[str, Any]:
    settings = {name: value for name, value in vars(choices).items() if name not in ("grading", "enrich")}
    return {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}


def _script_of(problem) -> _Script:
    """The script that a factory is written in; of a Problem, the program that runs."""
    names = getattr(problem, "__globals__", None) or vars(sys.modules["__main__"])
    file = names.get("__file__")
    description = names.get("__doc__") or ("" if isinstance(problem, Problem) else inspect.getdoc(problem)) or ""
    return _Script(Path(file).stem if file else "problem", Path(sys.argv[0]).name, description, file)
