"""What the tests of the pictures draw, and how they look at the result."""

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
