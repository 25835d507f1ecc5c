"""What is drawn on triangles in the plane: filled contours, their outline, colour bar and streamlines."""

from typing import Any

import numpy as np

from .scales import ERRORS, Scale
from .style import GREY, INK, closed_frame
from .ticks import LINE
from .triangles import Cover, lattice_lines, triangulation

BAR_WIDTH, BAR_HEIGHT = 0.11, 0.85  # inches, of a colour bar, this at least
BAR_GAP, LOW_BAR_GAP = 0.13, 0.35  # beside the domain, and where the bar reaches down to the numbers of the x axis


def paint(axes, cover: Cover, values: np.ndarray, scale: Scale) -> None:
    """Draw filled contours of values at the vertices, and the outline; "empty" where there are no triangles."""
    closed_frame(axes)
    if not len(cover.triangles):
        axes.text(0.5, 0.5, "empty", color=GREY, ha="center", va="center", transform=axes.transAxes)
        return
    draw_outline(axes, cover)
    heights, (levels, colors) = scale.heights(values), scale.bands()
    shown = cover.triangles[np.isfinite(heights)[cover.triangles].all(axis=1)]
    if not len(shown):
        return
    mesh, low, high = triangulation(cover.vertices, shown), heights[shown].min(), heights[shown].max()
    heights = np.nan_to_num(heights)
    painted = axes.tricontourf(mesh, heights, levels=levels, colors=colors)
    painted.set_rasterized(True)  # as polygons they make PDF and SVG files of many megabytes
    slack = 0.01 * (scale.high - scale.low)  # no specks around an extremum
    lines = scale.marks[(scale.marks > low + slack) & (scale.marks < high - slack)]
    if scale.colors != ERRORS and lines.size:
        style = {"colors": "k", "linewidths": 0.4, "linestyles": "solid", "alpha": 0.4}
        axes.tricontour(mesh, heights, levels=lines, **style)


def draw_outline(axes, cover: Cover):
    """Draw the boundary of the triangles; the lines."""
    from matplotlib.collections import LineCollection

    mesh = triangulation(cover.vertices, cover.triangles)
    triangle, side = np.nonzero(mesh.neighbors < 0)
    ends = np.stack([mesh.triangles[triangle, side], mesh.triangles[triangle, (side + 1) % 3]], axis=1)
    segments = list(cover.vertices[ends])
    outline = LineCollection(segments, colors=INK, linewidths=0.9, capstyle="round", label="outline")
    axes.add_collection(outline)
    return outline


def color_bar(axes, scale: Scale, box: tuple[np.ndarray, np.ndarray], height: float, words: str | None = None) -> None:
    """Draw a thin colour bar beside the domain, whose lower and upper corner are `box`, as high as it, or legible.

    `height`: of the domain, in inches.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import FixedLocator, FuncFormatter, ScalarFormatter

    inset = axes.inset_axes([1, 0, 0.1, 1])
    inset.set_axes_locator(_Beside(axes, box))
    formatter: Any = FuncFormatter(lambda power, _: f"$10^{{{round(power)}}}$")
    if not scale.log:
        formatter = ScalarFormatter(useMathText=True)
        formatter.set_powerlimits((-2, 3))
    marks = _apart(scale, max(height, BAR_HEIGHT))
    mapping = ScalarMappable(Normalize(scale.low, scale.high), colormaps[scale.colors])
    bar = axes.get_figure().colorbar(mapping, cax=inset, ticks=FixedLocator(list(marks)), format=formatter)
    bar.outline.set_linewidth(0.5)
    bar.minorticks_off()
    if words:
        bar.set_label(words, fontsize=9, color=INK)
    inset.tick_params(labelsize=8, width=0.5, length=2.5, color=INK)
    inset.yaxis.get_offset_text().set_fontsize(8)
    inset.yaxis.set_offset_position("left")  # where it begins: it must not reach over the panel
    inset.yaxis.OFFSETTEXTPAD = 7  # above the uppermost number


def _apart(scale: Scale, height: float) -> np.ndarray:
    """Every mark of a scale, or every second, third, ..., so that their numbers have room on a bar; zero among them."""
    marks = scale.marks
    if len(marks) < 2:
        return marks
    apart = height * (marks[1] - marks[0]) / (scale.high - scale.low)
    every = int(np.ceil(LINE / apart))
    return marks[int(np.argmin(np.abs(marks))) % every :: every]


class _Beside:
    """Where a colour bar stands, known when the picture is drawn: beside the domain, and in its middle."""

    def __init__(self, axes, box: tuple[np.ndarray, np.ndarray]):
        self.axes, self.box = axes, np.stack(box)

    def __call__(self, bar, renderer):
        from matplotlib.transforms import Bbox, TransformedBbox

        figure = self.axes.get_figure()
        (_, below), (right, above) = self.axes.transData.transform(self.box) / figure.dpi
        height = max(above - below, BAR_HEIGHT)
        gap = BAR_GAP if height == above - below else LOW_BAR_GAP
        bounds = Bbox.from_bounds(right + gap, (below + above - height) / 2, BAR_WIDTH, height)
        return TransformedBbox(bounds, figure.dpi_scale_trans - figure.transFigure)


def streamlines(axes, cover: Cover, values: np.ndarray) -> None:
    """Draw the lines along a field of two components, `values` (m, 2) at the vertices."""
    from matplotlib.tri import LinearTriInterpolator

    moving = np.nan_to_num(values)
    shown = cover.triangles[np.isfinite(values).all(axis=1)[cover.triangles].all(axis=1)]
    if not len(shown) or not np.abs(moving).max() > 0:
        return
    x, y = lattice_lines(cover.vertices.min(axis=0), cover.vertices.max(axis=0), 6400)
    mesh = triangulation(cover.vertices, shown)
    flow = [LinearTriInterpolator(mesh, one)(*np.meshgrid(x, y)) for one in moving.T]
    axes.streamplot(x, y, *flow, color="white", linewidth=0.8, arrowsize=0.8, density=0.9)
