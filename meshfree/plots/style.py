"""The look of all pictures: sizes, colours, frames and ticks."""

import numpy as np

from .words import scientific

DPI = 160
PAD = 0.025  # around a domain, of its longer side
PANEL, SLIM = 3.2, 0.7  # inches: the longer side of a panel, and the least of the shorter
INK, GREY, ACCENT = "#222222", "#8a8a8a", "#c1272d"
COLORS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#6f4e9c",
    "#7a7a7a",
)  # Okabe & Ito
TITLE = {"fontsize": 10, "color": INK}
LEGEND = {"fontsize": 8.5, "frameon": False}


def figure_of(width: float, height: float):
    """An empty figure, white, of so many inches, that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.07)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def stacked(width: float, heights: list[float]):
    """A figure with panels below one another that share their horizontal axis."""
    figure = figure_of(width, sum(heights))
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights).ravel()
    for one in axes:
        open_frame(one)
    figure.align_ylabels()
    return figure, list(axes)


def open_frame(axes) -> None:
    """Axes for curves: no frame at the top and the right, a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(linewidth=0.7, color=INK)
    axes.tick_params(labelsize=8.5, width=0.7, color=INK)
    axes.grid(True, color="#e4e4e4", lw=0.6)
    axes.set_axisbelow(True)


def closed_frame(axes) -> None:
    """Axes for the plane: equal scales, ticks but no frame, since the domain has its own outline."""
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.tick_params(labelsize=8, width=0.5, length=2.5, color=INK)


def frame_limits(axes, lower: np.ndarray, upper: np.ndarray, unit: float) -> None:
    """Limits a little wider than the domain; as many ticks as `unit`, inches per length, leaves room for."""
    from matplotlib.ticker import MaxNLocator

    pad = PAD * max(upper - lower)
    axes.set_xlim(lower[0] - pad, upper[0] + pad)
    axes.set_ylim(lower[1] - pad, upper[1] + pad)
    for axis, inches in zip((axes.xaxis, axes.yaxis), unit * (upper - lower), strict=True):
        axis.set_major_locator(MaxNLocator(int(np.clip(1.7 * inches, 1, 5)), steps=[1, 2, 2.5, 5, 10]))


def plain_ticks(axis, values: np.ndarray) -> None:
    """Ticks at round numbers in plain figures on a logarithmic axis that spans less than two decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    span = np.nanmax(values) / np.nanmin(values)
    if span < 100:
        subs = (1.0, 2.0, 5.0) if span > 10 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:g}" if 1e-3 <= value < 1e5 else scientific(value))
        )
    axis.set_minor_formatter(NullFormatter())
