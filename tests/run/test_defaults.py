"""What `--space stencils` and `--space wendland` choose, and what they exclude; the global spaces: test_study.py."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.run import defaults
from meshfree.run.defaults import Choices

LINE, CUBE = mf.Interval(0.0, 2.0), mf.Box((0.0,) * 3, (1.0, 2.0, 3.0))


def problem_on(domain):
    return mf.Problem(domain, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.dirichlet(0.0))


PLANE, CLOUD, FINE = problem_on(SQUARE), SQUARE.cloud(0.1), SQUARE.cloud(0.03)


def built(cloud=CLOUD, **flags):
    return defaults.build_space(PLANE, cloud, Choices(**flags))


def test_stencils_by_default():
    space = built(space="stencils")
    assert isinstance(space, mf.Stencils)
    assert (space.kernel.describe(), space.degree) == ("Polyharmonic(degree=5)", 4)
    assert space.stencils.shape == (len(CLOUD), 30)
    assert space.ghost_parts == ()


def test_every_choice_of_a_stencil_is_taken():
    space = built(space="stencils", kernel="gaussian", scale=(0.7,), degree=2, size=17, ghost=True)
    assert space.kernel.describe() == "Gaussian()"
    assert (float(space.kernel.scale), space.degree) == (pytest.approx(0.7), 2)
    assert space.stencils.shape == (len(CLOUD), 17)
    assert len(space.ghost_parts) == 4


@pytest.mark.parametrize("name", ["gaussian", "matern", "multiquadric", "inverse-quadratic"])
def test_the_default_scale_of_a_stencil_is_its_radius_whatever_the_spacing(name):
    for cloud in (CLOUD, FINE):
        kernel = defaults.build_kernel(cloud, Choices(space="stencils", kernel=name))
        assert float(kernel.scale) == pytest.approx(defaults.STENCIL_SCALE)


def test_a_stencil_may_have_another_polyharmonic_kernel():
    assert built(space="stencils", kernel_order=7.0).kernel.describe() == "Polyharmonic(degree=7)"


def test_wendland_by_default_is_narrow_and_sparse():
    cloud = defaults.nodes(PLANE, Choices(space="wendland"))
    space = built(cloud, space="wendland")
    assert isinstance(space, mf.Collocation)
    assert space.kernel.describe() == "Wendland(smoothness=6, dim=3)"
    assert space.local_basis is not None
    typical = 1 / np.sqrt(len(cloud))
    assert float(space.kernel.scale) == pytest.approx(defaults.SPACINGS_PER_SUPPORT[2] * typical, rel=0.1)


def test_a_wendland_support_follows_the_spacing():
    ratio = float(built(space="wendland").kernel.scale) / float(built(FINE, space="wendland").kernel.scale)
    assert ratio == pytest.approx(np.sqrt(len(FINE) / len(CLOUD)))


def test_wendland_levels_halve_spacing_and_support():
    space = defaults.build_space(PLANE, SQUARE.cloud(0.05), Choices(space="wendland", levels=3, spacing=0.05))
    assert isinstance(space, mf.Multilevel)
    sizes = [len(cloud) for cloud in space.clouds]
    assert len(sizes) == 3
    assert all(2.5 < fine / coarse < 4.5 for coarse, fine in itertools.pairwise(sizes))


@pytest.mark.parametrize("space", ["stencils", "wendland"])
@pytest.mark.parametrize(("domain", "across"), [(LINE, 200), (SQUARE, 48), (CUBE, 20)])
def test_local_spaces_have_many_nodes_along_the_shortest_side(space, domain, across):
    lower, upper = domain.bounds
    expected = pytest.approx(min(upper - lower) / across)
    assert defaults.spacing_of(problem_on(domain), Choices(space=space)) == expected


def test_local_spaces_have_even_nodes_unless_told():
    even, clustered = (
        defaults.nodes(PLANE, Choices(space="stencils", spacing=0.1, cluster=cluster)) for cluster in (None, 1.0)
    )
    np.testing.assert_array_equal(even.points, SQUARE.cloud(0.1, cluster=0.0).points)
    assert np.mean(SQUARE.distance(clustered.points)) > np.mean(SQUARE.distance(even.points))


def test_nodes_are_graded_by_a_share_of_the_spacing():
    graded = defaults.nodes(PLANE, Choices(space="stencils", spacing=0.1, grading=lambda x: 0.5 + 0.5 * x[0]))
    left = np.sum(graded.points[:, 0] < 0.5)
    assert left > 1.5 * (len(graded) - left)


@pytest.mark.parametrize(
    ("name", "kernel", "local", "described"),
    [
        (None, None, False, "eigenbasis gaussian"),
        (None, "matern", False, "collocation matern"),
        ("collocation", None, False, "collocation gaussian"),
        ("stencils", None, True, "stencils polyharmonic"),
        ("stencils", "gaussian", True, "stencils gaussian"),
        ("wendland", None, True, "wendland wendland"),
    ],
)
def test_space_and_kernel_complete_each_other(name, kernel, local, described):
    choices = Choices(space=name, kernel=kernel)
    assert (choices.is_local, choices.family) == (local, described)


def test_a_collocation_with_a_wendland_kernel_is_wide():
    assert float(built(kernel="wendland").kernel.scale) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"size": 20}, "--size and --ghost are for --space stencils, not for eigenbasis"),
        ({"space": "wendland", "ghost": True}, "--size and --ghost are for --space stencils, not for wendland"),
        ({"space": "stencils", "levels": 2}, "--levels is for --space wendland, not for stencils"),
        ({"space": "wendland", "levels": 0}, "--levels must be at least 1; got 0"),
        ({"space": "wendland", "levels": 2, "degree": 1}, "no polynomials beside them: drop --degree"),
        ({"space": "wendland", "kernel": "matern"}, "takes the wendland kernel, not matern"),
        ({"space": "stencils", "scale": (1.0,)}, "the polyharmonic kernel has no --scale"),
        (
            {"space": "stencils", "kernel_order": 5.5},
            "--kernel-order of the polyharmonic .* an integer; got 5.5",
        ),
        (
            {"space": "wavelets"},
            "space is 'wavelets'; it is one of collocation, eigenbasis, gaussian-process, stencils, wendland",
        ),
        ({"kernel": "cubic"}, "kernel is 'cubic'; it is one of gaussian, matern, wendland, multiquadric, "),
        ({"space": "stencils", "degree": -2}, "-1 for none; got -2"),
        ({"space": "stencils", "size": 3}, "a stencil of 3 nodes"),
    ],
)
def test_choices_that_exclude_one_another(flags, message):
    with pytest.raises(ValueError, match=message):
        built(**flags)


def test_levels_make_their_own_nodes(tmp_path):
    CLOUD.save(tmp_path / "nodes.csv")
    with pytest.raises(ValueError, match="--levels makes its own nodes"):
        defaults.build_space(PLANE, CLOUD, Choices(space="wendland", levels=2, cloud=tmp_path / "nodes.csv"))


def test_a_stencil_solves_what_it_is_built_for():
    problem = mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.dirichlet(lambda x: x[0] * x[1]))
    u = mf.solve(problem, built(space="stencils", degree=2))
    np.testing.assert_allclose(u(jnp.array([0.3, 0.4])), 0.12, atol=1e-10)
