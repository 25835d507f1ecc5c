"""Nodes added where an indicator is large: the spacing there and elsewhere, and what it gains on the L-shape."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import cKDTree
from shared_cases import SQUARE

import meshfree as mf
from meshfree.geometry.refinement import between_nodes, local_spacing
from meshfree.run.command_line import load_script

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


# ------------------------------------------------------------------------------------------------- indicators


def test_the_indicator_of_a_known_residual():
    """u = 0 leaves −1 inside, and on the boundary what its condition asks for."""
    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) - 1.0,
        boundary=mf.dirichlet(0.0),
    )
    u = mf.interpolate(lambda x: 0.0 * x[0], mf.Collocation(mf.Matern(4.5, 0.3), SQUARE.cloud(0.15)))
    values = u.indicator(problem)
    inside = u.space.cloud.parts["interior"]
    np.testing.assert_allclose(values[inside], 1.0, rtol=1e-12)
    assert values.shape == (len(u.space.cloud),)


def test_the_indicator_of_several_components_is_their_norm():
    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) - jnp.array([3.0, 4.0]),
        boundary=lambda u, x, n: u(x),
        fields=2,
    )
    u = mf.interpolate(lambda x: jnp.zeros(2) * x[0], mf.Collocation(mf.Matern(4.5, 0.3), SQUARE.cloud(0.2)))
    np.testing.assert_allclose(u.indicator(problem)[u.space.cloud.parts["interior"]], 5.0, rtol=1e-12)


def test_the_residual_shows_where_the_source_is():
    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + jnp.exp(-400 * jnp.sum((x - CENTER) ** 2)),
        boundary=mf.dirichlet(0.0),
    )
    u = mf.solve(problem, mf.Stencils(mf.Polyharmonic(3), SQUARE.cloud(0.1), degree=2, ghost=True))
    values = u.indicator(problem)
    away = np.linalg.norm(u.space.cloud.points - CENTER, axis=1)
    assert away[np.argmax(values)] < 0.12
    assert values[away > 0.4].max() < 0.1 * values.max()


def test_a_cloud_without_a_domain_has_no_points_between_the_nodes():
    cloud = mf.Cloud(interior=SQUARE.cloud(0.25).points)
    problem = mf.Problem(None, interior=lambda u, x: mf.laplacian(u)(x))
    u = mf.interpolate(lambda x: x[0], mf.Collocation(mf.Matern(4.5, 0.3), cloud))
    with pytest.raises(ValueError, match="the cloud has no domain"):
        u.indicator(problem)


# ----------------------------------------------------------------------------------------------------- spaces

COARSE, FINE = SQUARE.cloud(0.2), SQUARE.cloud(0.1)
SPACES = {
    "collocation": lambda: mf.Collocation(mf.Gaussian(0.37), COARSE, degree=1),
    "eigenbasis": lambda: mf.Eigenbasis(mf.Gaussian(0.7), COARSE, 6, alpha=1.5, truncation="hyperbolic"),
    "stencils": lambda: mf.Stencils(mf.Matern(4.5, 0.8), COARSE, degree=2, size=14, ghost="left"),
}


@pytest.mark.parametrize("kind", SPACES)
def test_a_space_on_another_cloud_keeps_its_settings(kind):
    moved = SPACES[kind]().on(FINE)
    assert moved.cloud is FINE
    direct = {
        "collocation": lambda: mf.Collocation(mf.Gaussian(0.37), FINE, degree=1),
        "eigenbasis": lambda: mf.Eigenbasis(mf.Gaussian(0.7), FINE, 6, alpha=1.5, truncation="hyperbolic"),
        "stencils": lambda: mf.Stencils(mf.Matern(4.5, 0.8), FINE, degree=2, size=14, ghost="left"),
    }[kind]()
    assert jax.tree.structure(moved) == jax.tree.structure(direct)
    for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(direct), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_multilevel_space_gets_one_level_more():
    space = mf.Multilevel(mf.Wendland(4, 2, 1.5), [SQUARE.cloud(0.4), COARSE], shrink=0.9)
    finer = space.on(FINE)
    assert finer.clouds == (*space.clouds, FINE)
    assert finer.shrink == 0.9


def test_refining_follows_a_peak_on_the_line():
    """Two rounds from nodes that step over the peak, against even nodes, no fewer."""

    def exact(x):
        return jnp.exp(-5000 * (x[0] - 0.3) ** 2)

    problem = mf.Problem(
        mf.Interval(),
        interior=lambda u, x: mf.laplacian(u)(x) - mf.laplacian(exact)(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )
    space = mf.Stencils(mf.Polyharmonic(5), mf.Interval().cloud(0.025), degree=4)
    for _ in range(2):
        space = space.refine(mf.solve(problem, space), problem)
    count = len(space.cloud)
    even = space.on(mf.Interval().cloud(1 / count))
    assert len(even.cloud) >= count
    errors = [mf.error(problem, mf.solve(problem, one)) for one in (space, even)]
    print(f"{count} nodes, refined {errors[0]:.2e}, even {errors[1]:.2e}")
    assert errors[0] < errors[1] / 20


# ----------------------------------------------------------------------------------------------------- L-shape


def test_refining_beats_even_nodes_on_the_l_shape():
    """CASES B3: u is like r² log r at the corners of the edges where it vanishes. Even: no fewer nodes."""
    problem = load_script(Path(__file__).parents[2] / "problems" / "lshape.py").problem()
    space = mf.Stencils(mf.Polyharmonic(5), problem.domain.cloud(0.12), degree=4, ghost=True)
    for _ in range(2):
        space = space.refine(mf.solve(problem, space), problem)
    even = space.on(problem.domain.cloud(0.077))
    assert len(even.cloud) >= len(space.cloud)
    X = problem.domain.sample(2000, seed=7)
    exact = np.asarray(jax.vmap(problem.exact)(jnp.asarray(X)))
    errors = [np.abs(np.asarray(mf.solve(problem, one)(X)) - exact) for one in (space, even)]
    largest, mean = (
        [norm(e) for e in errors] for norm in (np.max, lambda e: np.linalg.norm(e) / np.linalg.norm(exact))
    )
    print(f"{len(space.cloud)} and {len(even.cloud)} nodes: largest errors {largest}, relative L2 errors {mean}")
    assert largest[0] < largest[1] / 3
    assert mean[0] < mean[1] / 1.2
