"""The derivative of a solution, forward and reverse, against central differences (up to condition 1e9; DESIGN 5)."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf

NODES, ROWS = SQUARE.cloud(0.25), SQUARE.cloud(0.15, seed=1)
PROBES = SQUARE.sample(20, seed=2)
CONDITION = mf.dirichlet(0.0)


def reaction(rate, power, u, x):
    return -mf.laplacian(u)(x) + rate * u(x) ** power - 10 * jnp.exp(x[0] * x[1])


def observed(scale, rate, power, points, shift=0.0):
    """A number that depends on a kernel's scale, on its centers, and on a coefficient of the equation."""
    centers = jnp.asarray(NODES.points) + shift * jnp.asarray(NODES.points[:, ::-1])
    space = mf.Collocation(mf.Matern(3.5, scale), NODES, centers=centers)
    problem = mf.Problem(SQUARE, interior=jax.tree_util.Partial(reaction, rate, power), boundary=CONDITION)
    return jnp.sum(mf.solve(problem, space, points=points)(PROBES) ** 2)


def closed_over(rate, power, points):
    """The same with the coefficient closed over by a lambda, a tracer that no pytree shows."""
    space = mf.Collocation(mf.Matern(3.5, 0.4), NODES)
    problem = mf.Problem(SQUARE, interior=lambda u, x: reaction(rate, power, u, x), boundary=CONDITION)
    return jnp.sum(mf.solve(problem, space, points=points)(PROBES) ** 2)


POINTS = {"square": None, "least squares": ROWS}
BASE = jnp.array([0.4, 3.0, 0.0])  # the scale, the coefficient, the shift of the centers


def by_arguments(power, points):
    def function(arguments):
        scale, rate, shift = arguments
        return observed(scale, rate, power, POINTS[points], shift)

    return function


@functools.cache
def reverse_gradient(power, points):
    return jax.jit(jax.grad(by_arguments(power, points)))(BASE)


@pytest.mark.parametrize("power", [1, 3], ids=["linear", "nonlinear"])
@pytest.mark.parametrize("points", POINTS)
def test_forward_and_reverse_agree_with_differences(power, points):
    """The differences are those of solutions outside of jit, where the iteration is another loop, and of least squares
    ends where rounding begins, 1e-7 from the solution: that is nothing beside a step of 1e-3.
    """
    function, step = by_arguments(power, points), 1e-3
    differences = [(function(BASE + change) - function(BASE - change)) / (2 * step) for change in step * jnp.eye(3)]
    reverse = reverse_gradient(power, points)
    np.testing.assert_allclose(reverse, jax.jit(jax.jacfwd(function))(BASE), rtol=1e-7)
    np.testing.assert_allclose(reverse, differences, rtol=1e-3)


@pytest.mark.parametrize("power", [1, 3], ids=["linear", "nonlinear"])
def test_a_tracer_closed_over_by_a_residual_is_differentiated_too(power):
    through_closure = jax.jit(jax.grad(lambda rate: closed_over(rate, power, ROWS)))(3.0)
    np.testing.assert_allclose(through_closure, reverse_gradient(power, "least squares")[1], rtol=1e-6)


def test_both_terms_of_least_squares_are_needed():
    """Without dAᵀr the derivative would be −A⁺dr alone; here that is off by more than a tenth."""
    coarse = mf.Collocation(mf.Matern(3.5, 0.4), SQUARE.cloud(0.4))

    def function(scale):
        space = eqx.tree_at(lambda s: s.kernel, coarse, mf.Matern(3.5, scale))
        problem = mf.Problem(SQUARE, interior=jax.tree_util.Partial(reaction, 3.0, 1), boundary=CONDITION)
        return jnp.sum(mf.solve(problem, space, points=ROWS)(PROBES) ** 2)

    step = 1e-5
    difference = (function(0.4 + step) - function(0.4 - step)) / (2 * step)
    np.testing.assert_allclose(jax.jit(jax.grad(function))(0.4), difference, rtol=1e-5)


@pytest.mark.parametrize("solver", ["auto", "lu", "qr", "svd"])
def test_every_solver_has_the_same_derivative(solver):
    def function(scale):
        space = mf.Collocation(mf.Matern(3.5, scale), NODES)
        problem = mf.Problem(SQUARE, interior=jax.tree_util.Partial(reaction, 3.0, 1), boundary=CONDITION)
        return jnp.sum(mf.solve(problem, space, solver=solver)(PROBES) ** 2)

    np.testing.assert_allclose(jax.jit(jax.grad(function))(0.4), reverse_gradient(1, "square")[0], rtol=1e-6)


def test_interpolation_is_differentiable_by_the_scale():
    def function(scale):
        return mf.interpolate(lambda x: jnp.exp(x[0]), mf.Collocation(mf.Matern(3.5, scale), NODES))(PROBES[0])

    step = 1e-4
    difference = (function(0.4 + step) - function(0.4 - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(function)(0.4), difference, rtol=1e-4)
