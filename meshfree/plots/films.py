"""Movies of functions in time, in one, two or three dimensions: one scale for all frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .film import FILM_DPI, Film, time_words
from .lines import draw_line, error_words, sampled, scale_errors
from .painting import color_bar
from .planes import panels_for
from .raster import MovingPaint, Raster
from .scales import Scale, error_scale, value_scale
from .sections import body_in
from .style import LEGEND, TITLE, error_names, frame_domain, largest_error, units_of
from .subject import Subject
from .triangles import cover_domain, cover_nodes

GRID = 501  # points of a curve
ABOVE = {**LEGEND, "loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "ncols": 4}  # no curve can run into it


def film_of(subject: Subject, title: str | None) -> Film:
    """The frames at the times of the subject."""
    words = time_words(subject.times)
    if title is not None:
        words = [f"{title},  {one}" for one in words]
    make = {1: _on_line, 2: _on_plane, 3: _in_space}[subject.cloud.dim]
    return Film(*make(subject), words)


def _on_line(subject: Subject) -> tuple[Any, list, Callable[[int], None]]:
    """Curves and nodes, dashed the exact solution; below the error."""
    samples = sampled(subject, GRID)
    values, exact = subject.series(samples.points)
    curves, at_nodes = samples.split(values)
    picture = draw_line(subject, samples, values[-1], None if exact is None else exact[-1], ABOVE)
    axes, *below = picture.figure.axes
    _limit(axes, curves)
    known = None if exact is None else samples.split(exact)[0]
    errors = None if known is None else np.abs(curves - known)
    names = subject.field_names(values.shape[2])
    if errors is not None:
        scale_errors(below[0], errors)

    def show(i: int) -> None:
        for artists, ordinates in ((picture.curves, curves), (picture.dots, at_nodes)):
            _change(artists, ordinates[i])
        if known is not None and errors is not None:
            _change(picture.known, known[i])
            _change(picture.errors, errors[i])
            below[0].title.set_text(error_words(errors[i], names))

    titles = [one.title for one in below]
    return picture.figure, [*picture.curves, *picture.known, *picture.dots, *picture.errors, *titles], show


def _change(lines: list, ordinates: np.ndarray) -> None:
    for line, one in zip(lines, ordinates.T, strict=bool(lines)):
        line.set_ydata(one)


def _limit(axes, values: np.ndarray) -> None:
    """The limits that hold all values, with some room."""
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - room, high + room)


def _on_plane(subject: Subject) -> tuple[Any, list, Callable[[int], None]]:
    """A panel each field, and their errors."""
    cover = cover_nodes(subject.cloud) if subject.domain is None else cover_domain(subject.domain)
    values, exact = subject.series(cover.points)
    names = subject.field_names(values.shape[2])
    shown = list(zip(names, np.moveaxis(values, 2, 0), strict=True))
    wrong = [] if exact is None else list(zip(error_names(names), np.moveaxis(values - exact, 2, 0), strict=True))
    lower, upper = cover.vertices.min(axis=0), cover.vertices.max(axis=0)
    units = units_of(upper - lower)
    size = units * (upper - lower)
    figure, panels = panels_for(size, shown, wrong)
    raster = Raster(cover, size) if len(cover.triangles) else None
    parts = []
    for axes, (words, series), is_error in panels:
        scale = error_scale(series) if is_error else value_scale(series)
        parts.append(_Panel(axes, raster, scale, series, words if is_error else None))
        frame_domain(axes, lower, upper, units, subject.labels)
        color_bar(axes, scale, (lower, upper), size[1])
        axes.set_title(words, **TITLE)

    def show(i: int) -> None:
        for part in parts:
            part.show(i)

    return figure, [one for part in parts for one in part.artists], show


class _Panel:
    """Values at the vertices that change with time, (k, m); of errors the `words` stand above, with the largest."""

    def __init__(self, axes: Any, raster: Raster | None, scale: Scale, series: np.ndarray, words: str | None = None):
        self._paint, self._series = MovingPaint(axes, raster, scale), series
        self._title, self._words = axes.title, words
        self.artists = [*self._paint.artists, *[axes.title] * (words is not None)]

    def show(self, i: int) -> None:
        self._paint.show(self._series[i])
        if self._words is not None:
            self._title.set_text(f"{self._words}, {largest_error(self._series[i])}")


def _in_space(subject: Subject) -> tuple[Any, list, Callable[[int], None]]:
    """The body without the eighth that faces the viewer and three sections, a row each field and each error."""
    body = body_in(subject)
    values, exact = subject.series(body.points)
    rows = body.rows(values, exact)
    scales = [error_scale(one) if is_error else value_scale(one) for _, one, is_error in rows]
    split = [body.split(one) for _, one, _ in rows]
    colors = [scale.rgb(one) for (skin, *_), scale in zip(split, scales, strict=True) for one in skin]
    images = body.images(colors, 2 * FILM_DPI)
    rasters = [Raster(cover, body.inches(i)) if len(cover.triangles) else None for i, cover in enumerate(body.covers)]
    panels = []

    def draw(axes, row: int, section: int) -> None:
        panels.append(_Panel(axes, rasters[section], scales[row], split[row][1 + section]))

    figure, firsts = body.figure(rows, scales, draw)
    count = len(subject.times)
    of_rows = [images[row * count : (row + 1) * count] for row in range(len(rows))]
    pictures = [(body.view.show(first, of_row[-1]), of_row) for first, of_row in zip(firsts, of_rows, strict=True)]

    def show(i: int) -> None:
        for artist, of_row in pictures:
            artist.set_data(of_row[i])
        for panel in panels:
            panel.show(i)

    return figure, [*(artist for artist, _ in pictures), *(one for panel in panels for one in panel.artists)], show
