"""Problems that a chosen space was wrong for without a sign, or refused: narrow data, thin domains, free parts."""

import contextlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

import meshfree as mf
from meshfree.run.command_line import load_script
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


def box(width=0.002):
    """u'' = 1, and 2 on a short stretch: where no space of the first ones sees it, the residual stands still."""

    def exact(x):
        s = x[0] - 0.3 + width / 2
        return x[0] ** 2 / 2 + jnp.where(s < width, jnp.maximum(s, 0.0) ** 2 / 2, width * (s - width / 2))

    def interior(u, x):
        return mf.laplacian(u)(x) - jnp.where(jnp.abs(x[0] - 0.3) < width / 2, 2.0, 1.0)

    return mf.Problem(LINE, interior=interior, boundary=mf.dirichlet(exact), exact=exact)


CASES = {
    "peak where extrapolated estimates were too small": (peak(0.005, 0.137), 1e-6),
    "peak where unresolved estimates ended the search": (peak(0.005, 0.5), 1e-6),
    "peak alone, whose data all first nodes miss": (peak(0.001, 0.7123, 0.0), 1e-4),
    "impulse in the data": (impulse(), 1e-3),
    "step in the coefficient": (step(), 1e-4),
    "singular second derivative": (power(), 1e-4),
    "singular data": (power(0.9), 1e-4),
    "two small jumps in the data": (box(), 1e-4),
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
    estimates, judged = [], automatic.Ladder._judged

    def kept(self, *args):
        estimates.append(judged(self, *args).estimate)
        return self.rungs[-1]

    monkeypatch.setattr(automatic.Ladder, "_judged", kept)
    u = mf.solve(poisson(lambda x: jnp.sin(x[0])), seconds=SLOW)
    assert u.stats["reached"] and estimates[0] == np.inf and len(estimates) > 1


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


def test_solutions_that_agree_are_no_better_where_the_residual_stands_still():
    """√((r + x)/2) at the tip of a crack: eigenfunctions of degree 8 to 20 move by 1e-3, 0.28 off all the time."""

    def exact(x):
        return jnp.sqrt(jnp.maximum(jnp.hypot(x[0], x[1]) + x[0], 0.0) / 2)

    problem = mf.Problem(
        mf.Polygon([(-1.0, 0.0), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (-1.0, 1.0)], names=("a", "ahead", "b", "b", "b")),
        interior=lambda u, x: mf.laplacian(u)(x),
        boundary=mf.dirichlet(exact),
        ahead=mf.neumann(0.0),
        exact=exact,
    )
    rungs = eigenfunctions(automatic.Ladder(problem, 1e-4, None, (), 250, SLOW))
    assert len(rungs) > 2
    for rung in rungs:
        assert 0.3 < rung.estimate / mf.error(problem, rung.solution) < 5


def test_zero_is_compared_with_where_it_is_nearer_than_the_rung_before():
    """CASES B4: the first solution is nine times too large, and the second right to 3e-3."""
    problem = load_script(Path(__file__).parents[2] / "problems" / "helmholtz.py").problem()
    first, second = eigenfunctions(automatic.Ladder(problem, 1e-4, None, (), 100, SLOW))
    assert first.estimate == 1 and mf.error(problem, first.solution) > 1
    assert 0.3 < second.estimate / mf.error(problem, second.solution) < 5


def eigenfunctions(ladder):
    """The first rungs of a ladder, as many as it makes of eigenfunctions."""
    rungs = []
    with contextlib.suppress(automatic.OutOfReachError):
        rungs.extend(ladder._eigenfunctions())
    return rungs


def test_that_spaces_were_refused_as_singular_is_told():
    """u_x + u_y/2 = f without a condition below, where it flows in."""

    def exact(x):
        return jnp.exp(x[0] * x[1]) * jnp.sin(2 * x[0] + x[1])

    def interior(u, x):
        return mf.derivative(u, 0)(x) + mf.derivative(u, 1)(x) / 2

    problem = mf.Problem(
        mf.Box(),
        interior=mf.manufactured(interior, exact),
        left=mf.dirichlet(exact),
        right=None,
        bottom=None,
        top=None,
        exact=exact,
    )
    with pytest.warns(UserWarning, match=r"was not reached.*In \d+ of the spaces the system is singular"):
        u = mf.solve(problem, tol=1e-4, max_unknowns=240, seconds=SLOW)
    assert not u.stats["reached"]
