# ruff: noqa: E501
"""Problems in time, in every space, against exact solutions and differences."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

LINE = mf.Interval(0.0, 1.0)
NODES = LINE.cloud(0.05)
STENCILS = mf.Stencils(None, NODES, 4)
EIGEN = mf.Eigenbasis(mf.Gaussian(1.0), LINE.cloud(0.03), 14)
dt, laplacian = mf.time_derivative, mf.laplacian


def exact(x, t):
    return jnp.exp(-t) * jnp.sin(2 * x[0] + t)


def heat(u, x, t):
    return dt(u)(x) - 0.1 * laplacian(u)(x)


def problem(interior=heat, solution=exact, domain=LINE, **conditions):
    """The equation with the source that makes the solution one, its values on the boundary and at the start."""
    conditions = conditions or {"boundary": mf.dirichlet(solution)}
    fields = np.size(solution(jnp.full(domain.dim, 0.3), 0.0))
    return mf.Problem(
        domain,
        interior=mf.manufactured(interior, solution),
        exact=solution,
        initial=lambda x: solution(x, 0.0),
        fields=fields,
        **conditions,
    )


def errors(given, u, times=(0.3, 1.0)):
    return max(mf.error(given.at(t), u.at(t)) for t in times)


SPACES = {
    "Stencils": (STENCILS, 1e-5),
    "Eigenbasis": (EIGEN, 1e-5),
    "Collocation": (mf.Collocation(mf.Matern(5.5, 0.8), NODES), 1e-5),
    "with a polynomial tail": (mf.Collocation(mf.Polyharmonic(7), NODES, degree=3), 1e-5),
    "Wendland": (mf.Collocation(mf.Wendland(6, 1, 1.5), NODES), 1e-3),
    "Enriched": (mf.Enriched(EIGEN, [lambda x: jnp.exp(x[0])]), 1e-5),
}


@pytest.mark.parametrize("name", SPACES)
def test_every_space_moves(name):
    space, bound = SPACES[name]
    given = problem()
    u = mf.evolve(given, space, (0, 1), 1e-8)
    assert errors(given, u) < bound
    assert u.stats["complete"] and u.times[0] == 0 and u.times[-1] == 1


@pytest.mark.parametrize("method", ["bdf", "esdirk", "imex"])
def test_every_method_on_an_equation_that_is_not_linear(method):
    given = problem(lambda u, x, t: heat(u, x, t) + u(x) ** 3)
    assert errors(given, mf.evolve(given, EIGEN, (0, 1), 1e-5, method)) < 1e-4


CONDITIONS = {
    "Neumann, with ghosts": (
        mf.Stencils(None, NODES, 4, ghost="right"),
        {"left": mf.dirichlet(exact), "right": mf.manufactured(mf.neumann(), exact)},
    ),
    "Robin": (EIGEN, {"left": mf.dirichlet(exact), "right": mf.manufactured(mf.robin(1.0, 2.0), exact)}),
    "rates on the boundary": (
        EIGEN,
        {
            "left": mf.dirichlet(exact),
            "right": mf.manufactured(lambda u, x, n, t: dt(u)(x) + mf.derivative(u, n)(x), exact),
        },
    ),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_on_the_boundary(name):
    space, conditions = CONDITIONS[name]
    given = problem(**conditions)
    assert errors(given, mf.evolve(given, space, (0, 1), 1e-8)) < 2e-5


def both(x, t):
    return jnp.stack([exact(x, t), jnp.cos(x[0]) * (1 + t)])


EQUATIONS = {
    "a rate under an operator": (lambda u, x, t: dt(u)(x) - laplacian(dt(u))(x) - laplacian(u)(x), exact),
    "a coefficient of the rate that depends on u": (lambda u, x, t: (2 + u(x)) * dt(u)(x) - laplacian(u)(x), exact),
    "an equation that is not linear in the rate": (lambda u, x, t: dt(u)(x) + 0.1 * dt(u)(x) ** 3 - laplacian(u)(x), exact),
    "coefficients that move": (lambda u, x, t: (1 + t) * dt(u)(x) - (1 + t**2) * laplacian(u)(x), exact),
    "a field without a rate": (
        lambda u, x, t: jnp.stack([dt(u)(x)[0] - laplacian(u)(x)[0] - u(x)[1], laplacian(u)(x)[1] - u(x)[0]]),
        both,
    ),
    "two rates in each": (
        lambda u, x, t: jnp.stack([dt(u)(x)[0] + dt(u)(x)[1] - laplacian(u)(x)[0], dt(u)(x)[1] - laplacian(u)(x)[1]]),
        both,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUATIONS)
@pytest.mark.parametrize("space", [STENCILS, EIGEN], ids=["Stencils", "Eigenbasis"])
def test_equations_of_all_kinds(name, space):
    given = problem(*EQUATIONS[name])
    assert errors(given, mf.evolve(given, space, (0, 1), 1e-7)) < 2e-5


def standing(x, t):
    """Of u_tt = u_xx with u = 0 at both ends, u and its rate."""
    s = jnp.sin(jnp.pi * x[0])
    return jnp.stack([s * jnp.cos(jnp.pi * t), -jnp.pi * s * jnp.sin(jnp.pi * t)])


def wave(u, x, t):
    return jnp.stack([dt(u)(x)[0] - u(x)[1], dt(u)(x)[1] - laplacian(u)(x)[0]])


def test_waves_take_runge_kutta_steps_and_what_is_damped_does_not():
    given = problem(wave, standing)
    u = mf.evolve(given, EIGEN, (0, 4), 1e-6)
    assert u.stats["method"] == "esdirk"
    assert errors(given, u, (4.0,)) < 1e-4
    assert mf.evolve(problem(), EIGEN, (0, 0.1), 1e-3).stats["method"] == "bdf"


def test_in_least_squares_at_other_points():
    given = problem()
    coarse = mf.Stencils(None, LINE.cloud(0.1), 4)
    u = mf.evolve(given, coarse, (0, 1), 1e-6, points=NODES)
    assert u.stats["rows"] == len(NODES) and errors(given, u) < 1e-3


def test_a_start_that_contradicts_the_conditions_is_changed_to_fit_them():
    given = mf.Problem(LINE, interior=heat, boundary=mf.dirichlet(lambda x, t: 1.0 + t), initial=lambda x: 0.0 * x[0])
    for space in (STENCILS, EIGEN):
        u = mf.evolve(given, space, (0, 0.2), 1e-4)
        ends = u(np.array([[0.0], [1.0]]), 0.0)
        assert np.asarray(ends) == pytest.approx(1.0, abs=1e-6)


def test_a_run_goes_on_where_it_stopped():
    given = problem()
    whole = mf.evolve(given, EIGEN, (0, 1), 1e-8)
    first = mf.evolve(given, EIGEN, (0, 0.4), 1e-8)
    for initial in (first, first.at(0.4)):
        second = mf.evolve(given, EIGEN, (0.4, 1), 1e-8, initial=initial)
        assert float(second([0.3], 1.0)) == pytest.approx(float(whole([0.3], 1.0)), rel=1e-6)
    other = mf.evolve(given, STENCILS, (0.4, 1), 1e-8, initial=first.at(0.4))
    assert float(other([0.3], 1.0)) == pytest.approx(float(whole([0.3], 1.0)), rel=1e-4)


def test_what_is_saved_and_where_a_run_stops():
    given = problem()
    u = mf.evolve(given, EIGEN, (0, 1), 1e-8, save=5)
    assert np.allclose(u.times, [0, 0.25, 0.5, 0.75, 1])
    assert errors(given, u, (0.25, 0.75)) < 1e-7
    u = mf.evolve(given, EIGEN, (0, 1), 1e-6, save=[0.1, 0.7])
    assert np.allclose(u.times, [0.1, 0.7])
    u = mf.evolve(given, EIGEN, (0, 1), 1e-6, stop=lambda u, t: float(u([0.5])) < 0.8)
    assert 0 < u.times[-1] < 1 and float(u.final([0.5])) < 0.8
    assert "as asked" in u.stats["message"]


def test_an_interrupt_keeps_what_was_reached():
    def interrupt(u, t):
        if t > 0.5:
            raise KeyboardInterrupt
        return False

    with pytest.warns(UserWarning, match="interrupted at t = .* goes on with initial=u"):
        u = mf.evolve(problem(), EIGEN, (0, 1), 1e-5, stop=interrupt)
    assert 0.5 < u.times[-1] < 1 and not u.stats["complete"]


def test_equal_steps_converge_with_order_four():
    given = problem()
    found = [float(mf.evolve(given, EIGEN, (0, 1), 1e-6, "esdirk", steps=steps)([0.4], 1.0)) for steps in (4, 8, 64)]
    order = np.log2(abs(found[0] - found[2]) / abs(found[1] - found[2]))
    assert 3.3 < order < 5


def test_a_linear_problem_has_few_factors_and_few_programs(programs_kept):
    given = problem()
    u = mf.evolve(given, STENCILS, (0, 1), 1e-7)
    assert u.stats["steps"] > 40 and u.stats["factorisations"] < 15
    assert u.stats["residuals"] <= u.stats["steps"] + u.stats["rejected"] + 2

    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, _, **__: compiled.append(event))
    mf.evolve(given, mf.Stencils(None, LINE.cloud(0.04), 4), (0.2, 2), 1e-4)
    assert "/jax/core/compile/backend_compile_duration" not in compiled


def pressure(u, x, t):
    return jnp.stack([dt(u)(x)[0] - laplacian(u)(x)[0] - u(x)[1], mf.derivative(u, 0)(x)[0]])


BAD = {
    "no initial values": (lambda: mf.evolve(mf.Problem(LINE, interior=heat, boundary=mf.dirichlet()), EIGEN), ValueError, "Problem(..., initial=)"),
    "no time": (lambda: mf.evolve(mf.Problem(LINE, interior=lambda u, x: u(x), boundary=mf.dirichlet()), EIGEN), ValueError, "the problem has no time"),
    "no rate": (lambda: mf.evolve(mf.Problem(LINE, interior=lambda u, x, t: laplacian(u)(x), boundary=mf.dirichlet(), initial=lambda x: x[0]), EIGEN), ValueError, "no residual has a rate in it"),
    "times backwards": (lambda: mf.evolve(problem(), EIGEN, (1, 0)), ValueError, "times are the first and the last"),
    "three times": (lambda: mf.evolve(problem(), EIGEN, (0, 0.5, 1)), ValueError, "times are the first and the last"),
    "a tolerance of zero": (lambda: mf.evolve(problem(), EIGEN, (0, 1), 0.0), ValueError, "tolerance must be positive"),
    "no such method": (lambda: mf.evolve(problem(), EIGEN, method="euler"), ValueError, "method is 'euler'; it is one of 'auto', 'bdf', 'esdirk', 'imex'"),
    "equal steps of a multistep method": (lambda: mf.evolve(problem(), EIGEN, method="bdf", steps=3), ValueError, "use 'esdirk' or 'imex'"),
    "a space solved level by level": (lambda: mf.evolve(problem(), mf.Multilevel(mf.Wendland(4, 1, 1.0), [LINE.cloud(0.2), NODES])), ValueError, "level by level"),
    "imex where the mass moves": (lambda: mf.evolve(problem(EQUATIONS["a coefficient of the rate that depends on u"][0]), EIGEN, method="imex"), ValueError, "use method='bdf'"),
    "index 2": (lambda: mf.evolve(problem(pressure, both), STENCILS), ValueError, "index 2 or more"),
    "index 2 by imex": (lambda: mf.evolve(problem(pressure, both), STENCILS, method="imex"), ValueError, "index 2 or more"),
    "not finite at the start": (lambda: mf.evolve(mf.Problem(LINE, interior=lambda u, x, t: dt(u)(x) - jnp.log(u(x)), boundary=mf.dirichlet(-1.0), initial=lambda x: -1.0 + 0 * x[0]), EIGEN), ValueError, "not finite at the initial values"),
    "a time that was not reached": (lambda: mf.evolve(problem(), EIGEN, (0, 0.1), 1e-3).at(0.2), ValueError, "known from t = 0 to 0.1"),
    "times to save beyond the start": (lambda: mf.evolve(problem(), EIGEN, (0, 0.1), 1e-3, save=[-1.0, 0.1]), ValueError, "save is a number of times"),
    "hyperviscosity below zero": (lambda: mf.evolve(problem(), EIGEN, hyperviscosity=-1.0), ValueError, "hyperviscosity is True or a number"),
    "initial values of another shape": (lambda: mf.evolve(problem(), EIGEN, initial=lambda x: jnp.zeros(2)), ValueError, "initial has coefficients of shape"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_evolved_is_an_error_that_says_so(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        call()


def test_a_solution_that_blows_up_says_when():
    """u_t = u² from 1 is 1/(1 − t)."""
    given = mf.Problem(
        LINE, interior=lambda u, x, t: dt(u)(x) - u(x) ** 2, boundary=None, initial=lambda x: 1.0 + 0 * x[0]
    )
    with pytest.raises(RuntimeError, match=r"blows up at t = (0\.9|1\.0)"):
        mf.evolve(given, EIGEN, (0, 2), 1e-2, "bdf")


def test_what_is_off_between_the_nodes_at_the_end_is_told():
    """A wave that leaves: its condition without a rate, v + u_n = 0 for v = u_t, makes what is not resolved grow."""

    def wave(u, x, t):
        return jnp.stack([dt(u)(x)[0] - u(x)[1], dt(u)(x)[1] - laplacian(u)(x)[0]])

    def leaves(rate):
        return lambda u, x, n, t: rate(u, x) + (mf.gradient(u)(x) @ n)[0]

    square = mf.Box((0.0, 0.0), (2.0, 2.0))
    eigenfunctions = mf.Eigenbasis(mf.Gaussian(2.0), square.cloud(0.1), degree=10)

    def run(space, rate):
        return mf.evolve(
            mf.Problem(
                square,
                fields=2,
                interior=wave,
                boundary=leaves(rate),
                initial=lambda x: jnp.stack([jnp.exp(-30 * jnp.sum((x - 0.5) ** 2)), 0.0]),
            ),
            space,
            (0, 1),
            1e-3,
        )

    with pytest.warns(UserWarning, match=r"at t = 1 the equation is off between the nodes by \d\d% of its terms"):
        assert run(eigenfunctions, lambda u, x: u(x)[1]).stats["off_nodes"] > 0.5
    assert run(mf.Stencils(None, square.cloud(0.15)), lambda u, x: dt(u)(x)[0]).stats["off_nodes"] < 0.2


@pytest.mark.parametrize("method", ["bdf", "esdirk", "imex"])
@pytest.mark.parametrize("source", [1.0, 1e9])
def test_it_starts_from_rest(method, source):
    """u_t = u″ + f from u = 0, of which no size is known at first."""
    given = mf.Problem(
        LINE,
        interior=lambda u, x, t: dt(u)(x) - laplacian(u)(x) - source,
        boundary=mf.dirichlet(0.0),
        initial=lambda x: 0.0 * x[0],
    )
    x, k = np.linspace(0.0, 1.0, 9)[:, None], np.arange(1.0, 40.0, 2.0) * np.pi
    expected = x[:, 0] * (1 - x[:, 0]) / 2 - np.sin(x * k) @ (4 / k**3 * np.exp(-(k**2) * 0.1))
    u = mf.evolve(given, STENCILS, (0, 0.1), 1e-5, method)
    np.testing.assert_allclose(u(x, 0.1) / source, expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize("method", ["bdf", "esdirk"])
def test_it_starts_from_rest_without_a_rate(method):
    def rising(x, t):
        return x[0] * (1 - x[0]) * t**5

    given = problem(solution=rising)
    assert errors(given, mf.evolve(given, STENCILS, (0, 1), 1e-5, method), times=(0.5, 1.0)) < 1e-3
