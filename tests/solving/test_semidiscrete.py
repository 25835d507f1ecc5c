"""Equations of several fields as half implicit steps see them."""

import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.solving.semidiscrete import SLOW, equations_in_time, started

RATE = 2.0  # of each field in the other's equation


def exchange(u, x, t):
    a, b = u(x)
    return mf.time_derivative(u)(x) - 0.1 * mf.laplacian(u)(x) + jnp.array([RATE * b + a**2, b - RATE * a])


def ends(u, x, n, t):
    """The sum of the fields is given, and the slope of the first."""
    a, b = u(x)
    return jnp.array([a + b - 1.0, mf.derivative(u, n)(x)[0]])


def start(x):
    return jnp.array([1 - x[0] ** 2 * (1 - x[0]) ** 2, x[0] ** 2 * (1 - x[0]) ** 2])


PROBLEM = mf.Problem(mf.Interval(), interior=exchange, boundary=ends, initial=start, fields=2)
SPACE = mf.Stencils(None, mf.Interval().cloud(0.05), 4)


@pytest.fixture(scope="module")
def evolution():
    system, c = equations_in_time(PROBLEM, SPACE, None, None, 0.0, False)
    return started(system, np.asarray(c), 0.0, "auto")[:2]


@pytest.mark.parametrize(("slower", "apart"), [(1.01, True), (0.99, False)])
def test_fields_are_factored_apart_where_the_step_hardly_sees_what_they_exchange(evolution, slower, apart):
    equations, c = evolution
    alpha = slower * RATE / SLOW
    mass, kept, factor = equations.linear_part(0.0, c, alpha)
    whole = equations.products(0.0, c)[1].toarray()
    expected, field = whole.copy(), np.arange(c.size) % 2
    if apart:
        rates = np.flatnonzero(equations.differential)
        other = field[rates][:, None] != field  # a row of the interior has the number of its field, as columns have
        expected[rates] = np.where(other, 0.0, whole[rates])
        assert np.linalg.norm(whole - expected) == pytest.approx(RATE * np.sqrt(len(rates)))
    np.testing.assert_array_equal(kept.toarray(), expected)
    x = np.cos(np.arange(c.size))
    np.testing.assert_allclose(factor.solve(kept @ x + alpha * (mass @ x)), x, rtol=1e-8)


def test_half_implicit_steps_of_fields_that_exchange_agree_with_implicit_ones():
    ours, known = (mf.evolve(PROBLEM, SPACE, (0, 0.5), 1e-5, method).final.coefficients for method in ("imex", "bdf"))
    np.testing.assert_allclose(ours, known, atol=1e-4 * np.max(np.abs(known)))
