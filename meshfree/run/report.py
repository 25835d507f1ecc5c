"""What a run has to tell on a page: its figures, pictures, tables and settings, and how to repeat it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..internal.files import check_extension, check_target, replaced
from ..plots import plot, plot_cloud, plot_convergence, plot_history
from ..solving.branch import Branch
from ..solving.metrics import SAMPLES
from ..solving.modes import Modes
from ..solving.trajectory import Trajectory
from .defaults import Choices
from .doctor import devices, versions
from .flags import HELP
from .html_page import Page, Picture, Rows, as_page
from .outcome import Outcome

SUFFIXES = (".html", ".htm")


class Run(NamedTuple):
    """How a run came about, and its tables, whose first rows are the heads of their columns."""

    name: str
    description: str
    command: str
    file: str | None
    equation: dict[str, Any]
    choices: Choices
    notes: Sequence[str]
    results: Rows
    convergence: Rows  # empty without a study
    picture_of_convergence: Callable[[], Any]  # of a study


def check_report(path: Path) -> None:
    """ValueError for another extension, and as `files.check_target`: before the work, not after it."""
    check_extension(path, SUFFIXES, "reports")
    check_target(path)


def write_report(path: Path, run: Run, outcome: Outcome) -> None:
    """Write the page of a run, whole or not at all."""
    ladder = outcome.final.stats.get("ladder", [])
    settings, unset = _settings(run)
    page = Page(
        name=run.name,
        description=run.description,
        figures=_figures(outcome),
        results=[row for row in run.results if row[0] != "tried"],  # the ladder has a table
        pictures=_pictures(run, outcome, ladder),
        tables=[
            *[("Convergence", run.convergence)] * bool(run.convergence),
            *[("Tried", _rungs(ladder))] * bool(ladder),
        ],
        settings=settings,
        unset=unset,
        versions=[*versions(), ("devices", devices())],
        command=run.command,
        notes=list(dict.fromkeys(run.notes)),  # each once, though every resolution of a study gives it
        source="" if run.file is None else Path(run.file).read_text(encoding="utf-8"),
    )
    with replaced(path) as temporary:
        temporary.write_text(as_page(page), encoding="utf-8")


def _figures(outcome: Outcome) -> Rows:
    """The numbers to see first."""
    u, stats = outcome.solution, outcome.solution.stats
    rows = [("unknowns", str(stats["unknowns"]), ""), ("nodes", str(len(u.space.cloud)), "")]
    if isinstance(u, Trajectory):
        rows.append(("steps", str(stats["steps"]), f"to t = {float(u.times[-1]):.6g}"))
    elif isinstance(u, Modes):
        rows.append(("eigenvalues", str(len(u)), ""))
    elif isinstance(u, Branch):
        rows.append(("folds", str(len(u.folds)), f"on {len(u)} points"))
    else:
        rows.append(("Newton steps", str(stats["steps"]), ""))
    return [*_accuracy(outcome), *rows, ("seconds", f"{outcome.seconds:.2f}", "in all")]


def _accuracy(outcome: Outcome) -> Rows:
    """The error, or what stands for it where no exact solution is known."""
    estimate = outcome.final.stats.get("estimate")
    if outcome.error is not None:
        points = "the nodes" if outcome.problem.domain is None else f"{SAMPLES} independent points"
        return [
            (
                "error",
                f"{outcome.error:.1e}",
                "relative, of the parameter" if outcome.errors else f"relative, at {points}",
            )
        ]
    if estimate is not None:
        return [("error", f"{float(estimate):.1e}", "relative, estimated")]
    return [] if outcome.residual is None else [("residual", f"{outcome.residual:.1e}", "between the nodes")]


def _pictures(run: Run, outcome: Outcome, ladder: Sequence[dict]) -> list[Picture]:
    u = outcome.solution
    what = {Modes: "The functions of the eigenvalues", Branch: "The branch of solutions"}.get(type(u), "The solution")
    found = [_picture(what, lambda: plot(u, problem=outcome.problem))]
    if run.convergence:
        found.append(_picture("Convergence", run.picture_of_convergence))
    if len(ladder) > 1:
        rows = [(rung["unknowns"], rung["estimate"]) for rung in ladder]
        found.append(_picture("What was tried", lambda: plot_convergence({run.name: rows}, ylabel="estimated error")))
    if outcome.history is not None:
        found.append(_picture("Tuning", lambda: plot_history(outcome.history)))
    return [*found, _picture("The nodes by part, and the normals of the boundary", lambda: plot_cloud(u.space.cloud))]


def _picture(caption: str, draw: Callable[[], Any]) -> Picture:
    """The picture, or why there is none, as in more than three dimensions: the rest of the page is worth having."""
    try:
        return Picture(caption, draw())
    except ValueError as error:
        return Picture(caption, f"no picture: {error}")


def _rungs(ladder: Sequence[dict]) -> Rows:
    lines = [
        (
            rung["space"],
            str(rung["unknowns"]),
            f"{rung['residual']:.1e}",
            f"{rung['estimate']:.1e}",
            f"{rung['seconds']:.2f}",
        )
        for rung in ladder
    ]
    return [("space", "unknowns", "residual", "estimated error", "seconds"), *lines]


def _settings(run: Run) -> tuple[Rows, list[str]]:
    """The flags that were set, those of the equation first, and those that were not."""
    chosen = vars(run.choices).items()
    was_set = {name: value for name, value in chosen if value != getattr(Choices, name)}
    unset = [f"{_flag(name)} {_shown(value)}".strip() for name, value in chosen if name in HELP and name not in was_set]
    return [(_flag(name), _shown(value)) for name, value in {**run.equation, **was_set}.items()], unset


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _shown(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    return getattr(value, "__name__", None) or (f"{value:g}" if isinstance(value, float) else str(value))
