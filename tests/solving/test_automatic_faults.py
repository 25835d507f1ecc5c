"""Problems that a chosen space was wrong for without a sign, or refused: narrow data, thin domains, free parts."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

import meshfree as mf
from meshfree.solving import automatic

LINE = mf.Interval(0.0, 1.0)
SLOW = 200.0  # seconds for a ladder in tests, where programs are compiled without optimization and cores are shared


def poisson(exact, domain=LINE):
    interior = mf.manufactured(lambda u, x: mf.laplacian(u)(x), exact)
    return mf.Problem(domain, interior=interior, boundary=mf.dirichlet(exact), exact=exact)


def peak(width, at, rest=1.0):
    return poisson(lambda x: rest * x[0] + jnp.exp(-(((x[0] - at) / width) ** 2)))


def impulse(width=1e-3):
    """u'' = a narrow peak between the first nodes: u is nearly |x − 0.3|/2 + (x − 0.3)/2, and the data are nearly 0."""

    def exact(x):
        s = (x[0] - 0.3) / width
        return width / 2 * (s + s * erf(s) + jnp.exp(-(s**2)) / jnp.sqrt(jnp.pi))

    def interior(u, x):
        return mf.laplacian(u)(x) - jnp.exp(-(((x[0] - 0.3) / width) ** 2)) / (width * jnp.sqrt(jnp.pi))

    return mf.Problem(LINE, interior=interior, boundary=mf.dirichlet(exact), exact=exact)


def step(width=1e-4):
    """(a u')' = 0, a a steep step between the first nodes, which see a constant coefficient."""

    def a(x):
        return 1 + 0.9 * jnp.tanh((x[0] - 0.3) / width)

    def exact(x):
        s = (x[0] - 0.3) / width
        return width * (s - 0.9 * jnp.logaddexp(s + jnp.log(0.95), -s + jnp.log(0.05))) / 0.19

    def interior(u, x):
        return mf.derivative(lambda y: a(y) * mf.derivative(u, 0)(y), 0)(x)

    return mf.Problem(LINE, interior=interior, boundary=mf.dirichlet(exact), exact=exact)


def power(p=1.5):
    def exact(x):
        return x[0] ** p

    def interior(u, x):
        return mf.laplacian(u)(x) - p * (p - 1) * x[0] ** (p - 2)

    return mf.Problem(LINE, interior=interior, boundary=mf.dirichlet(exact), exact=exact)


CASES = {
    "peak where extrapolated estimates were too small": (peak(0.005, 0.137), 1e-6),
    "peak where unresolved estimates ended the search": (peak(0.005, 0.5), 1e-6),
    "peak alone, whose data all first nodes miss": (peak(0.001, 0.7123, 0.0), 1e-4),
    "impulse in the data": (impulse(), 1e-3),
    "step in the coefficient": (step(), 1e-4),
    "singular second derivative": (power(), 1e-4),
    "small and fast wave": (poisson(lambda x: jnp.cos(x[0]) + 1e-3 * jnp.sin(200 * x[0])), 1e-6),
    "thin annulus": (poisson(lambda x: jnp.exp(x[0]) * jnp.sin(3 * x[1]), mf.Annulus(inner=0.9, outer=1.0)), 1e-5),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_reached_is_so(name):
    problem, tol = CASES[name]
    u = mf.solve(problem, tol=tol, seconds=SLOW)
    assert u.stats["reached"]
    assert mf.error(problem, u) < tol


def test_a_part_without_a_condition_has_no_weight():
    def exact(x):
        return jnp.sin(5 * x[0])

    interior = mf.manufactured(lambda u, x: mf.derivative(u, 0)(x), exact)
    problem = mf.Problem(LINE, interior=interior, left=mf.dirichlet(0.0), right=None, exact=exact)
    assert mf.error(problem, mf.solve(problem, seconds=SLOW)) < 1e-6


def test_the_zero_solution_is_known_exactly():
    u = mf.solve(mf.Problem(LINE, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.dirichlet(0.0)))
    assert u.stats["reached"] and u.stats["estimate"] == 0
    np.testing.assert_array_equal(u(np.array([0.3])), 0.0)


def test_a_solution_without_another_to_compare_with_is_not_the_end(monkeypatch):
    def none(*_):
        raise ValueError("the system is singular")

    monkeypatch.setattr(automatic, "estimate_error", none)
    u = mf.solve(poisson(lambda x: jnp.sin(x[0])), seconds=SLOW)
    assert u.stats["reached"] and u.stats["ladder"][0]["estimate"] == np.inf


def test_near_a_resonance_a_residual_that_falls_much_says_little():
    """Δu + (2π² + 1e-5)u = f on the square: errors are 1e4 times what the residual makes of them elsewhere."""

    def exact(x):
        return jnp.exp(x[0] * x[1]) * jnp.sin(2 * x[0])

    def helmholtz(u, x):
        return mf.laplacian(u)(x) + (2 * jnp.pi**2 + 1e-5) * u(x)

    problem = mf.Problem(
        mf.Box(), interior=mf.manufactured(helmholtz, exact), boundary=mf.dirichlet(exact), exact=exact
    )
    u = mf.solve(problem, tol=1e-5, seconds=SLOW)
    assert u.stats["reached"] and mf.error(problem, u) < 1e-5
