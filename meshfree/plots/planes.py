"""Solutions in the plane: filled contours, a panel each field, error and standard deviation beside or below."""

from typing import Any

import numpy as np

from .node_marks import draw_nodes, draw_places
from .painting import color_bar, paint, streamlines
from .scales import error_scale, value_scale
from .style import SLIM, TITLE, error_names, frame_domain, largest_error, new_figure, units_of
from .subject import Subject
from .triangles import cover_domain, cover_nodes

WORDS = 1.0  # inches: a panel must be so wide for the words above it and its colour bar


def plot_plane(subject: Subject):
    """The figure of a function in the plane: its fields, the speed of two, and their errors."""
    cover = cover_nodes(subject.cloud) if subject.domain is None else cover_domain(subject.domain)
    values, exact = subject.values(cover.points)
    names = subject.field_names(values.shape[1])
    shown = list(zip(names, values.T, strict=True))
    errors = [] if exact is None else list(zip(error_names(names), (values - exact).T, strict=True))
    if values.shape[1] == 2:
        whole = subject.field_names(1)
        shown.append((f"|{whole[0]}|", np.hypot(*values.T)))
        errors += [] if exact is None else [(error_names(whole)[0], np.hypot(*(values - exact).T))]
    deviations = subject.deviations(cover.points)
    if deviations is not None:
        errors += [(f"standard deviation of {name}", one) for name, one in zip(names, deviations.T, strict=True)]
    lower, upper = cover.vertices.min(axis=0), cover.vertices.max(axis=0)
    units = units_of(upper - lower)
    size = units * (upper - lower)
    figure, panels = panels_for(size, shown, errors)
    for axes, (words, one), is_error in panels:
        scale = error_scale(one) if is_error else value_scale(one)
        paint(axes, cover, one, scale)
        frame_domain(axes, lower, upper, units, subject.labels)
        color_bar(axes, scale, (lower, upper), size[1])
        axes.set_title(f"{words}, {largest_error(one)}" if is_error else words, **TITLE)
    if subject.has_nodes:
        draw_nodes(panels[0][0], subject.cloud, min(units))
    draw_places(panels[0][0], subject.data)
    if values.shape[1] == 2:
        streamlines(panels[2][0], cover, values)
    return figure


def panels_for(size: np.ndarray, shown: list, errors: list) -> tuple[Any, list]:
    """A figure, and panels (axes, (words, values), is_error), errors last, for a domain of that size in inches."""
    width, height = np.maximum(size, (WORDS, SLIM))
    every = [(one, False) for one in shown] + [(one, True) for one in errors]
    columns = len(shown) if len(shown) > 1 else len(every)
    if size[0] > 2 * size[1]:
        columns = 1
    rows = -(-len(every) // columns)
    figure = new_figure(columns * (width + 1.35), rows * (height + 0.85))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    return figure, [(one, what, is_error) for one, (what, is_error) in zip(axes, every, strict=True)]
