"""Solutions on closed curves in the plane: the curves in colours, a panel each field, the errors beside."""

from typing import Any

import numpy as np

from .painting import color_bar
from .planes import panels_for
from .scales import Scale, error_scale, value_scale
from .style import TITLE, error_names, frame_domain, largest_error, units_of
from .subject import Subject

WIDTH = 4.0  # typographic points, of the curve
POINTS = 1025  # of each smooth piece of the curve


def plot_curve(subject: Subject) -> Any:
    """The figure of a function on curves in the plane: its fields and their errors."""
    outline = getattr(subject.domain, "outline", ())
    curves = [one.point(np.linspace(0, 1, POINTS)) for one in outline]
    points = np.concatenate(curves) if curves else np.asarray(subject.cloud.points)
    values, exact = subject.values(points)
    names = subject.field_names(values.shape[1])
    shown = list(zip(names, values.T, strict=True))
    errors = [] if exact is None else list(zip(error_names(names), (values - exact).T, strict=True))
    lower, upper = subject.bounds
    room = 0.04 * np.max(upper - lower)
    lower, upper = lower - room, upper + room
    units = units_of(upper - lower)
    size = units * (upper - lower)
    figure, panels = panels_for(size, shown, errors)
    for axes, (words, one), is_error in panels:
        scale = error_scale(one) if is_error else value_scale(one)
        _draw(axes, curves, points, one, scale)
        frame_domain(axes, lower, upper, units, subject.labels)
        color_bar(axes, scale, (lower, upper), size[1])
        axes.set_title(f"{words}, {largest_error(one)}" if is_error else words, **TITLE)
    return figure


def _draw(axes: Any, curves: list[np.ndarray], points: np.ndarray, values: np.ndarray, scale: Scale) -> None:
    from matplotlib.collections import LineCollection

    colors = scale.rgb(values) / 255
    if not curves:
        axes.scatter(*points.T, c=colors, s=WIDTH**2)
        return
    start = 0
    for X in curves:
        steps = np.stack([X[:-1], X[1:]], axis=1)
        middle = (colors[start : start + len(steps)] + colors[start + 1 : start + len(X)]) / 2
        axes.add_collection(LineCollection(list(steps), colors=middle, linewidths=WIDTH, capstyle="round"))
        start += len(X)
