"""Nodes added where an indicator is large: the spacing there and elsewhere."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import cKDTree
from shared_cases import SQUARE

import meshfree as mf
from meshfree.geometry import refinement
from meshfree.geometry.refinement import between_nodes, local_spacing

CENTER = np.array([0.3, 0.6])


def peak(X):
    return np.exp(-50 * np.sum((X - CENTER) ** 2, axis=1))


def nearest(cloud):
    return cKDTree(cloud.points).query(cloud.points, 2)[0][:, 1]


# -------------------------------------------------------------------------------------------------- spacings


def graded(x):
    return 0.02 + 0.1 * jnp.linalg.norm(x)


@pytest.mark.parametrize(
    ("domain", "spacing"),
    [(SQUARE, 0.05), (SQUARE, graded), (mf.Interval(), 0.02), (mf.Box((0, 0, 0), (1, 1, 1)), 0.12)],
    ids=["uniform", "graded", "line", "space"],
)
def test_the_spacing_is_found_again(domain, spacing):
    cloud = domain.cloud(spacing)
    wanted = np.array([spacing(x) if callable(spacing) else spacing for x in cloud.points])
    found = local_spacing(cloud)
    assert np.median(found / wanted) == pytest.approx(1, abs=0.04)
    np.testing.assert_allclose(found, wanted, rtol=0.25)
    again = domain.cloud(between_nodes(cloud.points, found))
    assert len(again) == pytest.approx(len(cloud), rel=0.05)


def test_half_the_spacing_where_the_indicator_is_large_and_the_old_one_far_away():
    cloud = SQUARE.cloud(0.08)
    finer = mf.refine(cloud, peak, share=0.5)
    away, distance = np.linalg.norm(finer.points - CENTER, axis=1), nearest(finer)
    assert np.median(distance[away < 0.1]) == pytest.approx(0.95 * 0.04, rel=0.1)
    assert np.median(distance[away > 0.4]) == pytest.approx(0.95 * 0.08, rel=0.1)
    assert finer.domain is cloud.domain
    assert list(finer.parts) == list(cloud.parts)
    assert finer.quality(lambda x: np.clip(0.04 + 0.3 * (np.linalg.norm(x - CENTER) - 0.1), 0.04, 0.08)).mesh_ratio < 3


def test_nodes_are_added_on_the_boundary_too():
    cloud = SQUARE.cloud(0.1)
    finer = mf.refine(cloud, lambda X: X[:, 0] < 0.2)
    gaps = {part: np.diff(np.sort(finer[part][:, 1])) for part in ("left", "right")}
    assert np.median(gaps["left"]) == pytest.approx(0.05, rel=0.15)
    assert np.median(gaps["right"]) == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize(
    "domain", [mf.Interval(), SQUARE, mf.Box((0, 0, 0), (1, 1, 1))], ids=["line", "plane", "space"]
)
def test_all_marked_is_half_the_spacing_everywhere(domain):
    """The nodes are those of a cloud made with half the spacing: as many, and as near to one another."""
    cloud, half = domain.cloud(0.2), domain.cloud(0.1)
    finer = mf.refine(cloud, np.ones(len(cloud)), share=1.0)
    assert len(finer) == pytest.approx(len(half), rel=0.07)
    assert np.median(nearest(finer)) == pytest.approx(np.median(nearest(half)), rel=0.04)


def test_the_spacing_grows_gently_away_from_what_is_marked():
    cloud = SQUARE.cloud(0.2)
    for _ in range(4):
        cloud = mf.refine(cloud, lambda X: np.linalg.norm(X, axis=1) == 0, grading=0.4)
    away = np.linalg.norm(cloud.points, axis=1)
    assert away[away > 0].min() < 0.2 / 2**3
    assert (nearest(cloud) < 0.2 / 2**4 + 1.3 * 0.4 * away + 0.01).all()


def test_values_and_a_function_of_the_points_mean_the_same():
    cloud = SQUARE.cloud(0.1)
    by_values, by_function = mf.refine(cloud, peak(cloud.points)), mf.refine(cloud, peak)
    np.testing.assert_array_equal(by_values.points, by_function.points)
    assert not np.array_equal(mf.refine(cloud, peak, seed=1)["interior"], by_values["interior"])


def test_a_larger_share_marks_more():
    cloud = SQUARE.cloud(0.08)
    counts = [len(mf.refine(cloud, peak, share=share)) for share in (0.3, 0.7, 0.95)]
    assert len(cloud) < counts[0] < counts[1] < counts[2]


def test_what_cannot_be_refined():
    cloud = SQUARE.cloud(0.25)
    count = len(cloud)
    with pytest.raises(ValueError, match=rf"a value for each of the {count} points; got shape \(3,\)"):
        mf.refine(cloud, np.ones(3))
    for values in (np.zeros(count), -np.ones(count), np.full(count, np.nan)):
        with pytest.raises(ValueError, match="finite and not negative, and positive somewhere"):
            mf.refine(cloud, values)
    with pytest.raises(ValueError, match=r"share .* in \(0, 1\]; got 0"):
        mf.refine(cloud, peak, share=0)
    with pytest.raises(ValueError, match=r"this cloud has none; give Cloud\(..., domain=\)"):
        mf.refine(mf.Cloud(interior=cloud.points), peak)


@pytest.mark.parametrize("domain", [mf.Interval(0, 1), mf.Box(), mf.Disk(), mf.Ball()], ids=repr)
@pytest.mark.parametrize("growth", [1.5, 4.0])
def test_a_count_of_nodes_is_about_met(domain, growth):
    cloud = domain.cloud((domain.volume / 400) ** (1 / domain.dim))
    corner = np.asarray(cloud.points)[np.argmax(cloud.points[:, 0])]

    def indicator(X):
        return 1 / (0.05 + np.linalg.norm(X - corner, axis=1))

    finer = mf.refine(cloud, indicator, count=int(growth * len(cloud)))
    assert 0.7 * growth < len(finer) / len(cloud) < 1.5 * growth


def test_nodes_of_a_count_contribute_alike():
    """The residual K h³ of a stencil of degree 4, K as at a corner, so that the best spacing is known: hᵖ K alike."""
    cloud, order = SQUARE.cloud(0.05), 3.0

    def strength(X):
        return 1 / (0.03 + np.linalg.norm(X, axis=1))

    def contributions(cloud):
        X = np.asarray(cloud.points)
        h = refinement.apart(X)
        return h ** (order + 1 + 1) * strength(X)

    before, X = contributions(cloud), np.asarray(cloud.points)
    finer = mf.refine(cloud, refinement.apart(X) ** order * strength(X), count=3000, order=order, grading=0.5)
    after = contributions(finer)
    assert np.percentile(before, 99) / np.percentile(before, 1) > 10
    assert np.percentile(after, 99) / np.percentile(after, 1) < 5


@pytest.mark.parametrize(
    ("options", "got"), [({"count": 0}, "got 0 and 3"), ({"count": 9, "order": 0.0}, "got 9 and 0")]
)
def test_a_count_that_cannot_be(options, got):
    with pytest.raises(ValueError, match=got):
        mf.refine(SQUARE.cloud(0.2), lambda X: X[:, 0] + 1, **options)
