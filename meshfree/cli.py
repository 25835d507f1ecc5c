"""The command line: of a problem script (`run`), and of the installed command `meshfree`."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import inspect
import io
import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import jax

from .newton import ConvergenceError
from .plots import plot, plot_convergence, plot_history
from .problem import Problem
from .report import convergence_table, table
from .study import Choices, Outcome, converge, study

BAD_INPUT = (ValueError, TypeError, KeyError, OSError, MemoryError, ConvergenceError)


@dataclasses.dataclass(frozen=True)
class Output:
    """What to do with the result."""

    plot: Path | None = None
    """Write a picture of the solution here; with --converge, of the study. With --tune, one of the tuning stands beside."""
    save: Path | None = None
    """Write the solution to this NPZ file; Solution.load reads it."""
    converge: bool = False
    """Solve at four resolutions, and print the observed order."""


def run(problem: Problem | Callable[..., Problem], args: Sequence[str] | None = None, **defaults: Any) -> Outcome:
    """The command line of a problem script. Takes a factory, whose arguments become flags, or a Problem.

    Solves the problem as the flags say, prints a table, and writes pictures and files on request. `defaults` replace
    the defaults of flags (`degree=30`); `args` stand in for the command line's own. Switches JAX to float64 and its
    persistent compilation cache on. Prints one line and exits with status 2 on bad input.
    """
    with _one_line_errors():
        configure_jax()
        keywords, choices, output = _parsed(problem, args, defaults)
        made = problem if isinstance(problem, Problem) else problem(**keywords)
        _check_paths(output)
        name = _script_name(problem)
        if output.converge:
            outcomes = converge(made, choices)
            print(convergence_table(name, outcomes))
            if output.plot:
                rows = [(o.solution.stats["unknowns"], o.error or o.residual) for o in outcomes]
                plot_convergence({name: rows}, output.plot)
            outcome = outcomes[-1]
        else:
            outcome = study(made, choices)
            print(table(name, keywords, outcome))
            if output.plot:
                _draw(outcome, output.plot)
        if output.save:
            outcome.solution.save(output.save, **keywords, **_settings(choices))
        return outcome


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
    if jax.config.jax_compilation_cache_dir is None:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(base) / "meshfree" / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def load_script(path: str | Path) -> ModuleType:
    """The module of a problem script, imported from its file. Raises FileNotFoundError, ValueError without a `problem`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no problem script at {path}; `meshfree list` shows those of a folder")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "problem"):
        raise ValueError(f"{path} defines no `problem`, a Problem or a function that makes one")
    return module


def _run_script(args: Sequence[str]) -> None:
    """SCRIPT [flags]: solve a problem script; flags as those of `python SCRIPT --help`"""
    if not args or args[0].startswith("-"):
        raise ValueError("run which script? meshfree run problems/poisson_disk.py [flags]")
    module = load_script(args[0])
    run(module.problem, args[1:], **getattr(module, "DEFAULTS", {}))


def _list_problems(args: Sequence[str]) -> None:
    """[FOLDER]: the problem scripts of a folder (default: problems) with their first lines"""
    folder = Path(args[0] if args else "problems")
    scripts = sorted(folder.glob("*.py")) if folder.is_dir() else []
    if not scripts:
        raise FileNotFoundError(f"no problem scripts in {folder.resolve()}; give the folder: meshfree list FOLDER")
    for script in scripts:
        title = re.match(r'\s*(?:"""|\'\'\')(.*)', script.read_text(encoding="utf-8"))
        print(f"{script!s:<36} {title[1].rstrip(chr(34)) if title else ''}")


def _print_info(args: Sequence[str]) -> None:
    """versions and the machine, for a bug report"""
    packages = ("meshfree", "jax", "jaxlib", "equinox", "optax", "scipy", "numpy")
    print(f"python      {platform.python_version()} on {platform.platform()}")
    for package in packages:
        print(f"{package:<11} {importlib.metadata.version(package)}")
    print(f"devices     {', '.join(str(device) for device in jax.devices())}; {os.cpu_count()} cores")
    configure_jax()
    print(f"cache       {jax.config.jax_compilation_cache_dir}")


def _parsed(problem, args, defaults) -> tuple[dict[str, Any], Choices, Output]:
    """The factory's arguments, the solver's choices and the output, from the command line."""
    import tyro

    equation = _argument_class(problem)
    flags = dataclasses.make_dataclass(
        "Flags",
        [
            ("equation", tyro.conf.OmitArgPrefixes[equation], dataclasses.field(default_factory=equation)),
            ("choices", tyro.conf.OmitArgPrefixes[Choices], dataclasses.field(default=Choices(**defaults))),
            ("output", tyro.conf.OmitArgPrefixes[Output], dataclasses.field(default=Output())),
        ],
    )
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            parsed = tyro.cli(flags, args=None if args is None else list(args), description=_description(problem))
    except SystemExit as stop:
        if stop.code in (0, None):
            print(printed.getvalue(), end="")
            raise
        raise ValueError(_box_content(printed.getvalue())) from None
    keywords = {field.name: getattr(parsed.equation, field.name) for field in dataclasses.fields(equation)}
    return keywords, parsed.choices, parsed.output


def _argument_class(problem) -> type:
    """A dataclass with the factory's keyword arguments as fields."""
    if isinstance(problem, Problem):
        return dataclasses.make_dataclass("Equation", [])
    fields = []
    for parameter in inspect.signature(problem, eval_str=True).parameters.values():
        if parameter.default is parameter.empty:
            raise TypeError(f"the factory's argument {parameter.name} needs a default, which becomes that of its flag")
        annotated = parameter.annotation is not parameter.empty
        kind = parameter.annotation if annotated else type(parameter.default)
        fields.append((parameter.name, kind, dataclasses.field(default=parameter.default)))
    return dataclasses.make_dataclass("Equation", fields)


def _box_content(text: str) -> str:
    """The first sentences of the parser's message, without the box that it draws."""
    lines = [line.strip("│ ") for line in text.splitlines() if line.startswith("│")]
    kept = []
    for line in lines:
        if line.startswith("──"):
            break
        kept.append(line)
    return " ".join(" ".join(kept).split()) + " (--help lists the flags)"


@contextlib.contextmanager
def _one_line_errors():
    try:
        yield
    except BAD_INPUT as problem:
        message = problem.args[0] if isinstance(problem, KeyError) and problem.args else problem
        print("error:", " ".join(str(message).split()), file=sys.stderr)
        raise SystemExit(2) from None


def _check_paths(output: Output) -> None:
    """Refuse paths that cannot be written before the work is done, not after."""
    for path in (output.plot, output.save):
        if path is not None and not path.resolve().parent.is_dir():
            raise FileNotFoundError(f"the folder {path.resolve().parent} does not exist; make it first")
    if output.save is not None and output.save.suffix != ".npz":
        raise ValueError(f"--save writes NPZ files; got {output.save}: name it {output.save.with_suffix('.npz')}")


def _draw(outcome: Outcome, path: Path) -> None:
    plot(outcome.solution, path, problem=outcome.problem)
    if outcome.history is not None:
        plot_history(outcome.history, path.with_stem(f"{path.stem}_tuning"))


def _settings(choices: Choices) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(choices).items()}


def _script_name(problem) -> str:
    if isinstance(problem, Problem):
        return Path(sys.argv[0]).stem
    return Path(inspect.getsourcefile(problem) or "problem").stem


def _description(problem) -> str:
    module = None if isinstance(problem, Problem) else inspect.getmodule(problem)
    return (module.__doc__ if module else None) or inspect.getdoc(problem) or ""
