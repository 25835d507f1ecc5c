"""What all pictures share: sizes, colours, frames and ticks; the words on them; the file at the end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..internal.files import check_target, replaced

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
FORMATS = (".png", ".pdf", ".svg", ".jpg")

PathLike = str | os.PathLike | None

# --------------------------------------------------------------------------------------------- figures, frames, ticks


def new_figure(width: float, height: float):
    """An empty white figure, its sides in inches, that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.07)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def stacked_panels(width: float, heights: list[float]):
    """A figure, and its panels below one another that share their horizontal axis; sides in inches."""
    figure = new_figure(width, sum(heights))
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


# ---------------------------------------------------------------------------------------------------- words, numbers


def italic(word: str) -> str:
    """A single letter in italics, a longer word as it is."""
    return f"${word}$" if len(word) == 1 else word


def error_names(names: Sequence[str]) -> list[str]:
    """The names of the absolute errors of fields with these names."""
    return [f"|{name} − exact|" for name in names]


def largest_error(errors: np.ndarray) -> str:
    """The largest finite error in words: max 0.14."""
    return f"max {scientific(np.abs(errors[np.isfinite(errors)]).max())}"


def scientific(value: float) -> str:
    """A number to two or three digits, where needed as 1.2 × 10⁻⁵ in mathematical type."""
    if not np.isfinite(value) or value == 0 or 1e-2 <= abs(value) < 1e3:
        return f"{value:.3g}"
    digits, power = f"{value:.1e}".split("e")
    return rf"${digits} \times 10^{{{int(power)}}}$"


# -------------------------------------------------------------------------------------------------------------- files


def checked_path(path: PathLike) -> Path | None:
    """The path, known to be of a supported format and in a folder that exists, before any work is done."""
    if path is None:
        return None
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"pictures are written as {', '.join(FORMATS)}; got {str(path)!r}: rename the file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent.resolve()} to write {path.name} in; create it first")
    return check_target(path)


def finish(figure, title: str | None, path: Path | None):
    """The figure with its title, written to `path` where one is given, whole or not at all."""
    if title is not None:
        figure.suptitle(title, fontsize=11, color=INK)
    if path is not None:
        dpi = 2 * DPI if path.suffix.lower() in (".pdf", ".svg") else DPI  # of the images inside PDF and SVG files
        with replaced(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=dpi)
    return figure
