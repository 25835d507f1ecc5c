"""Pictures: solutions, clouds, convergence studies and tuning runs.

Every function returns a `matplotlib.figure.Figure` made without pyplot, so that no display is needed and no
global state touched, and writes it to `path` where one is given. Matplotlib is imported when a picture is
asked for (0.4 s).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import ConvexHull, cKDTree

from .clouds import Cloud
from .problem import Problem
from .regions import Domain
from .solution import Solution

if TYPE_CHECKING:
    import matplotlib.figure

FORMATS = (".png", ".pdf", ".svg", ".jpg")
DPI = 160
VERTICES = 16_000  # of the triangles that paint a plane domain, or a section of a body
BANDS = 96  # of colour
PAD = 0.025  # around a domain, of its longer side
PANEL, SLIM = 3.2, 0.7  # inches: the longer side of a panel, and the least of the shorter
ARROWS = 250  # at most, in a picture of a cloud in space
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
SEQUENTIAL, DIVERGING, ERRORS = "viridis", "RdBu_r", "magma_r"

PathLike = str | os.PathLike | None


# ---------------------------------------------------------------------------------------------- solutions


def plot(
    u: Solution,
    path: PathLike = None,
    *,
    exact: Callable | None = None,
    problem: Problem | None = None,
    title: str | None = None,
    name: str = "u",
    labels: Sequence[str] = ("x", "y", "z"),
) -> matplotlib.figure.Figure:
    """The picture of a solution, and of its absolute error where the exact one is known.

    One dimension: curves with the nodes marked. Two: filled contours on the domain, a panel each field, and
    streamlines over the speed of two fields. Three: the sections through the middle of the bounding box.

    - `path`: a .png, .pdf, .svg or .jpg file in a folder that exists; a failed write leaves an old file whole
    - `exact`: the exact solution, a function of one point; default `problem.exact`
    - `problem`: lends its exact solution, and its domain where u's cloud has none
    - `title`, `name` (of the function), `labels` (of the coordinates): the words on the picture

    Without a domain the triangles between the nodes are painted (in space the hull of the nodes), but for
    what the boundary's normals show to lie outside. Raises TypeError for what is no Solution; ValueError for
    another extension, more than three dimensions, values that are nowhere finite, an exact solution of
    another shape than u, nodes on one line or plane without a domain; FileNotFoundError for a missing folder.
    """
    path = _checked_path(path)
    if not isinstance(u, Solution):
        raise TypeError(f"plot takes a Solution, got {type(u).__name__}; see mf.interpolate for functions")
    cloud, domain = u.space.cloud, u.space.cloud.domain
    if problem is not None:
        domain = problem.domain if domain is None else domain
        exact = problem.exact if exact is None else exact
    if cloud.dim > 3:
        raise ValueError(f"pictures are of functions in 1, 2 or 3 dimensions; this one has {cloud.dim}")
    if domain is None and np.linalg.matrix_rank(cloud.points - np.mean(cloud.points, axis=0)) < cloud.dim:
        raise ValueError(f"the {len(cloud)} nodes span no region to draw on; give a domain by problem=")
    draw = {1: _plot_line, 2: _plot_plane, 3: _plot_space}[cloud.dim]
    subject = _Subject(u, exact, cloud, domain, name, tuple(map(_italic, labels)))
    return _finished(draw(subject), title, path)


class _Subject(NamedTuple):
    """What is drawn, and the words on it."""

    u: Solution
    exact: Callable | None
    cloud: Cloud
    domain: Any
    name: str
    labels: tuple[str, ...]

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        X = np.asarray(self.cloud.points)
        return (X.min(axis=0), X.max(axis=0)) if self.domain is None else self.domain.bounds

    def names(self, fields: int) -> list[str]:
        letter = _italic(self.name)
        return [letter] if fields == 1 else [f"{letter}$_{i + 1}$" for i in range(fields)]

    def values(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """u and, where known, the exact solution at points (m, d): both (m, fields)."""
        values = np.asarray(self.u(X))
        _check_finite(self.name, values)
        if self.exact is None:
            return values.reshape(len(X), -1), None
        exact = np.asarray(jax.jit(lambda X: jax.lax.map(self.exact, X, batch_size=4096))(jnp.asarray(X)))
        if exact.shape != values.shape:
            raise ValueError(
                f"exact has values of shape {exact.shape[1:]}, {self.name} of shape {values.shape[1:]}; "
                "exact takes one point x, (d,), and returns what u(x) does"
            )
        _check_finite("exact", exact)
        return values.reshape(len(X), -1), exact.reshape(len(X), -1)


def _check_finite(what: str, values: np.ndarray) -> None:
    if not np.isfinite(values).any(axis=0).all():
        raise ValueError(f"{what}, or one of its fields, is nowhere finite: there is nothing to draw")


# ------------------------------------------------------------------------------------------- on the line


def _plot_line(subject: _Subject):
    (lower,), (upper,) = subject.bounds
    nodes = np.sort(np.asarray(subject.cloud.points)[:, 0])
    grid = np.linspace(lower, upper, 1001)
    outside = np.zeros(len(grid), bool)
    if subject.domain is not None:
        outside = subject.domain.distance(grid[:, None]) > 1e-9 * (upper - lower)
    values, exact = subject.values(np.concatenate([grid, nodes])[:, None])
    curve, at_nodes = np.where(outside[:, None], np.nan, values[: len(grid)]), values[len(grid) :]
    names = subject.names(values.shape[1])
    figure, (axes, *below) = _stacked(6.0, [3.2] if exact is None else [3.2, 1.7])
    _curves(axes, grid, curve, names)
    _node_marks(axes, nodes, at_nodes, _dot_size(subject.cloud, 72 * 5.2 / (upper - lower), 5.0))
    if exact is not None:
        known = np.where(outside[:, None], np.nan, exact[: len(grid)])
        axes.plot(grid, known, color=INK, lw=1.1, dashes=(4, 3), label=["exact"] + [None] * (len(names) - 1))
        _error_curves(below[0], grid, np.abs(curve - known), names)
    axes.set_ylabel(subject.names(1)[0])
    axes.legend(**_LEGEND)
    figure.axes[-1].set_xlabel(subject.labels[0])
    axes.set_xlim(lower - 0.02 * (upper - lower), upper + 0.02 * (upper - lower))
    return figure


def _curves(axes, grid, values, names):
    for i, name in enumerate(names):
        axes.plot(grid, values[:, i], color=COLORS[i % len(COLORS)], lw=1.8, label=name)


def _node_marks(axes, nodes, values, size):
    """Circles on the curves, or strokes above the axis where circles would touch."""
    if size < 2.5:
        style = {"color": INK, "ms": 5, "mew": 0.6, "transform": axes.get_xaxis_transform()}
        axes.plot(nodes, np.full(len(nodes), 0.015), "|", label=f"{len(nodes)} nodes", **style)
        return
    for i, column in enumerate(values.T):
        label = f"{len(nodes)} nodes" if i == 0 else None
        style = {"mfc": "white", "mec": COLORS[i % len(COLORS)], "mew": 0.9, "zorder": 3}
        axes.plot(nodes, column, "o", ms=size, label=label, **style)


def _error_curves(axes, grid, errors, names):
    from matplotlib.ticker import NullFormatter

    _curves(axes, grid, errors, names)
    positive = errors[errors > 0]
    if positive.size:
        low, high = max(np.quantile(positive, 0.05), 1e-6 * positive.max()), positive.max()
        axes.set_yscale("log")
        axes.set_ylim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(1.2 * high)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("error")
    words = _errors(names)[0] if len(names) == 1 else "error"
    axes.set_title(f"{words}, {_largest(errors)}", **_TITLE)


# ------------------------------------------------------------------------------- in the plane and in space


class _Piece(NamedTuple):
    """A triangulated piece of the plane: vertices (m, 2), triangles (t, 3), and the vertices in u's space."""

    vertices: np.ndarray
    triangles: np.ndarray
    points: np.ndarray


def _triangulation(vertices: np.ndarray, triangles: np.ndarray):
    from matplotlib.tri import Triangulation

    return Triangulation(vertices[:, 0], vertices[:, 1], triangles)


def _plot_plane(subject: _Subject):
    piece = _piece_of_nodes(subject.cloud) if subject.domain is None else _piece_of_domain(subject.domain)
    values, exact = subject.values(piece.points)
    names = subject.names(values.shape[1])
    shown = list(zip(names, values.T, strict=True))
    errors = [] if exact is None else list(zip(_errors(names), (values - exact).T, strict=True))
    if values.shape[1] == 2:
        shown.append((f"|{subject.names(1)[0]}|", np.hypot(*values.T)))
        errors += [] if exact is None else [(_errors(subject.names(1))[0], np.hypot(*(values - exact).T))]
    figure, unit, panels = _panels(piece, shown, errors)
    for axes, (words, one), is_error in panels:
        scale = _error_scale(one) if is_error else _value_scale(one)
        _paint(axes, piece, one, scale)
        _frame_limits(axes, piece.vertices.min(axis=0), piece.vertices.max(axis=0), unit)
        _color_bar(axes, scale, unit)
        axes.set_title(f"{words}, {_largest(one)}" if is_error else words, **_TITLE)
        axes.set(xlabel=subject.labels[0], ylabel=subject.labels[1])
    _node_dots(panels[0][0], subject.cloud)
    if values.shape[1] == 2:
        _streamlines(panels[2][0], piece, values)
    return figure


def _plot_space(subject: _Subject):
    lower, upper = subject.bounds
    middle = (lower + upper) / 2
    distance = _distance_from_nodes(subject.cloud) if subject.domain is None else subject.domain.distance
    sections = [_section(distance, lower, upper, axis) for axis in (2, 1, 0)]
    if not any(len(piece.triangles) for piece in sections):
        raise ValueError("the sections through the middle of the bounding box all miss the domain")
    values, exact = subject.values(np.concatenate([piece.points for piece in sections]))
    starts = np.cumsum([0, *(len(piece.points) for piece in sections)])
    names = subject.names(values.shape[1])
    rows = [(name, one, False) for name, one in zip(names, values.T, strict=True)]
    if exact is not None:
        errors = zip(_errors(names), (values - exact).T, strict=True)
        rows = [row for pair in zip(rows, ((*error, True) for error in errors), strict=True) for row in pair]
    figure, unit, grid = _section_grid(upper - lower, len(rows))
    for row, (words, one, is_error) in zip(grid, rows, strict=True):
        scale = _error_scale(one) if is_error else _value_scale(one)
        for k, (axes, piece, axis) in enumerate(zip(row, sections, (2, 1, 0), strict=True)):
            _paint(axes, piece, one[starts[k] : starts[k + 1]], scale)
            across, up = np.delete(np.arange(3), axis)
            _frame_limits(axes, lower[[across, up]], upper[[across, up]], unit)
            where = f"{subject.labels[axis]} = {middle[axis]:.3g}".replace("-", "−")
            axes.set_title(f"{words}  at  {where}", **_TITLE)
            axes.set(xlabel=subject.labels[across], ylabel=subject.labels[up])
        _color_bar(row[-1], scale, unit, _largest(one) if is_error else None)
    return figure


def _panels(piece: _Piece, shown: list, errors: list):
    """A figure, inches per length, and panels (axes, (words, values), is_error), errors last."""
    unit = PANEL / np.ptp(piece.vertices, axis=0).max()
    width, height = np.maximum(unit * np.ptp(piece.vertices, axis=0), SLIM)
    every = [(one, False) for one in shown] + [(one, True) for one in errors]
    columns = len(shown) if len(shown) > 1 else len(every)
    if width > 2 * height:
        columns = 1
    rows = -(-len(every) // columns)
    figure = _figure(columns * (width + 1.35), rows * (height + 0.85))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    return figure, unit, [(one, what, is_error) for one, (what, is_error) in zip(axes, every, strict=True)]


def _section_grid(size: np.ndarray, rows: int):
    """A figure, inches per length, and its axes, `rows` of three sections."""
    unit = 0.85 * PANEL / max(size)
    widths, height = np.maximum(unit * size[[0, 0, 1]], SLIM), max(unit * size[[1, 2]].max(), SLIM)
    figure = _figure(float(widths.sum()) + 3.6, rows * (float(height) + 0.9))
    return figure, unit, figure.subplots(rows, 3, squeeze=False, width_ratios=widths)


# ------------------------------------------------------------------------------------------ triangulations


def _piece_of_domain(domain) -> _Piece:
    def border(h):
        if isinstance(domain, Domain):
            return _outline(domain, h)
        return _zero_line(domain.distance, lower, upper)

    lower, upper = domain.bounds
    vertices, triangles = _triangulated(domain.distance, lower, upper, border)
    return _Piece(vertices, triangles, vertices)


def _section(distance: Callable, lower: np.ndarray, upper: np.ndarray, axis: int) -> _Piece:
    """The section of a body through the middle of its bounding box, at right angles to an axis."""
    across = np.delete(np.arange(3), axis)
    middle = (lower[axis] + upper[axis]) / 2

    def lifted(X):
        return np.insert(X, axis, middle, axis=1)

    def within(X):
        return distance(lifted(X))

    lower, upper = lower[across], upper[across]
    vertices, triangles = _triangulated(within, lower, upper, lambda h: _zero_line(within, lower, upper))
    return _Piece(vertices, triangles, lifted(vertices))


def _triangulated(distance: Callable, lower: np.ndarray, upper: np.ndarray, border: Callable):
    """Vertices and triangles of the plane region {distance ≤ 0}; `border(h)` samples its boundary h apart.

    Points of a lattice are kept half a step inside, so that Delaunay's triangles follow the boundary.
    """
    share = max(float(np.mean(distance(_lattice(lower, upper, 4000)) <= 0)), 0.02)
    h = float(np.sqrt(np.prod(upper - lower) * share / VERTICES))
    X = _lattice(lower, upper, VERTICES / share)
    X += np.random.default_rng(0).uniform(-0.01 * h, 0.01 * h, X.shape)  # exact squares slow Delaunay down threefold
    vertices = np.concatenate([border(h), X[distance(X) < -h / 2]])
    if len(vertices) < 3:
        return vertices, np.empty((0, 3), int)
    return vertices, _delaunay(vertices, lambda centers, _: distance(centers) <= 1e-9 * h)


def _delaunay(vertices: np.ndarray, inside: Callable) -> np.ndarray:
    """Delaunay's triangles, without flat ones and those that `inside(centers, triangles)` turns down."""
    from scipy.spatial import Delaunay

    triangles = Delaunay(vertices).simplices
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    (x, y), (s, t) = (b - a).T, (c - a).T
    longest = np.max([np.hypot(x, y), np.hypot(s, t), np.hypot(s - x, t - y)], axis=0)
    triangles = triangles[np.abs(x * t - y * s) > 1e-6 * longest**2]
    return triangles[inside(vertices[triangles].mean(axis=1), triangles)]


def _lattice(lower: np.ndarray, upper: np.ndarray, count: float) -> np.ndarray:
    """About `count` points, evenly spread over a rectangle with its edges."""
    return np.stack(np.meshgrid(*_ticks(lower, upper, count)), axis=-1).reshape(-1, 2)


def _ticks(lower: np.ndarray, upper: np.ndarray, count: float) -> list[np.ndarray]:
    h = np.sqrt(np.prod(upper - lower) / count)
    return [np.linspace(a, b, max(round((b - a) / h), 2) + 1) for a, b in zip(lower, upper, strict=True)]


def _outline(domain: Domain, h: float) -> np.ndarray:
    """Points of a plane domain's boundary at most h apart, corners among them."""
    found = []
    for one in domain.outline:
        X = one.point(np.linspace(0, 1, 65))
        length = np.linalg.norm(np.diff(X, axis=0), axis=1).sum()
        straight = length < 1.0001 * np.linalg.norm(X[-1] - X[0])
        found.append(one.point(np.linspace(0, 1, max(int(np.ceil(length / h)), 1 if straight else 32) + 1)))
    return _distinct(np.concatenate(found), 1e-3 * h)


def _zero_line(distance: Callable, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Points of the line distance = 0: from a lattice one cell wider than the box, by two Newton steps."""
    from contourpy import contour_generator

    ticks = _ticks(lower, upper, VERTICES)
    x, y = (np.concatenate([[2 * t[0] - t[1]], t, [2 * t[-1] - t[-2]]]) for t in ticks)
    gaps = distance(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(len(y), len(x))
    cell = float(x[1] - x[0])
    lines = contour_generator(x, y, gaps).lines(0.0)
    X = np.concatenate([np.empty((0, 2)), *map(np.asarray, lines)])
    if not len(X):
        return X
    for _ in range(2):
        slopes = [(distance(X + e) - distance(X - e)) / (2e-4 * cell) for e in 1e-4 * cell * np.eye(2)]
        slope = np.stack(slopes, axis=1)
        step = distance(X)[:, None] * slope / np.maximum((slope**2).sum(axis=1, keepdims=True), 0.1)
        X = X - np.clip(step, -cell, cell)
    return _distinct(X, 0.02 * cell)


def _distinct(X: np.ndarray, tolerance: float) -> np.ndarray:
    return X[np.unique(np.round(X / tolerance), axis=0, return_index=True)[1]]


def _piece_of_nodes(cloud: Cloud) -> _Piece:
    """Delaunay's triangles of the nodes, refined to smooth colours."""
    from matplotlib.tri import UniformTriRefiner

    X = np.asarray(cloud.points)
    triangles = _delaunay(X, lambda centers, corners: ~_outside(cloud, centers, corners))
    halvings = int(np.clip(np.log2(VERTICES / len(X)) / 2, 0, 5))
    refined: Any = UniformTriRefiner(_triangulation(X, triangles)).refine_triangulation(subdiv=halvings)
    vertices = np.stack([refined.x, refined.y], axis=1)
    return _Piece(vertices, refined.triangles, vertices)


def _outside(cloud: Cloud, centers: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which triangles lie outside: those between boundary nodes only, beyond their normals."""
    first = len(cloud) - len(cloud.normal_vectors)
    chosen = np.flatnonzero((corners >= first).all(axis=1))
    away = centers[chosen, None] - np.asarray(cloud.points)[corners[chosen]]
    outwards = np.sum(np.asarray(cloud.normal_vectors)[corners[chosen] - first] * away, axis=(1, 2))
    return np.isin(np.arange(len(corners)), chosen[outwards > 0])


def _distance_from_nodes(cloud: Cloud) -> Callable:
    """Negative inside the hull of the nodes and, given normals, behind the nearest boundary node."""
    X, N = np.asarray(cloud.points), np.asarray(cloud.normal_vectors)
    facets = ConvexHull(X).equations
    tree = cKDTree(X[len(X) - len(N) :]) if len(N) else None

    def distance(Y):
        blocks = np.array_split(Y, max(len(Y) * len(facets) // 2**22, 1))
        hull = np.concatenate([(block @ facets[:, :-1].T + facets[:, -1]).max(axis=1) for block in blocks])
        if tree is None:
            return hull
        nearest = tree.query(Y)[1]
        return np.maximum(hull, (N[nearest] * (Y - tree.data[nearest])).sum(axis=1))

    return distance


# ------------------------------------------------------------------------------------------ colours and marks


class _Scale(NamedTuple):
    """How numbers become colours: from `low` to `high`, with lines and ticks at `marks`.

    Of errors the absolute value is shown; a `log` scale is one of decimal logarithms, and so are its marks.
    """

    low: float
    high: float
    marks: np.ndarray
    colors: str
    log: bool = False

    def heights(self, values: np.ndarray) -> np.ndarray:
        """What is painted: finite values brought into the range, NaN for the others.

        Errors keep their signs, to pass through zero between two vertices; their height is that above `low`.
        """
        values = np.where(np.isfinite(values), values, np.nan)
        if self.log:
            above = np.log10(np.abs(values) + 1e-300) - self.low
            return np.sign(values) * np.clip(above, 0, self.high - self.low)
        return np.clip(values, -self.high if self.colors == ERRORS else self.low, self.high)

    def bands(self) -> tuple[np.ndarray, np.ndarray]:
        """Levels and the colours between them, mirrored at zero for errors."""
        from matplotlib import colormaps

        colors = colormaps[self.colors]((np.arange(BANDS) + 0.5) / BANDS)
        if self.colors != ERRORS:
            return np.linspace(self.low, self.high, BANDS + 1), colors
        levels = np.linspace(-1, 1, 2 * BANDS + 1) * (self.high - self.low)
        return levels, np.concatenate([colors[::-1], colors])


def _value_scale(values: np.ndarray) -> _Scale:
    """Round marks; colours around zero where values of both signs are about as large."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    diverging = low < 0 < high and 0.5 < -low / high < 2
    if diverging:
        low, high = -max(-low, high), max(-low, high)
    if high - low <= 1e-10 * max(abs(low), abs(high)):
        pad = 1e-3 * max(abs(low), 1e-3)
        low, high = low - pad, high + pad
    return _Scale(low, high, _round_marks(low, high), DIVERGING if diverging else SEQUENTIAL)


def _error_scale(errors: np.ndarray) -> _Scale:
    """Logarithmic where most errors span more than a decade, down to four below the largest."""
    errors = np.abs(errors[np.isfinite(errors)])
    positive = errors[errors > 0]
    if not positive.size:
        return _Scale(0.0, 1e-16, np.array([0.0]), ERRORS)
    high = float(positive.max())
    low = max(float(np.quantile(positive, 0.1)), 1e-4 * high)
    if high < 10 * low:
        return _Scale(0.0, high, _round_marks(0.0, high), ERRORS)
    low, high = np.floor(np.log10(low)), np.log10(high)
    return _Scale(float(low), float(high), np.arange(low, high + 1e-9), ERRORS, log=True)


def _round_marks(low: float, high: float) -> np.ndarray:
    from matplotlib.ticker import MaxNLocator

    marks = np.asarray(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    slack = 1e-9 * (high - low)
    return marks[(marks >= low - slack) & (marks <= high + slack)]


def _paint(axes, piece: _Piece, values: np.ndarray, scale: _Scale) -> None:
    """Filled contours and the outline, in the panel's style."""
    _closed_frame(axes)
    if not len(piece.triangles):
        axes.text(0.5, 0.5, "empty", color=GREY, **_MIDDLE, transform=axes.transAxes)
        return
    _draw_outline(axes, piece)
    heights, (levels, colors) = scale.heights(values), scale.bands()
    shown = piece.triangles[np.isfinite(heights)[piece.triangles].all(axis=1)]
    if not len(shown):
        return
    mesh, low, high = _triangulation(piece.vertices, shown), heights[shown].min(), heights[shown].max()
    heights = np.nan_to_num(heights)
    painted = axes.tricontourf(mesh, heights, levels=levels, colors=colors)
    painted.set_rasterized(True)  # as polygons they make PDF and SVG files of many megabytes
    slack = 0.01 * (scale.high - scale.low)  # no specks around an extremum
    lines = scale.marks[(scale.marks > low + slack) & (scale.marks < high - slack)]
    if scale.colors != ERRORS and lines.size:
        style = {"colors": "k", "linewidths": 0.4, "linestyles": "solid", "alpha": 0.4}
        axes.tricontour(mesh, heights, levels=lines, **style)


def _draw_outline(axes, piece: _Piece) -> None:
    from matplotlib.collections import LineCollection

    mesh = _triangulation(piece.vertices, piece.triangles)
    triangle, side = np.nonzero(mesh.neighbors < 0)
    ends = np.stack([mesh.triangles[triangle, side], mesh.triangles[triangle, (side + 1) % 3]], axis=1)
    segments = list(piece.vertices[ends])
    axes.add_collection(LineCollection(segments, colors=INK, linewidths=0.9, capstyle="round", label="outline"))


def _color_bar(axes, scale: _Scale, unit: float, words: str | None = None) -> None:
    """A thin bar beside the panel, as high as the domain."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import FixedLocator, FuncFormatter, ScalarFormatter

    width, height = unit * np.ptp([axes.get_xlim(), axes.get_ylim()], axis=1)
    pad = PAD * max(width, height) / (1 + 2 * PAD) / height
    inset = axes.inset_axes([1 + 0.04 / width, pad, 0.11 / width, 1 - 2 * pad])
    formatter: Any = FuncFormatter(lambda power, _: f"$10^{{{round(power)}}}$")
    if not scale.log:
        formatter = ScalarFormatter(useMathText=True)
        formatter.set_powerlimits((-2, 3))
    every = 1 if height > 0.22 * len(scale.marks) else 2
    marks = scale.marks[int(np.argmin(np.abs(scale.marks))) % every :: every]
    mapping = ScalarMappable(Normalize(scale.low, scale.high), colormaps[scale.colors])
    bar = axes.get_figure().colorbar(mapping, cax=inset, ticks=FixedLocator(list(marks)), format=formatter)
    bar.outline.set_linewidth(0.5)
    bar.minorticks_off()
    if words:
        bar.set_label(words, fontsize=9, color=INK)
    inset.tick_params(labelsize=8, width=0.5, length=2.5, color=INK)
    inset.yaxis.get_offset_text().set_fontsize(8)


def _node_dots(axes, cloud: Cloud) -> None:
    """The nodes as small dots, those of the boundary darker; none where they would cover the picture."""
    X = np.asarray(cloud.points)
    size = _dot_size(cloud, 72 * PANEL / _extent(cloud), 2.6)
    if size < 1.25:
        return
    inner = np.arange(len(X)) < len(X) - len(cloud.normal_vectors)
    for chosen, face, label in ((inner, "white", "interior nodes"), (~inner, INK, "boundary nodes")):
        style = {"ms": size, "mfc": face, "mec": INK, "mew": 0.35, "alpha": 0.85, "label": label}
        axes.plot(*X[chosen].T, "o", clip_on=False, zorder=3, **style)


def _dot_size(cloud: Cloud, points_per_length: float, largest: float) -> float:
    """The diameter of a node's dot, in typographic points: a third of the spacing, `largest` at most."""
    return min(float(np.asarray(cloud.spacing)) * points_per_length / 3, largest)


def _extent(cloud: Cloud) -> float:
    """The longest side of the nodes' bounding box; 1 for a single node."""
    return float(np.ptp(np.asarray(cloud.points), axis=0).max()) or 1.0


def _streamlines(axes, piece: _Piece, values: np.ndarray) -> None:
    from matplotlib.tri import LinearTriInterpolator

    moving = np.nan_to_num(values)
    shown = piece.triangles[np.isfinite(values).all(axis=1)[piece.triangles].all(axis=1)]
    if not len(shown) or not np.abs(moving).max() > 0:
        return
    x, y = _ticks(piece.vertices.min(axis=0), piece.vertices.max(axis=0), 6400)
    mesh = _triangulation(piece.vertices, shown)
    flow = [LinearTriInterpolator(mesh, one)(*np.meshgrid(x, y)) for one in moving.T]
    axes.streamplot(x, y, *flow, color="white", linewidth=0.8, arrowsize=0.8, density=0.9)


# ------------------------------------------------------------------------------------------------- clouds


def plot_cloud(
    cloud: Cloud,
    path: PathLike = None,
    *,
    title: str | None = None,
    labels: Sequence[str] = ("x", "y", "z"),
) -> matplotlib.figure.Figure:
    """The nodes of a cloud, coloured by part, with the boundary's normals as small arrows (in space 250).

    `path` as in `plot`. Raises ValueError for another extension and for more than three dimensions.
    """
    path = _checked_path(path)
    if cloud.dim > 3:
        raise ValueError(f"pictures are of clouds in 1, 2 or 3 dimensions; this one has {cloud.dim}")
    figure, axes = {1: _line_axes, 2: _plane_axes, 3: _space_axes}[cloud.dim](cloud)
    size = max(_dot_size(cloud, 72 * 4.5 / _extent(cloud), 5.0), 1.0)
    for i, part in enumerate(cloud.parts):
        X = np.asarray(cloud[part])
        color = GREY if part == "interior" else COLORS[(i - 1) % len(COLORS)]
        coordinates = X.T if cloud.dim > 1 else (X[:, 0], np.zeros(len(X)))
        style = {"ms": size, "mec": "none", "alpha": 0.35 if part == "interior" and cloud.dim == 3 else 1.0}
        axes.plot(*coordinates, "o", color=color, label=f"{part} ({len(X)})", **style)
        if part in cloud.normals:
            _arrows(axes, X, np.asarray(cloud.normals[part]), cloud, color)
    for axis, label in zip("xyz"[: cloud.dim], labels, strict=False):
        axes.set(**{f"{axis}label": _italic(label)})
    _place_legend(figure, axes, cloud.dim)
    return _finished(figure, title, path)


def _place_legend(figure, axes, dim: int) -> None:
    if dim == 1:
        figure.legend(loc="outside upper center", ncols=4, **_LEGEND)
    elif dim == 2:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), **_LEGEND)
    else:
        figure.legend(loc="outside right upper", **_LEGEND)


def _line_axes(cloud: Cloud):
    figure = _figure(6.0, 1.5)
    axes = figure.subplots()
    _open_frame(axes)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    return figure, axes


def _plane_axes(cloud: Cloud):
    lower, upper = np.min(cloud.points, axis=0), np.max(cloud.points, axis=0)
    pad = 1.2 * min(float(np.asarray(cloud.spacing)), _extent(cloud) / 8)
    lower, upper = lower - pad, upper + pad
    unit = 1.5 * PANEL / max(upper - lower)
    width, height = np.maximum(unit * (upper - lower), SLIM)
    figure = _figure(width + 2.2, height + 0.8)
    axes = figure.subplots()
    _closed_frame(axes)
    _frame_limits(axes, lower, upper, unit)
    return figure, axes


def _space_axes(cloud: Cloud):
    from matplotlib.ticker import MaxNLocator

    figure = _figure(6.2, 4.8)
    axes = figure.add_subplot(projection="3d")
    size = np.maximum(np.ptp(cloud.points, axis=0), 0.05 * _extent(cloud))
    axes.set_box_aspect(size, zoom=0.95)
    axes.view_init(22, -55)
    axes.grid(False)
    axes.tick_params(labelsize=8)
    for axis, length in zip((axes.xaxis, axes.yaxis, axes.zaxis), size, strict=True):
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))
        axis.set_major_locator(MaxNLocator(max(round(4 * length / max(size)), 1), steps=[1, 2, 5, 10]))
    return figure, axes


def _arrows(axes, X: np.ndarray, N: np.ndarray, cloud: Cloud, color: str) -> None:
    length = min(float(np.asarray(cloud.spacing)), _extent(cloud) / 8)
    if cloud.dim == 3:
        few = slice(None, None, -(-len(cloud.normal_vectors) // ARROWS))
        axes.quiver(*X[few].T, *N[few].T, length=length, color=color, linewidth=0.7, arrow_length_ratio=0.35)
        return
    if cloud.dim == 1:
        X, N = (np.concatenate([A, np.zeros_like(A)], axis=1) for A in (X, N))
    head = {"headwidth": 4, "headlength": 4.5, "headaxislength": 4}
    style = {"angles": "xy", "scale_units": "xy", "scale": 1 / length, "units": "inches", "width": 0.014}
    axes.quiver(*X.T, *N.T, color=color, **style, **head)


# --------------------------------------------------------------------------- convergence and tuning


def plot_convergence(
    studies: Mapping[str, ArrayLike],
    path: PathLike = None,
    *,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str = "relative error",
) -> matplotlib.figure.Figure:
    """Errors against the spacing or the number of unknowns, on logarithmic axes, with the observed orders.

    `studies`: label -> rows (spacing or unknowns, error). Whole numbers from 2 on are taken for unknowns, of
    which the exponent is given; `xlabel` replaces "spacing" or "unknowns". The order is the slope of the
    least-squares line through the logarithms of all rows with a positive error; a triangle shows it rounded
    to halves. Raises ValueError for rows of a wrong shape, spacings that are not positive, nothing to draw.
    """
    path = _checked_path(path)
    tables = {label: _rows_of(label, rows) for label, rows in studies.items()}
    if not tables:
        raise ValueError("studies is empty: give label -> rows (spacing or unknowns, error)")
    x = np.concatenate([rows[:, 0] for rows in tables.values()])
    counted = bool(np.all((x >= 2) & (x == np.round(x))))
    figure = _figure(5.4, 4.2)
    axes = figure.subplots()
    _open_frame(axes)
    axes.set_xscale("log")
    axes.set_yscale("log")
    gap = 0.04 * max(np.ptp(np.log(np.concatenate(list(tables.values()))[:, 1])), 1.0)
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
    _plain_ticks(axes.xaxis, x)
    axes.legend(**_LEGEND)
    return _finished(figure, title, path)


def _rows_of(label: str, rows: ArrayLike) -> np.ndarray:
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


def plot_history(
    history: Any,
    path: PathLike = None,
    *,
    title: str | None = None,
    name: str = "scale",
    logarithmic: bool = True,
) -> matplotlib.figure.Figure:
    """A tuning run: the loss and the tuned numbers at every step, the best iterate marked.

    - `history`: what `tune` returns
    - `logarithmic`: the loss is a natural logarithm, as `mf.losses.residual` and `leave_one_out` are, and
      exp(loss) is drawn; False draws the loss itself
    - `name`: what `history.scale` is

    Raises ValueError where no loss is finite.
    """
    path = _checked_path(path)
    loss = np.asarray(history.loss, dtype=float)
    if not np.isfinite(loss).any():
        raise ValueError("no loss of this history is finite: there is nothing to draw")
    steps, best = np.arange(len(loss)), int(np.nanargmin(np.where(np.isfinite(loss), loss, np.nan)))
    shown = np.exp(loss) if logarithmic else loss
    figure, (top, below) = _stacked(5.6, [2.2, 1.9])
    top.plot(steps, shown, color=COLORS[0], lw=1.6)
    if logarithmic:
        top.set_yscale("log")
        _plain_ticks(top.yaxis, shown)
    top.set_ylabel("residual" if logarithmic else "loss")
    scale = _columns(history.scale, len(loss))
    for k, column in enumerate(scale.T):
        label = f"{name}$_{{{k + 1}}}$" if 1 < scale.shape[1] <= len(COLORS) else None
        below.plot(steps, column, color=COLORS[k % len(COLORS)], lw=1.6, label=label)
    if np.nanmin(scale) > 0 and np.nanmax(scale) > 10 * np.nanmin(scale):
        below.set_yscale("log")
        _plain_ticks(below.yaxis, scale)
    below.set_ylabel(name)
    below.set_xlabel("step")
    for axes, columns in ((top, shown[:, None]), (below, scale)):
        axes.axvline(best, color=ACCENT, lw=0.8, alpha=0.6, zorder=0)
        marks = np.full(scale.shape[1] if axes is below else 1, best)
        axes.plot(marks, columns[best], "o", ms=5.5, color=ACCENT, mec="white", mew=0.8, zorder=4)
    top.lines[-1].set_label(f"best: {_scientific(shown[best])} at step {best}")
    top.legend(**_LEGEND)
    if below.get_legend_handles_labels()[0]:
        below.legend(**_LEGEND)
    return _finished(figure, title, path)


def _columns(tree: Any, steps: int) -> np.ndarray:
    """The leaves of a pytree, their first axis the steps, side by side: (steps, k)."""
    leaves = [np.asarray(leaf, dtype=float).reshape(steps, -1) for leaf in jax.tree.leaves(tree)]
    return np.concatenate(leaves, axis=1)


# ------------------------------------------------------------------------------------------ house style

_TITLE = {"fontsize": 10, "color": INK}
_MIDDLE = {"ha": "center", "va": "center"}
_LEGEND = {"fontsize": 8.5, "frameon": False}


def _figure(width: float, height: float):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.07)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _stacked(width: float, heights: list[float]):
    """A figure with panels below one another that share their horizontal axis."""
    figure = _figure(width, sum(heights))
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights).ravel()
    for one in axes:
        _open_frame(one)
    figure.align_ylabels()
    return figure, list(axes)


def _open_frame(axes) -> None:
    """Axes for curves: no frame at the top and the right, a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(linewidth=0.7, color=INK)
    axes.tick_params(labelsize=8.5, width=0.7, color=INK)
    axes.grid(True, color="#e4e4e4", lw=0.6)
    axes.set_axisbelow(True)


def _plain_ticks(axis, values: np.ndarray) -> None:
    """Ticks at round numbers in plain figures on a logarithmic axis that spans less than two decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    span = np.nanmax(values) / np.nanmin(values)
    if span < 100:
        subs = (1.0, 2.0, 5.0) if span > 10 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:g}" if 1e-3 <= value < 1e5 else _scientific(value))
        )
    axis.set_minor_formatter(NullFormatter())


def _closed_frame(axes) -> None:
    """Axes for the plane: equal scales, ticks but no frame, since the domain has its own outline."""
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.tick_params(labelsize=8, width=0.5, length=2.5, color=INK)


def _frame_limits(axes, lower: np.ndarray, upper: np.ndarray, unit: float) -> None:
    """Limits a little wider than the domain; as many ticks as `unit`, inches per length, leaves room for."""
    from matplotlib.ticker import MaxNLocator

    pad = PAD * max(upper - lower)
    axes.set_xlim(lower[0] - pad, upper[0] + pad)
    axes.set_ylim(lower[1] - pad, upper[1] + pad)
    for axis, inches in zip((axes.xaxis, axes.yaxis), unit * (upper - lower), strict=True):
        axis.set_major_locator(MaxNLocator(int(np.clip(1.7 * inches, 1, 5)), steps=[1, 2, 2.5, 5, 10]))


def _largest(errors: np.ndarray) -> str:
    return f"max {_scientific(np.abs(errors[np.isfinite(errors)]).max())}"


def _italic(word: str) -> str:
    return f"${word}$" if len(word) == 1 else word


def _errors(names: Sequence[str]) -> list[str]:
    return [f"|{name} − exact|" for name in names]


def _scientific(value: float) -> str:
    """1.2 × 10⁻⁵ in mathematical type."""
    if not np.isfinite(value) or value == 0 or 1e-2 <= abs(value) < 1e3:
        return f"{value:.3g}"
    digits, power = f"{value:.1e}".split("e")
    return rf"${digits} \times 10^{{{int(power)}}}$"


# ------------------------------------------------------------------------------------------------ files


def _checked_path(path: PathLike) -> Path | None:
    """The path, known to be of a supported format and in a folder that exists, before any work is done."""
    if path is None:
        return None
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"pictures are written as {', '.join(FORMATS)}; got {str(path)!r}: rename the file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent.resolve()} to write {path.name} in; create it first")
    return path


def _dpi(path: Path) -> int:
    """Of pixels, or of the colours inside PDF and SVG files."""
    return 2 * DPI if path.suffix.lower() in (".pdf", ".svg") else DPI


def _finished(figure, title: str | None, path: Path | None):
    """The figure with its title, written by way of a temporary file beside the path."""
    if title is not None:
        figure.suptitle(title, fontsize=11, color=INK)
    if path is not None:
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=_dpi(path))
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return figure
