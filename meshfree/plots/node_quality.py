"""The picture of how even a cloud's nodes are: a histogram of the distances between neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..geometry.cloud import Cloud
from ..internal.expected import PATH, expects
from .style import ACCENT, COLORS, GREY, INK, LEGEND, PathLike, checked_path, finish, new_figure, open_frame

if TYPE_CHECKING:
    import matplotlib.figure

BINS = 40  # up to the longest distance


@expects(cloud=Cloud, path=PATH, title=str)
def plot_quality(
    cloud: Cloud,
    path: PathLike = None,
    *,
    spacing: Any = None,
    title: str | None = None,
) -> matplotlib.figure.Figure:
    """A histogram of the distances from each node to the nearest other one, with separation and fill distance marked.

    Distances are divided by `spacing`, a number or a function of x; by default by that of the nodes around, so
    that graded nodes are as even as others. `path` as in `plot`. Raises what `cloud.quality` raises, and ValueError for
    another extension.
    """
    path = checked_path(path)
    quality = cloud.quality(spacing)
    inner = np.arange(len(cloud)) < len(cloud) - len(cloud.normal_vectors)
    kinds = [("interior nodes", GREY, inner), ("boundary nodes", COLORS[0], ~inner)]
    kinds = [kind for kind in kinds if kind[2].any()]
    figure = new_figure(5.6, 3.2)
    axes = figure.subplots()
    open_frame(axes)
    axes.hist(
        [quality.distances[chosen] for _, _, chosen in kinds],
        bins=np.linspace(0, max(quality.distances.max(), quality.relative_fill) * 1.02, BINS + 1).tolist(),
        stacked=True,
        color=[color for _, color, _ in kinds],
        label=[f"{label} ({np.count_nonzero(chosen)})" for label, _, chosen in kinds],
    )
    for value, color, label in (
        (quality.relative_separation, ACCENT, "separation"),
        (quality.relative_fill, INK, "fill distance"),
    ):
        axes.axvline(value, color=color, lw=1.2, dashes=(4, 3), label=f"{label} {value:.3f}")
    axes.plot([], [], " ", label=f"mesh ratio {quality.mesh_ratio:.3f}")
    axes.set_xlabel("distance to the nearest node / spacing")
    axes.set_ylabel("nodes")
    axes.legend(loc="upper left", **LEGEND)  # far from the bars at 1; to look for the best place takes seconds
    return finish(figure, title, path)
