"""Bodies in space, seen from the front in parallel projection, the eighth that faces the viewer cut away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ..geometry.contouring import Skin, skin
from .render import render_images
from .style import GREY, INK
from .ticks import DIGIT, FONT, ticks_between

VIEWER = np.array([1.0, -1.6, 0.85]) / np.linalg.norm([1.0, -1.6, 0.85])  # the direction towards the viewer
TICK, NUMBERS, LABEL, MARGIN = 0.05, 0.11, 0.25, 0.6  # inches outside of the bounding box

# Corners of the bounding box, 0 for lower and 1 for upper: its edges, but for those that meet nearest to the viewer;
_CORNERS = np.array(list(np.ndindex(2, 2, 2)))
_EDGES = np.array([(p, q) for p in _CORNERS for q in _CORNERS if (q - p).tolist() in np.eye(3).tolist()])
_EDGES = _EDGES[~(_EDGES == [1, 0, 1]).all(axis=2).any(axis=1)]
# the edges that carry ticks, and the directions in which these point.
_RULERS = np.array([[(0, 0, 0), (1, 0, 0)], [(1, 0, 0), (1, 1, 0)], [(0, 0, 0), (0, 0, 1)]])
_OUTWARDS = np.array([(0, -0.7, -0.7), (0.7, 0, -0.7), (-1, 0, 0)])


def cut_open(distance: Callable, lower: np.ndarray, upper: np.ndarray) -> Skin:
    """The surface of a body without the eighth of its bounding box that faces the viewer."""
    middle, sides = (lower + upper) / 2, np.sign(VIEWER)

    def within(X):
        return np.maximum(distance(X), (sides * (X - middle)).min(axis=1))

    return skin(within, lower, upper)


def body_of(domain: Any) -> Any:
    """What is drawn of a domain, cut open where it repeats; of a surface the body that it bounds."""
    domain = getattr(domain, "body", domain)
    return getattr(domain, "unrolled", domain)


class View:
    """How a body in its bounding box is seen: `size` is width and height of the picture, in the body's units."""

    def __init__(self, lower: np.ndarray, upper: np.ndarray):
        self._lower, self._upper = lower, upper
        right = np.cross([0.0, 0.0, 1.0], VIEWER)
        right /= np.linalg.norm(right)
        self._frame = np.stack([right, np.cross(VIEWER, right), VIEWER])
        corners = self.project(self._corners(_EDGES.reshape(-1, 3)))
        self._low, self._high = corners.min(axis=0), corners.max(axis=0)
        self.size = (self._high - self._low)[:2]

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The corners of the body's picture, in the body's units."""
        return self._low[:2], self._high[:2]

    def project(self, X: np.ndarray) -> Float[np.ndarray, "m 3"]:
        """Points, or vectors, (m, 3) in the viewer's coordinates: right, up, towards the viewer."""
        return X @ self._frame.T

    def inches(self, unit: float) -> Float[np.ndarray, " 2"]:
        """Width and height of the axes that `draw_box` fills, with `unit` inches per length."""
        return unit * self.size + np.array([2 * MARGIN, MARGIN])

    def images(self, body: Skin, colors: Sequence[np.ndarray], pixels: float) -> list[np.ndarray]:
        """An image of the body for each set of colours of its vertices, with so many pixels to a length."""
        width, height = np.maximum(np.round(pixels * self.size), 8).astype(int).tolist()
        box = self._low, self._high
        return render_images(self.project(body.vertices), body.triangles, colors, box, (width, height))

    def show(self, axes, image: np.ndarray) -> Any:
        """Put an image from `images` into axes with a bounding box; what shows it there."""
        (left, below, _), (right, above, _) = self._low, self._high
        return axes.imshow(image, extent=(left, right, below, above), zorder=2)

    def draw_box(self, axes, labels: Sequence[str], unit: float) -> None:
        """Draw the bounding box without the edges nearest to the viewer, with ticks along its lower and left edges."""
        axes.set_axis_off()
        axes.set_aspect("equal")
        for edge in _EDGES:
            axes.plot(*self.project(self._corners(edge)).T[:2], color=GREY, lw=0.6, zorder=1, solid_capstyle="round")
        for axis in range(3):
            self._draw_ruler(axes, axis, labels[axis], unit)
        (left, below, _), (right, above, _) = self._low, self._high
        room = MARGIN / unit
        axes.set(xlim=(left - room, right + room), ylim=(below - room, above))

    def _draw_ruler(self, axes, axis: int, label: str, unit: float) -> None:
        """Ticks, their numbers and the label along one edge; numbers stand on the side that the ticks point to."""
        from matplotlib.patheffects import withStroke

        ends = self._corners(_RULERS[axis])
        first, last = self.project(ends)[:, :2]
        out = self.project(_OUTWARDS[axis][None])[0, :2]
        out /= np.linalg.norm(out)
        upright = axis == 2
        inches = 0.9 * unit * abs(last - first)[int(upright)]  # as the layout may shrink the axes
        ticks = ticks_between(ends[0, axis], ends[1, axis], inches, label, upright=upright)
        style: dict[str, Any] = {
            "textcoords": "offset points",
            "ha": "left" if out[0] > 0 else "right",
            "va": "center",
            "color": INK,
        }
        style |= {"clip_on": False, "annotation_clip": False, "zorder": 4}
        style["path_effects"] = [withStroke(linewidth=2, foreground="white")]  # nodes and arrows may lie behind
        shares = (ticks.at - ends[0, axis]) / (ends[1, axis] - ends[0, axis])
        for on, number in zip(first + shares[:, None] * (last - first), ticks.texts, strict=True):
            axes.plot(*np.stack([on, on + TICK / unit * out]).T, color=INK, lw=0.5, clip_on=False)
            axes.annotate(number, on, 72 * NUMBERS * out, fontsize=FONT, **style)
        beyond = LABEL + DIGIT * max(map(len, ticks.texts)) * abs(out[0])
        words = ticks.label if upright else ticks.stacked
        if words != label:
            style |= {"rotation": 90} if upright else {"va": "top"}
        axes.annotate(words, (first + last) / 2, 72 * beyond * out, fontsize=10, **style)

    def _corners(self, chosen: np.ndarray) -> np.ndarray:
        """Corners of the bounding box, given by zeros (lower) and ones (upper)."""
        return np.where(chosen > 0, self._upper, self._lower)
