"""Solutions on the line: curves with their nodes, the error below."""

import numpy as np

from .node_marks import dot_size
from .style import COLORS, INK, LEGEND, TITLE, error_names, largest_error, stacked_panels
from .subject import Subject
from .ticks import ticks_between

WIDTH = 5.2  # inches, of the interval


def plot_line(subject: Subject):
    """The figure of a function on the line: u and the exact solution, the nodes, and below the error."""
    (lower,), (upper,) = subject.bounds
    nodes = np.sort(np.asarray(subject.cloud.points)[:, 0])
    grid = np.linspace(lower, upper, 1001)
    outside = np.zeros(len(grid), bool)
    if subject.domain is not None:
        outside = subject.domain.distance(grid[:, None]) > 1e-9 * (upper - lower)
    values, exact = subject.values(np.concatenate([grid, nodes])[:, None])
    curve, at_nodes = np.where(outside[:, None], np.nan, values[: len(grid)]), values[len(grid) :]
    names = subject.field_names(values.shape[1])
    figure, (axes, *below) = stacked_panels(6.0, [3.2] if exact is None else [3.2, 1.7])
    _draw_curves(axes, grid, curve, names)
    _draw_nodes(axes, nodes, at_nodes, dot_size(subject.cloud, 72 * WIDTH / (upper - lower), 5.0))
    if exact is not None:
        known = np.where(outside[:, None], np.nan, exact[: len(grid)])
        axes.plot(grid, known, color=INK, lw=1.1, dashes=(4, 3), label=["exact"] + [None] * (len(names) - 1))
        _draw_errors(below[0], grid, np.abs(curve - known), names)
    axes.set_ylabel(subject.field_names(1)[0])
    axes.legend(**LEGEND)
    ticks_between(lower, upper, WIDTH, subject.labels[0]).apply(figure.axes[-1].xaxis)
    axes.set_xlim(lower - 0.02 * (upper - lower), upper + 0.02 * (upper - lower))
    return figure


def _draw_curves(axes, grid, values, names):
    for i, name in enumerate(names):
        axes.plot(grid, values[:, i], color=COLORS[i % len(COLORS)], lw=1.8, label=name)


def _draw_nodes(axes, nodes, values, size):
    """Circles on the curves, or strokes above the axis where circles would touch."""
    if size < 2.5:
        style = {"color": INK, "ms": 5, "mew": 0.6, "transform": axes.get_xaxis_transform()}
        axes.plot(nodes, np.full(len(nodes), 0.015), "|", label=f"{len(nodes)} nodes", **style)
        return
    for i, column in enumerate(values.T):
        label = f"{len(nodes)} nodes" if i == 0 else None
        style = {"mfc": "white", "mec": COLORS[i % len(COLORS)], "mew": 0.9, "zorder": 3}
        axes.plot(nodes, column, "o", ms=size, label=label, **style)


def _draw_errors(axes, grid, errors, names):
    from matplotlib.ticker import NullFormatter

    _draw_curves(axes, grid, errors, names)
    positive = errors[errors > 0]
    if positive.size:
        low, high = max(np.quantile(positive, 0.05), 1e-6 * positive.max()), positive.max()
        axes.set_yscale("log")
        axes.set_ylim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(1.2 * high)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("error")
    words = error_names(names)[0] if len(names) == 1 else "error"
    axes.set_title(f"{words}, {largest_error(errors)}", **TITLE)
