"""Unknown numbers, found with u from measured values."""

import contextlib
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf

X = SQUARE.sample(20, seed=3)
NOISE = 0.01 * np.random.default_rng(0).standard_normal(20)
BASIS = mf.Eigenbasis(mf.Gaussian(1.5), SQUARE.cloud(0.12, cluster=1.0), 10)


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])


def load(x):
    return 4 * jnp.pi**2 * exact(x)  # of the coefficient 2


VALUES = np.asarray(jax.vmap(exact)(X))
HEADS = mf.Data(X, VALUES + NOISE)


def problem(equation, heads=HEADS, **more):
    more = {"heads": heads, **more} if heads is not None else more
    return mf.Problem(SQUARE, interior=equation, boundary=mf.dirichlet(0.0), exact=exact, **more)


def by_closure():
    k = mf.Unknown(1.0)
    return problem(lambda u, x: k * mf.laplacian(u)(x) + load(x))


class Scaled(eqx.Module):
    k: mf.Unknown

    def __call__(self, u, x):
        return self.k * mf.laplacian(u)(x) + load(x)


def scaled(u, x, k):
    return mf.laplacian(u)(x) * k + load(x)


@pytest.mark.parametrize(
    "made",
    [
        by_closure,
        lambda: problem(Scaled(mf.Unknown(1.0))),
        lambda: problem(functools.partial(scaled, k=mf.Unknown(1.0))),
        lambda: problem(jax.tree_util.Partial(scaled, k=mf.Unknown(1.0))),
    ],
    ids=["closure", "module", "partial", "tree"],
)
def test_a_coefficient_is_found_wherever_it_is_held(made):
    u = mf.solve(made(), BASIS)
    # u is proportional to 1/k: the least squares solution by hand, and its standard deviation
    amplitude = VALUES @ (VALUES + NOISE) / (VALUES @ VALUES)
    assert u.unknowns == {"k": pytest.approx(2 / amplitude, rel=1e-3)}
    assert u.std_of_unknowns == {"k": pytest.approx(0.01 * 2 / amplitude**2 / np.linalg.norm(VALUES), rel=1e-2)}
    assert u.stats["unknowns"] == BASIS.size + 1


@pytest.mark.parametrize(
    "space",
    [
        mf.Stencils(None, SQUARE.cloud(0.08), 5),
        mf.Collocation(mf.Gaussian(0.6), SQUARE.cloud(0.12, cluster=1.0)),
    ],
    ids=["sparse", "translates"],
)
def test_it_is_the_same_in_other_spaces(space):
    made = by_closure()
    u = mf.solve(made, space)
    amplitude = VALUES @ (VALUES + NOISE) / (VALUES @ VALUES)
    assert u.unknowns["k"] == pytest.approx(2 / amplitude, rel=5e-3)
    assert np.isfinite(mf.residual_norm(made, u, SQUARE.cloud(0.3)))  # with the numbers that were found


def test_two_numbers_of_a_nonlinear_equation_and_an_array():
    numbers = mf.Unknown([0.5, 0.5], name="reaction")

    def equation(u, x):
        a, b = numbers[0], numbers[1]
        return mf.laplacian(u)(x) - a * u(x) ** 3 - b * u(x) - source(x)

    def source(x):
        return mf.laplacian(exact)(x) - 2.0 * exact(x) ** 3 - 3.0 * exact(x)

    finer = mf.Eigenbasis(mf.Gaussian(1.5), SQUARE.cloud(0.1, cluster=1.0), 14)
    u = mf.solve(problem(equation, mf.Data(X, VALUES, 1e-4)), finer)
    off, std = u.unknowns["reaction"] - np.array([2.0, 3.0]), u.std_of_unknowns["reaction"]
    assert np.all(np.abs(off) < 3 * std) and np.all(std < 0.05)
    assert mf.error(problem(equation), u) < 1e-4


@pytest.mark.parametrize(
    "space", [BASIS, mf.Collocation(mf.Gaussian(0.6), SQUARE.cloud(0.12, cluster=1.0))], ids=["basis", "translates"]
)
def test_a_field_of_unknowns(space):
    """A source as four functions, from values of u = 10 x(1 − x) y(1 − y)."""
    numbers = mf.Unknown(np.zeros(4), name="source")

    def shapes(x):
        a, b = x * (1 - x)
        return jnp.stack([jnp.ones(()), a, b, x[0] * x[1]])

    truth, values = np.array([0.0, 20.0, 20.0, 0.0]), 10 * np.prod(X * (1 - X), axis=1) + NOISE
    u = mf.solve(problem(lambda u, x: mf.laplacian(u)(x) + shapes(x) @ numbers, mf.Data(X, values)), space)
    off, std = np.abs(u.unknowns["source"] - truth), u.std_of_unknowns["source"]
    covariance = u.covariance_of_unknowns
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), np.ravel(std), rtol=1e-12)
    np.testing.assert_allclose(covariance, covariance.T, rtol=1e-12)
    assert np.all(off < 4 * std) and np.all(std < 20)
    assert u.stats["unknowns"] == space.size + 4


def test_a_wrong_start_is_no_matter_and_what_is_found_is_saved(tmp_path):
    k = mf.Unknown(30.0)
    u = mf.solve(problem(lambda u, x: k * mf.laplacian(u)(x) + load(x)), BASIS)
    assert u.unknowns["k"] == pytest.approx(2.0, rel=0.02)
    u.save(tmp_path / "u.npz")
    assert mf.Solution.load(tmp_path / "u.npz").unknowns == u.unknowns


@pytest.mark.parametrize("degree", [2, 5])
def test_what_the_discretisation_does_to_a_number_is_told(degree):
    """Beside how far it is from that of exact equations: u is proportional to 1/k, least squares by hand."""
    space, made = mf.Stencils(None, SQUARE.cloud(0.1), degree), by_closure()
    exactly = 2 / (VALUES @ (VALUES + NOISE) / (VALUES @ VALUES))
    told = pytest.warns(UserWarning, match="moves the unknown k by about") if degree == 2 else contextlib.nullcontext()
    with told:
        u = mf.solve(made, space)
    off, shift = abs(u.unknowns["k"] - exactly), u.stats["shift_of_unknowns"]["k"]
    assert (off > u.std_of_unknowns["k"]) == (degree == 2)
    assert 0.5 * off < shift < 2 * off


def test_of_a_lower_degree_the_shift_is_extrapolated():
    u = mf.solve(by_closure(), mf.Eigenbasis(mf.Gaussian(1.5), SQUARE.cloud(0.12, cluster=1.0), 8))
    exactly = 2 / (VALUES @ (VALUES + NOISE) / (VALUES @ VALUES))
    assert 0.1 * abs(u.unknowns["k"] - exactly) < u.stats["shift_of_unknowns"]["k"] < u.std_of_unknowns["k"]


class Reacting(eqx.Module):
    """k u″ + rate u² + load on the line, k unknown and the rate known."""

    k: mf.Unknown
    rate: float

    def __call__(self, u, x):
        return self.k * mf.laplacian(u)(x) + self.rate * u(x) ** 2 + 20.0 * jnp.sin(jnp.pi * x[0])


LINE, ON_LINE, DIFFUSIVITY = mf.Interval(0, 1), np.linspace(0.1, 0.9, 9), mf.Unknown(1.9)
READ = np.sin(np.pi * ON_LINE) + 0.05 * NOISE[:9]
SPACES = {
    "dense": lambda scale: mf.Collocation(mf.Gaussian(scale), LINE.cloud(0.1, cluster=1.0)),
    "sparse": lambda scale: mf.Stencils(mf.Gaussian(scale), LINE.cloud(0.05), 3),
}


def reacting(rate, heads):
    return mf.Problem(LINE, interior=Reacting(DIFFUSIVITY, rate), boundary=mf.dirichlet(0.0), heads=heads)


@pytest.mark.parametrize("kind", SPACES)
def test_the_derivatives_through_a_solve_with_an_unknown(kind):
    """By a coefficient, the values, their noise and the kernel's scale: forward and reverse against differences."""

    def of(t):
        heads = mf.Data(ON_LINE, jnp.asarray(READ) + t[1] * jnp.asarray(ON_LINE), 0.01 + 0.001 * t[2] * jnp.arange(9.0))
        u = mf.solve(reacting(1.0 + t[0], heads), SPACES[kind](0.6 + t[3]))
        return jnp.stack([jnp.asarray(u.unknowns["k"]), u(jnp.array([0.3]))])

    start, h = jnp.zeros(4), 1e-4
    found = [(of(start.at[i].set(h)) - of(start.at[i].set(-h))) / (2 * h) for i in range(4)]
    reverse, differences = jax.jacrev(of)(start), np.stack(found, axis=1)
    np.testing.assert_allclose(reverse, differences, rtol=2e-4, atol=1e-5 * np.abs(differences).max())
    direction = jnp.array([1.0, -0.7, 0.4, 0.9])  # with a share of each
    forward = jax.jvp(of, (start,), (direction,))[1]
    np.testing.assert_allclose(forward, reverse @ direction, rtol=1e-6, atol=1e-8)


def test_derivatives_that_are_not_known_are_refused():
    def of(t, what="k"):
        u = mf.solve(reacting(t, mf.Data(ON_LINE, READ)), SPACES["dense"](0.6))
        return u.unknowns["k"] if what == "k" else u.std_of_unknowns["k"]

    def closing_over(t):
        return mf.solve(problem(scaled_by(mf.Unknown(1.0), t)), BASIS).unknowns["k"]

    with pytest.raises(ValueError, match=r"outside of compiled programs.*without jax\.jit or jax\.vmap"):
        jax.jit(of)(1.0)
    with pytest.raises(NotImplementedError, match="derivatives of first order only"):
        jax.grad(jax.grad(of))(1.0)
    assert np.isnan(jax.grad(of)(1.0, "std"))
    with pytest.raises(ValueError, match=r"that no leaf of the problem holds.*jax\.tree_util\.Partial"):
        jax.grad(closing_over)(1.0)


def test_what_judges_a_solution_takes_the_numbers_that_it_has():
    made = by_closure()
    u = mf.solve(made, BASIS)
    assert mf.estimate_error(made, u) < 2e-2
    assert np.max(mf.indicator(made, u)) < 1.0  # of a load of 40


def test_arithmetic():
    k = mf.Unknown(2.0)
    assert (k + 1, 1 - k, k / 4, 3**k, -k, abs(k)) == (3.0, -1.0, 0.5, 9.0, -2.0, 2.0)
    np.testing.assert_array_equal(np.ones(2) * k, [2.0, 2.0])
    np.testing.assert_array_equal(jnp.ones(2) * k, [2.0, 2.0])
    assert jnp.exp(k) == jnp.exp(2.0)


def unseen():
    return problem(
        Scaled(mf.Unknown(1.0)),
        of_nothing=mf.Data(X, VALUES, of=jax.tree_util.Partial(lambda c, u, x: u(x), mf.Unknown(1.0))),
    )


@pytest.mark.parametrize(
    ("called", "message"),
    [
        (lambda: mf.solve(unseen(), BASIS), "no equation sees the unknown"),
        (
            lambda: mf.solve(problem(scaled_by(mf.Unknown(1.0), 0.0)), BASIS),
            "no equation sees the unknown k at its start",
        ),
        (
            lambda: mf.solve(problem(Scaled(mf.Unknown(1.0)), None), mf.Stencils(None, SQUARE.cloud(0.2))),
            "and only .* equations: measured",
        ),
        (
            lambda: mf.solve(problem(two(mf.Unknown(1.0), mf.Unknown(1.0))), BASIS),
            "determine only 1 of 2 unknown numbers .a, b.",
        ),
        (
            lambda: mf.solve(by_closure(), mf.GaussianProcess(mf.Matern(5.5), SQUARE.cloud(0.2))),
            "GaussianProcess.* is conditioned on equations with known numbers",
        ),
        (lambda: in_time(mf.Unknown(1.0)), "unknown numbers .k., which mf.solve"),
        (lambda: mf.Unknown(np.nan), "the start must be finite"),
        (lambda: mf.indicator(by_closure(), mf.interpolate(exact, BASIS)), "unknown numbers .k., which mf.solve"),
        (lambda: mf.interpolate(exact, BASIS).std_of_unknowns, "no standard deviations"),
        (lambda: mf.interpolate(exact, BASIS).covariance_of_unknowns, "no standard deviations"),
    ],
)
def test_what_cannot_be_is_refused(called, message):
    with pytest.raises(ValueError, match=message):
        called()


def scaled_by(k, factor):
    return lambda u, x: mf.laplacian(u)(x) + factor * k + load(x)


def in_time(k):
    heat = mf.Problem(
        SQUARE,
        interior=lambda u, x, t: mf.time_derivative(u)(x) - k * mf.laplacian(u)(x),
        boundary=mf.dirichlet(0.0),
        initial=exact,
    )
    return mf.evolve(heat, mf.Stencils(None, SQUARE.cloud(0.2)), (0.0, 0.1))


def two(a, b):
    return lambda u, x: a * b * mf.laplacian(u)(x) + load(x)
