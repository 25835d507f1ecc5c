"""Pictures of functions in time that stand still: a few times side by side, on the line all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .film import time_words
from .lines import WIDTH, Samples, sampled
from .painting import color_bar, paint
from .scales import Scale, error_scale, value_scale
from .sections import plot_space
from .style import (
    INK,
    LEGEND,
    TITLE,
    error_names,
    frame_domain,
    largest_error,
    new_figure,
    open_frame,
    units_of,
)
from .subject import Subject
from .ticks import ticks_between
from .triangles import cover_domain, cover_nodes

STILLS = {1: 5, 2: 4, 3: 2}  # by dimension: of the last ones the last
ROWS = 201  # of a picture in space and time
TIME = 3.0  # inches of the axis of time


def plot_stills(subject: Subject, title: str | None) -> tuple[Any, str | None]:
    """The figure at the times of the subject, and its title."""
    if subject.cloud.dim == 1:
        return _on_line(subject), title
    if subject.cloud.dim == 2:
        return _on_plane(subject), title
    (when,) = time_words(subject.times[-1:])
    return plot_space(subject.at(subject.times[-1])), when if title is None else f"{title},  {when}"


def _on_line(subject: Subject):
    """A row each field: curves at the times, the field over space and time, and its error."""
    from matplotlib import colormaps

    samples = sampled(subject, 401)
    values, exact = subject.series(samples.points)
    whole = subject._replace(times=np.linspace(subject.times[0], subject.times[-1], ROWS))
    everywhere, known = whole.series(samples.points)
    names = subject.field_names(values.shape[2])
    columns = 2 if exact is None else 3
    figure = new_figure(2.2 + 0.9 * WIDTH + (columns - 1) * (0.6 * WIDTH + 1.2), 3.7 * len(names))
    rows = figure.subplots(len(names), columns, squeeze=False, width_ratios=[1.5] + [1] * (columns - 1))
    colors = colormaps["viridis"](np.linspace(0, 0.92, len(subject.times)))
    words = time_words(subject.times)
    for field, ((axes, *beside), name) in enumerate(zip(rows, names, strict=True)):
        open_frame(axes)
        for i, (color, when) in enumerate(zip(colors, words, strict=True)):
            axes.plot(samples.grid, samples.split(values)[0][i, :, field], color=color, lw=1.6, label=when)
            if exact is not None:
                label = "exact" if i == len(words) - 1 else None
                axes.plot(
                    samples.grid, samples.split(exact)[0][i, :, field], color=INK, lw=0.9, dashes=(4, 3), label=label
                )
        axes.set_ylabel(name)
        if field == 0:
            axes.legend(**LEGEND)
        ticks_between(samples.lower, samples.upper, 0.9 * WIDTH, subject.labels[0]).apply(axes.xaxis)
        axes.set_xlim(samples.lower, samples.upper)
        shown = samples.split(everywhere)[0][:, :, field]
        _over_time(beside[0], samples, whole, shown, value_scale(shown), name)
        if known is not None:
            wrong = shown - samples.split(known)[0][:, :, field]
            told = f"{error_names([name])[0]}, {largest_error(wrong)}"
            _over_time(beside[1], samples, whole, np.abs(wrong), error_scale(wrong), told)
    return figure


def _over_time(axes, samples: Samples, subject: Subject, values: np.ndarray, scale: Scale, words: str) -> None:
    """Values (k, m) as colours over x and t."""
    first, last = float(subject.times[0]), float(subject.times[-1])
    colors = scale.rgb(values.ravel()).reshape(*values.shape, 3)
    colors[~np.isfinite(values)] = 255
    lower, upper = np.array([samples.lower, first]), np.array([samples.upper, last])
    axes.imshow(colors, extent=(*(samples.lower, samples.upper), first, last), origin="lower", aspect="auto")
    axes.spines[:].set(linewidth=0.7, color=INK)
    axes.tick_params(labelsize=8, width=0.5, length=2.5, color=INK)
    ticks_between(*(samples.lower, samples.upper), 0.6 * WIDTH, subject.labels[0]).apply(axes.xaxis)
    ticks_between(first, last, TIME, "$t$", upright=True).apply(axes.yaxis)
    color_bar(axes, scale, (lower, upper), TIME)
    axes.set_title(words, **TITLE)


def _on_plane(subject: Subject):
    """A row each field and each error, a panel each time, one colour bar."""
    cover = cover_nodes(subject.cloud) if subject.domain is None else cover_domain(subject.domain)
    values, exact = subject.series(cover.points)
    names = subject.field_names(values.shape[2])
    rows = [(name, one, False) for name, one in zip(names, np.moveaxis(values, 2, 0), strict=True)]
    if exact is not None:
        wrong = np.moveaxis(values - exact, 2, 0)
        rows += [(name, one, True) for name, one in zip(error_names(names), wrong, strict=True)]
    lower, upper = cover.vertices.min(axis=0), cover.vertices.max(axis=0)
    units = units_of(upper - lower, 2.6)
    size = units * (upper - lower)
    count = len(subject.times)
    figure = new_figure(count * (size[0] + 0.75) + 0.7, len(rows) * (size[1] + 0.85))
    grid = figure.subplots(len(rows), count, squeeze=False)
    whens = time_words(subject.times)
    for panels, (name, series, is_error) in zip(grid, rows, strict=True):
        scale = error_scale(series) if is_error else value_scale(series)
        for axes, one, when in zip(panels, series, whens, strict=True):
            paint(axes, cover, one, scale)
            frame_domain(axes, lower, upper, units, subject.labels)
            told = f"{name}\n{when},  {largest_error(one)}" if is_error else f"{name},  {when}"
            axes.set_title(told, **TITLE)
        color_bar(panels[-1], scale, (lower, upper), size[1])
    return figure
