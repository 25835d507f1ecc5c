"""Solutions in space: the body cut open and three sections through its middle, a row each field."""

from collections.abc import Callable

import numpy as np

from ..geometry.simplices import distance_from_nodes
from .cutaway import View, cut_open
from .painting import color_bar, paint
from .scales import error_scale, value_scale
from .style import PANEL, TITLE, error_names, frame_domain, largest_error, new_figure, units_of
from .subject import Subject
from .triangles import cover_section

BODY = 0.72 * PANEL  # inches: the longest side of a body
WORDS, LINE = 1.2, 28  # inches: a section must be so wide for the words above it; characters in a line of these
ACROSS = ((2, (0, 1)), (1, (0, 2)), (0, (1, 2)))  # the axis that a section is at right angles to, and its own two


def plot_space(subject: Subject):
    """The figure of a function in space: its surface, sections across z, y and x, the errors below each field."""
    lower, upper = subject.bounds
    distance = _distance(subject)
    sections = [cover_section(distance, lower, upper, axis) for axis, _ in ACROSS]
    if not any(len(cover.triangles) for cover in sections):
        raise ValueError(
            "the sections through the middle of the bounding box all miss the domain: there is nothing to draw"
        )
    body, view = cut_open(distance, lower, upper), View(lower, upper)
    drawn = [body.vertices, *(cover.points for cover in sections)]
    values, exact = subject.values(np.concatenate(drawn))
    rows = _rows(subject, values, exact)
    places = [f"at  {subject.labels[axis]} = {_middle(lower[axis], upper[axis])}" for axis, _ in ACROSS]
    figure, unit, grid = _grid(view, upper - lower, len(rows))
    scales = [error_scale(one) if is_error else value_scale(one) for _, one, is_error in rows]
    parts = [np.split(one, np.cumsum([len(X) for X in drawn])[:-1]) for _, one, _ in rows]
    colors = [scale.rgb(shown[0]) for shown, scale in zip(parts, scales, strict=True)]
    images = view.images(body, colors, unit)
    for (first, *row), (words, one, is_error), scale, shown, image in zip(
        grid, rows, scales, parts, images, strict=True
    ):
        view.draw_box(first, subject.labels, unit)
        view.show(first, image)
        first.set_title(words, **TITLE)
        for axes, cover, (_, own), place, heights in zip(row, sections, ACROSS, places, shown[1:], strict=True):
            paint(axes, cover, heights, scale)
            low, high = lower[list(own)], upper[list(own)]
            units = _units(high - low, unit)
            frame_domain(axes, low, high, units, [subject.labels[i] for i in own])
            long = len(f"{words}  {place}".replace("$", "")) > LINE
            axes.set_title(("\n" if long else "  ").join((words, place)), **TITLE)
        height = float(units[1] * (high - low)[1])
        color_bar(row[-1], scale, (low, high), height, largest_error(one) if is_error else None)
    return figure


def _units(size: np.ndarray, unit: float) -> np.ndarray:
    """Inches per length across and up a section: `unit`, but where it would look like a line."""
    return units_of(size, unit * max(size), BODY)


def _middle(a: float, b: float) -> str:
    """(a + b) / 2 to three digits, of those that matter beside b − a."""
    middle = round((a + b) / 2, 3 - int(np.floor(np.log10(b - a)))) + 0.0
    return f"{middle:.12g}".replace("-", "−")


def _distance(subject: Subject) -> Callable:
    """The distance to the boundary of the domain; without one, of what the nodes span."""
    if subject.domain is not None:
        return subject.domain.distance
    return distance_from_nodes(np.asarray(subject.cloud.points), np.asarray(subject.cloud.normal_vectors))


def _rows(subject: Subject, values: np.ndarray, exact: np.ndarray | None) -> list[tuple[str, np.ndarray, bool]]:
    """The words, the values, and whether they are errors, for every row of panels."""
    names = subject.field_names(values.shape[1])
    rows = [(name, one, False) for name, one in zip(names, values.T, strict=True)]
    if exact is None:
        return rows
    errors = zip(error_names(names), (values - exact).T, strict=True)
    return [row for pair in zip(rows, ((*error, True) for error in errors), strict=True) for row in pair]


def _grid(view: View, size: np.ndarray, rows: int):
    """A figure, inches per length, and its axes, `rows` of a view and three sections."""
    unit = BODY / max(size)
    wide, high = view.inches(unit)
    sides = np.stack([_units(size[list(own)], unit) * size[list(own)] for _, own in ACROSS])
    widths = np.array([wide, *np.maximum(sides[:, 0], WORDS)])
    height = max(high - 0.4, *sides[:, 1])  # it has no words below it
    figure = new_figure(float(widths.sum()) + 3.0, rows * (float(height) + 0.9))
    return figure, unit, figure.subplots(rows, 4, squeeze=False, width_ratios=widths)
