"""Several levels of compactly supported translates: the error falls with every level at bounded rows."""

import itertools
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from shared_cases import SQUARE

import meshfree as mf
from meshfree.run import defaults
from meshfree.run.defaults import Choices

CLOUDS = [SQUARE.cloud(2.0**-level, seed=level) for level in (2, 3, 4)]
SPACE = mf.Multilevel(mf.Wendland(4, 3, 1.5), CLOUDS)
X = SQUARE.sample(40, seed=7)


def exact(x):
    return jnp.prod(jnp.sin(jnp.pi * x))


CONDITION = mf.dirichlet(0.0)
POISSON = mf.Problem(
    SQUARE,
    interior=lambda u, x: mf.laplacian(u)(x) + 2 * jnp.pi**2 * exact(x),
    boundary=CONDITION,
    exact=exact,
)


def reaction(rate, u, x):
    return -mf.laplacian(u)(x) + rate * u(x) ** 3 - 2 * jnp.pi**2 * exact(x) - rate * exact(x) ** 3


def cubic(rate):
    """−Δu + rate u³ = f: one program for all rates."""
    residual = jax.tree_util.Partial(reaction, rate)
    return mf.Problem(SQUARE, interior=residual, boundary=CONDITION, exact=exact)


CUBIC = cubic(1.0)
CHECK = SQUARE.cloud(0.12, seed=1000)


@pytest.fixture(scope="module")
def solution():
    return mf.solve(POISSON, SPACE)


def test_the_error_falls_with_every_level_at_bounded_rows():
    """CASES B8. From one level to the next by a factor of two at least, where one level alone gains nothing."""
    space = mf.Multilevel(mf.Wendland(4, 3, 1.5), [*CLOUDS, SQUARE.cloud(2.0**-5, seed=5)])
    u = mf.solve(POISSON, space)
    starts = np.cumsum([0, *map(len, space.clouds)])
    partial = [mf.Solution(space.coarsest(count), u.coefficients[: starts[count]], {}) for count in (1, 2, 3, 4)]
    errors = [mf.error(POISSON, v) for v in partial]
    print("errors", errors, "centers", [level["centers_per_row"] for level in u.stats["levels"]])
    assert all(fine < coarse / 2 for coarse, fine in itertools.pairwise(errors))
    assert max(level["centers_per_row"] for level in u.stats["levels"]) < 200
    finest = u.stats["levels"][-1]["support"]
    alone = mf.solve(POISSON, mf.Collocation(mf.Wendland(4, 3, finest), space.cloud))
    assert errors[-1] < mf.error(POISSON, alone) / 10


def test_supports_follow_the_spacing(solution):
    spacings = [float(cloud.spacing) for cloud in CLOUDS]
    levels = solution.stats["levels"]
    np.testing.assert_allclose(
        [level["support"] for level in levels], [1.5 * spacing / spacings[0] for spacing in spacings]
    )
    slower = mf.Multilevel(mf.Wendland(4, 3, 1.5), CLOUDS, shrink=0.8)
    np.testing.assert_allclose(slower.factors, [(spacing / spacings[0]) ** 0.8 for spacing in spacings])


def test_each_level_corrects_what_the_coarser_ones_left(solution):
    """By hand: the residual of a level is the right-hand side of the next, a plain collocation problem."""
    expected, previous = [], lambda x: jnp.zeros_like(x[0])
    for cloud, factor in zip(CLOUDS, SPACE.factors, strict=True):

        def interior(w, x, previous=previous):
            return POISSON.interior(previous, x) + mf.laplacian(w)(x)

        def boundary(w, x, n, previous=previous):
            return previous(x) + w(x)

        problem = mf.Problem(SQUARE, interior=interior, boundary=boundary)
        kernel = mf.Wendland(4, 3, 1.5 * factor)
        correction = mf.solve(problem, mf.Collocation(kernel, cloud))
        expected.append(correction.coefficients)
        previous = sum_of(previous, correction)
    np.testing.assert_allclose(solution.coefficients, np.concatenate(expected), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(solution(X), jax.vmap(previous)(jnp.asarray(X)), atol=1e-11)


def sum_of(u, v):
    return lambda x: u(x) + v(x)


def test_stats_are_those_of_all_levels(solution):
    stats, levels = solution.stats, solution.stats["levels"]
    assert len(levels) == 3
    assert stats["unknowns"] == stats["rows"] == stats["rank"] == SPACE.size == sum(map(len, CLOUDS))
    assert [level["unknowns"] for level in levels] == list(map(len, CLOUDS))
    assert stats["steps"] == 3
    assert stats["error"] == mf.error(POISSON, solution)
    assert stats["fill"] == levels[-1]["fill"] < levels[1]["fill"] < levels[0]["fill"] == 1.0
    assert stats["seconds"]["solve"] == pytest.approx(sum(level["seconds"]["solve"] for level in levels))
    for level in levels:
        assert max(level["residual"].values()) < 1e-10
    first = mf.Solution(SPACE.coarsest(1), solution.coefficients[: len(CLOUDS[0])], {})
    interior = jax.vmap(lambda x: POISSON.interior(first, x))(jnp.asarray(CLOUDS[1]["interior"]))
    assert levels[1]["residual_before"]["interior"] == pytest.approx(float(jnp.sqrt(jnp.mean(interior**2))), rel=1e-9)


def test_newton_takes_few_steps_on_every_level():
    """On the finer levels all is rounding after two or three."""
    u = mf.solve(CUBIC, SPACE)
    assert mf.error(CUBIC, u) < 3e-3
    steps = [level["steps"] for level in u.stats["levels"]]
    assert steps[0] <= 5 and max(steps[1:]) <= 3


def test_an_initial_guess_saves_steps_on_the_first_level():
    """Two, where the reaction is strong: rounding may take one more at the end."""
    from_zero, near = (mf.solve(cubic(30.0), SPACE.coarsest(2), initial=initial) for initial in (None, exact))
    first, second = (u.stats["levels"][0]["steps"] for u in (from_zero, near))
    assert second < first
    np.testing.assert_allclose(near(X), from_zero(X), atol=1e-10)


def test_it_is_a_space_like_any_other(solution, tmp_path):
    np.testing.assert_allclose(solution(X), jax.vmap(solution)(jnp.asarray(X)), atol=1e-13)
    for operator in (lambda u: u, lambda u: mf.derivative(u, 1), mf.laplacian):
        matrix, applied = mf.matrix(SPACE, operator, X), jax.vmap(operator(solution))(jnp.asarray(X))
        assert isinstance(matrix, scipy.sparse.csr_array)
        np.testing.assert_allclose(matrix @ np.asarray(solution.coefficients), applied, rtol=1e-9, atol=1e-9)
    by_rows = jnp.sqrt(jnp.mean(jax.vmap(lambda x: POISSON.interior(solution, x))(jnp.asarray(CHECK["interior"])) ** 2))
    share = len(CHECK["interior"]) / len(CHECK)
    assert mf.residual_norm(POISSON, solution, CHECK) >= float(by_rows) * np.sqrt(share) * (1 - 1e-9)
    solution.save(tmp_path / "u.npz")
    loaded = mf.Solution.load(tmp_path / "u.npz")
    np.testing.assert_array_equal(loaded(X), solution(X))
    assert loaded.stats["levels"][1]["support"] == solution.stats["levels"][1]["support"]


def test_interpolants_take_the_values_and_come_nearer_with_every_level():
    u = mf.interpolate(lambda x: jnp.stack([exact(x), x[0]]), SPACE)
    np.testing.assert_allclose(u(CLOUDS[-1].points)[:, 1], CLOUDS[-1].points[:, 0], atol=1e-12)
    left = [level["residual_before"]["values"] for level in u.stats["levels"]]
    assert left[2] < left[1] / 2 < left[0] / 20
    np.testing.assert_allclose(u(X)[:, 0], jax.vmap(exact)(jnp.asarray(X)), atol=2e-3)


def test_one_cloud_is_one_level():
    one = mf.solve(POISSON, mf.Multilevel(mf.Wendland(4, 3, 0.3), CLOUDS[2]))
    np.testing.assert_allclose(one(X), mf.solve(POISSON, mf.Collocation(mf.Wendland(4, 3, 0.3), CLOUDS[2]))(X))


def test_fields_are_solved_together():
    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + jnp.stack([u(x)[1], 2 * jnp.pi**2 * exact(x)]),
        boundary=mf.dirichlet(0.0),
        fields=2,
    )
    u = mf.solve(problem, SPACE)
    assert u.coefficients.shape == (SPACE.size, 2)
    np.testing.assert_allclose(u(X)[:, 1], mf.solve(POISSON, SPACE)(X), atol=1e-10)
    np.testing.assert_allclose(u(X)[:, 0], u(X)[:, 1] / (2 * np.pi**2), atol=2e-4)


@pytest.mark.parametrize("problem", [POISSON, CUBIC], ids=["linear", "nonlinear"])
def test_the_gradient_by_the_support_is_that_of_differences(problem):
    space = SPACE.coarsest(2)
    loss = mf.losses.residual(problem, CHECK)

    def value_of(raw):
        return loss(eqx.tree_at(lambda s: s.kernel.raw_scale, space, raw))

    @jax.jit
    def value_and_slope(raw):
        return jax.jvp(value_of, (raw,), (jnp.ones(()),))

    raw, step = jnp.asarray(space.kernel.raw_scale), 1e-5
    value, forward = value_and_slope(raw)
    difference = float(value_and_slope(raw + step)[0] - value_and_slope(raw - step)[0]) / (2 * step)
    assert jax.jit(jax.grad(value_of))(raw) == pytest.approx(difference, rel=1e-6)
    assert forward == pytest.approx(difference, rel=1e-6)
    u = mf.solve(problem, space)
    assert float(value) == pytest.approx(np.log(mf.residual_norm(problem, u, CHECK)), abs=1e-9)


def test_tuning_moves_the_support_of_all_levels():
    loss = mf.losses.residual(POISSON, CHECK)
    best, history = mf.tune(loss, SPACE.coarsest(2), steps=2)
    assert history.loss[-1] < history.loss[0]
    supports = [float(level.kernel.support) for level in best.translates]
    assert supports[1] / supports[0] == pytest.approx(float(SPACE.factors[1]))
    assert supports[0] != 1.5


def test_the_command_line_makes_levels():
    problem, choices = POISSON, Choices(space="wendland", levels=3, spacing=1 / 16, scale=(1.5,), kernel_order=4)
    space = defaults.build_space(problem, defaults.nodes(problem, choices), choices)
    assert isinstance(space, mf.Multilevel)
    assert [len(cloud) for cloud in space.clouds] == [len(SQUARE.cloud(h)) for h in (1 / 4, 1 / 8, 1 / 16)]
    assert float(space.translates[0].kernel.support) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"space": "stencils"}, "--levels is for --space wendland, not for stencils"),
        ({"levels": 0}, "--levels must be at least 1; got 0"),
        ({"cloud": pathlib.Path("nodes.csv")}, "--levels makes its own nodes: give --spacing"),
        ({"degree": 1}, "no polynomials beside them: drop --degree"),
    ],
)
def test_the_command_line_refuses_what_does_not_go_together(flags, message):
    choices = Choices(**({"space": "wendland", "levels": 2} | flags))
    with pytest.raises(ValueError, match=message):
        defaults.build_space(POISSON, CLOUDS[1], choices)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mf.Multilevel(mf.Gaussian(), CLOUDS), r"a kernel of compact support, as Wendland; got Gaussian\(\)"),
        (lambda: mf.Multilevel(mf.Wendland(), []), "at least one cloud; got none"),
        (lambda: mf.Multilevel(mf.Wendland(), CLOUDS[::-1]), r"from coarse to fine; their spacings are .*: sort them"),
        (lambda: mf.Multilevel(mf.Wendland(), [CLOUDS[0]] * 2), "from coarse to fine; their spacings are"),
        (
            lambda: mf.Multilevel(mf.Wendland(), [CLOUDS[0], mf.Interval(0.0, 1.0).cloud(0.1)]),
            r"of one dimension; got \[2, 1\]",
        ),
        (
            lambda: mf.Multilevel(mf.Wendland(), [CLOUDS[0], mf.Disk().cloud(0.1)]),
            r"the same parts; got \['bottom', .*'top'\] and \['boundary', 'interior'\]",
        ),
        (lambda: mf.Multilevel(mf.Wendland(), CLOUDS, shrink=0.0), r"in \(0, 1\]; got 0.0"),
        (lambda: mf.Multilevel(mf.Wendland(), CLOUDS, shrink=1.5), r"in \(0, 1\]; got 1.5"),
        (lambda: mf.Multilevel(mf.Wendland(), CLOUDS, reach=0.5), "at least the support, 1; got 0.5"),
        (lambda: mf.Multilevel(mf.Wendland(4, 3, [1.0] * 3), CLOUDS), "has 3 scales and the cloud 2 dimensions"),
        (lambda: mf.solve(POISSON, SPACE, points=CHECK), "at the points of its own cloud: drop points="),
        (lambda: mf.interpolate(np.ones(len(CLOUDS[-1])), SPACE), "give a function, not its values"),
    ],
)
def test_bad_input_is_a_clear_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_it_is_made_outside_of_jit():
    with pytest.raises(ValueError, match="make it outside of jit and grad"):
        jax.jit(lambda scale: mf.Multilevel(mf.Wendland(4, 3, scale), CLOUDS).size)(1.0)
