"""The picture of a cloud: its nodes by part, and the normals of its boundary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..geometry.cloud import Cloud
from .clouds_in_space import cloud_in_space
from .node_marks import arrow_length, arrows, dot_size, extent
from .output import PathLike, checked_path, finished
from .style import COLORS, GREY, LEGEND, PANEL, SLIM, closed_frame, figure_of, frame_limits, open_frame
from .words import italic

if TYPE_CHECKING:
    import matplotlib.figure


def plot_cloud(
    cloud: Cloud,
    path: PathLike = None,
    *,
    title: str | None = None,
    labels: Sequence[str] = ("x", "y", "z"),
) -> matplotlib.figure.Figure:
    """The nodes of a cloud, coloured by part, with the boundary's normals as small arrows.

    In space nodes that the body hides (without a domain: whose normals point away from the viewer) are faint and have
    no arrows, and of the others 250 have one at most. `path`, and what draws the body, as in `plot`. Raises ValueError
    for another extension and for more than three dimensions.
    """
    path = checked_path(path)
    if cloud.dim > 3:
        raise ValueError(f"pictures are of clouds in 1, 2 or 3 dimensions; this one has {cloud.dim}")
    words = [italic(label) for label in labels]
    colors = {part: GREY if part == "interior" else COLORS[(i - 1) % len(COLORS)] for i, part in enumerate(cloud.parts)}
    draw = {1: _line, 2: _plane, 3: cloud_in_space}[cloud.dim]
    return finished(draw(cloud, colors, words), title, path)


def _line(cloud: Cloud, colors: dict, labels: Sequence[str]):
    figure = figure_of(6.0, 1.5)
    axes = figure.subplots()
    open_frame(axes)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    _draw_parts(axes, cloud, colors)
    axes.set_xlabel(labels[0])
    figure.legend(loc="outside upper center", ncols=4, **LEGEND)
    return figure


def _plane(cloud: Cloud, colors: dict, labels: Sequence[str]):
    lower, upper = np.min(cloud.points, axis=0), np.max(cloud.points, axis=0)
    pad = 1.2 * arrow_length(cloud)
    lower, upper = lower - pad, upper + pad
    unit = 1.5 * PANEL / max(upper - lower)
    width, height = np.maximum(unit * (upper - lower), SLIM)
    figure = figure_of(width + 2.2, height + 0.8)
    axes = figure.subplots()
    closed_frame(axes)
    frame_limits(axes, lower, upper, unit)
    _draw_parts(axes, cloud, colors)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), **LEGEND)
    return figure


def _draw_parts(axes, cloud: Cloud, colors: dict) -> None:
    size = max(dot_size(cloud, 72 * 4.5 / extent(cloud), 5.0), 1.0)
    for part, color in colors.items():
        X = np.asarray(cloud[part])
        coordinates = X.T if cloud.dim > 1 else (X[:, 0], np.zeros(len(X)))
        axes.plot(*coordinates, "o", color=color, label=f"{part} ({len(X)})", ms=size, mec="none")
        if part in cloud.normals:
            N = np.asarray(cloud.normals[part])
            X, N = (A if cloud.dim > 1 else np.pad(A, ((0, 0), (0, 1))) for A in (X, N))
            arrows(axes, X, N, arrow_length(cloud), color)
