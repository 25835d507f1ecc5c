"""The picture of a cloud: its nodes by part, and the normals of its boundary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..clouds import Cloud
from .dots import dot_size, extent
from .output import PathLike, checked_path, finished
from .style import COLORS, GREY, LEGEND, PANEL, SLIM, closed_frame, figure_of, frame_limits, open_frame
from .words import italic

if TYPE_CHECKING:
    import matplotlib.figure

ARROWS = 250  # at most, in a picture of a cloud in space


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
    path = checked_path(path)
    if cloud.dim > 3:
        raise ValueError(f"pictures are of clouds in 1, 2 or 3 dimensions; this one has {cloud.dim}")
    figure, axes = {1: _line_axes, 2: _plane_axes, 3: _space_axes}[cloud.dim](cloud)
    size = max(dot_size(cloud, 72 * 4.5 / extent(cloud), 5.0), 1.0)
    for i, part in enumerate(cloud.parts):
        X = np.asarray(cloud[part])
        color = GREY if part == "interior" else COLORS[(i - 1) % len(COLORS)]
        coordinates = X.T if cloud.dim > 1 else (X[:, 0], np.zeros(len(X)))
        style = {"ms": size, "mec": "none", "alpha": 0.35 if part == "interior" and cloud.dim == 3 else 1.0}
        axes.plot(*coordinates, "o", color=color, label=f"{part} ({len(X)})", **style)
        if part in cloud.normals:
            _arrows(axes, X, np.asarray(cloud.normals[part]), cloud, color)
    for axis, label in zip("xyz"[: cloud.dim], labels, strict=False):
        axes.set(**{f"{axis}label": italic(label)})
    _place_legend(figure, axes, cloud.dim)
    return finished(figure, title, path)


def _place_legend(figure, axes, dim: int) -> None:
    if dim == 1:
        figure.legend(loc="outside upper center", ncols=4, **LEGEND)
    elif dim == 2:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), **LEGEND)
    else:
        figure.legend(loc="outside right upper", **LEGEND)


def _line_axes(cloud: Cloud):
    figure = figure_of(6.0, 1.5)
    axes = figure.subplots()
    open_frame(axes)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    return figure, axes


def _plane_axes(cloud: Cloud):
    lower, upper = np.min(cloud.points, axis=0), np.max(cloud.points, axis=0)
    pad = 1.2 * min(float(np.asarray(cloud.spacing)), extent(cloud) / 8)
    lower, upper = lower - pad, upper + pad
    unit = 1.5 * PANEL / max(upper - lower)
    width, height = np.maximum(unit * (upper - lower), SLIM)
    figure = figure_of(width + 2.2, height + 0.8)
    axes = figure.subplots()
    closed_frame(axes)
    frame_limits(axes, lower, upper, unit)
    return figure, axes


def _space_axes(cloud: Cloud):
    from matplotlib.ticker import MaxNLocator

    figure = figure_of(6.2, 4.8)
    axes = figure.add_subplot(projection="3d")
    size = np.maximum(np.ptp(cloud.points, axis=0), 0.05 * extent(cloud))
    axes.set_box_aspect(size, zoom=0.95)
    axes.view_init(22, -55)
    axes.grid(False)
    axes.tick_params(labelsize=8)
    for axis, length in zip((axes.xaxis, axes.yaxis, axes.zaxis), size, strict=True):
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))
        axis.set_major_locator(MaxNLocator(max(round(4 * length / max(size)), 1), steps=[1, 2, 5, 10]))
    return figure, axes


def _arrows(axes, X: np.ndarray, N: np.ndarray, cloud: Cloud, color: str) -> None:
    length = min(float(np.asarray(cloud.spacing)), extent(cloud) / 8)
    if cloud.dim == 3:
        few = slice(None, None, -(-len(cloud.normal_vectors) // ARROWS))
        axes.quiver(*X[few].T, *N[few].T, length=length, color=color, linewidth=0.7, arrow_length_ratio=0.35)
        return
    if cloud.dim == 1:
        X, N = (np.concatenate([A, np.zeros_like(A)], axis=1) for A in (X, N))
    head = {"headwidth": 4, "headlength": 4.5, "headaxislength": 4}
    style = {"angles": "xy", "scale_units": "xy", "scale": 1 / length, "units": "inches", "width": 0.014}
    axes.quiver(*X.T, *N.T, color=color, **style, **head)
