"""The evenness of nodes, where it is known in closed form, and its picture."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import Voronoi, cKDTree
from shared_cases import HOLED, L_SHAPE, as_arrays, cloud_of

import meshfree as mf
from meshfree.geometry.simplices import circumcenters, delaunay
from meshfree.plots import plot_quality

WIDE = mf.Box((0, 0), (3, 3))


def lattice(dim=2):
    """4^d nodes one apart, in [0, 3]^d."""
    return np.stack(np.meshgrid(*[np.arange(4.0)] * dim), axis=-1).reshape(-1, dim)


@pytest.mark.parametrize("known", [True, False], ids=["domain", "hull"])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_lattice(dim, known):
    """Balls between 2^d neighbours: radius √d/2, in the line √1/2."""
    domain = mf.Box((0,) * dim, (3,) * dim) if known else None
    quality = mf.Cloud(interior=lattice(dim), domain=domain).quality()
    assert quality.separation == 1.0
    assert quality.fill == pytest.approx(np.sqrt(dim) / 2, rel=1e-12)
    assert quality.mesh_ratio == pytest.approx(np.sqrt(dim), rel=1e-12)
    np.testing.assert_array_equal(quality.distances, np.ones(4**dim))


def test_everything_is_over_the_spacing():
    cloud = mf.Cloud(interior=lattice(), domain=WIDE)
    quality = cloud.quality(spacing=2.0)
    assert (quality.separation, quality.relative_separation) == (1.0, 0.5)
    assert quality.fill == pytest.approx(2 * quality.relative_fill) == pytest.approx(np.sqrt(0.5))
    assert quality.mesh_ratio == pytest.approx(np.sqrt(2))


def test_graded_nodes_are_judged_by_the_spacing_at_each():
    x = 2.0 ** -np.arange(8)
    cloud = mf.Cloud(interior=x[:, None])
    quality = cloud.quality(spacing=lambda x: x[0] / 2)
    np.testing.assert_allclose(quality.distances[:-1], 1.0)  # to the node on the left
    assert quality.separation == x[-2] - x[-1]
    assert quality.relative_fill == pytest.approx(0.25 / 0.375)  # the middle of [1/2, 1], and of all the others
    assert quality.mesh_ratio == pytest.approx(4 / 3)


def test_a_ball_whose_centre_lies_on_the_boundary():
    cloud = mf.Cloud(interior=np.array([[1.5, 1.4], [1.5, 1.6]]), domain=WIDE)
    assert cloud.quality().fill == pytest.approx(np.hypot(1.5, 1.4), rel=0.02)


def test_a_hole_is_no_empty_ball():
    hole = 0.2  # the radius
    cloud = HOLED.cloud(0.05)
    quality = cloud.quality()
    assert quality.fill < 0.3 * hole
    assert as_arrays(cloud).quality().fill == pytest.approx(quality.fill, rel=1e-9)
    assert mf.Cloud(interior=cloud.points).quality().fill == pytest.approx(hole, rel=0.02)


def test_the_notch_is_outside_with_normals_and_inside_without():
    cloud = L_SHAPE.cloud(0.1)
    assert as_arrays(cloud).quality().fill == pytest.approx(cloud.quality().fill, rel=1e-9)
    assert mf.Cloud(interior=cloud.points).quality().fill > 3 * cloud.quality().fill


@pytest.mark.parametrize("name", ["line", "disk", "ring", "L", "cube"])
def test_nodes_of_a_domain_are_even(name):
    quality = cloud_of(name).quality()
    assert 1 <= quality.mesh_ratio < 2.5
    assert 0.7 < quality.relative_separation <= 1


def test_no_random_point_is_farther_from_the_nodes():
    cloud = cloud_of("ring")
    distance = cKDTree(cloud.points).query(cloud.domain.sample(200_000, seed=5))[0]
    assert 0.98 * cloud.quality().fill < distance.max() <= cloud.quality().fill * (1 + 1e-12)


def test_nodes_that_show_no_evenness():
    with pytest.raises(ValueError, match="at least two nodes, got one"):
        mf.Cloud(interior=np.zeros((1, 2))).quality()
    line = np.stack([np.arange(5.0), np.zeros(5)], axis=1)
    with pytest.raises(ValueError, match="the 5 nodes span no region; give the cloud its domain="):
        mf.Cloud(interior=line).quality()
    with pytest.raises(ValueError, match="spacing must be positive"):
        mf.Cloud(interior=line).quality(spacing=0.0)
    box = mf.Box((0, -1), (4, 1))
    assert mf.Cloud(interior=line, domain=box).quality().fill == pytest.approx(np.hypot(0.5, 1), rel=0.01)


def test_a_quality_is_shown_as_a_table():
    assert repr(mf.Cloud(interior=lattice(), domain=WIDE).quality(spacing=2.0)) == (
        "quality of 16 nodes         length  over spacing\n"
        "separation                       1         0.500\n"
        "fill distance               0.7071         0.354\n"
        "mesh ratio                                 1.414"
    )


# ------------------------------------------------------------------------------------------------------ graded


@pytest.mark.parametrize(
    ("domain", "spacing"),
    [
        (mf.Interval(), lambda x: 0.01 + 0.2 * x[0]),
        (mf.Box(), lambda x: 0.02 + 0.15 * jnp.hypot(x[0] - 0.2, x[1] - 0.2)),
        (mf.Box((0, 0, 0), (1, 1, 1)), lambda x: 0.08 + 0.15 * jnp.linalg.norm(x)),
    ],
    ids=["line", "plane", "space"],
)
def test_graded_nodes_are_judged_by_the_spacing_around_them(domain, spacing):
    cloud = domain.cloud(spacing)
    quality, own = cloud.quality(), cloud.quality(spacing)
    assert quality.mesh_ratio < 2.5 < 0.6 * cloud.quality(float(cloud.spacing)).mesh_ratio
    assert quality.mesh_ratio == pytest.approx(own.mesh_ratio, rel=0.2)
    assert (quality.separation, quality.fill) == (own.separation, own.fill)


def test_even_nodes_are_judged_as_with_their_spacing():
    cloud = cloud_of("square")
    assert cloud.quality().mesh_ratio == pytest.approx(cloud.quality(0.1).mesh_ratio, rel=0.05)


def test_what_is_uneven_among_its_neighbours_is_seen_without_a_spacing():
    X = mf.Box().cloud(0.05)["interior"]
    pair = mf.Cloud(interior=np.vstack([X, X[100] + np.array([0.005, 0])]), domain=mf.Box())
    hole = mf.Cloud(interior=X[np.linalg.norm(X - 0.5, axis=1) > 0.15], domain=mf.Box())
    assert pair.quality().relative_separation < 0.15
    assert hole.quality().relative_fill > 2.5


def test_nodes_across_a_slit_are_no_finer_ones():
    slit = mf.Box((0, 0), (2, 1)) - mf.Box((0.5, 0.495), (1.5, 0.505))
    quality = slit.cloud(0.1).quality()
    assert quality.mesh_ratio < 2.5
    assert quality.separation > 0.07


# --------------------------------------------------------------------------------------------------- simplices


@pytest.mark.parametrize("dim", [2, 3])
def test_circumcenters_are_voronois_vertices(dim):
    X = np.random.default_rng(0).normal(size=(40, dim))
    distance, index = cKDTree(circumcenters(X)).query(Voronoi(X).vertices)
    np.testing.assert_allclose(distance, 0, atol=1e-8 * np.abs(Voronoi(X).vertices).max())
    assert len(np.unique(index)) == len(circumcenters(X))


def test_simplices_fill_the_hull_and_no_flat_one_is_among_them():
    X = lattice(3)
    simplices = delaunay(X, lambda centers, _: centers[:, 0] < 2)
    volumes = np.abs(np.linalg.det(np.diff(X[simplices], axis=1))) / 6
    assert volumes.sum() == pytest.approx(18)
    assert volumes.min() > 1e-3


# ----------------------------------------------------------------------------------------------------- pictures


def test_the_histogram_counts_every_node_and_marks_the_extremes():
    cloud = cloud_of("holed")
    figure = mf.plot_quality(cloud, spacing=0.1, title="Evenness")
    (axes,) = figure.axes
    counts = sum(bar.get_height() for bar in axes.patches)
    assert counts == len(cloud)
    quality = cloud.quality(0.1)
    marks = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata())]
    assert marks == [quality.relative_separation, quality.relative_fill]
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    interior = len(cloud["interior"])
    assert {f"interior nodes ({interior})", f"boundary nodes ({len(cloud) - interior})"} < set(words)
    assert f"mesh ratio {quality.mesh_ratio:.3f}" in words
    assert figure.get_suptitle() == "Evenness"


def test_the_histogram_of_interior_nodes_alone_is_written_to_a_file(tmp_path):
    plot_quality(mf.Cloud(interior=lattice()), tmp_path / "q.png")
    assert (tmp_path / "q.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"got 'q\.bmp'"):
        plot_quality(cloud_of("line"), "q.bmp")
