"""Solutions on the line: curves with their nodes, the error below."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..pde.data import Data
from .node_marks import dot_size
from .style import COLORS, GREY, INK, LEGEND, TITLE, error_names, largest_error, stacked_panels
from .subject import Subject
from .ticks import ticks_between

WIDTH = 5.2  # inches, of the interval


class Samples(NamedTuple):
    """Where a function on the line is drawn: a grid, with what of it lies outside of the domain, and the nodes."""

    lower: float
    upper: float
    nodes: np.ndarray
    grid: np.ndarray
    outside: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """The grid and then the nodes, (m, 1)."""
        return np.concatenate([self.grid, self.nodes])[:, None]

    def split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (..., m, fields) at the points as those of the curve, NaN outside, and those at the nodes."""
        count = len(self.grid)
        return np.where(self.outside[:, None], np.nan, values[..., :count, :]), values[..., count:, :]


class LinePicture(NamedTuple):
    """A figure of a function on the line, with the artists in it: a curve each field."""

    figure: Any
    curves: list
    known: list
    dots: list  # none where the nodes are strokes
    errors: list


def sampled(subject: Subject, count: int = 1001) -> Samples:
    """The points at which the function is needed."""
    (lower,), (upper,) = subject.bounds
    grid = np.linspace(lower, upper, count)
    outside = np.zeros(len(grid), bool)
    if subject.domain is not None:
        outside = subject.domain.distance(grid[:, None]) > 1e-9 * (upper - lower)
    return Samples(lower, upper, np.sort(np.asarray(subject.cloud.points)[:, 0]), grid, outside)


def plot_line(subject: Subject):
    """The figure of a function on the line: u and the exact solution, the nodes, and below the error."""
    samples = sampled(subject)
    return draw_line(subject, samples, *subject.values(samples.points)).figure


def draw_line(
    subject: Subject, samples: Samples, values: np.ndarray, exact: np.ndarray | None, legend: Mapping[str, Any] = LEGEND
) -> LinePicture:
    """The picture of values, and where known exact ones, at the points of the samples, (m, fields)."""
    lower, upper, grid = samples.lower, samples.upper, samples.grid
    curve, at_nodes = samples.split(values)
    names = subject.field_names(values.shape[1])
    figure, (axes, *below) = stacked_panels(6.0, [3.2] if exact is None else [3.2, 1.7])
    deviations = subject.deviations(grid[:, None])
    if deviations is not None:
        _draw_bands(axes, grid, curve, deviations)
    curves = _draw_curves(axes, grid, curve, names)
    dots = []
    if subject.has_nodes:
        dots = _draw_nodes(axes, samples.nodes, at_nodes, dot_size(subject.cloud, 72 * WIDTH / (upper - lower), 5.0))
    draw_measured(axes, subject.data, curve.shape[1])
    known, errors = [], []
    if exact is not None:
        right, _ = samples.split(exact)
        known = axes.plot(grid, right, color=INK, lw=1.1, dashes=(4, 3), label=["exact"] + [None] * (len(names) - 1))
        errors = _draw_errors(below[0], grid, np.abs(curve - right), names)
    axes.set_ylabel(subject.field_names(1)[0])
    axes.legend(**legend)
    ticks_between(lower, upper, WIDTH, subject.labels[0]).apply(figure.axes[-1].xaxis)
    axes.set_xlim(lower - 0.02 * (upper - lower), upper + 0.02 * (upper - lower))
    return LinePicture(figure, curves, known, dots, errors)


def _draw_bands(axes, grid, values, deviations) -> None:
    """Two standard deviations on either side of each curve."""
    for i, (column, deviation) in enumerate(zip(values.T, deviations.T, strict=True)):
        style = {"color": COLORS[i % len(COLORS)], "alpha": 0.22, "lw": 0, "zorder": 1}
        label = "2 standard deviations" if i == 0 else None
        axes.fill_between(grid, column - 2 * deviation, column + 2 * deviation, label=label, **style)


def _draw_curves(axes, grid, values, names) -> list:
    return [
        axes.plot(grid, values[:, i], color=COLORS[i % len(COLORS)], lw=1.8, label=name)[0]
        for i, name in enumerate(names)
    ]


def _draw_nodes(axes, nodes, values, size) -> list:
    """Circles on the curves, or strokes above the axis where circles would touch; the circles."""
    if size < 2.5:
        style = {"color": INK, "ms": 5, "mew": 0.6, "transform": axes.get_xaxis_transform()}
        axes.plot(nodes, np.full(len(nodes), 0.015), "|", label=f"{len(nodes)} nodes", **style)
        return []
    dots = []
    for i, column in enumerate(values.T):
        label = f"{len(nodes)} nodes" if i == 0 else None
        style = {"mfc": "white", "mec": COLORS[i % len(COLORS)], "mew": 0.9, "zorder": 3}
        dots += axes.plot(nodes, column, "o", ms=size, label=label, **style)
    return dots


def draw_measured(axes, data: Mapping[str, Data], fields: int) -> None:
    """Values of u itself, with their noise."""
    for name, one in data.items():
        if one.of is not None:
            continue
        points, noise = np.asarray(one.points)[:, 0], np.asarray(one.noise)
        for i, column in enumerate(np.asarray(one.values).reshape(len(points), -1).T):
            style = {
                "ms": 3.5,
                "elinewidth": 0.7,
                "zorder": 2,
                "color": COLORS[i % len(COLORS)] if fields > 1 else GREY,
            }
            label = f"{len(column)} values, {name}" if i == 0 else None
            axes.errorbar(points, column, noise, fmt="o", label=label, **style)


def _draw_errors(axes, grid, errors, names) -> list:
    curves = _draw_curves(axes, grid, errors, names)
    scale_errors(axes, errors)
    axes.set_ylabel("error")
    axes.set_title(error_words(errors, names), **TITLE)
    return curves


def scale_errors(axes, errors: np.ndarray) -> None:
    """A logarithmic axis for errors, without the lowest ones."""
    from matplotlib.ticker import NullFormatter

    positive = errors[errors > 0]
    if positive.size:
        low, high = max(np.quantile(positive, 0.05), 1e-6 * positive.max()), positive.max()
        axes.set_yscale("log")
        axes.set_ylim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(1.2 * high)))
        axes.yaxis.set_minor_formatter(NullFormatter())


def error_words(errors: np.ndarray, names: Sequence[str]) -> str:
    """What the errors are, and their largest."""
    return f"{error_names(names)[0] if len(names) == 1 else 'error'}, {largest_error(errors)}"
