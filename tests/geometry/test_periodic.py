"""Periodic intervals and boxes: nodes across the seam, parts, distances, holes, refinement, and what is refused."""

import itertools
import re

import numpy as np
import pytest
from scipy.spatial import cKDTree

import meshfree as mf
from meshfree.geometry.periods import nearest_image, neighbour_tree, with_images, wrapped
from meshfree.geometry.refinement import coarser, local_spacing
from meshfree.internal.descriptions import Describer, Restorer

TORUS = mf.Box((0, 0), (1, 1), periodic=True)
CHANNEL = mf.Box((-1, 0), (1, 1), periodic=(0,))
HOLED = TORUS - mf.Disk((0.22, 0.5), 0.2, name="hole")
SHAPES = {
    "circle": (mf.Interval(-1, 1, periodic=True), 0.1, ()),
    "arc": (mf.Interval(0, 1, periodic=True) - mf.Interval(0.4, 0.6), 0.05, ("left", "right")),
    "torus": (TORUS, 0.06, ()),
    "channel": (CHANNEL, 0.09, ("bottom", "top")),
    "upright channel": (mf.Box((0, 0), (1, 2), periodic=(1,)), 0.09, ("left", "right")),
    "holed": (HOLED, 0.06, ("hole",)),
    "holed channel": (CHANNEL - mf.Disk((0, 0.5), 0.2), 0.09, ("bottom", "top", "boundary")),
    "cube": (mf.Box((0, 0, 0), (1, 1, 1), periodic=True), 0.15, ()),
    "slab": (mf.Box((0, 0, 0), (1, 1, 1), periodic=(0, 1)), 0.15, ("back", "front")),
    "duct": (mf.Box((0, 0, 0), (1, 1, 1), periodic=(1,), name=None), 0.17, ("left", "right", "back", "front")),
    "holed slab": (
        mf.Box((0, 0, 0), (1, 1, 1), periodic=(0, 1)) - mf.Ball((0.5, 0.5, 0.5), 0.2, name="ball"),
        0.15,
        ("back", "front", "ball"),
    ),
}


def gaps_by_images(X, periods):
    """The distances to the nearest node, by all images one period around."""
    shifts = [length * np.array([-1, 0, 1]) if np.isfinite(length) else [0.0] for length in periods]
    everything = np.concatenate([X + np.array(shift) for shift in itertools.product(*shifts)])
    return cKDTree(everything).query(X, 2)[0][:, 1]


@pytest.mark.parametrize("name", SHAPES)
def test_nodes_are_as_even_across_the_seam_as_inside(name):
    domain, spacing, parts = SHAPES[name]
    cloud = domain.cloud(spacing)
    X, gaps = cloud.points, gaps_by_images(cloud.points, domain.periods)
    assert domain.part_names == parts == tuple(part for part in cloud.parts if part != "interior")
    assert float(cloud.spacing) == pytest.approx(np.median(gaps), rel=1e-12)
    lower, upper = domain.bounds
    assert np.all((lower <= X) & (X <= upper))
    axes = np.isfinite(domain.periods)
    beside = np.any(np.minimum(X - lower, upper - X)[:, axes] < 0.5 * spacing, axis=1)
    assert gaps.min() > 0.6 * spacing
    assert gaps[beside].mean() == pytest.approx(gaps[~beside].mean(), rel=0.25 if domain.dim == 1 else 0.12)
    assert cloud.quality().mesh_ratio < 2.4
    assert 0.9 < len(cloud["interior"]) * spacing**domain.dim / domain.volume < 1.25


def test_seeds_and_copies_of_the_cloud():
    same, other = TORUS.cloud(0.1), TORUS.cloud(0.1, seed=1)
    np.testing.assert_array_equal(same.points, TORUS.cloud(0.1).points)
    assert not np.array_equal(same.points, other.points)


def test_clustering_keeps_to_the_sides_there_are():
    plain, drawn = CHANNEL.cloud(0.1), CHANNEL.cloud(0.1, cluster=1.0)
    np.testing.assert_array_equal(plain.points[:, 0], drawn.points[:, 0])
    assert drawn["interior"][:, 1].min() < 0.6 * plain["interior"][:, 1].min()


def test_a_graded_spacing_is_followed_across_the_seam():
    cloud = TORUS.cloud(lambda x: 0.03 + 0.06 * np.sin(np.pi * x[0]) ** 2)  # fine at the seam
    gaps, x = gaps_by_images(cloud.points, TORUS.periods), cloud.points[:, 0]
    fine = np.minimum(x, 1 - x) < 0.1
    assert gaps[fine].mean() < 0.6 * gaps[np.abs(x - 0.5) < 0.2].mean()
    assert np.any(x < 0.03) and np.any(x > 0.97)
    assert cloud.quality().mesh_ratio < 2.6


@pytest.mark.parametrize("kind", ["halton", "random"])
def test_scattered_nodes(kind):
    assert len(TORUS.cloud(0.1, interior=kind)) == 100


def test_contains_and_distance_wrap():
    X = np.array([[0.2, 0.5], [7.2, 0.5], [-0.9, -0.1], [3.0, 1.2]])
    np.testing.assert_array_equal(CHANNEL.contains(X), [True, True, False, False])
    np.testing.assert_allclose(CHANNEL.distance(X), [-0.5, -0.5, 0.1, 0.2], atol=1e-15)
    assert TORUS.contains(X + 10).all()
    np.testing.assert_array_equal(TORUS.distance(X), np.full(4, -0.5))
    assert not TORUS.contains([[np.nan, 0.0]]).any()
    # the hole's images count: 0.02 from the seam on its left
    np.testing.assert_allclose(
        HOLED.distance([[0.97, 0.5], [-0.03, 1.5], [1.22, 0.5]]), [-0.05, -0.05, 0.2], atol=1e-15
    )
    np.testing.assert_array_equal(HOLED.contains([[0.97, 0.5], [1.22, 0.5]]), [True, False])


def test_volumes_periods_and_words():
    assert TORUS.periods.tolist() == [1, 1] and CHANNEL.periods.tolist() == [2, np.inf]
    assert mf.Box().periods.tolist() == [np.inf, np.inf] == mf.Disk().periods.tolist()
    assert HOLED.volume == pytest.approx(1 - np.pi * 0.04, rel=1e-12)
    assert repr(TORUS).endswith("name=None, periodic=True)") and repr(CHANNEL).endswith("periodic=(0,))")
    assert repr(mf.Box()) == "Box(lower=(0.0, 0.0), upper=(1.0, 1.0), name=None)"
    assert mf.Box(periodic=(1, 0)) == TORUS == mf.Box(periodic=[0, 1, 1]) != mf.Box()
    assert mf.Box(periodic=False) == mf.Box() and hash(TORUS) != hash(mf.Box())
    assert TORUS.unrolled == mf.Box() and mf.Disk().unrolled == mf.Disk()


def test_moved_boxes_keep_their_periods():
    assert CHANNEL.translate((1, 2)) == mf.Box((0, 2), (2, 3), periodic=(0,))
    assert CHANNEL.scale(2.0).periods.tolist() == [4, np.inf]
    assert HOLED.scale((3, 1)).periods.tolist() == [3, 1]
    assert mf.Interval(0, 1, periodic=True).translate([2.0]) == mf.Interval(2, 3, periodic=True)
    with pytest.raises(ValueError, match="repeats along the coordinate axes and cannot be rotated"):
        CHANNEL.rotate(0.3)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: mf.Box(periodic=(2,)), ValueError, r"numbers from 0 to 1 as \(0,\); got \(2,\) in 2 dimensions"),
        (lambda: mf.Box(periodic="x"), TypeError, "True, False or axes as periodic, .*; got 'x'"),
        (lambda: mf.Box(periodic=1), TypeError, "got 1"),
        (lambda: mf.Box(periodic=(0.0,)), TypeError, "got .0.0,."),
        (lambda: mf.Box(periodic=(-1,)), ValueError, "got .-1,."),
        (lambda: mf.Interval(0, 1, periodic=(1,)), ValueError, "in 1 dimension$"),
        (lambda: mf.Polygon([(0, 0), (1, 0), (0, 1)], periodic=True), TypeError, "periodic"),
        (lambda: TORUS | mf.Disk(), ValueError, "periodic; it may only have another shape taken out"),
        (lambda: mf.Disk() & TORUS, ValueError, "it may only have another shape taken out"),
        (lambda: mf.Disk((0, 0), 3) - TORUS, ValueError, "it may only have another shape taken out"),
        (lambda: TORUS - mf.Disk((0, 0.5), 0.2), ValueError, "does not lie strictly inside"),
        (lambda: CHANNEL - mf.Disk((0, 0), 0.2), ValueError, "touches neither its sides"),
        (lambda: HOLED - mf.Disk((0.5, 0.5), 0.2), ValueError, "nor another hole"),
        (lambda: HOLED - mf.Disk((0.22, 0.5), 0.1), ValueError, "nor another hole"),
        (lambda: HOLED - mf.Disk((0.45, 0.5), 0.44), ValueError, "nor another hole"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_two_holes():
    domain = HOLED - mf.Disk((0.75, 0.5), 0.1, name="other")
    assert domain.part_names == ("hole", "other")
    assert domain.cloud(0.06).quality().mesh_ratio < 2.4


def test_clouds_of_ones_own():
    x = np.linspace(0, 1, 11)
    with pytest.raises(ValueError, match=re.escape("interior[0] and interior[10] at (0). Nodes must be distinct")):
        mf.Cloud(interior=x, domain=mf.Interval(0, 1, periodic=True))
    cloud = mf.Cloud(interior=x[:-1] + 0.95, domain=mf.Interval(0, 1, periodic=True))  # beyond the box: images count
    assert float(cloud.spacing) == pytest.approx(0.1) and cloud.periods.tolist() == [1]
    assert mf.Cloud(interior=x).periods is None and mf.Box().cloud(0.2).periods is None
    with pytest.raises(ValueError, match=r"left is a periodic side of the domain Box.*: it has no nodes of its own"):
        mf.Cloud(interior=[[0.5, 0.5]], left=([[0.0, 0.5]], [[-1.0, 0.0]]), domain=TORUS)


def test_clouds_are_kept_in_files(tmp_path):
    cloud = CHANNEL.cloud(0.2)
    cloud.save(tmp_path / "channel.npz")
    again = mf.Cloud.load(tmp_path / "channel.npz", domain=CHANNEL)
    np.testing.assert_array_equal(again.points, cloud.points)
    assert again.spacing == cloud.spacing and again.domain == CHANNEL


def test_refined_and_coarser_nodes_stay_periodic():
    cloud = TORUS.cloud(0.1)
    # a spot at the corner, where four images meet
    finer = mf.refine(cloud, lambda X: np.exp(-np.sum(np.sin(np.pi * X) ** 2, axis=1) / 0.01))
    gaps, corner = gaps_by_images(finer.points, TORUS.periods), np.sum(np.sin(np.pi * finer.points) ** 2, axis=1) < 0.05
    assert gaps[corner].mean() < 0.65 * gaps[~corner].mean()
    for signs in itertools.product((-1, 1), repeat=2):  # on all four sides
        assert np.sum(np.all((finer.points * signs) % 1 < 0.1, axis=1)) >= 3
    assert finer.domain == TORUS
    counted = mf.refine(cloud, lambda X: 1 + 0 * X[:, 0], count=300)
    assert len(counted) == pytest.approx(300, rel=0.15)
    assert len(coarser(cloud, 2.0)) == pytest.approx(len(cloud) / 4, rel=0.2)
    # of nodes in rows, no seam shows
    rows = mf.Cloud(interior=np.stack(np.meshgrid(*[np.arange(10) / 10] * 2), axis=-1).reshape(-1, 2), domain=TORUS)
    assert np.ptp(local_spacing(rows)) < 1e-12


def test_images():
    periods = np.array([2.0, np.inf])
    np.testing.assert_allclose(
        nearest_image(np.array([[1.5, 9.0], [-1.2, 3.0], [0.3, 0.0]]), periods)[:, 0], [-0.5, 0.8, 0.3]
    )
    np.testing.assert_allclose(
        wrapped(np.array([[5.5, 9.0], [0.0, 1.0]]), np.array([-1.0, 0.0]), periods), [[-0.5, 9], [0, 1]]
    )
    X = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    everything, owners = with_images(X, np.array([-1.0, -1.0]), periods)
    assert len(everything) == 80 and np.all(np.bincount(owners) == 2)
    distance, near = neighbour_tree(X, periods).query(X, 5)
    by_images, images = cKDTree(everything).query(X, 5)
    np.testing.assert_allclose(distance, by_images, atol=1e-14)
    np.testing.assert_array_equal(near, owners[images])
    tiny = neighbour_tree(np.array([[-1e-20, 0.0], [1.0, 0.0]]), periods)  # rounds to the period itself
    assert tiny.query([[1.99, 0.0]])[1].tolist() == [0]


def test_many_nodes_from_a_tile():
    domain = CHANNEL - mf.Disk((-0.5, 0.5), 0.2)
    cloud = domain.cloud(0.025)
    quality, x = cloud.quality(), cloud.points[:, 0]
    assert len(cloud) > 2500 and quality.mesh_ratio < 2.2
    gaps = gaps_by_images(cloud.points, domain.periods)
    assert gaps[np.abs(x) > 0.97].mean() == pytest.approx(gaps.mean(), rel=0.03)


@pytest.mark.parametrize("shape", [mf.Interval(), mf.Box()])
def test_boxes_of_older_files_are_not_periodic(shape):
    described = Describer().describe(shape)
    del described["fields"]["periodic"]
    assert Restorer({}).restore(described) == shape
    assert Restorer({}).restore(Describer().describe(TORUS)) == TORUS
