"""What all pictures share: sizes, colours, frames and ticks; the words on them; the file at the end."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..internal.files import check_target, replaced
from .ticks import ticks_between

DPI = 160
PAD = 0.08  # inches around a domain
PANEL, LONGEST = 3.2, 6.4  # inches: the longer side of a domain in its panel, and of a flat domain at most
THIN, SLIM = 0.24, 0.5  # inches: the least of a domain's shorter side, and of the room for it
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
TITLE_ROOM, LABEL_ROOM = 0.3, 1.6  # inches above a figure, and that the longest labels of axes take
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
    figure._repr_png_ = functools.partial(as_png, figure)  # type: ignore[attr-defined]  # what a notebook shows
    return figure


def as_png(figure) -> bytes:
    """The picture as the content of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


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


def units_of(size: np.ndarray, panel: float = PANEL, longest: float = LONGEST) -> np.ndarray:
    """Inches per length along x and y for a domain of this size: `panel` inches on its longer side.

    A flat domain is drawn longer, up to `longest` inches. The scales differ only where it would be a line even then.
    """
    longer = np.clip(THIN * max(size) / min(size), panel, max(panel, longest))
    return np.maximum(longer / max(size), THIN / size)


def frame_domain(
    axes, lower: np.ndarray, upper: np.ndarray, units: np.ndarray, labels: Sequence[str], pad: np.ndarray | None = None
) -> None:
    """Limits a little wider than the domain, or by `pad`; ticks and labels; scales as `units`, inches per length."""
    size, pad = upper - lower, PAD / units if pad is None else pad
    axes.set_aspect(units[1] / units[0])
    axes.set_xlim(lower[0] - pad[0], upper[0] + pad[0])
    axes.set_ylim(lower[1] - pad[1], upper[1] + pad[1])
    x, y = (ticks_between(lower[i], upper[i], units[i] * size[i], labels[i], upright=i == 1) for i in range(2))
    x.apply(axes.xaxis)
    y.apply(axes.yaxis)
    if units[1] * size[1] < LABEL_ROOM:
        axes.set_ylabel(y.stacked)
    flat = int(np.argmax(units))
    if max(units) > 1.01 * min(units):  # written where there is room
        words = f"stretched {max(units) / min(units):.2g} ×"
        axes.set_xlabel(f"{x.label}   ({labels[flat]} {words})" if flat else f"{x.label}, {words}")


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


def checked_path(path: PathLike, movies: Sequence[str] = ()) -> Path | None:
    """The path, known to be of a supported format and in a folder that exists, before any work is done.

    `movies`: the formats that are supported beside those of pictures.
    """
    if path is None:
        return None
    path = Path(path)
    if path.suffix.lower() not in (*FORMATS, *movies):
        also = f", movies as {', '.join(movies)}" if movies else ""
        raise ValueError(f"pictures are written as {', '.join(FORMATS)}{also}; got {str(path)!r}: rename the file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent.resolve()} to write {path.name} in; create it first")
    return check_target(path)


def finish(figure, title: str | None, path: Path | None):
    """The figure with its title, written to `path` where one is given, whole or not at all."""
    if title is not None:
        figure.set_figheight(figure.get_figheight() + TITLE_ROOM)
        figure.suptitle(title, fontsize=11, color=INK)
    if path is not None:
        figure.get_layout_engine().execute(figure)  # and again when it is drawn: once, words may still be cut off
        dpi = 2 * DPI if path.suffix.lower() in (".pdf", ".svg") else DPI  # of the images inside PDF and SVG files
        with replaced(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=dpi)
    return figure
