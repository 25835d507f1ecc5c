"""The picture of convergence studies, with the orders observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..internal.expected import PATH, expects
from .style import COLORS, LEGEND, PathLike, checked_path, finish, new_figure, open_frame, plain_ticks

if TYPE_CHECKING:
    import matplotlib.figure


@expects(studies=Mapping, path=PATH, title=str)
def plot_convergence(
    studies: Mapping[str, ArrayLike],
    path: PathLike = None,
    *,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str = "relative error",
) -> matplotlib.figure.Figure:
    """Errors against the spacing or the number of unknowns, on logarithmic axes, with the observed orders.

    `studies`: label -> rows (spacing or unknowns, error), shape (m, 2). Integers from 2 on are read as numbers of
    unknowns; the slope is then called exponent, not order. `xlabel` replaces "spacing" or "unknowns". The slope is
    that of the least-squares line through the logarithms of all rows with a positive error; a triangle shows it
    rounded to halves. Raises ValueError for rows of a wrong shape, spacings that are not positive, nothing to draw.
    """
    path = checked_path(path)
    tables = {label: _rows_of(label, rows) for label, rows in studies.items()}
    if not tables:
        raise ValueError("studies is empty: use label -> rows (spacing or unknowns, error)")
    x, errors = np.concatenate(list(tables.values())).T
    counted = bool(np.all((x >= 2) & (x == np.round(x))))
    figure = new_figure(5.4, 4.2)
    axes = figure.subplots()
    open_frame(axes)
    axes.set_xscale("log")
    axes.set_yscale("log")
    gap = 0.04 * max(np.ptp(np.log(errors)), 1.0)
    for i, (label, rows) in enumerate(tables.items()):
        color, slope = COLORS[i % len(COLORS)], _slope(rows)
        style = {"ls": "-", "lw": 1.5, "ms": 5.5, "mfc": "white", "mew": 1.3, "color": color}
        (line,) = axes.plot(*rows.T, "osD^vP*X"[i % 8], label=label, **style)
        if slope is not None:
            order = f"{'exponent' if counted else 'order'} {slope:.2f}".replace("-", "−")
            line.set_label(f"{label}  ({order})")
            _slope_triangle(axes, rows, round(2 * slope) / 2, gap, color)
    axes.set_xlabel(xlabel or ("unknowns" if counted else "spacing"))
    axes.set_ylabel(ylabel)
    plain_ticks(axes.xaxis, x)
    axes.legend(**LEGEND)
    return finish(figure, title, path)


def _rows_of(label: str, rows: ArrayLike) -> np.ndarray:
    """The rows that can be drawn, sorted by spacing or unknowns."""
    table = np.asarray(rows, dtype=float)
    if table.ndim != 2 or table.shape[1] != 2 or len(table) == 0:
        raise ValueError(f"{label}: rows are (spacing or unknowns, error), shape (m, 2); got {table.shape}")
    if not np.all(table[:, 0] > 0):
        raise ValueError(f"{label}: spacings and unknowns must be positive; got {table[:, 0].min():g}")
    table = table[np.isfinite(table[:, 1]) & (table[:, 1] > 0)]
    if len(table) == 0:
        raise ValueError(f"{label}: no error is positive and finite, none has a place on a logarithmic axis")
    return table[np.argsort(table[:, 0])]


def _slope(rows: np.ndarray) -> float | None:
    """The slope of the least-squares line through the logarithms; None where all lie above one another."""
    x, y = np.log(rows.T)
    return float(np.polyfit(x, y, 1)[0]) if np.ptp(x) > 0 else None


def _slope_triangle(axes, rows: np.ndarray, slope: float, gap: float, color: str) -> None:
    """A triangle of that slope below the finer half of a curve, its upright leg labelled with the slope."""
    if slope == 0:
        return
    x, y = np.log(rows.T)
    middle, width = (x.min() + x.max()) / 2, 0.1 * np.ptp(x)
    a, b = (middle - 3 * width, middle - width) if slope > 0 else (middle + width, middle + 3 * width)
    inside = np.concatenate([[a, b], x[(x > a) & (x < b)]])
    start = (np.interp(inside, x, y) - slope * (inside - a)).min() - gap
    stop = start + slope * (b - a)
    foot = (b, start) if slope > 0 else (a, stop)
    corners = np.exp([(a, start), (b, stop), foot])
    axes.fill(*corners.T, fc=color, ec=color, alpha=0.25, lw=0.8)
    label = f"{abs(slope):g}"
    place = {"xytext": (4 if slope > 0 else -4, 0), "textcoords": "offset points", "va": "center"}
    ha = "left" if slope > 0 else "right"
    axes.annotate(label, np.exp((foot[0], (start + stop) / 2)), ha=ha, fontsize=8, color=color, **place)
