"""Jets: a function by its derivatives at a point, against the function itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.pde.jets import BeyondJetError, Jet, derivatives_at, monomial_derivatives, needed_order
from meshfree.pde.multi_indices import monomials, total_degree

RATES = np.array([0.5, -1.2, 0.8])
POINTS = {dim: jnp.array([0.3, -0.7, 0.2])[:dim] for dim in (1, 2, 3)}
OPERATORS = {
    "value": (0, lambda u: u, lambda a: 1.0),
    "derivative": (1, lambda u: mf.derivative(u, 0), lambda a: a[0]),
    "gradient": (1, mf.gradient, lambda a: a),
    "laplacian": (2, mf.laplacian, lambda a: a @ a),
    "hessian": (2, mf.hessian, lambda a: np.outer(a, a)),
    "gradient of the laplacian": (3, lambda u: mf.gradient(mf.laplacian(u)), lambda a: a * (a @ a)),
    "laplacian of a derivative": (3, lambda u: mf.laplacian(mf.derivative(u, 0)), lambda a: a[0] * (a @ a)),
    "biharmonic": (4, mf.biharmonic, lambda a: (a @ a) ** 2),
}


def wave(x):
    """exp(a·x), an eigenfunction of every operator."""
    return jnp.exp(x @ RATES[: x.size])


def jet_of_wave(x, order):
    return Jet(x, wave(x) * np.prod(RATES[: x.size] ** total_degree(x.size, order), axis=1), order)


def jet_of(function, x, order):
    return Jet(x, derivatives_at(function, x, order), order)


def pair(x):
    return jnp.stack([wave(x), x[0] * x[1] ** 2])


@pytest.mark.parametrize(
    ("dim", "name"),
    [(2, name) for name in OPERATORS] + [(dim, name) for dim in (1, 3) for name in ("gradient", "laplacian")],
)
def test_an_operator_of_a_jet_is_that_of_the_function(dim, name):
    order, operator, factor = OPERATORS[name]
    x = POINTS[dim]
    expected = factor(RATES[:dim]) * wave(x)
    np.testing.assert_allclose(operator(jet_of_wave(x, order))(x), expected, rtol=1e-13)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_derivatives_of_a_function_by_autodiff(dim):
    x = POINTS[dim]
    np.testing.assert_allclose(derivatives_at(wave, x, 3), jet_of_wave(x, 3).derivatives, rtol=1e-13)


@pytest.mark.parametrize("operator", [mf.jacobian, mf.laplacian, mf.divergence])
def test_vector_fields_have_jets(operator):
    x = POINTS[2]
    np.testing.assert_allclose(operator(jet_of(pair, x, 2))(x), operator(pair)(x), rtol=1e-12)


def test_a_jet_may_be_longer_than_needed():
    x = POINTS[2]
    for order in (3, 5):
        np.testing.assert_allclose(mf.laplacian(jet_of_wave(x, order))(x), mf.laplacian(wave)(x), rtol=1e-12)


def test_the_gradient_by_a_jet_says_which_derivatives_an_equation_takes():
    """2 u_yy − 3 u_x + u, linear in (u, u_y, u_x, u_yy, u_xy, u_xx)."""
    x = POINTS[2]

    def equation(derivatives):
        u = Jet(x, derivatives, 2)
        return 2 * mf.hessian(u)(x)[1, 1] - 3 * mf.derivative(u, 0)(x) + u(x)

    np.testing.assert_array_equal(total_degree(2, 2), [[0, 0], [0, 1], [1, 0], [0, 2], [1, 1], [2, 0]])
    np.testing.assert_array_equal(jax.grad(equation)(jnp.ones(6)), [1.0, 0.0, -3.0, 2.0, 0.0, 0.0])


def test_away_from_its_point_a_jet_is_nan():
    x = POINTS[2]
    u = jet_of_wave(x, 2)
    assert np.isfinite(u(x))
    assert np.all(np.isnan([u(x + 1e-12), mf.laplacian(u)(x + 1e-12), mf.derivative(u, 0)(x / 2)]))


@pytest.mark.parametrize("operator", [mf.laplacian, mf.hessian, lambda u: mf.derivative(mf.derivative(u, 0), 1)])
def test_a_derivative_that_a_jet_lacks_is_an_error(operator):
    x = POINTS[2]
    with pytest.raises(BeyondJetError):
        operator(jet_of_wave(x, 1))(x)


@pytest.mark.parametrize(
    ("residual", "order"),
    [
        (lambda u, x: x[0], 0),
        (lambda u, x: u(x) ** 2, 0),
        (lambda u, x: jnp.sum(mf.gradient(u)(x) ** 2), 1),
        (lambda u, x: mf.laplacian(u)(x) + mf.gradient(u)(x)[0], 2),
        (lambda u, x: mf.divergence(lambda y: (1 + y[0]) * mf.gradient(u)(y))(x), 2),
        (lambda u, x: mf.laplacian(lambda y: u(y) ** 3)(x), 2),
        (lambda u, x: mf.gradient(mf.laplacian(u))(x)[0], 3),
        (lambda u, x: mf.biharmonic(u)(x), 4),
        (lambda u, x: mf.biharmonic(mf.laplacian(u))(x), 6),
    ],
)
def test_the_order_of_a_residual_is_found(residual, order):
    assert needed_order(residual, 2) == order


def test_the_order_of_a_residual_of_several_fields_is_found():
    assert needed_order(lambda u, x: u(x)[0] + mf.laplacian(u)(x)[1], 2, fields=2) == 2


def test_orders_beyond_the_highest_are_refused():
    with pytest.raises(ValueError, match="derivatives beyond order 8, which local spaces do not have"):
        needed_order(lambda u, x: mf.gradient(mf.biharmonic(mf.biharmonic(u)))(x)[0], 1)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("order", [0, 3])
def test_the_derivatives_of_monomials_are_those_of_autodiff(order, dim):
    x, exponents = POINTS[dim], total_degree(dim, 3)
    closed = monomial_derivatives(x, exponents, order)
    np.testing.assert_allclose(closed, derivatives_at(lambda y: monomials(y, exponents), x, order), rtol=1e-13)


def test_the_derivatives_of_monomials_are_exact_at_the_origin():
    """Dᵅ xᵝ at 0 is α! for α = β, and 0 otherwise."""
    exponents = total_degree(2, 3)
    factorials = np.array([1, 1, 1, 2, 1, 2, 6, 2, 2, 6.0])
    np.testing.assert_array_equal(monomial_derivatives(jnp.zeros(2), exponents, 3), np.diag(factorials))
