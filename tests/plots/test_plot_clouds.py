"""Pictures of clouds: their parts and normals."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from shared_cases import as_arrays, cloud_of

import meshfree as mf
from meshfree.plots import plot_cloud
from meshfree.plots.cloud_pictures import ARROWS, visible_nodes

pytestmark = pytest.mark.usefixtures("coarse_pictures")


@pytest.mark.parametrize("name", ["line", "holed"])
def test_every_part_of_a_cloud_has_its_colour_and_its_normals(name):
    cloud = cloud_of(name)
    figure = plot_cloud(cloud, title="Nodes")
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == [f"{part} ({len(cloud[part])})" for part in cloud.parts]
    assert len({line.get_color() for line in axes.lines}) == len(cloud.parts)
    assert len(axes.collections) == len(cloud.normals)  # the arrows
    assert [axes.get_xlabel(), figure.get_suptitle()] == ["$x$", "Nodes"]
    legend = (axes.get_legend() or figure.legends[0]).get_texts()
    assert [text.get_text() for text in legend] == [line.get_label() for line in axes.lines]


def test_arrows_point_along_the_normals():
    cloud = cloud_of("holed")
    (axes,) = plot_cloud(cloud).axes
    hole = axes.collections[list(cloud.normals).index("hole")]
    np.testing.assert_array_equal(np.stack([hole.U, hole.V], axis=1), cloud.normals["hole"])
    np.testing.assert_array_equal(hole.get_offsets(), cloud["hole"])
    assert hole.get_facecolor()[0] == pytest.approx(to_rgba(axes.lines[-1].get_color()))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_single_node_is_a_cloud_too(dim):
    figure = plot_cloud(mf.Cloud(interior=np.ones((1, dim))))
    figure.canvas.draw()
    legend = figure.axes[0].get_legend() or figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["interior (1)"]


# ---------------------------------------------------------------------------------------------------------- in space


def test_a_body_is_drawn_below_its_nodes_which_have_the_colours_of_the_legend():
    cloud = cloud_of("cube")
    figure = plot_cloud(cloud, labels=("r", "y", "depth"))
    (axes,) = figure.axes
    hidden, seen, arrows = axes.collections
    assert len(axes.images) == 1
    assert len(hidden.get_offsets()) + len(seen.get_offsets()) == len(cloud)
    assert len(arrows.U) == len(seen.get_offsets()) < ARROWS
    assert {"$r$", "$y$", "depth", "0", "0.5", "1"} <= {text.get_text() for text in axes.texts}
    entries = figure.legends[0].legend_handles
    assert [one.get_label() for one in entries] == [f"{part} ({len(cloud[part])})" for part in cloud.parts]
    colors = {to_rgba(one.get_color()) for one in entries}
    assert {tuple(color) for color in seen.get_facecolors()} <= colors
    assert len(colors) == len(cloud.parts)


def test_nodes_are_seen_on_the_sides_that_face_the_viewer():
    seen = visible_nodes(cloud_of("cube"))
    X = cloud_of("cube").points
    flat = [np.isclose(X[:, axis], side).nonzero()[0] for axis, side in [(0, 1), (1, 0), (2, 1)]]
    expected = np.zeros(len(X), bool)
    expected[np.concatenate(flat)] = True
    np.testing.assert_array_equal(seen & ~_on_edges(X), expected & ~_on_edges(X))


def _on_edges(X):
    return (np.minimum(X, 1 - X) < 1e-12).sum(axis=1) > 1


def test_a_cavity_is_hidden_where_the_domain_is_known():
    cloud = cloud_of("block")
    cavity = cloud.parts["cavity"]
    assert not visible_nodes(cloud)[cavity].any()
    facing = visible_nodes(as_arrays(cloud))[cavity]
    assert 0.3 < facing.mean() < 0.7
    assert len(plot_cloud(as_arrays(cloud)).axes[0].images) == 0
