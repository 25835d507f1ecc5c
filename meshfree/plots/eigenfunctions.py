"""The picture of eigenfunctions: small panels side by side, each with its eigenvalue."""

from __future__ import annotations

from typing import Any

import numpy as np

from .curves import plot_curve
from .lines import WIDTH, sampled
from .painting import paint
from .scales import DIVERGING, Scale
from .sections import plot_space
from .style import COLORS, LEGEND, TITLE, frame_domain, new_figure, open_frame, units_of
from .subject import Subject
from .ticks import ticks_between
from .triangles import cover_domain, cover_nodes

PANEL = 1.7  # inches, the longer side of a domain
SHOWN = {1: 6, 2: 12, 3: 1}  # functions at most, by dimension
COLUMNS = 4


def plot_modes(modes: Any, domain: Any, labels: tuple[str, ...]) -> Any:
    """The first functions: on the line curves, in the plane a panel each, in space the first."""
    cloud = modes.space.cloud
    chosen = list(range(min(len(modes), SHOWN[cloud.dim])))
    subjects = [Subject(modes[index], None, cloud, domain, "u", labels) for index in chosen]
    words = [_words(np.asarray(modes.values)[index]) for index in chosen]
    if cloud.dim == 1:
        return _on_line(subjects, words)
    if cloud.dim == 2 and cloud.manifold_dim == 2:
        return _on_plane(subjects, words)
    figure = plot_space(subjects[0]) if cloud.dim == 3 else plot_curve(subjects[0])
    figure.suptitle(words[0], fontsize=10)
    return figure


def _words(value: Any) -> str:
    if np.iscomplexobj(value):
        sign = "+" if value.imag >= 0 else "−"
        return f"$λ$ = {_number(value.real)} {sign} {_number(abs(value.imag))} i"
    return f"$λ$ = {_number(float(value))}"


def _number(value: float) -> str:
    shown = f"{0.0 if abs(value) < 1e-9 else value:.5g}"
    return shown.replace("-", "−")


def _on_line(subjects: list[Subject], words: list[str]):
    figure = new_figure(6.0, 3.4)
    axes = figure.subplots()
    open_frame(axes)
    samples = sampled(subjects[0])
    for index, (subject, told) in enumerate(zip(subjects, words, strict=True)):
        curve, _ = samples.split(_largest_field(subject, samples.points)[:, None])
        axes.plot(samples.grid, curve[:, 0], color=COLORS[index % len(COLORS)], lw=1.6, label=told)
    axes.legend(**LEGEND)
    ticks_between(samples.lower, samples.upper, WIDTH, subjects[0].labels[0]).apply(axes.xaxis)
    axes.set_xlim(samples.lower, samples.upper)
    return figure


def _on_plane(subjects: list[Subject], words: list[str]):
    """Red above and blue below zero, to the largest value of each."""
    first = subjects[0]
    cover = cover_nodes(first.cloud) if first.domain is None else cover_domain(first.domain)
    lower, upper = cover.vertices.min(axis=0), cover.vertices.max(axis=0)
    units = units_of(upper - lower, PANEL)
    size = units * (upper - lower)
    columns = min(COLUMNS, len(subjects))
    rows = -(-len(subjects) // columns)
    figure = new_figure(columns * (size[0] + 0.35), rows * (size[1] + 0.5))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, subject, told in zip(panels, subjects, words, strict=False):
        values = _largest_field(subject, cover.points)
        high = float(np.nanmax(np.abs(values))) or 1.0
        paint(axes, cover, values, Scale(-high, high, np.array([0.0]), DIVERGING))
        frame_domain(axes, lower, upper, units, first.labels)
        axes.set_title(told, **TITLE)
    return figure


def _largest_field(subject: Subject, points: np.ndarray) -> np.ndarray:
    values, _ = subject.values(points)
    return values[:, int(np.argmax(np.nanmean(values**2, axis=0)))]
