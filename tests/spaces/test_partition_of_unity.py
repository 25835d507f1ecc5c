"""Stencils' functions between the nodes: a smooth partition of unity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

DOMAINS = {1: mf.Interval(0.0, 1.0), 2: mf.Disk(), 3: mf.Ball()}
SPACINGS = {1: 0.05, 2: 0.2, 3: 0.45}
SPACES = {dim: mf.Stencils(None, DOMAINS[dim].cloud(SPACINGS[dim]), {1: 4, 2: 4, 3: 2}[dim]) for dim in (1, 2, 3)}


def f(x):
    return jnp.sin(2 * x[0]) * jnp.exp(x[-1])


def interpolant(dim, function=f):
    return mf.interpolate(function, SPACES[dim])


def batched(function):
    return jax.jit(jax.vmap(lambda x: function(x)))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_nodal_values_are_taken_exactly(dim):
    u = interpolant(dim)
    np.testing.assert_allclose(u(SPACES[dim].cloud.points), u.coefficients, rtol=1e-10, atol=1e-11)


def test_polynomials_up_to_the_degree_are_reproduced_everywhere():
    def quartic(x):
        return x[0] ** 4 - 2 * x[0] ** 3 * x[1] + x[1] ** 2 + 1

    u, X = interpolant(2, quartic), DOMAINS[2].sample(40)
    np.testing.assert_allclose(u(X), jax.vmap(quartic)(jnp.asarray(X)), atol=1e-11)
    np.testing.assert_allclose(batched(mf.laplacian(u))(X), batched(mf.laplacian(quartic))(X), atol=1e-8)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_one_point_many_points_and_traced_points_agree(dim):
    u, X = interpolant(dim), jnp.asarray(DOMAINS[dim].sample(6))
    many = u(X)
    np.testing.assert_allclose([u(x) for x in X], many, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(batched(u)(X), many, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(jax.jit(lambda X: u(X))(X), many, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_gradients_and_laplacians_are_those_of_differences(dim):
    u, X, step = interpolant(dim), jnp.asarray(DOMAINS[dim].sample(5)) * 0.9, 1e-4
    axes = step * np.eye(dim)
    steps = [(u(X + e), u(X - e)) for e in axes[:, None]]
    np.testing.assert_allclose(
        batched(mf.gradient(u))(X), np.stack([(up - down) / (2 * step) for up, down in steps], axis=1), atol=1e-5
    )
    second = sum((up - 2 * u(X) + down) / step**2 for up, down in steps)
    np.testing.assert_allclose(batched(mf.laplacian(u))(X), second, rtol=1e-3, atol=1e-3)


def test_value_gradient_and_laplacian_have_no_jumps_from_stencil_to_stencil():
    """Along a line across many stencils, twentyfold finer steps move each of them a twentieth as far."""
    u = interpolant(2)

    def largest_step(operator, count):
        line = jnp.stack([jnp.linspace(0.0, 0.5, count), jnp.linspace(0.1, 0.4, count)], axis=1)
        return np.abs(np.diff(batched(operator(u))(line), axis=0)).max()

    for operator in (lambda u: u, mf.gradient, mf.laplacian):
        assert largest_step(operator, 2001) < 0.1 * largest_step(operator, 101)


def test_derivatives_are_as_accurate_as_the_method():
    u, X = interpolant(2), jnp.asarray(DOMAINS[2].sample(200))
    for operator, bar in [(mf.gradient, 1e-2), (mf.laplacian, 0.2)]:
        difference = batched(operator(u))(X) - batched(operator(f))(X)
        assert np.sqrt(np.mean(difference**2)) < bar


def test_beyond_the_nodes_it_goes_on():
    u, outside = interpolant(2), jnp.array([1.03, 0.0])
    np.testing.assert_allclose(u(outside), f(outside), atol=1e-2)
    np.testing.assert_allclose(mf.gradient(u)(outside), mf.gradient(f)(outside), atol=0.1)


def test_several_fields_are_evaluated_at_once():
    def pair(x):
        return jnp.stack([f(x), 1 - f(x)])

    u, X = interpolant(2, pair), DOMAINS[2].sample(10)
    assert u(X).shape == (10, 2)
    np.testing.assert_allclose(jnp.sum(u(X), axis=1), 1.0, rtol=1e-10)
    np.testing.assert_allclose(u(X)[:, 0], interpolant(2)(X), rtol=1e-10, atol=1e-12)
