"""Solutions in the plane: filled contours, a panel each field, the error beside or below."""

import numpy as np

from .hulls import piece_of_nodes
from .node_marks import node_dots
from .painting import color_bar, paint, streamlines
from .scales import error_scale, value_scale
from .style import PANEL, SLIM, TITLE, figure_of, frame_limits
from .subject import Subject
from .triangles import Piece, piece_of_domain
from .words import errors_of, largest


def plot_plane(subject: Subject):
    """The figure of a function in the plane: its fields, the speed of two, and their errors."""
    piece = piece_of_nodes(subject.cloud) if subject.domain is None else piece_of_domain(subject.domain)
    values, exact = subject.values(piece.points)
    names = subject.names(values.shape[1])
    shown = list(zip(names, values.T, strict=True))
    errors = [] if exact is None else list(zip(errors_of(names), (values - exact).T, strict=True))
    if values.shape[1] == 2:
        shown.append((f"|{subject.names(1)[0]}|", np.hypot(*values.T)))
        errors += [] if exact is None else [(errors_of(subject.names(1))[0], np.hypot(*(values - exact).T))]
    figure, unit, panels = _panels(piece, shown, errors)
    for axes, (words, one), is_error in panels:
        scale = error_scale(one) if is_error else value_scale(one)
        paint(axes, piece, one, scale)
        frame_limits(axes, piece.vertices.min(axis=0), piece.vertices.max(axis=0), unit)
        color_bar(axes, scale, unit)
        axes.set_title(f"{words}, {largest(one)}" if is_error else words, **TITLE)
        axes.set(xlabel=subject.labels[0], ylabel=subject.labels[1])
    node_dots(panels[0][0], subject.cloud)
    if values.shape[1] == 2:
        streamlines(panels[2][0], piece, values)
    return figure


def _panels(piece: Piece, shown: list, errors: list):
    """A figure, inches per length, and panels (axes, (words, values), is_error), errors last."""
    unit = PANEL / np.ptp(piece.vertices, axis=0).max()
    width, height = np.maximum(unit * np.ptp(piece.vertices, axis=0), SLIM)
    every = [(one, False) for one in shown] + [(one, True) for one in errors]
    columns = len(shown) if len(shown) > 1 else len(every)
    if width > 2 * height:
        columns = 1
    rows = -(-len(every) // columns)
    figure = figure_of(columns * (width + 1.35), rows * (height + 0.85))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    return figure, unit, [(one, what, is_error) for one, (what, is_error) in zip(axes, every, strict=True)]
