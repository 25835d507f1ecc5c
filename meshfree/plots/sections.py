"""Solutions in space: three sections through the middle of the bounding box, a row each field."""

import numpy as np

from ..simplices import distance_from_nodes
from .painting import color_bar, paint
from .scales import error_scale, value_scale
from .style import PANEL, SLIM, TITLE, figure_of, frame_limits
from .subjects import Subject
from .triangulation import section
from .words import errors_of, largest


def plot_space(subject: Subject):
    """The figure of a function in space: sections across z, y and x, the errors below each field."""
    lower, upper = subject.bounds
    middle = (lower + upper) / 2
    if subject.domain is None:
        distance = distance_from_nodes(np.asarray(subject.cloud.points), np.asarray(subject.cloud.normal_vectors))
    else:
        distance = subject.domain.distance
    sections = [section(distance, lower, upper, axis) for axis in (2, 1, 0)]
    if not any(len(piece.triangles) for piece in sections):
        raise ValueError("the sections through the middle of the bounding box all miss the domain")
    values, exact = subject.values(np.concatenate([piece.points for piece in sections]))
    starts = np.cumsum([0, *(len(piece.points) for piece in sections)])
    names = subject.names(values.shape[1])
    rows = [(name, one, False) for name, one in zip(names, values.T, strict=True)]
    if exact is not None:
        errors = zip(errors_of(names), (values - exact).T, strict=True)
        rows = [row for pair in zip(rows, ((*error, True) for error in errors), strict=True) for row in pair]
    figure, unit, grid = _section_grid(upper - lower, len(rows))
    for row, (words, one, is_error) in zip(grid, rows, strict=True):
        scale = error_scale(one) if is_error else value_scale(one)
        for k, (axes, piece, axis) in enumerate(zip(row, sections, (2, 1, 0), strict=True)):
            paint(axes, piece, one[starts[k] : starts[k + 1]], scale)
            across, up = np.delete(np.arange(3), axis)
            frame_limits(axes, lower[[across, up]], upper[[across, up]], unit)
            where = f"{subject.labels[axis]} = {middle[axis]:.3g}".replace("-", "−")
            axes.set_title(f"{words}  at  {where}", **TITLE)
            axes.set(xlabel=subject.labels[across], ylabel=subject.labels[up])
        color_bar(row[-1], scale, unit, largest(one) if is_error else None)
    return figure


def _section_grid(size: np.ndarray, rows: int):
    """A figure, inches per length, and its axes, `rows` of three sections."""
    unit = 0.85 * PANEL / max(size)
    widths, height = np.maximum(unit * size[[0, 0, 1]], SLIM), max(unit * size[[1, 2]].max(), SLIM)
    figure = figure_of(float(widths.sum()) + 3.6, rows * (float(height) + 0.9))
    return figure, unit, figure.subplots(rows, 3, squeeze=False, width_ratios=widths)
