"""Function spaces: their bases against independent routes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from shared_cases import SQUARE

import meshfree as mf
from meshfree.pde.operators import laplacian
from meshfree.spaces.eigenbasis import hermite

CLOUD = mf.Box((0.0, -1.0), (2.0, 1.0)).cloud(0.4)
BALL = mf.Ball().cloud(0.5)
SPACES = {
    "translates": mf.Collocation(mf.Matern(4.5, 0.8), CLOUD),
    "anisotropic with tail": mf.Collocation(mf.Gaussian([0.5, 0.9]), CLOUD, degree=2),
    "product": mf.Collocation(mf.Gaussian(0.5) * mf.Wendland(4, 3, 2.0) + 0.5 * mf.Multiquadric(1.0), CLOUD, degree=0),
    "polyharmonic in 3-D": mf.Collocation(mf.Polyharmonic(5), BALL, degree=2),
    "eigenfunctions": mf.Eigenbasis(mf.Gaussian(0.8), CLOUD, degree=6),
    "anisotropic eigenfunctions": mf.Eigenbasis(mf.Gaussian([0.8, 2.0]), CLOUD, degree=4),
    "hyperbolic cross in 3-D": mf.Eigenbasis(mf.Gaussian(1.5), BALL, degree=7, truncation="hyperbolic"),
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_closed_laplacian_is_that_of_autodiff(space):
    points = jnp.asarray(space.cloud.points[::7])
    closed = jax.jit(jax.vmap(space.basis_laplacian))(points)
    by_autodiff = jax.jit(jax.vmap(laplacian(lambda x: space.basis(x))))(points)
    np.testing.assert_allclose(closed, by_autodiff, rtol=1e-11, atol=1e-11 * np.abs(by_autodiff).max())


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_size_is_that_of_the_basis_and_of_the_side_conditions(space):
    assert space.basis(jnp.asarray(space.cloud.points[0])).shape == (space.size,)
    assert space.side_conditions().shape[1] == space.size


def test_a_tail_adds_polynomials_and_their_moment_conditions():
    space = SPACES["anisotropic with tail"]
    assert space.size == len(CLOUD) + 6
    x, y = CLOUD.points.T
    x, y = x - 1, y  # the middle of the box is (1, 0), and its half width 1
    moments = np.stack([np.ones_like(x), y, x, y**2, x * y, x**2])
    np.testing.assert_allclose(space.side_conditions(), np.pad(moments, ((0, 0), (0, 6))), atol=1e-15)


def test_eigenfunctions_are_a_gaussian_times_hermite_polynomials():
    """By hand from Fasshauer & McCourt (2012), eq. 3.4, with SciPy's Hermite polynomials."""
    epsilon, alpha, x = 1 / 0.8, 2.0, 0.3
    beta = (1 + (2 * epsilon / alpha) ** 2) ** 0.25
    delta_squared = alpha**2 * (beta**2 - 1) / 2
    n = np.arange(9)
    norms = np.sqrt(2.0**n * scipy.special.factorial(n))
    expected = np.exp(-delta_squared * x**2) * scipy.special.eval_hermite(n, alpha * beta * x) / norms
    space = mf.Eigenbasis(mf.Gaussian(0.8), mf.Interval(-1.0, 1.0).cloud(0.1), degree=8)
    np.testing.assert_allclose(space.basis(jnp.array([x])), expected, rtol=1e-13)


def test_the_mercer_series_of_the_eigenfunctions_is_the_gaussian():
    """Σ λₙφₙ(x)φₙ(y) = exp(−ε²(x−y)²) with λₙ = √(α²/(α²+δ²+ε²)) (ε²/(α²+δ²+ε²))ⁿ φₙ carrying √β (ibid., eq. 3.3)."""
    epsilon, alpha = 1.0, 2.0
    space = mf.Eigenbasis(mf.Gaussian(1 / epsilon), mf.Interval(-1.0, 1.0).cloud(0.1), degree=40)
    beta = (1 + (2 * epsilon / alpha) ** 2) ** 0.25
    delta_squared = alpha**2 * (beta**2 - 1) / 2
    total = alpha**2 + delta_squared + epsilon**2
    eigenvalues = beta * np.sqrt(alpha**2 / total) * (epsilon**2 / total) ** np.arange(41)
    X = jnp.linspace(-1, 1, 9)[:, None]
    values = jax.vmap(space.basis)(X)
    np.testing.assert_allclose(values * eigenvalues[None, :] @ values.T, mf.Gaussian(1.0)(X, X), atol=1e-13)


def test_derivatives_of_eigenfunctions_need_no_second_recurrence():
    def third(w, t):
        return jax.jacfwd(jax.jacfwd(jax.jacfwd(lambda t: hermite(5, w, t))))(t)

    n, t = np.arange(6), 0.7
    norms = np.sqrt(2.0**n * scipy.special.factorial(n))
    lower = np.concatenate([np.zeros(3), scipy.special.eval_hermite(n[:-3], t)])
    expected = np.exp(0.2) * 8 * n * (n - 1) * (n - 2) * lower / norms
    np.testing.assert_allclose(third(jnp.array(0.2), jnp.array(t)), expected, rtol=1e-13)
    assert str(jax.make_jaxpr(third)(0.2, t)).count("scan[") == 1


def test_the_bounding_box_is_that_of_the_points_where_there_is_no_domain():
    space = mf.Eigenbasis(mf.Gaussian(1.0), mf.Cloud(interior=[[0.0, 1.0], [4.0, 2.0], [1.0, 3.0]]), degree=1)
    np.testing.assert_array_equal(space.center, [2.0, 2.0])
    np.testing.assert_array_equal(space.half_width, [2.0, 1.0])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: mf.Collocation(mf.Gaussian(), CLOUD, degree=-2),
            ValueError,
            "degree is that of the polynomial tail.*got -2",
        ),
        (
            lambda: mf.Collocation(mf.Gaussian(), CLOUD, centers=jnp.ones((3, 1))),
            ValueError,
            r"shape \(n, 2\); got \(3, 1\)",
        ),
        (
            lambda: mf.Collocation(mf.Gaussian([1.0] * 3), CLOUD),
            ValueError,
            r"Gaussian\(\) has 3 scales and the cloud 2 dimensions",
        ),
        (lambda: mf.Eigenbasis(mf.Matern(2.5), CLOUD), TypeError, "Eigenbasis is that of the Gaussian; got .*Matern"),
        (lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, degree=-1), ValueError, "one for every axis; got -1"),
        (lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, degree=(3, -1)), ValueError, r"every axis; got \(3, -1\)"),
        (
            lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, degree=100_000),
            ValueError,
            "degree 100000 makes some 5e.09 func",
        ),
        (
            lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, degree=(2, 10**9)),
            ValueError,
            "makes some 2e.09 functions",
        ),
        (lambda: mf.Collocation(mf.Gaussian(), CLOUD, degree=100_000), ValueError, "46 centers do not determine"),
        (lambda: mf.Stencils(None, CLOUD, degree=100_000), ValueError, "a stencil of .* nodes; expected an integer"),
        (lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, degree=(3, 2, 1)), ValueError, "3 numbers; give one, or 2"),
        (
            lambda: mf.Eigenbasis(mf.Gaussian(), mf.Cloud(interior=[[0.0, 1.0], [1.0, 1.0]])),
            ValueError,
            r"sides \[1.0, 0.0\]: the eigenbasis needs points that differ along every axis. Use Collocation",
        ),
        (lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, alpha=0.0), ValueError, "alpha must be positive; got 0.0"),
        (lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, truncation="full"), ValueError, "'total' or 'hyperbolic'"),
    ],
)
def test_bad_choices_are_clear_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_degree_of_an_axis_bounds_its_functions():
    space = mf.Eigenbasis(mf.Gaussian([0.8, 2.0]), CLOUD, degree=(6, 3))
    assert space.degree == (6, 3)
    assert space.size == sum(1 for i in range(7) for j in range(4) if i + 2 * j <= 6)
    x = jnp.asarray(CLOUD.points[3])
    closed, by_autodiff = space.basis_laplacian(x), laplacian(space.basis)(x)
    np.testing.assert_allclose(closed, by_autodiff, rtol=1e-11, atol=1e-11 * np.abs(by_autodiff).max())


def test_one_degree_on_a_long_box_is_in_proportion_to_its_sides():
    beam = mf.Box((0.0, 0.0), (8.0, 2.0)).cloud(0.5)
    assert mf.Eigenbasis(mf.Gaussian(), beam, degree=24).degree == (48, 12)
    assert mf.Eigenbasis(mf.Gaussian(), mf.Disk().cloud(0.4), degree=24).degree == 24
    same = mf.Eigenbasis(mf.Gaussian(), beam, degree=(6, 6))
    assert same.degree == same.on(mf.Box((0.0, 0.0), (8.0, 2.0)).cloud(1.0)).degree == 6


def test_aspect():
    """Diffusion in space-time, (−π, π) × (0, 1), with nodes as far apart in time as in space."""

    def exact(x):
        return jnp.exp(-x[1]) * (jnp.sin(x[0]) + jnp.sin(2 * x[0]) / 2)

    def source(x):
        return 1.5 * jnp.exp(-x[1]) * jnp.sin(2 * x[0])

    def equation(u, x, n=None):
        return mf.derivative(u, 1)(x) - mf.derivative(mf.derivative(u, 0), 0)(x) - source(x)

    domain = mf.Box((-np.pi, 0.0), (np.pi, 1.0))
    problem = mf.Problem(domain, interior=equation, top=equation, boundary=mf.dirichlet(exact), exact=exact)
    cloud = domain.cloud(0.17, cluster=1.0)
    for degree, size in ((14, 5e-3), ((24, 8), 2e-3)):
        space = mf.Eigenbasis(mf.Gaussian(1.0), cloud, degree=degree)
        assert mf.error(problem, mf.solve(problem, space)) < size


# ---------------------------------------------------------------------------------------------- on another cloud

COARSE, FINE = SQUARE.cloud(0.2), SQUARE.cloud(0.1)
MOVED = {
    "collocation": lambda: mf.Collocation(mf.Gaussian(0.37), COARSE, degree=1),
    "eigenbasis": lambda: mf.Eigenbasis(mf.Gaussian(0.7), COARSE, 6, alpha=1.5, truncation="hyperbolic"),
    "stencils": lambda: mf.Stencils(mf.Matern(4.5, 0.8), COARSE, degree=2, size=14, ghost="left"),
}


@pytest.mark.parametrize("kind", MOVED)
def test_a_space_on_another_cloud_keeps_its_settings(kind):
    moved = MOVED[kind]().on(FINE)
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
