"""Measured values beside equations, by every kind of space."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from scipy.interpolate import RBFInterpolator
from shared_cases import SQUARE

import meshfree as mf

X = SQUARE.sample(30, seed=3)
NOISE = np.random.default_rng(0).standard_normal(30)


def exact(x):
    return jnp.sin(2 * x[0]) * jnp.exp(x[1])


def equation(u, x):
    return mf.laplacian(u)(x) + 3 * exact(x)


VALUES = np.asarray(jax.vmap(exact)(X))
KNOWN = {name: mf.dirichlet(exact) for name in ("left", "bottom", "top")}


def problem(heads=None, right=None, **more):
    heads = mf.Data(X, VALUES + 0.01 * NOISE) if heads is None else heads
    return mf.Problem(SQUARE, interior=equation, **KNOWN, right=right, heads=heads, exact=exact, **more)


def basis(degree):
    return mf.Eigenbasis(mf.Gaussian(1.5), SQUARE.cloud(0.1, cluster=1.0), degree)


@pytest.mark.parametrize("space", [basis(10), mf.Stencils(None, SQUARE.cloud(0.08))], ids=["eigenbasis", "stencils"])
def test_noisy_values_take_the_place_of_an_unknown_side(space):
    u = mf.solve(problem(), space)
    assert mf.error(problem(), u) < 4e-3  # of values of noise 0.01, which alone give 2e-2
    assert 0.5 < u.stats["residual"]["heads"] < 1.2  # standard deviations


def test_a_gaussian_process_has_a_band_that_holds_the_error():
    u = mf.solve(problem(), mf.GaussianProcess(mf.Matern(5.5, 1.0), SQUARE.cloud(0.14)))
    points = SQUARE.sample(200, seed=5)
    off = np.abs(np.asarray(u(points)) - np.asarray(jax.vmap(exact)(points)))
    assert mf.error(problem(), u) < 4e-3
    assert np.mean(off < 2 * np.asarray(u.std(points))) > 0.9
    assert 0.5 < u.stats["residual"]["heads"] < 1.2


@pytest.mark.parametrize(
    "space", [basis(10), mf.GaussianProcess(mf.Matern(5.5, 1.0), SQUARE.cloud(0.2))], ids=["basis", "gp"]
)
def test_the_chance_of_a_misfit_is_that_of_chi_square(space):
    """Under the stated noise small chances are no more frequent than they say; noise of half the size is noticed."""
    chances = []
    for seed in range(12):
        values = VALUES + 0.01 * np.random.default_rng(seed).standard_normal(30)
        u = mf.solve(problem(mf.Data(X, values)), space)
        assert u.stats["misfit_chance"] == pytest.approx(scipy.stats.chi2.sf(30 * u.stats["misfit"], 30), rel=1e-9)
        assert u.stats["misfit"] == pytest.approx(u.stats["residual"]["heads"] ** 2)
        chances.append(u.stats["misfit_chance"])
    assert min(chances) > 0.02 and np.mean(np.array(chances) < 0.5) < 0.6
    with pytest.warns(UserWarning, match=r"mean square of 30 misfits.*by part, in standard deviations: heads [12]\."):
        mf.solve(problem(mf.Data(X, VALUES + 0.02 * NOISE, 0.01)), space)


def test_a_wrong_coefficient_is_noticed_by_the_misfit():
    heads = mf.Data(X, VALUES + 0.01 * NOISE)
    wrong = mf.Problem(
        SQUARE, interior=lambda u, x: mf.laplacian(u)(x) + 6 * exact(x), boundary=mf.dirichlet(exact), heads=heads
    )
    with pytest.warns(UserWarning, match="the equation or its coefficients are not those of the data"):
        u = mf.solve(wrong, basis(8))
    assert u.stats["misfit"] > 20 and u.stats["misfit_chance"] < 1e-10
    assert "misfit" not in mf.solve(wrong, basis(8), weights={"heads": 1.0}).stats


def test_values_at_the_nodes_of_a_part_are_its_condition():
    space = mf.Stencils(None, SQUARE.cloud(0.1), 5)
    nodes = space.cloud["right"]
    measured = mf.Data(nodes, np.asarray(jax.vmap(exact)(nodes)), 1e-6)
    u = mf.solve(mf.Problem(SQUARE, interior=equation, **KNOWN, right=measured), space)
    known = mf.solve(mf.Problem(SQUARE, interior=equation, boundary=mf.dirichlet(exact)), space)
    assert u.stats["rows"] == known.stats["rows"] == u.stats["unknowns"]
    np.testing.assert_allclose(u.coefficients, known.coefficients, atol=1e-10)


def test_only_the_relative_noise_of_data_counts_and_any_functional_can_be_measured():
    slopes = np.asarray(jax.vmap(jax.grad(exact))(X))
    space, found = basis(10), []
    for factor in (1.0, 1e-3):
        sets = {
            "heads": mf.Data(X, VALUES + 0.01 * NOISE, 1e-2 * factor),
            "slopes": mf.Data(X, slopes, np.full(30, 1e-4 * factor), of=lambda u, x: mf.gradient(u)(x)),
        }
        with pytest.warns(
            UserWarning, match="than their noise allows"
        ):  # the space is coarser than the slopes are sure
            found.append(mf.solve(problem(**sets), space))
    np.testing.assert_allclose(found[0].coefficients, found[1].coefficients, atol=1e-7)
    assert mf.error(problem(), found[0]) < 1e-3  # slopes are a hundred times surer


def test_the_derivative_by_the_values_and_by_the_noise():
    points, values = jnp.linspace(0.1, 1.0, 5), jnp.array([0.3, 0.1, 0.8, 0.6, 1.1])
    space = mf.Eigenbasis(mf.Gaussian(1.0), mf.Interval().cloud(0.1), 5)

    def of(values, noise):
        heads = mf.Data(points, values, noise)
        bent = mf.Problem(
            mf.Interval(), interior=lambda u, x: mf.laplacian(u)(x), left=mf.dirichlet(0.0), right=None, heads=heads
        )
        return mf.solve(bent, space)(jnp.array([0.9]))

    noise, step = jnp.full(5, 0.3), jnp.eye(5)[3] * 1e-4
    _, slope = jax.jvp(of, (values, noise), (step, step))
    difference = (of(values + step, noise + step) - of(values - step, noise - step)) / 2
    np.testing.assert_allclose(slope, difference, rtol=1e-4)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: mf.Data(X, VALUES, -0.1), "noise is a standard deviation, a positive number; got -0.1"),
        (lambda: mf.Data(X, VALUES, np.ones(3)), r"noise must be one number or \(30,\)"),
        (lambda: mf.Data(X, VALUES[:4]), r"values must be \(30,\) or \(30, c\); got shape \(4,\)"),
        (lambda: mf.Data(X, np.where(NOISE > 1, np.nan, VALUES)), "values are not finite"),
        (lambda: problem(mf.Data(X + 1, VALUES)), "heads= has data outside the domain"),
        (lambda: problem(mf.Data(X[:, :1], VALUES)), "heads= has data at points of shape"),
        (lambda: mf.solve(problem(mf.Data(X, np.ones((30, 2)))), basis(4)), "'heads': u.x. has shape"),
        (lambda: mf.solve(problem()), "no space is chosen for a problem with data"),
    ],
)
def test_what_cannot_be_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        made()


def alone(**more):
    return mf.Problem(SQUARE, interior=None, boundary=None, heads=mf.Data(X, VALUES + 0.01 * NOISE), **more)


def test_data_alone_are_smoothed_as_scipy_does():
    """By the smoothing that the noise and the amplitude make; with derivatives beside values by the formula."""
    u = mf.solve(alone(), mf.GaussianProcess(mf.Gaussian(0.7), SQUARE.cloud(0.3)))
    theirs = RBFInterpolator(
        X, VALUES + 0.01 * NOISE, kernel="gaussian", epsilon=1 / 0.7, degree=-1, smoothing=1e-4 / float(u.amplitude)
    )
    points = SQUARE.sample(50, seed=8)
    np.testing.assert_allclose(u(points), theirs(points), atol=1e-8)
    assert "off_nodes" not in u.stats


def test_values_and_slopes_alone():
    """By the formula, with the covariances of slopes by automatic differentiation."""
    kernel, some = mf.Matern(4.5, 0.7), X[:4]
    known = np.asarray(jax.vmap(jax.grad(exact))(some))[:, 0]
    slopes = mf.Data(some, known, 0.1, of=lambda u, x: mf.gradient(u)(x)[0])
    u = mf.solve(alone(slopes=slopes), mf.GaussianProcess(kernel, SQUARE.cloud(0.3)))
    mixed = np.asarray(kernel.grad(some, X))[:, :, 0]
    second = jax.vmap(lambda x: jax.vmap(lambda y: jax.hessian(lambda p: kernel.eval(p, y))(x)[0, 0])(some))(some)
    K = np.block([[np.asarray(kernel(X, X)), mixed.T], [mixed, -np.asarray(second)]])
    noise = np.append(np.full(30, 1e-4), np.full(4, 1e-2)) / float(u.amplitude)
    weights = np.linalg.solve(K + np.diag(noise), np.append(VALUES + 0.01 * NOISE, known))
    sizes = np.append(np.full(30, 0.01), np.full(4, 0.1))  # the rows of data are over their noise
    np.testing.assert_allclose(u.coefficients, sizes * weights, atol=1e-8)


def test_data_alone_are_tuned_by_leaving_each_out():
    space, history = mf.tune(
        alone(), mf.GaussianProcess(mf.Gaussian(0.1), SQUARE.cloud(0.3)), optimizer="search", steps=6
    )
    assert history.loss.min() < history.loss[0] - 0.5 and 0.2 < space.kernel.scale < 3


@pytest.mark.parametrize(
    ("called", "message"),
    [
        (lambda: mf.solve(alone(), basis(4)), "no equation, interior=None: it is solved in a mf.GaussianProcess only"),
        (lambda: mf.residual_norm(alone(), mf.interpolate(exact, basis(4)), SQUARE.cloud(0.2)), "no equation"),
        (
            lambda: mf.solve(
                mf.Problem(SQUARE, interior=None, boundary=None), mf.GaussianProcess(mf.Gaussian(), SQUARE.cloud(0.3))
            ),
            "neither an equation nor conditions nor data",
        ),
        (lambda: mf.solve(mf.Problem(SQUARE, interior=None, boundary=mf.dirichlet(1.0))), "no equation"),
    ],
)
def test_data_alone_need_a_process(called, message):
    with pytest.raises(ValueError, match=message):
        called()


def test_the_residual_of_the_equations_leaves_data_out():
    u = mf.solve(problem(), basis(8))
    contradicting = problem(mf.Data(X, VALUES + 5.0))
    cloud = SQUARE.cloud(0.2)
    assert mf.residual_norm(problem(), u, cloud) == mf.residual_norm(contradicting, u, cloud)


def test_a_sparse_space_of_translates_takes_data():
    """Its rows at the values have other numbers of entries than those at the nodes; the same as in dense equations."""
    made, cloud, kernel = problem(right=mf.dirichlet(exact)), SQUARE.cloud(0.05), mf.Wendland(6, 3, 0.18)
    sparse, dense = (mf.Collocation(kernel, cloud, reach=reach) for reach in (0.19, 1.0))
    assert sparse.local_basis is not None and dense.local_basis is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so narrow a kernel is coarse
        u, v = (mf.solve(made, space) for space in (sparse, dense))
    np.testing.assert_allclose(u(X), v(X), atol=1e-8)


CUBE = mf.Box((0, 0, 0), (1, 1, 1))
IN_CUBE = CUBE.sample(60, seed=3)


@pytest.mark.parametrize(
    "space",
    [
        mf.Stencils(None, CUBE.cloud(0.17), 3),
        mf.Eigenbasis(mf.Gaussian(2.0), CUBE.cloud(0.2), 7),
        mf.GaussianProcess(mf.Matern(5.5, 2.0), CUBE.cloud(0.3)),
    ],
    ids=["stencils", "eigenbasis", "process"],
)
def test_data_in_space(space):
    def known(x):
        return exact(x[:2]) * jnp.cos(x[2])

    values = np.asarray(jax.vmap(known)(IN_CUBE)) + 0.01 * np.random.default_rng(0).standard_normal(60)
    made = mf.Problem(
        CUBE,
        interior=lambda u, x: mf.laplacian(u)(x) + 4 * known(x),
        right=None,
        boundary=mf.dirichlet(known),
        exact=known,
        heads=mf.Data(IN_CUBE, values),
    )
    u = mf.solve(made, space)
    assert mf.error(made, u) < 1e-2 and 0.4 < u.stats["misfit"] < 1.5


SPHERE = mf.Surface(mf.Ball())
ON_SPHERE = SPHERE.sample(40, seed=3)


@pytest.mark.parametrize(
    "space",
    [mf.Stencils(None, SPHERE.cloud(0.25), 3), mf.GaussianProcess(mf.Matern(5.5, 2.0), SPHERE.cloud(0.45))],
    ids=["stencils", "process"],
)
def test_data_on_a_surface(space):
    """u = xy + z, of which Δu is −6xy − 2z, with a diffusivity beside it where a space finds it."""

    def known(x):
        return x[0] * x[1] + x[2]

    values = np.asarray(jax.vmap(known)(ON_SPHERE)) + 0.01 * np.random.default_rng(0).standard_normal(40)
    k = mf.Unknown(2.0)

    def equation(u, x, k=k):
        return u(x) - k * mf.laplacian(u)(x) - (7 * x[0] * x[1] + 3 * x[2])

    heads = mf.Data(ON_SPHERE, values)
    made = mf.Problem(SPHERE, interior=lambda u, x: equation(u, x, 1.0), exact=known, heads=heads)
    u = mf.solve(made, space)
    assert mf.error(made, u) < 2e-2 and 0.4 < u.stats["misfit"] < 1.5
    if not space.is_process:
        found = mf.solve(mf.Problem(SPHERE, interior=equation, exact=known, heads=heads), space)
        off = abs(found.unknowns["k"] - 1.0)
        assert off < 3 * (found.std_of_unknowns["k"] + found.stats["shift_of_unknowns"]["k"]) < 0.3


def test_levels_take_none():
    space = mf.Multilevel(mf.Wendland(4, 3, 1.5), [SQUARE.cloud(0.25), SQUARE.cloud(0.125)])
    with pytest.raises(ValueError, match=r"Multilevel.* is solved level by level, and heads would be fitted by each"):
        mf.solve(problem(), space)


def test_a_problem_in_time_takes_none():
    heat = mf.Problem(
        SQUARE,
        interior=lambda u, x, t: mf.time_derivative(u)(x) - mf.laplacian(u)(x),
        boundary=mf.dirichlet(0.0),
        initial=exact,
        heads=mf.Data(X, VALUES),
    )
    with pytest.raises(ValueError, match="takes no data, and the problem has heads"):
        mf.evolve(heat, mf.Stencils(None, SQUARE.cloud(0.2)), (0.0, 1.0))
    assert "heads" in heat.at(0.0).data
