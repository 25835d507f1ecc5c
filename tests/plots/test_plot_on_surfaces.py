"""Pictures of functions on surfaces: the body from outside, a curve in the plane, and what is told of them."""

import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.plots.sections import Outside
from meshfree.plots.subject import Subject

SPHERE = mf.Surface(mf.Ball((0.0, 0.0, 0.0), 1.0))
RING = mf.Surface(mf.Annulus((0, 0), 0.5, 1.0))


def wave(x):
    return jnp.sin(2 * x[0]) + x[1]


@pytest.fixture(scope="module")
def u():
    return mf.interpolate(wave, mf.Stencils(None, SPHERE.cloud(0.25), 4))


def test_the_surface_is_drawn_from_outside_with_its_error(tmp_path, u):
    figure = mf.plot(u, tmp_path / "u.png", exact=lambda x: wave(x / jnp.linalg.norm(x)))
    assert (tmp_path / "u.png").stat().st_size > 10_000
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[0] == "$u$" and "max" in titles[1]


def test_what_is_drawn_lies_on_the_surface(u):
    body = Outside(Subject(u, None, u.space.cloud, SPHERE.body, "u", ("x", "y", "z")))
    assert np.linalg.norm(body.points, axis=1) == pytest.approx(1.0, abs=1e-9)


def test_a_curve_in_the_plane_is_drawn_in_colours(tmp_path):
    u = mf.interpolate(wave, mf.Stencils(None, RING.cloud(0.1), 4))
    figure = mf.plot(u, tmp_path / "u.png", exact=wave)
    assert [len(axes.collections) for axes in figure.axes[:2]] == [2, 2]  # a curve each
    assert "max" in figure.axes[1].get_title()
    cloud = RING.cloud(0.1)
    alone = mf.Cloud(interior=(cloud.points, cloud.surface_normals))
    assert len(mf.plot(mf.interpolate(wave, mf.Stencils(None, alone, 4))).axes[0].collections) == 1  # dots


def test_the_nodes_of_a_surface_are_drawn_with_their_normals(u):
    figure = mf.plot_cloud(u.space.cloud)
    assert len(figure.axes[0].collections) >= 3  # hidden nodes, visible ones, arrows
