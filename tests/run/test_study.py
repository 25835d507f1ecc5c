"""From choices to a solution: the rules behind the defaults, and the convergence studies."""

import dataclasses
import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.run import defaults, study, tables
from meshfree.run.defaults import Choices
from meshfree.run.outcome import observed_order

LINE = mf.Interval(0.0, 2.0)


class Wave(eqx.Module):
    def __call__(self, x):
        return jnp.sin(jnp.sum(x))


class Poisson(eqx.Module):
    def __call__(self, u, x):
        return mf.laplacian(u)(x) + x.size * Wave()(x)


def problem_on(domain, exact=Wave()):  # noqa: B008
    return mf.Problem(domain, interior=Poisson(), boundary=mf.dirichlet(Wave()), exact=exact)


PLANE, ROD = problem_on(SQUARE), problem_on(LINE)
CLOUD = SQUARE.cloud(0.2)


def test_the_spacing_gives_two_nodes_to_an_eigenfunction():
    cloud = defaults.nodes(PLANE, Choices(degree=10))
    functions = math.comb(12, 2)
    assert 2 * functions <= len(cloud) <= 3.5 * functions
    assert len(defaults.nodes(PLANE, Choices(degree=10, spacing=0.2))) < functions


@pytest.mark.parametrize(("domain", "across"), [(LINE, 16), (SQUARE, 16), (mf.Box((0, 0, 0), (1, 2, 3)), 8)])
def test_the_spacing_of_translates_follows_the_shortest_side(domain, across):
    lower, upper = domain.bounds
    cloud = defaults.nodes(problem_on(domain), Choices(kernel="matern", cluster=0.0))
    assert float(cloud.spacing) == pytest.approx(min(upper - lower) / across, rel=0.35)


def test_clustered_nodes_lie_closer_to_the_boundary():
    depth = [
        np.mean(SQUARE.distance(defaults.nodes(PLANE, Choices(degree=10, cluster=cluster)).points))
        for cluster in (0.0, 1.0)
    ]
    assert depth[0] < depth[1] < 0


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_nodes_from_a_file(tmp_path, suffix):
    CLOUD.save(tmp_path / f"nodes.{suffix}")
    cloud = defaults.nodes(PLANE, Choices(cloud=tmp_path / f"nodes.{suffix}", spacing=0.01))
    np.testing.assert_array_equal(cloud.points, CLOUD.points)
    assert cloud.domain == SQUARE


def test_check_points_lie_apart_from_the_nodes():
    check = defaults.check_cloud(PLANE, CLOUD, seed=0)
    assert len(CLOUD) / 2 < len(check) < 2 * len(CLOUD)
    apart = np.linalg.norm(check["interior"][:, None] - CLOUD.points, axis=-1).min()
    assert apart > 1e-4
    assert len(defaults.check_cloud(PLANE, CLOUD, seed=1)) and not np.array_equal(
        check.points[:5], defaults.check_cloud(PLANE, CLOUD, seed=1).points[:5]
    )


@pytest.mark.parametrize(
    ("name", "order", "described"),
    [
        ("gaussian", None, "Gaussian()"),
        ("matern", None, "Matern(nu=5.5)"),
        ("matern", 3.5, "Matern(nu=3.5)"),
        ("wendland", None, "Wendland(smoothness=6, dim=3)"),
        ("wendland", 4.0, "Wendland(smoothness=4, dim=3)"),
        ("multiquadric", None, "Multiquadric()"),
        ("inverse-multiquadric", None, "InverseMultiquadric()"),
        ("inverse-quadratic", None, "InverseQuadratic()"),
        ("rational-quadratic", 2.0, "RationalQuadratic"),
        ("polyharmonic", None, "Polyharmonic(degree=7)"),
        ("polyharmonic", 5.0, "Polyharmonic(degree=5)"),
    ],
)
def test_every_kernel_can_be_built(name, order, described):
    choices = Choices(kernel=name, kernel_order=order)
    kernel = defaults.build_kernel(CLOUD, choices)
    assert kernel.describe().startswith(described)
    assert np.isfinite(kernel.eval(jnp.zeros(2), jnp.array([0.1, 0.2])))
    space = defaults.build_space(PLANE, CLOUD, choices)
    assert isinstance(space, mf.Collocation)
    assert space.degree == {"polyharmonic": int(order or 7) // 2, "multiquadric": 0}.get(name, -1)


def test_a_scale_is_one_number_or_one_per_dimension():
    assert defaults.build_kernel(CLOUD, Choices(kernel="matern", scale=(0.3,))).scale == pytest.approx(0.3)
    kernel = defaults.build_kernel(CLOUD, Choices(kernel="gaussian", scale=(0.3, 0.6)))
    np.testing.assert_allclose(kernel.scale, [0.3, 0.6])


def test_default_scales_follow_the_spacing_or_the_width():
    fine = SQUARE.cloud(0.1)
    by_spacing = [float(defaults.build_kernel(cloud, Choices(kernel="gaussian")).scale) for cloud in (CLOUD, fine)]
    by_width = [float(defaults.build_kernel(cloud, Choices(kernel="matern")).scale) for cloud in (CLOUD, fine)]
    assert by_spacing[0] / by_spacing[1] == pytest.approx(math.sqrt(len(fine) / len(CLOUD)))
    assert by_width == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(("dim", "degree"), [(1, 30), (2, 24), (3, 14)])
def test_the_eigenbasis_is_the_default_with_a_degree_by_dimension(dim, degree):
    domain = mf.Ball((0.0,) * dim, 1.0) if dim == 3 else {1: LINE, 2: SQUARE}[dim]
    space = defaults.build_space(problem_on(domain), domain.cloud(0.4), Choices())
    assert isinstance(space, mf.Eigenbasis)
    assert (space.degree, float(space.kernel.scale)) == (degree, pytest.approx(defaults.EIGENBASIS_SCALE))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (Choices(space="eigenbasis", kernel="matern"), "that of the gaussian, not of matern"),
        (Choices(kernel_order=2.0), "eigenbasis .* no --kernel-order"),
        (Choices(kernel="gaussian", kernel_order=2.0), "the gaussian kernel has no --kernel-order"),
        (Choices(kernel="polyharmonic", scale=(1.0,)), "the polyharmonic kernel has no --scale"),
        (Choices(degree=-1), "--degree must be at least 0; got -1"),
        (Choices(scale=(0.0,)), "scale must be positive"),
        (Choices(kernel="matern", scale=(0.0,)), "scale must be positive"),
        (Choices(kernel="matern", scale=(1.0, 2.0, 3.0)), "3 scales and the cloud 2 dimensions"),
        (Choices(kernel="matern", kernel_order=2.2), "nu must be one of"),
        (Choices(kernel="wendland", kernel_order=2.5), "--kernel-order of the wendland kernel is an integer; got 2.5"),
    ],
)
def test_choices_that_exclude_one_another(choices, message):
    with pytest.raises(ValueError, match=message):
        defaults.build_space(PLANE, CLOUD, choices)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (Choices(kernel="polyharmonic", tune=1, spacing=0.3), "no scale to tune"),
        (Choices(degree=-1), "--degree must be at least 0"),
        (Choices(degree=2, tune=-1), "steps must be at least 0"),
    ],
)
def test_a_study_refuses(choices, message):
    with pytest.raises(ValueError, match=message):
        study.study(ROD, choices)


def test_a_problem_without_a_domain_is_solved_on_nodes_from_a_file(tmp_path):
    file, free = tmp_path / "nodes.csv", problem_on(None)
    LINE.cloud(0.2).save(file)
    outcome = study.study(free, Choices(cloud=file, degree=6))
    assert outcome.error < 1e-3
    assert outcome.residual is None
    assert "at the nodes" in tables.table("free", {}, outcome)
    assert "off nodes" not in tables.table("free", {}, outcome)
    for choices, message in [
        (Choices(), "no domain: give a cloud from a file, --cloud FILE"),
        (Choices(cloud=file, degree=6, tune=1), "needs a domain"),
    ]:
        with pytest.raises(ValueError, match=message):
            study.study(free, choices)
    for choices, message in [
        (Choices(), "no domain to make them on"),
        (Choices(cloud=file), "in place of --cloud"),
    ]:
        with pytest.raises(ValueError, match=message):
            study.converge(free, choices)


def test_a_study_converges_with_translates():
    outcomes = study.converge(ROD, Choices(kernel="matern", kernel_order=4.5, spacing=0.2), levels=2)
    coarse, fine = [(1 / outcome.solution.space.size, outcome.error) for outcome in outcomes]
    print("observed order", observed_order(coarse, fine))
    assert fine[0] == pytest.approx(coarse[0] / math.sqrt(2), rel=0.15)
    assert observed_order(coarse, fine) > 2


def test_a_study_converges_with_the_degree_of_the_eigenbasis():
    outcomes = study.converge(ROD, Choices(degree=9), levels=3)
    assert [outcome.solution.space.degree for outcome in outcomes] == [3, 6, 9]
    errors = [outcome.error for outcome in outcomes]
    assert errors[2] < 1e-2 * errors[1] < 1e-3 * errors[0]
    lines = tables.convergence_table("rod", outcomes).splitlines()
    assert lines[1].split() == ["unknowns", "spacing", "error", "order", "seconds"]
    assert [line.split()[0] for line in lines[2:]] == ["4", "7", "10"]
    assert [len(line.split()) for line in lines[2:]] == [4, 5, 5]  # no order in the first row


def test_equal_resolutions_are_solved_once():
    assert [o.solution.space.degree for o in study.converge(ROD, Choices(degree=1, spacing=0.2), levels=4)] == [1]


def test_the_observed_order():
    assert observed_order((0.2, 8e-3), (0.1, 1e-3)) == pytest.approx(3)
    assert observed_order((0.2, 1e-3), (0.1, 4e-3)) == pytest.approx(-2)
    for coarse, fine in [((0.2, 1e-3), (0.1, 0.0)), ((0.2, 0.0), (0.1, 0.0)), ((0.1, 2.0), (0.1, 1.0))]:
        assert math.isnan(observed_order(coarse, fine))


def test_tables_survive_an_error_of_zero_and_an_unknown_solution():
    outcomes = study.converge(ROD, Choices(degree=6), levels=2)
    exact = [dataclasses.replace(outcome, error=0.0) for outcome in outcomes]
    assert "0.0e+00" in tables.convergence_table("rod", exact)
    unknown = tables.convergence_table("rod", [dataclasses.replace(outcome, error=None) for outcome in outcomes])
    assert unknown.splitlines()[1].split()[2] == "residual"
    assert f"{outcomes[-1].residual:.1e}" in unknown


def test_without_an_exact_solution_a_study_compares_with_the_finest_one():
    known = study.converge(ROD, Choices(degree=9), levels=3)
    outcomes = study.converge(problem_on(LINE, exact=None), Choices(degree=9), levels=3)
    assert outcomes[-1].error is None
    for one, other in zip(outcomes[:-1], known[:-1], strict=True):
        assert one.error == pytest.approx(other.error, rel=2 * known[-1].error / other.error)
    _, heads, *lines = tables.convergence_table("rod", outcomes).splitlines()
    assert heads.split()[2] == "difference"
    assert [len(line.split()) for line in lines] == [4, 5, 3]  # nothing to compare the finest with


def test_a_table_tells_what_a_local_space_is_made_of():
    stencils = tables.table("rod", {}, study.study(ROD, Choices(space="stencils", spacing=0.1, degree=2)))
    assert "Stencils of 6 nodes, polynomials of degree 2" in stencils
    narrow = study.study(ROD, Choices(space="wendland", spacing=0.01, scale=(0.1,)))
    stats = narrow.solution.stats
    assert stats["support"] == pytest.approx(0.1)
    assert stats["fill"] == pytest.approx(stats["centers_per_row"] / stats["unknowns"])
    assert 15 < stats["centers_per_row"] < 22  # 0.2 long, a center every 0.01, fewer at the ends
    assert stats["error"] == narrow.error
    assert f"support 0.1, {stats['centers_per_row']:.1f} centers a row, fill" in tables.table("rod", {}, narrow)


def test_a_grading_from_a_script_thins_the_nodes_out():
    even = defaults.nodes(PLANE, Choices(space="stencils", spacing=0.1))
    graded = defaults.nodes(PLANE, Choices(space="stencils", spacing=0.1, grading=lambda x: 0.3 + 0.7 * x[0]))
    left = [np.mean(cloud.points[:, 0] < 0.5) for cloud in (even, graded)]
    assert len(graded) > len(even) and left[1] > left[0] + 0.1
