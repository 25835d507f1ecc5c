"""The time steppers on small dense systems, against exact solutions and SciPy."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from meshfree.linalg.factor import factor
from meshfree.linalg.interface import Factor
from meshfree.solving.bdf import bdf
from meshfree.solving.implicit_step import Work
from meshfree.solving.runge_kutta import TABLEAU, esdirk, imex
from meshfree.solving.stepping import Evolution, SteppingError
from meshfree.solving.time_interpolation import between_steps

METHODS = {"bdf": bdf, "esdirk": esdirk, "imex": imex}
TOLERANCES = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
fully_implicit = pytest.mark.parametrize("method", [bdf, esdirk], ids=["bdf", "esdirk"])


class Inverse(Factor):
    """Of few unknowns, for which the library's factors are slow."""

    matrix: np.ndarray

    def solve(self, b):
        return self.matrix @ b

    def solve_transposed(self, b):
        return self.matrix.T @ b

    def rank(self):
        return len(self.matrix)

    def condition(self):
        return math.nan


def factored(A):
    return Inverse(np.linalg.inv(A)) if len(A) < 40 else factor(A)


class Dense(Evolution):
    """M ċ = f(t, c), with rows of zeros in M for algebraic equations; `time_rate` is ∂f/∂t."""

    is_autonomous = False

    def __init__(self, M, f, jacobian, time_rate=None, *, is_linear=False, is_constant=False):
        self.M, self.f, self.jacobian, self.time_rate = np.array(M, float), f, jacobian, time_rate
        self.is_linear, self.is_constant = is_linear, is_constant
        self._differential = self.M.any(1)
        self._seen = self.M.any(0)

    @property
    def differential(self):
        return self._differential

    def residual(self, t, c, rates):
        return self.M @ rates - self.f(t, c)

    def factored(self, t, c, rates, alpha):
        return factored(alpha * self.M - self.jacobian(t, c))

    def linear_part(self, t, c, alpha):
        return self.M, -self.jacobian(t, c), self.factored(t, c, None, alpha)

    def _start(self, t, c):
        return factored(np.where(self._differential[:, None], self.M, -self.jacobian(t, c)))

    def projected(self, t, c, right):
        for _ in range(3):
            c = c - self._start(t, c).solve(np.where(self._differential, self.M @ c - right, -self.f(t, c)))
        return c

    def rates(self, t, c, at_rest=None):
        moved = np.zeros(len(self.M)) if self.time_rate is None else self.time_rate(t, c)
        return self._start(t, c).solve(np.where(self._differential, self.f(t, c), moved))

    def size(self, change, c):
        return self.whole_size(change[self._seen], c[self._seen])

    def whole_size(self, change, c):
        if not c.any():
            return math.inf if change.any() else 0.0
        return math.sqrt(change @ change / (c @ c))


def run(method, evolution, times, c, tolerance=1e-6, **options):
    """All the steps, and the work."""
    c, work = np.array(c, float), Work()
    steps = list(method(evolution, times, c, evolution.rates(times[0], c), tolerance, work=work, **options))
    assert steps[-1].time == times[1]
    assert work.steps == len(steps)
    return steps, work


def second_differences(n, width):
    A = np.zeros((n, n))
    i = np.arange(1, n - 1)
    A[i, i], A[i, i - 1], A[i, i + 1] = -2, 1, 1
    return A * ((n - 1) / width) ** 2


def heat(n=41):
    """With Dirichlet data in time as algebraic rows; and the exact solution of the semi-discrete equations."""
    x = np.linspace(0, 1, n)
    A, M = second_differences(n, 1), np.eye(n)
    A[0, 0] = A[-1, -1] = -1
    M[0, 0] = M[-1, -1] = 0
    rates_of_modes = [2 * (n - 1) ** 2 * (math.cos(k * math.pi / (n - 1)) - 1) for k in (1, 3)]
    modes = [np.sin(k * np.pi * x) for k in (1, 3)]

    def ends(t, derivative=False):
        left, right = (3 * np.cos(3 * t), np.sin(t)) if derivative else (np.sin(3 * t), 2 - np.cos(t))
        return left * (1 - x) + right * x

    def data(values, rates):
        return np.where(M.any(1), rates, values)

    def exact(t):
        return ends(t) + sum(np.exp(rate * t) * mode for rate, mode in zip(rates_of_modes, modes, strict=True))

    evolution = Dense(
        M,
        lambda t, c: A @ c + data(ends(t), ends(t, True)),
        lambda t, c: A,
        lambda t, c: data(ends(t, True), 0 * x),
        is_linear=True,
        is_constant=True,
    )
    return evolution, exact


def allen_cahn(n, autonomous=True):
    """u_t = 1e-4 u_xx + 5 (u − u³) on (−1, 1) with u = −1 at both ends, as algebraic rows; and its initial values."""
    x = np.linspace(-1, 1, n)
    A, inner = 1e-4 * second_differences(n, 2), np.ones(n)
    A[0, 0] = A[-1, -1] = -1
    inner[0] = inner[-1] = 0
    evolution = Dense(
        np.diag(inner),
        lambda t, c: A @ c + inner * (5 * (c - c**3)) - (1 - inner),
        lambda t, c: A + np.diag(inner * 5 * (1 - 3 * c * c)),
    )
    evolution.is_autonomous = autonomous
    return evolution, x**2 * np.cos(np.pi * x)


@pytest.fixture(scope="module")
def heat_case():
    evolution, exact = heat()
    return evolution, exact(0.0), 0.5, exact


@pytest.fixture(scope="module")
def allen_cahn_case():
    """With the reference by SciPy, of the ordinary differential equations that are left without the boundary values."""
    evolution, start = allen_cahn(31)
    inner = evolution.differential

    def whole(c):
        return np.concatenate([[-1], c, [-1]])

    found = solve_ivp(
        lambda t, c: evolution.f(t, whole(c))[inner],
        (0, 1),
        start[inner],
        method="Radau",
        jac=lambda t, c: evolution.jacobian(t, whole(c))[np.ix_(inner, inner)],
        rtol=1e-10,
        atol=1e-12,
        dense_output=True,
    )
    return evolution, start, 1.0, lambda t: whole(found.sol(t))


def logistic():
    return Dense([[1.0]], lambda t, c: 8 * c * (1 - c), lambda t, c: np.diag(8 * (1 - 2 * c)))


def logistic_solution(t):
    return np.array([0.2 * np.exp(8 * t) / (1 + 0.2 * (np.exp(8 * t) - 1))])


def largest_error(evolution, steps, exact):
    return max(evolution.size(step.coefficients - exact(step.time), exact(step.time)) for step in steps)


# ---------------------------------------------------------------------------------------------------- the tableau


def test_the_tableau_fulfils_every_condition_of_order_4_and_of_order_3_embedded():
    c, halves = TABLEAU.times, (TABLEAU.implicit, TABLEAU.explicit)
    close = {"abs": 1e-14}
    for A in halves:
        assert A.sum(1) == pytest.approx(c, **close)
    for weights in (TABLEAU.weights, TABLEAU.embedded, TABLEAU.implicit_embedded):
        assert [weights.sum(), weights @ c, weights @ c**2] == pytest.approx([1, 1 / 2, 1 / 3], **close)
    pairs = [*itertools.product((TABLEAU.weights, TABLEAU.embedded), halves)]
    for weights, A in [*pairs, (TABLEAU.implicit_embedded, TABLEAU.implicit)]:
        assert weights @ A @ c == pytest.approx(1 / 6, **close)
    b = TABLEAU.weights
    assert b @ c**3 == pytest.approx(1 / 4, **close)
    for A in halves:
        assert [(b * c) @ A @ c, b @ A @ c**2] == pytest.approx([1 / 8, 1 / 12], **close)
    for A, B in itertools.product(halves, halves):
        assert b @ A @ B @ c == pytest.approx(1 / 24, **close)


def test_the_implicit_half_is_stiffly_accurate_and_l_stable_and_so_is_its_estimate():
    A = TABLEAU.implicit
    assert np.array_equal(A[-1], TABLEAU.weights)
    assert np.array_equal(np.diag(A), [0, *[1 / 4] * 5])

    def growth(z, weights):
        return abs(1 + z * weights @ np.linalg.solve(np.eye(6) - z * A, np.ones(6)))

    for weights in (TABLEAU.weights, TABLEAU.implicit_embedded):
        assert growth(-1e8, weights) < 1e-6
        assert max(growth(1j * y, weights) for y in np.linspace(0, 40, 401)) <= 1 + 1e-12


# ------------------------------------------------------------------------------------------- errors and tolerances


@every_method
@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("case", ["heat_case", "allen_cahn_case"])
def test_the_largest_error_is_about_the_tolerance(method, tolerance, case, request):
    evolution, start, end, exact = request.getfixturevalue(case)
    steps, _ = run(method, evolution, (0.0, end), start, tolerance)
    assert 0.02 <= largest_error(evolution, steps, exact) / tolerance <= 10


@pytest.mark.parametrize("method", [esdirk, imex], ids=["esdirk", "imex"])
@pytest.mark.parametrize("case", ["heat", "logistic"])
def test_equal_steps_converge_with_order_4_with_boundary_data_in_time_too(method, case):
    evolution, exact = heat(21) if case == "heat" else (logistic(), logistic_solution)
    errors = []
    for count in (32, 64):
        steps, work = run(method, evolution, (0.0, 0.5), exact(0.0), 1e-11, steps=count)
        assert len(steps) == count
        assert work.rejected == 0
        errors.append(evolution.size(steps[-1].coefficients - exact(0.5), exact(0.5)))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.35)


def test_bdf_reaches_order_5_and_its_steps_grow_with_the_sixth_root_of_the_tolerance():
    evolution, exact = logistic(), logistic_solution
    coarse, fine = (run(bdf, evolution, (0.0, 2.0), exact(0.0), tolerance)[0] for tolerance in (1e-6, 1e-10))
    assert max(step.order for step in fine) == 5
    assert len(fine) / len(coarse) < 1.2 * 1e4 ** (1 / 6)


@every_method
def test_rates_fulfil_the_equations(method, heat_case):
    evolution, start, _, _ = heat_case
    steps, _ = run(method, evolution, (0.0, 0.1), start)
    for step in steps:
        left = evolution.residual(step.time, step.coefficients, step.rates)
        assert abs(left).max() < 1e-9 * abs(evolution.f(step.time, 0 * step.coefficients)).max() * 1e3


@fully_implicit
def test_a_stiff_linear_system_that_is_not_constant(method):
    # u = 2 + sin t, approached at the rate 10⁴ (1 + t)
    evolution = Dense(
        [[1.0]],
        lambda t, c: -1e4 * (1 + t) * (c - 2 - np.sin(t)) + np.cos(t),
        lambda t, c: np.array([[-1e4 * (1 + t)]]),
        is_linear=True,
    )
    steps, work = run(method, evolution, (0.0, 3.0), [2.0], 1e-6)
    assert largest_error(evolution, steps, lambda t: np.array([2 + np.sin(t)])) < 2e-6
    assert len(steps) < 150
    assert work.residuals < 15 * len(steps)


# -------------------------------------------------------------------------------------------------- what is spent


def test_a_constant_linear_problem_needs_few_factors_and_one_residual_in_a_step(heat_case):
    evolution, start, end, _ = heat_case
    steps, work = run(bdf, evolution, (0.0, end), start, 1e-4)
    assert work.residuals == len(steps) + work.rejected
    assert work.solves == work.residuals + 1  # for the first step
    assert work.factorisations <= 9
    assert len(steps) > 40


def test_allen_cahn_takes_no_more_steps_than_scipy_dae():
    evolution, start = allen_cahn(201)
    steps, work = run(bdf, evolution, (0.0, 1.0), start, 1e-6)
    # solve_dae(method="BDF", rtol=1e-6, atol=1e-8) of scipy_dae 0.1.1: 85 steps, 224 residuals, 18 factors
    assert len(steps) <= 1.3 * 85
    assert work.residuals <= 224
    assert work.factorisations <= 18


def test_bdf_against_scipy_dae():
    solve_dae = pytest.importorskip("scipy_dae.integrate").solve_dae
    evolution, start = allen_cahn(51)
    theirs = solve_dae(evolution.residual, (0, 1), start, evolution.rates(0, start), method="BDF", rtol=1e-7, atol=1e-9)
    steps, _ = run(bdf, evolution, (0.0, 1.0), start, 1e-7)
    assert evolution.size(steps[-1].coefficients - theirs.y[:, -1], start) < 2e-6


# ------------------------------------------------------------------------------------------------------- problems


def robertson():
    def f(t, c):
        return np.array(
            [-0.04 * c[0] + 1e4 * c[1] * c[2], 0.04 * c[0] - 1e4 * c[1] * c[2] - 3e7 * c[1] ** 2, c.sum() - 1]
        )

    def jacobian(t, c):
        second = [0.04, -1e4 * c[2] - 6e7 * c[1], -1e4 * c[1]]
        return np.array([[-0.04, 1e4 * c[2], 1e4 * c[1]], second, [1, 1, 1]])

    return Dense(np.diag([1.0, 1, 0]), f, jacobian)


@fully_implicit
def test_robertson_over_six_decades(method):
    steps, _ = run(method, robertson(), (0.0, 4e5), [1.0, 0, 0], 1e-6)
    # solve_ivp(method="Radau", rtol=1e-10, atol=1e-16) of the three differential equations
    assert steps[-1].coefficients == pytest.approx([4.93827452e-03, 1.98499409e-08, 9.95061706e-01], rel=3e-3, abs=2e-6)
    assert abs(steps[-1].coefficients.sum() - 1) < 1e-12


@fully_implicit
def test_van_der_pol(method):
    evolution = Dense(
        np.eye(2),
        lambda t, c: np.array([c[1], 1e2 * (1 - c[0] ** 2) * c[1] - c[0]]),
        lambda t, c: np.array([[0, 1], [-2e2 * c[0] * c[1] - 1, 1e2 * (1 - c[0] ** 2)]]),
    )
    expected = solve_ivp(evolution.f, (0, 90), [2.0, 0], "LSODA", jac=evolution.jacobian, rtol=1e-10, atol=1e-10).y
    steps, _ = run(method, evolution, (0.0, 90.0), [2.0, 0], 1e-5)
    assert steps[-1].coefficients == pytest.approx(expected[:, -1], rel=1e-3)


@every_method
def test_an_algebraic_unknown_follows_its_equation(method):
    # u' = −v, v = u² + t/4: the second is no differential equation, and not linear
    evolution = Dense(
        [[1.0, 0], [0, 0]],
        lambda t, c: np.array([-c[1], c[1] - c[0] ** 2 - t / 4]),
        lambda t, c: np.array([[0, -1], [-2 * c[0], 1]]),
        lambda t, c: np.array([0, 1 / 4]),
    )
    expected = solve_ivp(lambda t, u: -(u**2) - t / 4, (0, 2), [1.0], rtol=1e-11, atol=1e-12).y[0, -1]
    steps, _ = run(method, evolution, (0.0, 2.0), [1.0, 1.0], 1e-6)
    u, v = steps[-1].coefficients
    assert u == pytest.approx(expected, abs=5e-6)
    assert v == pytest.approx(u**2 + 1 / 2, abs=1e-6)


def gray_scott(n=32):
    """Periodic, of two fields."""
    i = np.arange(n)
    A = np.zeros((n, n))
    A[i, i], A[i, i - 1], A[i - 1, i] = -2, 1, 1
    both = np.kron(np.diag([0.2, 0.1]), A)

    def reaction(c):
        u, v = np.split(c, 2)
        return np.concatenate([-u * v**2 + 0.04 * (1 - u), u * v**2 - 0.1 * v])

    def jacobian(t, c):
        u, v = np.split(c, 2)
        rows = [[np.diag(-(v**2) - 0.04), np.diag(-2 * u * v)], [np.diag(v**2), np.diag(2 * u * v - 0.1)]]
        return both + np.block(rows)

    bump = np.exp(-(((i - n / 2) / 3) ** 2))
    evolution = Dense(np.eye(2 * n), lambda t, c: both @ c + reaction(c), jacobian)
    evolution.is_autonomous = True
    return evolution, np.concatenate([1 - bump / 2, bump / 4])


@every_method
def test_gray_scott(method):
    evolution, start = gray_scott()
    expected = solve_ivp(evolution.f, (0, 40), start, method="LSODA", rtol=1e-10, atol=1e-12).y[:, -1]
    steps, work = run(method, evolution, (0.0, 40.0), start, 1e-5)
    assert evolution.size(steps[-1].coefficients - expected, expected) < 1e-4
    if method is imex:
        assert work.factorisations <= 6
        assert work.solves < 8 * (len(steps) + work.rejected + 1)
        assert work.residuals < 7 * (len(steps) + work.rejected + 1)


@every_method
def test_more_rows_than_unknowns_are_least_squares(method):
    # each row of the heat equation twice: the same solution
    once, exact = heat(21)
    twice = Dense(
        np.vstack([once.M, once.M]),
        lambda t, c: np.tile(once.f(t, c), 2),
        lambda t, c: np.vstack([once.jacobian(t, c)] * 2),
        lambda t, c: np.tile(once.time_rate(t, c), 2),
        is_linear=True,
        is_constant=True,
    )
    single, double = (run(method, e, (0.0, 0.1), exact(0.0), 1e-5)[0] for e in (once, twice))
    assert len(double) == len(single)
    assert double[-1].coefficients == pytest.approx(single[-1].coefficients, abs=1e-9)


# ------------------------------------------------------------------------------------------------ what goes wrong


@every_method
def test_a_blow_up_says_when(method):
    evolution = Dense([[1.0]], lambda t, c: c**2, lambda t, c: np.diag(2 * c))
    with pytest.raises(SteppingError, match=r"blows up at t = (1\.000|0\.999)") as raised:
        run(method, evolution, (0.0, 2.0), [1.0], 1e-5)
    assert raised.value.time == pytest.approx(1, abs=1e-3)


@every_method
def test_equations_that_end_say_so(method):
    evolution = Dense([[1.0]], lambda t, c: -c if t < 0.5 else np.nan * c, lambda t, c: -np.eye(1))
    with pytest.raises(SteppingError, match=r"the equations are not finite at t = 0\.5"):
        run(method, evolution, (0.0, 2.0), [1.0], 1e-5)


@fully_implicit
def test_newton_that_fails_says_so(method):
    # no solution after t = 1/2: u² = 1/2 − t as an algebraic row
    evolution = Dense(
        [[1.0, 0], [0, 0]],
        lambda t, c: np.array([-c[0], c[1] ** 2 - 0.5 + t]),
        lambda t, c: np.array([[-1, 0], [0, 2 * c[1]]]),
        lambda t, c: np.array([0, 1.0]),
    )
    with pytest.raises(SteppingError, match=r"Newton's method fails at t = 0\.5"):
        run(method, evolution, (0.0, 2.0), [1.0, math.sqrt(0.5)], 1e-5)


@every_method
def test_a_step_into_where_the_equations_are_not_finite_is_halved(method):
    # u' = −√u − u ends at 0 with no more than u² left: a first step of 1/2 leads to negative u
    def f(t, c):
        return -np.sqrt(c)

    evolution = Dense([[1.0]], f, lambda t, c: np.diag(-0.5 / np.sqrt(c)))
    steps, work = run(method, evolution, (0.0, 1.9), [1.0], 1e-4, first_step=1.9)
    assert work.rejected > 0
    assert steps[-1].coefficients == pytest.approx([(1 - 1.9 / 2) ** 2], rel=2e-2)


def test_half_implicit_steps_refuse_a_mass_that_changes():
    class Porous(Dense):
        def residual(self, t, c, rates):
            return (1 + c**2) * rates + c

        def factored(self, t, c, rates, alpha):
            return factored(np.eye(1) + alpha * np.diag(1 + c**2))

        def linear_part(self, t, c, alpha):
            return np.diag(1 + c**2), np.eye(1), self.factored(t, c, None, alpha)

        def projected(self, t, c, right):
            return right / (1 + c**2)

        def rates(self, t, c, at_rest=None):
            return -c / (1 + c**2)

    evolution = Porous([[1.0]], None, None)
    with pytest.raises(ValueError, match=r"changes with the solution.*bdf"):
        run(imex, evolution, (0.0, 1.0), [1.0])
    exact = solve_ivp(lambda t, c: -c / (1 + c**2), (0, 1), [1.0], rtol=1e-11, atol=1e-12).y[:, -1]
    assert run(bdf, evolution, (0.0, 1.0), [1.0])[0][-1].coefficients == pytest.approx(exact, abs=5e-6)


@every_method
def test_no_step_is_longer_than_the_longest(method, heat_case):
    evolution, start, _, _ = heat_case
    steps, _ = run(method, evolution, (0.0, 0.2), start, 1e-3, longest=0.013)
    assert np.diff([0, *(step.time for step in steps)]).max() <= 0.013 * (1 + 1e-9)


@every_method
def test_a_state_of_rest_stays(method):
    evolution = Dense([[1.0]], lambda t, c: 1 - c, lambda t, c: -np.eye(1), is_linear=True, is_constant=True)
    steps, _ = run(method, evolution, (0.0, 10.0), [1.0])
    assert steps[-1].coefficients == pytest.approx([1], abs=1e-14)
    assert len(steps) < 25


@every_method
@pytest.mark.parametrize("source", [0.0, 1.0], ids=["nothing", "a source"])
def test_a_start_from_zero(method, source):
    evolution = Dense([[1.0]], lambda t, c: source - c - c**3, lambda t, c: -np.diag(1 + 3 * c**2))
    expected = solve_ivp(evolution.f, (0, 3), [0.0], rtol=1e-10, atol=1e-12).y[:, -1]
    steps, _ = run(method, evolution, (0.0, 3.0), [0.0], 1e-6)
    assert steps[-1].coefficients == pytest.approx(expected, rel=5e-6)
    assert len(steps) < 120


@every_method
def test_a_jump_of_the_data_is_stepped_over(method):
    evolution = Dense(
        [[1.0]], lambda t, c: -c + (1 if t < 0.5 else 5), lambda t, c: -np.eye(1), is_linear=True, is_constant=True
    )
    steps, _ = run(method, evolution, (0.0, 2.0), [1.0], 1e-5)
    assert steps[-1].coefficients == pytest.approx([5 - 4 * math.exp(-1.5)], rel=1e-4)


# ---------------------------------------------------------------------------------------------- between the steps


@every_method
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-8])
def test_between_the_steps_the_error_is_hardly_larger_than_at_them(method, tolerance):
    evolution = logistic()
    start = logistic_solution(0.0)
    steps, _ = run(method, evolution, (0.0, 1.0), start, tolerance)
    times = np.array([0.0, *(step.time for step in steps)])
    coefficients = np.array([start, *(step.coefficients for step in steps)])
    rates = np.array([evolution.rates(0.0, start), *(step.rates for step in steps)])
    at_steps = largest_error(evolution, steps, logistic_solution)
    for fraction in (0.1, 0.3, 0.5, 0.8):
        for t in times[:-1] + fraction * np.diff(times):
            c, c_rate = between_steps(times, coefficients, rates, t)
            exact = logistic_solution(t)
            assert abs(c - exact) / exact < at_steps + 3 * tolerance
            assert c_rate == pytest.approx(8 * exact * (1 - exact), abs=2 * tolerance**0.5)


def test_interpolation_is_exact_for_degree_5_and_at_the_times():
    times = np.array([0.0, 0.3, 0.9, 1.1, 2.0])
    polynomials = [np.polynomial.Polynomial([1, -2, 0.5, 3, -1, 0.7]), np.polynomial.Polynomial([0, 1])]
    coefficients = np.array([[p(t) for p in polynomials] for t in times])
    rates = np.array([[p.deriv()(t) for p in polynomials] for t in times])
    for t in np.linspace(0, 2, 23):
        c, c_rate = between_steps(times, coefficients, rates, float(t))
        assert c == pytest.approx([p(t) for p in polynomials], abs=1e-12)
        assert c_rate == pytest.approx([p.deriv()(t) for p in polynomials], abs=1e-11)
    for i, t in enumerate(times):
        c, c_rate = between_steps(times, coefficients, rates, float(t))
        assert np.array_equal(c, coefficients[i])
        assert np.array_equal(c_rate, rates[i])


def test_two_steps_are_joined_by_a_cubic():
    times = np.array([1.0, 3.0])
    p = np.polynomial.Polynomial([1, -2, 0.5, 3])
    c, c_rate = between_steps(times, p(times)[:, None], p.deriv()(times)[:, None], 1.7)
    assert [c.item(), c_rate.item()] == pytest.approx([p(1.7), p.deriv()(1.7)], rel=1e-13)


@pytest.mark.parametrize("t", [-0.1, 2.1, math.nan])
def test_no_time_outside_is_answered(t):
    with pytest.raises(ValueError, match="expected a time from 0 to 2"):
        between_steps(np.array([0.0, 2.0]), np.zeros((2, 1)), np.zeros((2, 1)), t)
