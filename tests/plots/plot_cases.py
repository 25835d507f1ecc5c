"""What the tests of the pictures draw, and how they look at the result."""

import itertools
from types import SimpleNamespace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from matplotlib import colormaps

import meshfree as mf
from meshfree.spaces.base import GlobalSpace

WHITE = (1.0, 1.0, 1.0)


class Known(GlobalSpace):
    """The multiples of one given function, so that a Solution is known in closed form."""

    cloud: mf.Cloud
    f: Any = eqx.field(static=True)

    @property
    def size(self):
        return jnp.size(self.f(jnp.asarray(self.cloud.points[0])))

    @property
    def local_basis(self):
        return None

    def on(self, cloud):
        return Known(cloud, self.f)

    def basis(self, x):
        return jnp.atleast_1d(self.f(x))

    def basis_laplacian(self, x):
        raise NotImplementedError

    def side_conditions(self):
        return jnp.zeros((0, self.size))


def solution(f, cloud):
    space = Known(cloud, f)
    fields = jnp.ndim(f(jnp.asarray(cloud.points[0])))
    return mf.Solution(space, jnp.eye(space.size) if fields else jnp.ones(1), {})


def first(x):
    return x[0]


def wave(x):
    return jnp.sin(3 * x[0])


def swirl(x):
    return jnp.stack([-x[1], x[0]])


def history(fields=(), steps=20):
    """A tuning run whose best iterate is number 15."""
    step = np.arange(steps + 1)
    raw = (step / 10 - 1).reshape(-1, *[1] * len(fields)) * np.ones(fields)
    return SimpleNamespace(loss=(step - 15) ** 2 / 20 - 12, seconds=0.1 * step, parameters=raw)


def panels(figure):
    """The axes without the colour bars."""
    return [axes for axes in figure.axes if axes.get_xlabel()]


def titles(figure):
    return [axes.get_title() for axes in panels(figure)]


def colors_of(figure):
    """The picture as a function: axes and a point in their coordinates -> its colour."""
    figure.set_layout_engine("none")  # half of the time goes there
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())

    def color_at(axes, x, y):
        column, row = axes.transData.transform((x, y))
        return tuple(pixels[len(pixels) - 1 - round(row), round(column), :3] / 255)

    return color_at


def map_color(name, fraction):
    return colormaps[name](fraction)[:3]


def without_nodes(axes):
    for line in list(axes.lines):
        line.remove()


def area(cover):
    (a, b, c) = np.moveaxis(cover.vertices[cover.triangles], 1, 0)
    (x, y), (s, t) = (b - a).T, (c - a).T
    return np.abs(x * t - y * s).sum() / 2


def words_of(figure, drawn=False):
    """Every word and number of a picture and the rectangle that it takes, in pixels; `drawn`: it has been written."""
    if not drawn:
        figure.canvas.draw()
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in [*figure.axes, *(bar for panel in figure.axes for bar in panel.child_axes)]:
        texts += [axes.title, *axes.texts, *(axes.get_legend().get_texts() if axes.get_legend() else [])]
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            texts += [axis.label, axis.offsetText, *(_numbers_of(axis) if axis.get_visible() else [])]
    shown = {id(text): text for text in texts if text.get_visible() and text.get_text().strip()}.values()
    return [(text.get_text(), text.get_window_extent(figure.canvas.get_renderer())) for text in shown]


def _numbers_of(axis):
    low, high = sorted(axis.get_view_interval())
    for tick, at in zip(axis.get_major_ticks(), axis.get_majorticklocs(), strict=True):
        if low <= at <= high:
            yield from (label for label in (tick.label1, tick.label2) if label.get_visible())


def check_words(figure, drawn=False):
    """No word of the picture lies on another one, none is cut off by the picture's edge; there are some."""
    words = words_of(figure, drawn)
    assert len(words) > 4
    cut = [text for text, box in words if box.min.min() < 0 or (box.max > figure.bbox.size).any()]
    pairs = [
        (text, other)
        for (text, box), (other, second) in itertools.combinations(words, 2)
        if (common := box.intersection(box, second)) and min(common.size) > 1
    ]
    assert (cut, pairs) == ([], [])


def inches_of(axes, lower, upper):
    """Width and height that a rectangle of the axes has in the picture."""
    corners = axes.transData.transform([lower, upper])
    return np.ptp(corners, axis=0) / axes.get_figure().dpi
