"""Solutions in space: the body cut open and three sections through its middle, a row each field."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..geometry.contouring import drawn_onto, skin
from ..geometry.simplices import distance_from_nodes
from .cutaway import View, cut_open
from .painting import color_bar, paint
from .scales import Scale, error_scale, value_scale
from .style import DPI, PANEL, TITLE, error_names, frame_domain, largest_error, new_figure, units_of
from .subject import Subject
from .triangles import cover_section

BODY = 0.72 * PANEL  # inches: the longest side of a body
WORDS, LINE = 1.2, 28  # inches: a section must be so wide for the words above it; characters in a line of these
BESIDE = 0.45  # inches between the picture of a surface and its colour bar
ACROSS = ((2, (0, 1)), (1, (0, 2)), (0, (1, 2)))  # the axis that a section is at right angles to, and its own two


def plot_space(subject: Subject):
    """The figure of a function in space: its surface, sections across z, y and x, the errors below each field."""
    body = body_in(subject)
    rows = body.rows(*subject.values(body.points))
    scales = [error_scale(one) if is_error else value_scale(one) for _, one, is_error in rows]
    parts = [body.split(one) for _, one, _ in rows]
    colors = [scale.rgb(shown[0]) for shown, scale in zip(parts, scales, strict=True)]
    images = body.images(colors, 2 * DPI)

    def draw(axes, row: int, section: int) -> None:
        paint(axes, body.covers[section], parts[row][1 + section], scales[row])

    figure, firsts = body.figure(rows, scales, draw)
    for first, image in zip(firsts, images, strict=True):
        body.view.show(first, image)
    return figure


class Body:
    """A body cut open, seen from the front, and its three sections."""

    def __init__(self, subject: Subject):
        self._subject = subject
        self._lower, self._upper = subject.bounds
        distance = _distance(subject)
        self.covers = [cover_section(distance, self._lower, self._upper, axis) for axis, _ in ACROSS]
        if not any(len(cover.triangles) for cover in self.covers):
            raise ValueError(
                "the sections through the middle of the bounding box all miss the domain: there is nothing to draw"
            )
        self._skin, self.view = cut_open(distance, self._lower, self._upper), View(self._lower, self._upper)
        self._unit = BODY / max(self._upper - self._lower)
        self._drawn = [self._skin.vertices, *(cover.points for cover in self.covers)]

    @property
    def points(self) -> np.ndarray:
        """Where the function is needed: on the surface, and then on the sections."""
        return np.concatenate(self._drawn)

    def split(self, values: np.ndarray) -> list[np.ndarray]:
        """Values (..., m) at the points as those on the surface and on each section."""
        return np.split(values, np.cumsum([len(X) for X in self._drawn])[:-1], axis=-1)

    def rows(self, values: np.ndarray, exact: np.ndarray | None) -> list[tuple[str, np.ndarray, bool]]:
        """The words, the values, and whether they are errors, for every row of panels; from values (..., m, fields)."""
        names = self._subject.field_names(values.shape[-1])
        rows = [(name, one, False) for name, one in zip(names, np.moveaxis(values, -1, 0), strict=True)]
        if exact is None:
            return rows
        errors = zip(error_names(names), np.moveaxis(values - exact, -1, 0), strict=True)
        return [row for pair in zip(rows, ((*error, True) for error in errors), strict=True) for row in pair]

    def images(self, colors: Sequence[np.ndarray], dpi: float) -> list[np.ndarray]:
        """An image of the body for each set of colours of its surface, with so many pixels to an inch."""
        return self.view.images(self._skin, colors, self._unit * dpi)

    def inches(self, section: int) -> np.ndarray:
        """Width and height of a section in the picture."""
        size = (self._upper - self._lower)[list(ACROSS[section][1])]
        return _units(size, self._unit) * size

    def figure(self, rows: list, scales: Sequence[Scale], draw: Callable) -> tuple[Any, list]:
        """The figure with its words, and the axes for images of the body; draw(axes, row, section) fills the others."""
        lower, upper, labels = self._lower, self._upper, self._subject.labels
        places = [f"at  {labels[axis]} = {_middle(lower[axis], upper[axis])}" for axis, _ in ACROSS]
        figure, grid = _grid(self.view, self._unit, upper - lower, len(rows))
        for number, ((first, *row), (words, one, is_error), scale) in enumerate(zip(grid, rows, scales, strict=True)):
            self.view.draw_box(first, labels, self._unit)
            first.set_title(words, **TITLE)
            for section, (axes, (_, own), place) in enumerate(zip(row, ACROSS, places, strict=True)):
                draw(axes, number, section)
                low, high = lower[list(own)], upper[list(own)]
                units = _units(high - low, self._unit)
                frame_domain(axes, low, high, units, [labels[i] for i in own])
                long = len(f"{words}  {place}".replace("$", "")) > LINE
                axes.set_title(("\n" if long else "  ").join((words, place)), **TITLE)
            height = float(units[1] * (high - low)[1])
            color_bar(row[-1], scale, (low, high), height, largest_error(one) if is_error else None)
        return figure, [first for first, *_ in grid]


class Outside(Body):
    """The whole surface of a body, on which alone the function is known, seen from the front."""

    def __init__(self, subject: Subject):
        self._subject, self.covers = subject, []
        self._lower, self._upper = subject.bounds
        distance = _distance(subject)
        found = skin(distance, self._lower, self._upper)
        vertices = drawn_onto(distance, found.vertices, 1e-4 * max(self._upper - self._lower))
        self._skin, self.view = found._replace(vertices=vertices), View(self._lower, self._upper)
        self._unit = 1.4 * BODY / max(self._upper - self._lower)
        self._drawn = [self._skin.vertices]

    def figure(self, rows, scales, draw):
        lower, upper = self.view.bounds
        upper = upper + np.array([BESIDE / self._unit, 0.0])
        wide, high = self.view.inches(self._unit)
        columns = 2 if len(rows) > 1 else 1
        lines = -(-len(rows) // columns)
        figure = new_figure(columns * (float(wide) + 1.0), lines * (float(high) + 0.5))
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes, (words, one, is_error), scale in zip(grid, rows, scales, strict=False):
            self.view.draw_box(axes, self._subject.labels, self._unit)
            axes.set_title(f"{words}, {largest_error(one)}" if is_error else words, **TITLE)
            color_bar(axes, scale, (lower, upper), float(self._unit * (upper - lower)[1]))
        for axes in grid[len(rows) :]:
            axes.set_axis_off()
        return figure, list(grid[: len(rows)])


def body_in(subject: Subject) -> Body:
    """What is drawn of a function in space."""
    return Body(subject) if subject.cloud.surface_normals is None else Outside(subject)


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
    cloud = subject.cloud
    normals = cloud.normal_vectors if cloud.surface_normals is None else cloud.surface_normals
    return distance_from_nodes(np.asarray(cloud.points), np.asarray(normals))


def _grid(view: View, unit: float, size: np.ndarray, rows: int):
    """A figure and its axes, `rows` of a view and three sections; `unit`: inches per length."""
    wide, high = view.inches(unit)
    sides = np.stack([_units(size[list(own)], unit) * size[list(own)] for _, own in ACROSS])
    widths = np.array([wide, *np.maximum(sides[:, 0], WORDS)])
    height = max(high - 0.4, *sides[:, 1])  # it has no words below it
    figure = new_figure(float(widths.sum()) + 3.0, rows * (float(height) + 0.9))
    return figure, figure.subplots(rows, 4, squeeze=False, width_ratios=widths)
