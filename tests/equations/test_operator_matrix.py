"""Interpolation, and matrices of operators, in both global spaces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

CLOUD = mf.Disk().cloud(0.2, cluster=1.0)
TRANSLATES = mf.Collocation(mf.Matern(5.5, 1.5), CLOUD)
SPACES = {
    "translates": TRANSLATES,
    "with tail": mf.Collocation(mf.Polyharmonic(7), CLOUD, degree=3),
    "eigenfunctions": mf.Eigenbasis(mf.Gaussian(1.5), CLOUD, degree=12),
}
OPERATORS = {
    "identity": None,
    "derivative": lambda u: mf.derivative(u, 0),
    "laplacian": mf.laplacian,
    "gradient": mf.gradient,
    "hessian of x": lambda u: lambda x: mf.hessian(u)(x)[0],
}
X = mf.Disk().sample(30, seed=3)


def f(x):
    return jnp.exp(x[0]) * jnp.cos(x[1])


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_interpolants_take_the_values_and_come_near_elsewhere(space):
    u = mf.interpolate(f, space)
    np.testing.assert_allclose(u(CLOUD.points), jax.vmap(f)(jnp.asarray(CLOUD.points)), atol=1e-5)
    np.testing.assert_allclose(u(X), jax.vmap(f)(jnp.asarray(X)), atol=2e-4)


def test_values_and_functions_and_solutions_interpolate_alike():
    by_function = mf.interpolate(f, TRANSLATES)
    by_values = mf.interpolate(jax.vmap(f)(jnp.asarray(CLOUD.points)), TRANSLATES)
    by_solution = mf.interpolate(by_function, TRANSLATES)
    np.testing.assert_array_equal(by_function.coefficients, by_values.coefficients)
    np.testing.assert_allclose(by_solution(X), by_function(X), atol=1e-10)


def test_vector_values_make_vector_fields():
    u = mf.interpolate(lambda x: jnp.stack([f(x), x[1]]), SPACES["with tail"])
    np.testing.assert_allclose(u(X)[:, 1], X[:, 1], atol=1e-8)
    np.testing.assert_allclose(u(X)[:, 0], mf.interpolate(f, SPACES["with tail"])(X), atol=1e-8)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_a_matrix_times_the_coefficients_is_the_operator_of_the_function(space, operator):
    u = mf.interpolate(f, space)
    applied = u if operator is None else jax.jit(jax.vmap(operator(u)))
    matrix = mf.matrix(space, operator, X)
    np.testing.assert_allclose(matrix @ u.coefficients, applied(jnp.asarray(X)), rtol=1e-8, atol=1e-8)


def test_a_matrix_is_that_of_gram_and_grad_for_translates():
    np.testing.assert_allclose(mf.matrix(TRANSLATES), TRANSLATES.kernel(CLOUD.points, CLOUD.points), atol=1e-15)
    gradients = np.moveaxis(TRANSLATES.kernel.grad(X, CLOUD.points), 2, 1)
    np.testing.assert_allclose(mf.matrix(TRANSLATES, mf.gradient, X), gradients, atol=1e-14)


def test_points_of_the_line_may_be_a_1d_array():
    space = mf.Eigenbasis(mf.Gaussian(2.0), mf.Interval(0.0, 1.0).cloud(0.1), degree=5)
    assert mf.matrix(space, mf.laplacian, [0.1, 0.2, 0.3]).shape == (3, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: mf.interpolate(np.ones(3), TRANSLATES),
            r"values must have shape \(\d+,\) or \(\d+, fields\); got \(3,\)",
        ),
        (lambda: mf.interpolate(f, mf.Eigenbasis(mf.Gaussian(), CLOUD, degree=30)), "equations for 496 unknowns"),
        (lambda: mf.matrix(TRANSLATES, X=np.ones((3, 1))), r"X must have shape \(m, 2\); got \(3, 1\)"),
    ],
)
def test_bad_input_is_a_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
