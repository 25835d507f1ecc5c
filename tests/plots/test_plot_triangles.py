"""The triangles that are painted: those of the domain, of a section of a body, or between nodes alone."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from plot_cases import area, first, panels, solution
from shared_cases import BLOCK, RING, as_arrays, cloud_of

import meshfree as mf
from meshfree.geometry.simplices import distance_from_nodes, windings
from meshfree.plots import plot
from meshfree.plots.triangles import cover_domain, cover_nodes, cover_section

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
    assert area(cover_domain(cloud_of(name).domain)) == pytest.approx(expected, rel=tolerance)


def coast(vertices=300):
    """A rough closed line around the origin."""
    t, k = np.linspace(0, 2 * np.pi, vertices, endpoint=False), np.arange(1, 60)
    phases = np.random.default_rng(1).uniform(0, 7, len(k))
    radius = 1 + 0.2 * np.sum(np.cos(np.outer(t, k) + phases) / k**1.1, axis=1)
    return mf.Polygon((radius * np.array([np.cos(t), np.sin(t)])).T)


SPIKES = mf.Polygon(
    [(r * math.cos(a), r * math.sin(a)) for r, a in zip([0.12, 1] * 9, np.arange(18) / 9 * np.pi, strict=True)]
)
SLIVERS = mf.Polygon(
    [(0, 0), (4, 0), (4, 0.02), (1.2, 0.05), (1.2, 1), (2.5, 1), (0, 1.4)],
    holes=[[(0.3, 0.3), (0.9, 0.35), (0.32, 0.31)], [(0.2, 0.6), (0.9, 0.6), (0.9, 1), (0.88, 0.62), (0.2, 0.62)]],
)
HARD = {
    "coast": (coast(), 1e-9),
    "spikes": (SPIKES, 1e-9),
    "slivers": (SLIVERS, 1e-9),
    "cheese": (mf.Box() - mf.Disk((0.3, 0.3), 0.2) - mf.Disk((0.7, 0.7), 0.25) - mf.Disk((0.8, 0.2), 0.1), 2e-3),
    "narrow": (mf.Disk() - mf.Disk((0.495, 0), 0.5), 1e-3),
    "thin ring": (mf.Disk() - mf.Disk((0, 0), 0.98), 1e-3),
    "tangent": (mf.Disk() - mf.Disk((0.5, 0), 0.5), 1e-3),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_shapes_are_covered_to_their_outline_and_not_beyond(name, monkeypatch):
    monkeypatch.undo()  # as fine as for a picture
    domain, tolerance = HARD[name]
    cover = cover_domain(domain)
    assert area(cover) == pytest.approx(domain.volume, rel=tolerance)
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], (len(cover.triangles), 5))
    X = np.einsum("tij,tsi->tsj", cover.vertices[cover.triangles], shares).reshape(-1, 2)
    assert domain.distance(X).max() < tolerance * domain.extent


def test_overlapping_shapes_are_painted_once():
    cross = mf.Box((-2, -1), (2, 1)) | mf.Box((-1, -2), (1, 2))
    assert area(cover_domain(cross)) == pytest.approx(12, rel=1e-9)


def test_a_domain_known_by_its_distance_alone_is_followed():
    only = SimpleNamespace(dim=2, bounds=RING.bounds, distance=RING.distance)
    assert area(cover_domain(only)) == pytest.approx(0.84 * math.pi, rel=3e-3)


@pytest.mark.parametrize(("name", "expected"), [("square", 1.0), ("L", 3.0), ("ring", 0.84 * math.pi)])
def test_without_a_domain_the_normals_tell_what_is_outside(name, expected):
    cover = cover_nodes(as_arrays(cloud_of(name)))
    assert area(cover) == pytest.approx(expected, rel=1e-9 if name != "ring" else 0.02)


@pytest.mark.parametrize(
    ("domain", "spacing", "tolerance"),
    [(coast(), 0.05, 3e-3), (SPIKES, 0.05, 0.05), (HARD["cheese"][0], 0.04, 5e-3), (HARD["tangent"][0], 0.05, 5e-3)],
    ids=["coast", "spikes", "cheese", "tangent"],
)
def test_the_normals_tell_it_on_hard_shapes_too(domain, spacing, tolerance):
    cover = cover_nodes(as_arrays(domain.cloud(spacing)))
    assert area(cover) == pytest.approx(domain.volume, rel=tolerance)


@pytest.mark.parametrize("name", ["line", "ring", "L", "block"])
def test_the_boundary_winds_once_around_what_is_inside(name):
    cloud, domain = cloud_of(name), cloud_of(name).domain
    lower, upper = domain.bounds
    X = np.random.default_rng(0).uniform(lower - 0.2, upper + 0.2, (2000, cloud.dim))
    distance = domain.distance(X)
    away = np.abs(distance) > 0.72 * cloud.spacing  # 0.18 in the block, whose spacing is the median of all its nodes
    found = windings(np.asarray(cloud.points)[-len(cloud.normal_vectors) :], cloud.normal_vectors, X[away])
    assert np.abs(found - (distance[away] < 0)).max() < 0.25  # less beside corners' mean normals than 0.5


def test_without_normals_the_hull_is_painted():
    assert area(cover_nodes(mf.Cloud(interior=cloud_of("L").points))) == pytest.approx(3.5, rel=1e-9)


def test_sections_follow_the_body():
    lower, upper = BLOCK.bounds
    sections = [cover_section(BLOCK.distance, lower, upper, axis) for axis in (2, 1, 0)]
    circle = 0.09 * math.pi
    assert [area(cover) for cover in sections] == pytest.approx([2 - circle, 2 - circle, 1 - circle], rel=2e-3)
    for cover, axis, middle in zip(sections, (2, 1, 0), (0.5, 0.5, 1.0), strict=True):
        np.testing.assert_array_equal(cover.points[:, axis], middle)
        np.testing.assert_array_equal(np.delete(cover.points, axis, axis=1), cover.vertices)


def test_nodes_in_space_without_a_domain():
    cloud = cloud_of("block")
    distance = distance_from_nodes(cloud.points, cloud.normal_vectors)
    X = np.array([[0.3, 0.5, 0.5], [1.0, 0.5, 0.5], [2.1, 0.5, 0.5], [1.9, 0.9, 0.1]])
    np.testing.assert_array_equal(distance(X) < 0, [True, False, False, True])
    bare = distance_from_nodes(cloud.points, cloud.normal_vectors[:0])
    np.testing.assert_array_equal(bare(X) < 0, [True, True, False, True])
    assert len(panels(plot(solution(first, as_arrays(cloud_of("cube")))))) == 3
