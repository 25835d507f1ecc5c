"""The picture of a cloud: its nodes by part, the normals of its boundary, and the outline of its domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from ..geometry.cloud import Cloud
from ..geometry.contouring import skin
from ..internal.expected import PATH, expects
from .cutaway import VIEWER, View, body_of
from .node_marks import arrow_length, dot_size, draw_arrows, extent
from .style import (
    COLORS,
    DPI,
    GREY,
    INK,
    LEGEND,
    PANEL,
    SLIM,
    PathLike,
    checked_path,
    closed_frame,
    finish,
    frame_domain,
    italic,
    new_figure,
    open_frame,
    units_of,
)
from .ticks import ticks_between
from .triangles import outline_curves

if TYPE_CHECKING:
    import matplotlib.figure

ARROWS = 250  # in space, at most
LEGEND_DOT = 5.0  # typographic points
WIDTH = 5.2  # inches, of the nodes on the line
HIDDEN_ALPHA, HIDDEN_SIZE = 0.3, 0.6  # of nodes that the body hides: how opaque, and their diameter over the others'
PAPER = 245  # the grey of the body
STEPS = 60  # from a node towards the viewer, to see whether the domain hides it


@expects(cloud=Cloud, path=PATH, title=str)
def plot_cloud(
    cloud: Cloud,
    path: PathLike = None,
    *,
    title: str | None = None,
    labels: Sequence[str] = ("x", "y", "z"),
) -> matplotlib.figure.Figure:
    """The nodes of a cloud, coloured by part, with the boundary's normals as small arrows, and the domain's outline.

    In space, nodes that the body hides are faint and have no arrows, and where the others are many, only some have
    one. Without a domain, the hidden nodes are those whose normals point away from the viewer. `path`, and what draws
    the body, as in `plot`. Raises ValueError for another extension and for more than three dimensions.
    """
    path = checked_path(path)
    if cloud.dim > 3:
        raise ValueError(f"pictures are of clouds in 1, 2 or 3 dimensions; this one has {cloud.dim}")
    words = [italic(label) for label in labels]
    colors = {part: GREY if part == "interior" else COLORS[(i - 1) % len(COLORS)] for i, part in enumerate(cloud.parts)}
    draw = {1: _on_the_line, 2: _in_the_plane, 3: _in_space}[cloud.dim]
    return finish(draw(cloud, colors, words), title, path)


def _on_the_line(cloud: Cloud, colors: dict[str, str], labels: Sequence[str]):
    figure = new_figure(6.0, 1.5)
    axes = figure.subplots()
    open_frame(axes)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    _draw_outline(axes, cloud)
    _draw_parts(axes, cloud, colors, WIDTH / extent(cloud))
    whole = cloud.points if cloud.periods is None else cloud.domain.bounds  # of a circle no node marks the end
    lower, upper = float(np.min(whole)), float(np.max(whole))
    room = 0.5 * (lower == upper)
    ticks_between(lower - room, upper + room, WIDTH, labels[0]).apply(axes.xaxis)
    entries = _legend_entries(cloud, colors)
    axes.legend(handles=entries, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, **LEGEND)
    return figure


def _in_the_plane(cloud: Cloud, colors: dict[str, str], labels: Sequence[str]):
    lower, upper = np.min(cloud.points, axis=0), np.max(cloud.points, axis=0)
    if cloud.domain is not None:
        lower, upper = cloud.domain.bounds
    pad = np.full(2, 1.2 * arrow_length(cloud))
    room = np.where(upper > lower, 0, pad)  # nodes on a line have a region around them
    lower, upper = lower - room, upper + room
    units = units_of(upper - lower, 1.4 * PANEL)
    width, height = np.maximum(units * (upper - lower + 2 * pad), SLIM)
    entries = _legend_entries(cloud, colors)
    figure = new_figure(width + 1.0 + _legend_width(entries), height + 0.8)
    axes = figure.subplots()
    closed_frame(axes)
    frame_domain(axes, lower, upper, units, labels, pad)
    _draw_outline(axes, cloud)
    _draw_parts(axes, cloud, colors, min(units))
    axes.legend(handles=entries, loc="upper left", bbox_to_anchor=(1.0, 1.0), **LEGEND)
    return figure


def _draw_outline(axes, cloud: Cloud) -> None:
    """The boundary of the domain; on the line, the domain itself."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if cloud.domain is None:
        return
    whole = getattr(cloud.domain, "unrolled", cloud.domain)
    if cloud.periods is not None and cloud.dim > 1:  # sides at which it repeats are dashed
        path = Path.make_compound_path(*map(Path, outline_curves(whole)))
        axes.add_patch(PathPatch(path, fill=False, ec=GREY, lw=0.9, ls=(0, (4, 3)), zorder=1.4))
    curves = outline_curves(whole if cloud.dim == 1 else cloud.domain)
    if curves:
        path = Path.make_compound_path(*map(Path, curves))
        axes.add_patch(PathPatch(path, fill=False, ec=INK, lw=0.9, zorder=1.5, label="outline"))


def _legend_entries(cloud: Cloud, colors: dict[str, str]) -> list:
    """Dots of one size, however small the nodes are."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], ls="", marker="o", ms=LEGEND_DOT, mec="none", color=color, label=f"{part} ({len(cloud[part])})")
        for part, color in colors.items()
    ]


def _legend_width(entries: list) -> float:
    """Inches, about."""
    return 0.6 + 0.075 * max(len(entry.get_label()) for entry in entries)


def _draw_parts(axes, cloud: Cloud, colors: dict[str, str], unit: float) -> None:
    """The nodes and the normals of each part; `unit`: inches per length."""
    size = max(dot_size(cloud, 72 * unit, 5.0), 1.0)
    for part, color in colors.items():
        X = np.asarray(cloud[part])
        coordinates = X.T if cloud.dim > 1 else (X[:, 0], np.zeros(len(X)))
        axes.plot(*coordinates, "o", color=color, label=f"{part} ({len(X)})", ms=size, mec="none")
        if part in cloud.normals:
            N = np.asarray(cloud.normals[part])
            X, N = (A if cloud.dim > 1 else np.pad(A, ((0, 0), (0, 1))) for A in (X, N))
            draw_arrows(axes, X, N, arrow_length(cloud), color)


# ---------------------------------------------------------------------------------------------------------- in space


def _in_space(cloud: Cloud, colors: dict[str, str], labels: Sequence[str]):
    X = np.asarray(cloud.points)
    room = np.maximum(0.05 * extent(cloud) - np.ptp(X, axis=0), 0) / 2  # flat clouds have a box too
    lower, upper = (X.min(axis=0), X.max(axis=0)) if cloud.periods is None else cloud.domain.bounds
    view = View(lower - room, upper + room)
    unit = 1.4 * PANEL / max(view.size)
    width, height = view.inches(unit)
    entries = _legend_entries(cloud, colors)
    figure = new_figure(float(width) + _legend_width(entries), float(height) + 0.2)
    axes = figure.subplots()
    view.draw_box(axes, labels, unit)
    if cloud.domain is not None:
        body = skin(body_of(cloud.domain).distance, *cloud.domain.bounds)
        view.show(axes, view.images(body, [np.full(body.vertices.shape, PAPER, np.uint8)], 2 * DPI * unit)[0])
    _draw_nodes(axes, cloud, view, _colors_of_nodes(cloud, colors), dot_size(cloud, 72 * unit, 5.0))
    figure.legend(handles=entries, loc="outside right upper", **LEGEND)
    return figure


def _draw_nodes(axes, cloud: Cloud, view: View, colors: np.ndarray, size: float) -> None:
    """The hidden nodes, then the visible ones, of each the furthest first; arrows at visible nodes."""
    at = view.project(np.asarray(cloud.points))
    visible = visible_nodes(cloud)
    for chosen, alpha, share in ((~visible, HIDDEN_ALPHA, HIDDEN_SIZE), (visible, 1, 1)):
        nodes = np.flatnonzero(chosen)
        nodes = nodes[np.argsort(at[nodes, 2])]
        style = {"s": (share * size) ** 2, "edgecolors": "none", "zorder": 2.5, "clip_on": False}
        axes.scatter(*at[nodes, :2].T, c=colors[nodes], alpha=alpha, **style)
    few = np.flatnonzero(visible)
    few = few[:: -(-len(few) // ARROWS) or 1]
    normals = _normals(cloud)
    N = view.project(normals[few - len(at) + len(normals)])
    draw_arrows(axes, at[few, :2], N[:, :2], arrow_length(cloud), colors[few])


def visible_nodes(cloud: Cloud) -> Bool[np.ndarray, " n"]:
    """Which nodes the viewer sees: boundary nodes that face the viewer, with nothing of the domain in between."""
    X, N = np.asarray(cloud.points), _normals(cloud)
    visible = np.zeros(len(X), bool)
    visible[len(X) - len(N) :] = N @ VIEWER > 0
    if cloud.domain is not None and len(N):
        nodes = np.flatnonzero(visible)
        way = np.linspace(0, 1.8 * extent(cloud), STEPS)[1:, None, None] * VIEWER
        outside = body_of(cloud.domain).distance((X[nodes] + way).reshape(-1, 3)).reshape(STEPS - 1, -1) >= 0
        visible[nodes] = outside.all(axis=0)
    return visible


def _normals(cloud: Cloud) -> Float[np.ndarray, "b d"]:
    """Those of the last nodes, which are on the boundary of the body that is drawn."""
    return np.asarray(cloud.normal_vectors if cloud.surface_normals is None else cloud.surface_normals)


def _colors_of_nodes(cloud: Cloud, colors: dict[str, str]) -> Float[np.ndarray, "n 3"]:
    from matplotlib.colors import to_rgb

    return np.concatenate([np.tile(to_rgb(color), (len(cloud[part]), 1)) for part, color in colors.items()])
