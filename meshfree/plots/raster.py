"""Functions on triangles as images, for movies: which vertices make which pixel is found once."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from .film import FILM_DPI
from .painting import draw_outline
from .scales import ERRORS, Scale
from .style import GREY, closed_frame
from .triangles import Cover, triangulation


class Raster:
    """The pixels on the triangles of a cover, whose bounding box is so many `inches` wide and high in the picture."""

    def __init__(self, cover: Cover, inches: Float[np.ndarray, " 2"]):
        from scipy.sparse import csr_array

        self.cover = cover
        lower, upper = cover.vertices.min(axis=0), cover.vertices.max(axis=0)
        count = np.maximum(np.ceil(FILM_DPI * inches).astype(int), 2)
        sides = (upper - lower) / count
        self.x, self.y = (lower[i] + sides[i] * (np.arange(count[i]) + 0.5) for i in range(2))
        self.extent = (lower[0], upper[0], lower[1], upper[1])
        X = np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)
        triangle = np.asarray(triangulation(cover.vertices, cover.triangles).get_trifinder()(*X.T))
        self.pixels = np.flatnonzero(triangle >= 0)
        corners = cover.triangles[triangle[self.pixels]]
        shares = _barycentric(cover.vertices[corners], X[self.pixels])
        rows = np.repeat(np.arange(len(corners)), 3)
        self._weights = csr_array((shares.ravel(), (rows, corners.ravel())), shape=(len(corners), len(cover.vertices)))

    def values(self, at_vertices: Float[np.ndarray, " m"]) -> Float[np.ndarray, " p"]:
        """Of the pixels on the triangles."""
        return self._weights @ at_vertices

    def on_grid(self, values: Float[np.ndarray, " p"]) -> Float[np.ndarray, "h w"]:
        """The values of the pixels on the triangles, NaN elsewhere."""
        grid = np.full(len(self.x) * len(self.y), np.nan)
        grid[self.pixels] = values
        return grid.reshape(len(self.y), len(self.x))

    def image(self, values: Float[np.ndarray, " p"], scale: Scale) -> UInt8[np.ndarray, "h w 4"]:
        """Their colours, transparent beside the triangles and where values are not finite."""
        colors = np.zeros((len(self.x) * len(self.y), 4), np.uint8)
        colors[self.pixels, :3] = scale.rgb(values)
        colors[self.pixels, 3] = np.where(np.isfinite(values), 255, 0)
        return colors.reshape(len(self.y), len(self.x), 4)


class MovingPaint:
    """What `paint` draws, as artists that change with the values: an image, the lines at the marks, the outline."""

    def __init__(self, axes: Any, raster: Raster | None, scale: Scale):
        closed_frame(axes)
        self._raster, self._scale = raster, scale
        self.artists: list[Any] = []
        if raster is None:
            axes.text(0.5, 0.5, "empty", color=GREY, ha="center", va="center", transform=axes.transAxes)
            return
        blank = np.zeros((len(raster.y), len(raster.x), 4), np.uint8)
        self._image = axes.imshow(blank, extent=raster.extent, origin="lower", aspect="auto", zorder=0.5)
        self._lines = _no_lines(axes)
        self.artists = [self._image, self._lines, draw_outline(axes, raster.cover)]

    def show(self, at_vertices: Float[np.ndarray, " m"]) -> None:
        """Change the artists to these values at the vertices."""
        if self._raster is None:
            return
        values = self._raster.values(at_vertices)
        self._image.set_data(self._raster.image(values, self._scale))
        if self._scale.colors != ERRORS:
            self._lines.set_segments(self._level_lines(values))

    def _level_lines(self, values: Float[np.ndarray, " p"]) -> list[np.ndarray]:
        from contourpy import contour_generator

        finite = values[np.isfinite(values)]
        if not finite.size:
            return []
        slack = 0.01 * (self._scale.high - self._scale.low)  # no specks around an extremum
        marks = self._scale.marks
        levels = marks[(marks > finite.min() + slack) & (marks < finite.max() - slack)]
        grid = np.ma.masked_invalid(self._raster.on_grid(values))  # type: ignore[union-attr]
        lines = contour_generator(self._raster.x, self._raster.y, grid)  # type: ignore[union-attr]
        return [np.asarray(one) for level in levels for one in lines.lines(level)]


def _no_lines(axes: Any) -> Any:
    from matplotlib.collections import LineCollection

    lines = LineCollection([], colors="k", linewidths=0.4, alpha=0.4)
    axes.add_collection(lines, autolim=False)
    return lines


def _barycentric(corners: Float[np.ndarray, "p 3 2"], X: Float[np.ndarray, "p 2"]) -> Float[np.ndarray, "p 3"]:
    """The shares of a triangle's corners in the points."""
    (first, second), off = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 0), X - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    u = (off[:, 0] * second[:, 1] - off[:, 1] * second[:, 0]) / area
    v = (first[:, 0] * off[:, 1] - first[:, 1] * off[:, 0]) / area
    return np.stack([1 - u - v, u, v], axis=1)
