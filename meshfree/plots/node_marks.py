"""Nodes as dots, small enough to leave room between them, and their normals as arrows."""

from collections.abc import Mapping

import numpy as np

from ..geometry.cloud import Cloud
from ..pde.data import Data
from .style import ACCENT, INK


def draw_nodes(axes, cloud: Cloud, unit: float) -> None:
    """The nodes as small dots, those of the boundary darker; none where they would cover the picture.

    `unit`: inches per length.
    """
    X = np.asarray(cloud.points)
    size = dot_size(cloud, 72 * unit, 2.6)
    if size < 1.25:
        return
    inner = np.arange(len(X)) < len(X) - len(cloud.normal_vectors)
    for chosen, face, label in ((inner, "white", "interior nodes"), (~inner, INK, "boundary nodes")):
        style = {"ms": size, "mfc": face, "mec": INK, "mew": 0.35, "alpha": 0.85, "label": label}
        axes.plot(*X[chosen].T, "o", clip_on=False, zorder=3, **style)


def draw_places(axes, data: Mapping[str, Data]) -> None:
    """Where something was measured in the plane, as crosses."""
    for name, one in data.items():
        style = {"ms": 4, "color": ACCENT, "mew": 1.0, "label": name, "zorder": 4}
        axes.plot(*np.asarray(one.points).T, "x", clip_on=False, **style)


def draw_arrows(axes, X: np.ndarray, N: np.ndarray, length: float, color) -> None:
    """Arrows at points (m, 2) of the picture, along the vectors N (m, 2) times a length."""
    head = {"headwidth": 4, "headlength": 4.5, "headaxislength": 4}
    style = {"angles": "xy", "scale_units": "xy", "scale": 1 / length, "units": "inches", "width": 0.014}
    drawn = axes.quiver(*X.T, *N.T, color=color, zorder=3, clip_on=False, **style, **head)
    drawn.set_in_layout(False)  # its extent is not known before it is drawn


def dot_size(cloud: Cloud, points_per_length: float, largest: float) -> float:
    """The diameter of a node's dot, in typographic points: a third of the spacing, `largest` at most."""
    return min(float(np.asarray(cloud.spacing)) * points_per_length / 3, largest)


def arrow_length(cloud: Cloud) -> float:
    """The length of a normal's arrow: the spacing, an eighth of the nodes' bounding box at most."""
    return min(float(np.asarray(cloud.spacing)), extent(cloud) / 8)


def extent(cloud: Cloud) -> float:
    """The longest side of the nodes' bounding box; 1 for a single node."""
    return float(np.ptp(np.asarray(cloud.points), axis=0).max()) or 1.0
