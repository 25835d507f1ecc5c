"""The command line of a problem script."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import inspect
import math
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
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
from .report import Run, check_report, write_report
from .study import converge, study
from .tables import convergence_rows, convergence_table, judged, rows_of, table

MEASURES = {
    "error": "relative error",
    "difference": "relative difference from the finest",
    "residual": "residual off the nodes",
}
BAD_INPUT = (ValueError, TypeError, KeyError, IndexError, OSError, MemoryError, ConvergenceError, SteppingError)


class Script(NamedTuple):
    """Where a problem comes from."""

    name: str
    program: str
    description: str
    file: str | None
    command: str  # that does the same again


def run(problem: Problem | Callable[..., Problem], args: Sequence[str] | None = None, **defaults: Any) -> Outcome:
    """The command line of a problem script. Takes a factory, whose arguments become flags, or a Problem.

    Solves the problem as the flags say, prints a table, and writes pictures, files and a page on request. `defaults`
    replace the defaults of flags (`degree=30`), as long as the flags name no other space or kernel; `args` stand in for
    the command line's own. Switches JAX to float64 and its persistent compilation cache on. Says what is wrong
    with bad input and exits with status 2; an error in the problem's own code keeps its traceback. Ctrl-C ends with
    status 130, after what was reached has been printed and written: the best of tuning, the finished resolutions.
    """
    return run_script(problem, args, defaults, _script_of(problem, args, defaults))


def run_script(problem, args, defaults, script: Script) -> Outcome:
    """The same as `run`, of a problem that is known to come from this script."""
    if processes().size > 1:
        together()
    with one_line_errors(script.file), first_prints():
        configure_jax()
        with first_prints(sys.stderr):
            keywords, choices, output = parse(problem, args, defaults, script.program, script.description)
        made = problem if isinstance(problem, Problem) else problem(**keywords)
        if not isinstance(made, Problem):
            raise ValueError(f"{script.name} makes a {type(made).__name__}; it must return a meshfree.Problem")
        suffixes = SUFFIXES if not made.has_parameter else ((".npz",) if choices.of_parameter else SERIES)
        _check_output(output, made.has_parameter and not choices.of_parameter, suffixes)
        with _noted_warnings() as notes:
            outcomes = converge(made, choices) if output.converge else [study(made, choices)]
        finest = outcomes[-1]
        print(convergence_table(script.name, outcomes) if output.converge else table(script.name, keywords, finest))
        if output.plot:
            _draw(script.name, outcomes, output.plot, output)
        if output.save:
            _save(finest, output.save, output.frames, {**_settings(choices), **keywords})
        if finest.stopped:
            notes.append(f"interrupted: {_reached(outcomes, choices, output)}")
        if output.report and is_first():
            write_report(output.report, _told(script, keywords, choices, notes, outcomes, output), finest)
        if finest.stopped:
            _exit_interrupted(_reached(outcomes, choices, output))
        return finest


def _draw(name: str, outcomes: Sequence[Outcome], path: Path, output: Output) -> None:
    """What --plot asks for."""
    finest = outcomes[-1]
    if output.converge:
        _picture_of_convergence(name, outcomes, path)
    else:
        plot(finest.solution, path, problem=finest.problem, frames=output.frames)
    if finest.history is not None:
        plot_history(finest.history, path.with_stem(f"{path.stem}_tuning"))


def _picture_of_convergence(name: str, outcomes: Sequence[Outcome], path: Path | None = None) -> Any:
    measure, values = judged(outcomes)
    unknowns = [o.solution.stats["unknowns"] for o in outcomes]
    rows = [row for row in zip(unknowns, values, strict=True) if math.isfinite(row[1])]
    return plot_convergence({name: rows}, path, ylabel=MEASURES[measure])


def _save(finest: Outcome, path: Path, frames: int | None, settings: dict[str, Any]) -> None:
    """What --save asks for."""
    u, exact = finest.solution, finest.problem.exact
    if isinstance(u, Modes | Branch):
        u.save(path)
    elif isinstance(u, Trajectory):
        u.save(path, exact=exact, frames=frames)
    else:
        u.save(path, exact=exact, **{name: value for name, value in settings.items() if name != "exact"})


def _told(script: Script, keywords, choices: Choices, notes, outcomes: Sequence[Outcome], output: Output) -> Run:
    """What --report tells beside what was found."""
    return Run(
        name=script.name,
        description=script.description,
        command=script.command,
        file=script.file,
        equation=keywords,
        choices=choices,
        notes=notes,
        results=rows_of(script.name, keywords, outcomes[-1]),
        convergence=convergence_rows(outcomes) if output.converge else [],
        picture_of_convergence=functools.partial(_picture_of_convergence, script.name, outcomes),
    )


@contextlib.contextmanager
def _noted_warnings() -> Iterator[list[str]]:
    """The texts of warnings inside, which are shown as ever."""
    noted, shown = list[str](), warnings.showwarning

    def show(message, *rest, **named):
        noted.append(str(message))
        shown(message, *rest, **named)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield noted


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


@contextlib.contextmanager
def one_line_errors(file: str | None = None):
    """Bad input as one line and status 2; but a mistake in the problem's own code, in `file`, with its traceback."""
    try:
        yield
    except BrokenPipeError:  # who reads has seen enough, as `head`
        with contextlib.suppress(OSError, ValueError):  # what is left to print goes nowhere, when Python ends too
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None  # as shells tell of it
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
    parts += [f"{path} written" for path in (output.save, output.report) if path]
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
    for path in (output.plot, output.save, output.report):
        if path is None:
            continue
        folder = path.resolve().parent
        if not folder.is_dir():
            raise FileNotFoundError(f"the folder {folder} of {path.name} does not exist; make it first")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"the folder {folder} of {path.name} cannot be written")
        check_target(path)
    if output.report is not None:
        check_report(output.report)
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


def _script_of(problem, args, defaults) -> Script:
    """The script that a factory is written in; of a Problem, the program that runs."""
    names = getattr(problem, "__globals__", None) or vars(sys.modules["__main__"])
    file = names.get("__file__")
    description = names.get("__doc__") or ("" if isinstance(problem, Problem) else inspect.getdoc(problem)) or ""
    settings = "".join(f", {name}={value!r}" for name, value in defaults.items())
    command = shell_command("python", *sys.argv) if args is None else f"meshfree.run(problem, {list(args)}{settings})"
    return Script(Path(file).stem if file else "problem", Path(sys.argv[0]).name, description, file, command)


def shell_command(*words: str) -> str:
    """A command as it is typed, in the folder where it was."""
    return f"cd {shlex.quote(str(Path.cwd()))}\n{shlex.join(words)}"
