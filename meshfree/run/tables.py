"""The compact tables that a run prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..solving.branch import Branch
from ..solving.metrics import SAMPLES
from ..solving.modes import Modes
from ..solving.trajectory import Trajectory
from .outcome import Outcome, observed_order


def table(name: str, arguments: Mapping[str, Any], outcome: Outcome) -> str:
    """One outcome, a line for each thing to know."""
    return aligned_rows(rows_of(name, arguments, outcome))


def rows_of(name: str, arguments: Mapping[str, Any], outcome: Outcome) -> list[tuple[str, str]]:
    """The same as pairs of a word and what is told of it."""
    u = outcome.solution
    stats, cloud = u.stats, u.space.cloud
    parts = " · ".join(f"{part} {len(cloud[part])}" for part in cloud.parts)
    values = ", ".join(f"{key}={_short(value)}" for key, value in arguments.items())
    rows = [
        ("problem", f"{name}({values})"),
        ("nodes", f"{len(cloud)} ({parts}), spacing {float(cloud.spacing):.3g}"),
        ("space", f"{u.space.describe()}, {stats['unknowns']} unknowns, {stats['rows']} rows"),
        *_found(u, outcome),
    ]
    if "fill" in stats:
        sparse = (
            f"support {stats['support']:.3g}, {stats['centers_per_row']:.1f} centers a row, fill {stats['fill']:.1%}"
        )
        rows.insert(3, ("coupling", sparse))
    if outcome.history is not None:
        h = outcome.history
        rows.insert(3, ("tune", f"{_steps(h.steps)}, log of the loss {h.loss[0]:.2f} -> {h.loss[h.best]:.2f}"))
    when = f", t = {float(u.times[-1]):.6g}" if isinstance(u, Trajectory) else ""
    if outcome.residual is not None:
        rows.append(("off nodes", f"{outcome.residual:.1e} (weighted residual at other points{when})"))
    if "ladder" in stats:
        rows.append(("estimate", f"{stats['estimate']:.1e} (of the relative error)"))
    if outcome.error is not None:
        where = "the nodes" if outcome.problem.domain is None else f"{SAMPLES} independent points"
        of = f"relative L2 at {where}{when}" if not outcome.errors else "the largest of the parameter, relative"
        rows.append(("error", f"{outcome.error:.1e} ({of})"))
    rows += [
        ("tried", f"{rung['space']}: {rung['unknowns']} unknowns, {rung['estimate']:.1e}, {rung['seconds']:.2f} s")
        for rung in stats.get("ladder", [])
    ]
    rows.append(("seconds", f"{_spent(stats['seconds'])}, in all {outcome.seconds:.2f}"))
    return rows


def aligned_rows(rows: Sequence[tuple[str, str]]) -> str:
    """A line for each row, the texts below one another."""
    width = max([10, *(len(key) for key, _ in rows)])
    return "\n".join(f"{key:<{width}} {text}" for key, text in rows)


def _found(u: Any, outcome: Outcome) -> list[tuple[str, str]]:
    """How it came about."""
    if isinstance(u, Modes):
        return _of_modes(u, outcome)
    if isinstance(u, Branch):
        return _of_branch(u, outcome)
    return _of_steps(u) if isinstance(u, Trajectory) else _of_solve(u.stats)


def _of_modes(u: Modes, outcome: Outcome) -> list[tuple[str, str]]:
    errors = [f", error {value:.1e}" for value in outcome.errors]
    errors += [""] * (len(u) - len(errors))
    rows = [("dropped", f"{u.dropped} spurious pairs")] * (u.dropped > 0)
    for i, (value, error) in enumerate(zip(np.asarray(u.values), errors, strict=True)):
        rows.append((f"mode {i + 1}", f"{value:.12g}{error}, off nodes {u[i].stats['off_nodes']:.1e}"))
    return rows


def _of_branch(u: Branch, outcome: Outcome) -> list[tuple[str, str]]:
    stats, errors = u.stats, [f", error {value:.1e}" for value in outcome.errors]
    errors += [""] * (len(u.folds) - len(errors))
    rows = [
        ("parameter", f"{u.parameters[0]:.6g} to {u.parameters[-1]:.6g}: {stats['message']}"),
        ("steps", f"{stats['steps']} steps, {stats['rejected']} rejected, {stats['solves']} solves"),
    ]
    return rows + [("fold", f"{value:.12g}{error}") for value, error in zip(u.folds, errors, strict=True)]


def _of_solve(stats: Mapping[str, Any]) -> list[tuple[str, str]]:
    residuals = " · ".join(f"{part} {value:.1e}" for part, value in stats["residual"].items())
    solved = f"{_steps(stats['steps'])}, rank {stats['rank']}, condition {stats['condition']:.1e}"
    return [("solve", solved), ("residual", residuals)]


def _of_steps(u: Trajectory) -> list[tuple[str, str]]:
    stats, (first, *_, last) = u.stats, u.times
    work = f"{stats['rejected']} rejected, {stats['factorisations']} factorisations, {stats['solves']} solves"
    steps = f"{_steps(stats['steps'])} of {stats['method']}, tolerance {stats['tolerance']:.1e}, {work}"
    return [("times", f"{first:.6g} to {last:.6g}: {stats['message']}"), ("steps", steps)]


def _spent(seconds: Any) -> str:
    if isinstance(seconds, Mapping):
        return f"assembly {seconds['assembly']:.2f}, solve {seconds['solve']:.2f}"
    return f"steps {seconds:.2f}"


def convergence_table(name: str, outcomes: Sequence[Outcome]) -> str:
    """Unknowns, effective spacing, error and observed order of a study, coarse to fine."""
    widths = (9, 9, 10, 6, 8)
    lines = (
        " ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)) for row in convergence_rows(outcomes)
    )
    return "\n".join([name, *lines])


def convergence_rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """The same as cells, the first row with the heads of the columns."""
    measure, values = judged(outcomes)
    rows: list[tuple[str, ...]] = [("unknowns", "spacing", measure, "order", "seconds")]
    previous = None
    for outcome, value in zip(outcomes, values, strict=True):
        cloud = outcome.solution.space.cloud
        unknowns = outcome.solution.space.size
        here = (unknowns ** (-1 / cloud.dim), value)
        order = observed_order(previous, here) if previous else math.nan
        shown = f"{order:.1f}" if math.isfinite(order) else ""
        found = f"{value:.1e}" if math.isfinite(value) else ""
        rows.append((f"{unknowns}", f"{float(cloud.spacing):.3g}", found, shown, f"{outcome.seconds:.2f}"))
        previous = here
    return rows


def judged(outcomes: Sequence[Outcome]) -> tuple[str, list[float]]:
    """What a study looks at, in a word, and its values, NaN where there is none.

    The errors; where the solution is unknown, the differences from the finest one, or else the residuals off the nodes.
    """
    errors, residuals = [o.error for o in outcomes], [o.residual for o in outcomes]
    known = [value is not None for value in errors]
    measure = "error" if all(known) else "difference" if any(known) else "residual"
    values = errors if any(known) else residuals
    return measure, [math.nan if value is None else value for value in values]


def _steps(count) -> str:
    return f"{count} step{'s' * (count != 1)}"


def _short(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
