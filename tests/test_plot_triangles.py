"""The triangles that are painted: those of the domain, of a section of a body, or between nodes alone."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from plot_cases import BLOCK, RING, area, as_arrays, cloud_of, first, panels, solution

import meshfree as mf
from meshfree.plots import plot
from meshfree.plots.hulls import piece_of_nodes
from meshfree.plots.triangulation import piece_of_domain, section
from meshfree.simplices import distance_from_nodes

pytestmark = pytest.mark.usefixtures("coarse_pictures")


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [
        ("square", 1.0, 1e-9),
        ("L", 3.0, 1e-9),
        ("disk", math.pi, 3e-3),
        ("holed", 1 - 0.04 * math.pi, 1e-3),
        ("ring", 0.84 * math.pi, 3e-3),
    ],
)
def test_the_triangles_cover_the_domain_and_nothing_else(name, expected, tolerance):
    assert area(piece_of_domain(cloud_of(name).domain)) == pytest.approx(expected, rel=tolerance)


def test_overlapping_shapes_are_painted_once():
    cross = mf.Box((-2, -1), (2, 1)) | mf.Box((-1, -2), (1, 2))
    assert area(piece_of_domain(cross)) == pytest.approx(12, rel=1e-9)


def test_a_domain_known_by_its_distance_alone_is_followed():
    only = SimpleNamespace(dim=2, bounds=RING.bounds, distance=RING.distance)
    assert area(piece_of_domain(only)) == pytest.approx(0.84 * math.pi, rel=3e-3)


@pytest.mark.parametrize(("name", "expected"), [("square", 1.0), ("L", 3.0), ("ring", 0.84 * math.pi)])
def test_without_a_domain_the_normals_tell_what_is_outside(name, expected):
    piece = piece_of_nodes(as_arrays(cloud_of(name)))
    assert area(piece) == pytest.approx(expected, rel=1e-9 if name != "ring" else 0.02)


def test_without_normals_the_hull_is_painted():
    assert area(piece_of_nodes(mf.Cloud(interior=cloud_of("L").points))) == pytest.approx(3.5, rel=1e-9)


def test_sections_follow_the_body():
    lower, upper = BLOCK.bounds
    sections = [section(BLOCK.distance, lower, upper, axis) for axis in (2, 1, 0)]
    circle = 0.09 * math.pi
    assert [area(piece) for piece in sections] == pytest.approx([2 - circle, 2 - circle, 1 - circle], rel=2e-3)
    for piece, axis, middle in zip(sections, (2, 1, 0), (0.5, 0.5, 1.0), strict=True):
        np.testing.assert_array_equal(piece.points[:, axis], middle)
        np.testing.assert_array_equal(np.delete(piece.points, axis, axis=1), piece.vertices)


def test_nodes_in_space_without_a_domain():
    cloud = cloud_of("block")
    distance = distance_from_nodes(cloud.points, cloud.normal_vectors)
    X = np.array([[0.3, 0.5, 0.5], [1.0, 0.5, 0.5], [2.1, 0.5, 0.5], [1.9, 0.9, 0.1]])
    np.testing.assert_array_equal(distance(X) < 0, [True, False, False, True])
    bare = distance_from_nodes(cloud.points, cloud.normal_vectors[:0])
    np.testing.assert_array_equal(bare(X) < 0, [True, True, False, True])
    assert len(panels(plot(solution(first, as_arrays(cloud_of("cube")))))) == 3
