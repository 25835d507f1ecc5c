"""Gaussian processes given equations: the mean, what it leaves open, and the errors of wrong use."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.solving.conditioning import conditioned, likely_amplitude
from meshfree.solving.posterior import Posterior
from meshfree.spaces.gaussian_process import Observed

CLOUD = SQUARE.cloud(0.2, cluster=1.0)
X = SQUARE.sample(40, seed=3)
KERNEL = mf.Matern(5.5, 1.5)


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1] / 2)


def poisson(**changed) -> mf.Problem:
    given = {"interior": mf.manufactured(lambda u, x: mf.laplacian(u)(x), exact), "boundary": mf.dirichlet(exact)}
    return mf.Problem(SQUARE, **given | changed, exact=exact)


@pytest.fixture(scope="module")
def u():
    return mf.solve(poisson(), mf.GaussianProcess(KERNEL, CLOUD))


def test_the_mean_and_its_band(u):
    error, deviation = np.asarray(u(X)) - np.asarray(jax.vmap(exact)(X)), np.asarray(u.std(X))
    assert u.std(X[0]).shape == () and float(u.std(X[0])) == pytest.approx(deviation[0], rel=1e-6)
    assert mf.error(poisson(), u) < 2e-4
    assert u.stats["nugget"] == 1e-13 and max(u.stats["residual"].values()) < 1e-7
    assert 0.02 < np.sqrt(np.mean(error**2) / np.mean(deviation**2)) < 1
    assert np.mean(np.abs(error) < 2 * deviation) >= 0.9
    assert np.all(deviation < 1e-2 * u.std(X + 5.0))  # far away the process knows nothing


def test_the_posterior_is_that_of_the_formula(u):
    """By NumPy, from the kernel alone: values at some points given the values at others."""
    nodes, space = np.asarray(CLOUD.points), mf.GaussianProcess(mf.Matern(2.5, 0.4), CLOUD)
    v = mf.interpolate(exact, space)
    kernel, values = space.kernel, np.asarray(jax.vmap(exact)(nodes))
    K, k = np.asarray(kernel(nodes, nodes)), np.asarray(kernel(X, nodes))
    weights = np.linalg.solve(K, values)
    np.testing.assert_allclose(v(X), k @ weights, rtol=1e-8)
    amplitude = np.mean(weights**2 / np.diagonal(np.linalg.inv(K)))
    np.testing.assert_allclose(v.amplitude, amplitude, rtol=1e-8)
    known = amplitude * (np.asarray(kernel(X, X)) - k @ np.linalg.solve(K, k.T))
    np.testing.assert_allclose(v.covariance(X), known, atol=1e-9 * amplitude)
    np.testing.assert_allclose(v.covariance(X, X[:3]), known[:, :3], atol=1e-9 * amplitude)
    np.testing.assert_allclose(v.std(X), np.sqrt(np.diagonal(known)), rtol=1e-5)
    drawn = np.asarray(v.sample(jax.random.key(0), 4000, X))
    np.testing.assert_allclose(np.cov(drawn.T), known, atol=0.1 * known.max())
    np.testing.assert_allclose(drawn.mean(axis=0), v(X), atol=0.05 * np.sqrt(known.max()))


def test_of_any_functional(u):
    """At the nodes the equation is known and its value elsewhere is not; a derivative by its difference."""
    source = u.std(np.asarray(CLOUD["interior"])[:5], of=lambda u, x: -mf.laplacian(u)(x))
    assert np.all(source < 1e-3 * u.std(X[:5], of=lambda u, x: -mf.laplacian(u)(x)).max())
    h, x = 1e-3, X[:1]
    pair = x + np.array([[h, 0.0], [-h, 0.0]])
    variance = np.asarray(u.covariance(pair) / (2 * h) ** 2)
    slope = u.std(x, of=lambda u, x: mf.derivative(u, 0)(x))
    np.testing.assert_allclose(slope[0], np.sqrt(variance[0, 0] + variance[1, 1] - 2 * variance[0, 1]), rtol=0.05)
    assert u.std(X, of=lambda u, x: mf.gradient(u)(x)).shape == (40, 2)
    assert u.sample(jax.random.key(1), 3, X, of=lambda u, x: mf.gradient(u)(x)).shape == (3, 40, 2)


def test_a_posterior_is_saved_with_its_band(u, tmp_path):
    u.save(tmp_path / "u.npz")
    again = mf.Solution.load(tmp_path / "u.npz")
    assert type(again) is type(u)
    np.testing.assert_array_equal(again(X), u(X))
    np.testing.assert_array_equal(again.std(X), u.std(X))
    np.testing.assert_allclose(mf.laplacian(again)(X[0]), -1.25 * np.pi**2 * exact(X[0]), rtol=1e-2)


def test_a_nonlinear_problem():
    def cubic(u, x):
        return -mf.laplacian(u)(x) + 5 * u(x) ** 3

    problem = mf.Problem(SQUARE, interior=mf.manufactured(cubic, exact), boundary=mf.dirichlet(exact), exact=exact)
    u = mf.solve(problem, mf.GaussianProcess(KERNEL, CLOUD))
    assert mf.error(problem, u) < 2e-4
    assert 2 <= u.stats["steps"] <= 12


def test_two_fields():
    def both(u, x):
        bent = mf.laplacian(u)(x)
        return jnp.stack([bent[0] + u(x)[1], bent[1] - u(x)[0]])

    def known(x):
        return jnp.stack([exact(x), x[0] * exact(x)])

    problem = mf.Problem(
        SQUARE, interior=mf.manufactured(both, known), boundary=mf.dirichlet(known), fields=2, exact=known
    )
    u = mf.solve(problem, mf.GaussianProcess(KERNEL, CLOUD))
    assert mf.error(problem, u) < 1e-3
    assert u.std(X).shape == (40, 2) and u[1](X).shape == (40,)
    assert u.covariance(X[:3], X[:2]).shape == (3, 2, 2, 2)
    assert mf.residual_norm(problem, u, SQUARE.cloud(0.3, seed=4)) < 1e-1


def test_losses_follow_their_slopes():
    small, problem = SQUARE.cloud(0.5), poisson()
    for make in (mf.losses.leave_one_out, mf.losses.likelihood):
        loss = make(problem)

        def of(scale, loss=loss):
            return loss(mf.GaussianProcess(mf.Matern(5.5, scale), small))

        np.testing.assert_allclose(jax.grad(of)(0.9), (of(0.9001) - of(0.8999)) / 2e-4, rtol=1e-5)


def test_noisy_data_tell_the_amplitude():
    """By their likelihood: 400 values of a process of amplitude 4 under noise of variance 0.04."""
    rng, points = np.random.default_rng(2), np.linspace(0, 1, 400)
    K = np.asarray(mf.Matern(2.5, 0.05)(points, points))
    values = np.linalg.cholesky(4 * K + 0.04 * np.eye(400)) @ rng.standard_normal(400)
    assert 2.5 < likely_amplitude(K, values, np.full(400, 0.04)) < 6


def test_the_derivatives_of_a_process_with_noisy_data():
    """By the kernel's scale, a coefficient and the values, of u, its band and the amplitude: against differences."""
    cloud, points = mf.Interval(0, 1).cloud(0.12), np.linspace(0.1, 1.0, 8)
    read = np.sin(2 * points) + 0.02 * np.random.default_rng(0).standard_normal(8)

    def load(factor, u, x):
        return mf.laplacian(u)(x) + factor * jnp.sin(2 * x[0])

    def of(t):
        heads = mf.Data(points, jnp.asarray(read) + t[1] * jnp.asarray(points**2), 0.02)
        interior = jax.tree_util.Partial(load, 4.0 + t[2])
        problem = mf.Problem(mf.Interval(0, 1), interior=interior, left=mf.dirichlet(0.0), right=None, heads=heads)
        u = mf.solve(problem, mf.GaussianProcess(mf.Matern(4.5, 0.8 + t[0]), cloud))
        x = jnp.array([0.77])
        return jnp.stack([u(x), u.std(x[None])[0], jnp.log(jnp.asarray(u.amplitude))])

    start, h = jnp.zeros(3), 1e-4
    found = [(of(start.at[i].set(h)) - of(start.at[i].set(-h))) / (2 * h) for i in range(3)]
    reverse = jax.jit(jax.jacrev(of))(start)
    np.testing.assert_allclose(reverse, np.stack(found, axis=1), rtol=1e-3, atol=1e-5)
    direction = jnp.array([1.0, -0.7, 0.4])  # with a share of each
    forward = jax.jvp(of, (start,), (direction,))[1]
    np.testing.assert_allclose(forward, reverse @ direction, rtol=1e-5, atol=1e-7)


def test_zero_data_leave_the_amplitude_of_the_kernel():
    """No flux and no source leave the constant free, and the band says so."""
    problem = mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.neumann(0.0))
    u = mf.solve(problem, mf.GaussianProcess(KERNEL, CLOUD))
    assert u.amplitude == 1
    np.testing.assert_allclose(u(X), 0, atol=1e-12)
    assert np.all(u.std(X) > 0.1)


@pytest.mark.parametrize("with_equations", [True, False])
def test_noisy_values_beside_equations_and_alone(with_equations):
    """The right edge unknown, 30 values of standard deviation 0.02: most of the domain lies within two deviations."""
    points, inside = SQUARE.sample(30, seed=3), len(CLOUD["interior"])
    known = np.setdiff1d(np.arange(len(CLOUD)), np.arange(len(CLOUD))[CLOUD.parts["right"]]) if with_equations else []
    nodes = np.asarray(CLOUD.points)[np.asarray(known, int)]
    gradient, is_inside = np.zeros((len(nodes) + 30, 1, 6)), np.append(np.asarray(known, int) < inside, [False] * 30)
    gradient[is_inside, 0, 3] = gradient[is_inside, 0, 5] = 1.0
    gradient[~is_inside, 0, 0] = 1.0
    every = np.concatenate([nodes, points])
    data = np.where(is_inside, -1.25 * np.pi**2, 1.0) * np.asarray(jax.vmap(exact)(every))
    noise = np.append(np.zeros(len(nodes)), np.full(30, 0.02**2))
    data += np.sqrt(noise) * np.random.default_rng(0).standard_normal(len(data))
    space = mf.GaussianProcess(KERNEL, CLOUD).given(Observed(every, gradient, noise))
    found = conditioned(space, data)
    u = Posterior(space, jnp.asarray(found.coefficients), {}, jnp.asarray(found.amplitude))
    error, deviation = np.asarray(u(X)) - np.asarray(jax.vmap(exact)(X)), np.asarray(u.std(X))
    assert np.sqrt(np.mean(error**2)) < (1e-2 if with_equations else 5e-2)
    assert np.mean(np.abs(error) < 2 * deviation) >= 0.8
    assert 0.1 < np.sqrt(np.mean(error**2) / np.mean(deviation**2)) < 2


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (mf.Wendland(4, 3, 2.0), r"Wendland\(smoothness=4, dim=3\).*takes 6.*tens of times"),
        (mf.Matern(2.5, 1.0), r"Matern\(nu=2.5\).*Matern\(3.5\)"),
    ],
)
def test_a_kernel_that_does_not_serve_is_refused(kernel, words):
    with pytest.raises(ValueError, match=words):
        mf.solve(poisson(), mf.GaussianProcess(kernel, CLOUD))


@pytest.mark.parametrize("kernel", [mf.Multiquadric(1.0), mf.Polyharmonic(7), mf.Matern(4.5) + mf.Multiquadric(1.0)])
def test_a_kernel_that_is_not_definite_is_refused_at_once(kernel):
    with pytest.raises(ValueError, match="not known to be positive definite"):
        mf.GaussianProcess(kernel, CLOUD)


def test_wrong_use(u):
    space = mf.GaussianProcess(KERNEL, CLOUD)
    with pytest.raises(ValueError, match="'interior' is not local"):
        mf.solve(poisson(interior=lambda u, x: mf.laplacian(u)(x) + u(x + 0.1)), space)
    with pytest.raises(ValueError, match=r"'interior' at x = .* does not contain u"):
        mf.solve(poisson(interior=lambda u, x: 0.0 * u(x) + x[0]), space)
    with pytest.raises(ValueError, match="weights= and solver="):
        mf.solve(poisson(), space, weights={"interior": 1.0})
    with pytest.raises(ValueError, match="mean="):
        mf.solve(poisson(mean=lambda u, x: u(x)), space)
    with pytest.raises(ValueError, match=r"only once mf\.solve"):
        mf.matrix(space, mf.laplacian, X)
    with pytest.raises(TypeError, match=r"jax.random.key\(0\)"):
        u.sample(5, 3, X)
    with pytest.raises(ValueError, match=r"shape \(m, 2\)"):
        u.std(np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"likelihood is that of a mf\.GaussianProcess"):
        mf.losses.likelihood(poisson())(mf.Collocation(KERNEL, CLOUD))
