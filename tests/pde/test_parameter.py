# ruff: noqa: E501
"""Problems with a parameter: the last argument of all callables."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.pde.evolving import Evolving, at_time


def heat(u, x, t):
    return mf.time_derivative(u)(x) - mf.laplacian(u)(x)


def exact(x, t):
    return jnp.exp(-t) * jnp.sin(x[0]) * x[1]


def problem(**changed):
    return mf.Problem(mf.Box(), **({"interior": heat, "boundary": mf.dirichlet(exact)} | changed))


def test_a_problem_at_a_parameter_is_a_stationary_one():
    """-Δu = λ x₀ y: twice the parameter is twice the solution."""
    with_parameter = mf.Problem(
        mf.Box(),
        interior=lambda u, x, lam: mf.laplacian(u)(x) + lam * x[0] * x[1],
        boundary=mf.dirichlet(lambda x, lam: lam * x[0]),
    )
    assert with_parameter.has_parameter
    space = mf.Eigenbasis(mf.Gaussian(1.0), mf.Box().cloud(0.2), degree=6)
    one, two = (mf.solve(with_parameter.at(lam), space) for lam in (1.0, 2.0))
    at = np.array([0.3, 0.4])
    assert float(two(at)) == pytest.approx(2 * float(one(at)), rel=1e-10)


def test_exact_and_conditions_are_those_at_the_parameter():
    at = problem(exact=exact).at(0.5)
    x = jnp.array([0.3, 0.7])
    assert not at.has_parameter
    assert float(at.exact(x)) == pytest.approx(float(exact(x, 0.5)))
    condition = at.conditions["boundary"]
    assert float(condition(lambda y: 0.0 * y[0], x, x)) == pytest.approx(-float(exact(x, 0.5)))
    assert "at 0.5" in repr(at)


def test_the_parameter_is_a_leaf_and_may_be_differentiated():
    slope = jax.grad(lambda t: problem(exact=exact).at(t).exact(jnp.array([0.3, 0.7])))(0.5)
    assert float(slope) == pytest.approx(-float(exact(jnp.array([0.3, 0.7]), 0.5)))


def test_manufactured_solutions_may_move():
    """u_t − Δu = s with the source s of the exact solution: the residual of it vanishes at all times."""
    residual = mf.manufactured(heat, exact)
    x, t = jnp.array([0.3, 0.7]), 0.4
    assert float(residual(at_time(exact, t), x, t)) == pytest.approx(0, abs=1e-14)
    assert problem(interior=residual).has_parameter
    boundary = mf.manufactured(mf.neumann(), exact)
    assert float(boundary(at_time(exact, t), x, jnp.array([1.0, 0.0]), t)) == pytest.approx(0, abs=1e-14)


def test_the_rate_of_what_moves():
    x = jnp.array([0.3, 0.7])
    u = Evolving(lambda y: y[0] ** 2 * y[1], lambda y: y[1] ** 3)
    assert float(mf.time_derivative(u)(x)) == pytest.approx(0.7**3)
    assert float(mf.laplacian(mf.time_derivative(u))(x)) == pytest.approx(6 * 0.7)
    assert float(mf.laplacian(u)(x)) == pytest.approx(2 * 0.7)


BAD = {
    "time_derivative of what was made of u": (lambda: mf.time_derivative(mf.laplacian(lambda x: x[0])), ValueError, "laplacian(time_derivative(u))"),
    "time_derivative of a number": (lambda: mf.time_derivative(1.0), TypeError, "needs a function of x, u itself"),
    "a condition without": (lambda: problem(boundary=lambda u, x, n: u(x)), TypeError, "interior: with a parameter, such as time; boundary: without"),
    "a value without": (lambda: problem(boundary=mf.dirichlet(lambda x: x[0])), TypeError, "the value in boundary=: without"),
    "an exact solution without": (lambda: problem(exact=lambda x: x[0]), TypeError, "exact: without"),
    "an interior without": (lambda: problem(interior=lambda u, x: u(x)), TypeError, "interior: without"),
    "one argument more": (lambda: problem(interior=lambda u, x, t, s: u(x)), TypeError, "interior= must be a residual(u, x)"),
    "a closure's default is none": (lambda: problem(interior=lambda u, x, k=1.0: k * u(x)), TypeError, "interior: without"),
    "initial values that move": (lambda: problem(initial=exact), TypeError, "needs a function of x as initial"),
    "at of a stationary one": (lambda: mf.Problem(mf.Box(), interior=lambda u, x: u(x), boundary=mf.dirichlet()).at(1.0), ValueError, "has no parameter"),
    "at of several": (lambda: problem().at(np.ones(2)), ValueError, "the parameter is one number"),
    "solve": (lambda: mf.solve(problem(), mf.Stencils(None, mf.Box().cloud(0.3), 2)), ValueError, "problem.at(value)"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "words"), BAD.values(), ids=BAD)
def test_a_parameter_that_is_missing_or_too_many_is_an_error(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        call()


def test_a_value_knows_no_normal():
    words = r"hole= has a value of \(x, n\); expected g\(x\), or g\(x, t\).*hole=lambda u, x, n: mf.gradient"
    with pytest.raises(TypeError, match=words):
        mf.Problem(None, interior=lambda u, x: u(x), hole=mf.neumann(lambda x, n: n[0]))
