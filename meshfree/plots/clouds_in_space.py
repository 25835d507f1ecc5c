"""Clouds in space: nodes that are seen before the faint ones that are hidden."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from ..geometry.cloud import Cloud
from ..geometry.contouring import skin
from .cutaway import TOWARDS, View
from .node_marks import arrow_length, arrows, dot_size, extent
from .style import LEGEND, PANEL, figure_of

ARROWS = 250  # at most
FAINT, SMALL = 0.3, 0.6  # how opaque hidden nodes are, and their diameter over that of the others
PAPER = 245  # the grey of the body
STEPS = 60  # from a node to the end of the bounding box, to see whether the domain hides it


def cloud_in_space(cloud: Cloud, colors: dict[str, str], labels: Sequence[str]):
    """The figure of a cloud in space, its parts in some colours."""
    from matplotlib.lines import Line2D

    X = np.asarray(cloud.points)
    room = np.maximum(0.05 * extent(cloud) - np.ptp(X, axis=0), 0) / 2  # flat clouds have a box too
    view = View(X.min(axis=0) - room, X.max(axis=0) + room)
    unit = 1.4 * PANEL / max(view.size)
    width, height = view.inches(unit)
    figure = figure_of(float(width) + 1.5, float(height) + 0.2)
    axes = figure.subplots()
    view.frame(axes, labels, unit)
    if cloud.domain is not None:
        body = skin(cloud.domain.distance, *cloud.domain.bounds)
        view.show(axes, view.images(body, [np.full(body.vertices.shape, PAPER, np.uint8)], unit)[0])
    _draw_nodes(axes, cloud, view, _colors_of_nodes(cloud, colors), dot_size(cloud, 72 * unit, 5.0))
    entries = [
        Line2D([], [], ls="", marker="o", ms=5, mec="none", color=color, label=f"{part} ({len(cloud[part])})")
        for part, color in colors.items()
    ]
    figure.legend(handles=entries, loc="outside right upper", **LEGEND)
    return figure


def _draw_nodes(axes, cloud: Cloud, view: View, colors: np.ndarray, size: float) -> None:
    """The furthest first; arrows at nodes that are seen."""
    at = view.seen(np.asarray(cloud.points))
    shown = seen_nodes(cloud)
    for chosen, alpha, share in ((~shown, FAINT, SMALL), (shown, 1, 1)):
        nodes = np.flatnonzero(chosen)
        nodes = nodes[np.argsort(at[nodes, 2])]
        style = {"s": (share * size) ** 2, "edgecolors": "none", "zorder": 2.5, "clip_on": False}
        axes.scatter(*at[nodes, :2].T, c=colors[nodes], alpha=alpha, **style)
    few = np.flatnonzero(shown)
    few = few[:: -(-len(few) // ARROWS) or 1]
    N = view.seen(np.asarray(cloud.normal_vectors)[few - len(at) + len(cloud.normal_vectors)])
    arrows(axes, at[few, :2], N[:, :2], arrow_length(cloud), colors[few])


def seen_nodes(cloud: Cloud) -> Bool[np.ndarray, " n"]:
    """Which nodes the viewer sees: those on the boundary that face them, and with nothing of the domain before."""
    X, N = np.asarray(cloud.points), np.asarray(cloud.normal_vectors)
    seen = np.zeros(len(X), bool)
    seen[len(X) - len(N) :] = N @ TOWARDS > 0
    if cloud.domain is not None and len(N):
        nodes = np.flatnonzero(seen)
        way = np.linspace(0, 1.8 * extent(cloud), STEPS)[1:, None, None] * TOWARDS
        seen[nodes] = (cloud.domain.distance((X[nodes] + way).reshape(-1, 3)).reshape(STEPS - 1, -1) >= 0).all(axis=0)
    return seen


def _colors_of_nodes(cloud: Cloud, colors: dict[str, str]) -> Float[np.ndarray, "n 3"]:
    from matplotlib.colors import to_rgb

    return np.concatenate([np.tile(to_rgb(color), (len(cloud[part]), 1)) for part, color in colors.items()])
