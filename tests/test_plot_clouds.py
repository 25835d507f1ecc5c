"""Pictures of clouds: their parts and normals."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from plot_cases import cloud_of

import meshfree as mf
from meshfree.plots import plot_cloud


@pytest.mark.parametrize("name", ["line", "holed", "cube"])
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
    assert figure.axes[0].lines[0].get_label() == "interior (1)"
