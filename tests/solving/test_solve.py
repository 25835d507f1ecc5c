"""Solving: manufactured solutions on every kind of problem, and an error for every kind of bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.solving.newton import ConvergenceError

NODES = SQUARE.cloud(0.12, cluster=1.0)
ROWS = SQUARE.cloud(0.08, cluster=1.0, seed=1)
SMOOTH = mf.Collocation(mf.Gaussian(0.7), NODES)
EIGEN = mf.Eigenbasis(mf.Gaussian(2.0), ROWS, degree=14)


def wave(x):
    return jnp.sin(2 * x[0]) * jnp.cos(x[1])


def poisson(u, x):
    return mf.laplacian(u)(x) + 5 * wave(x)


POISSON = mf.Problem(SQUARE, interior=poisson, boundary=mf.dirichlet(wave), exact=wave)


@pytest.mark.parametrize("solver", ["auto", "lu", "qr", "svd"])
def test_every_solver_solves_a_linear_problem_in_one_step(solver):
    u = mf.solve(POISSON, mf.Collocation(mf.Matern(5.5, 1.0), NODES), solver=solver)
    assert u.stats["steps"] == 1
    assert mf.error(POISSON, u) < 1e-5


@pytest.mark.parametrize(
    ("space", "points", "bound"),
    [
        (SMOOTH, None, 1e-7),
        (SMOOTH, ROWS, 1e-7),
        (mf.Collocation(mf.Multiquadric(1.0), NODES, degree=1), None, 1e-5),
        (mf.Collocation(mf.Polyharmonic(7), NODES, degree=3), ROWS, 1e-4),
        (EIGEN, None, 1e-8),
    ],
    ids=["square", "least squares", "with tail", "tail in least squares", "eigenbasis"],
)
def test_square_and_least_squares_reach_the_exact_solution(space, points, bound):
    u = mf.solve(POISSON, space, points=points)
    assert mf.error(POISSON, u) < bound
    assert u.stats["unknowns"] == space.size
    assert u.stats["rows"] >= u.stats["unknowns"]
    names = "unknowns rows steps residual rank condition converged unique seconds device off_nodes"
    assert list(u.stats) == names.split()
    assert set(u.stats["seconds"]) == {"assembly", "solve"}
    assert set(u.stats["residual"]) == {"interior", "left", "right", "bottom", "top"}


def test_every_kind_of_condition_at_once():
    problem = mf.Problem(
        SQUARE,
        interior=poisson,
        left=mf.neumann(lambda x: -2 * jnp.cos(x[1])),
        right=mf.robin(3.0, 2.0, lambda x: (3 * jnp.sin(2.0) + 4 * jnp.cos(2.0)) * jnp.cos(x[1])),
        top=lambda u, x, n: u(x) ** 3 - wave(x) ** 3 + (u(x) - wave(x)),
        boundary=mf.dirichlet(wave),
        exact=wave,
    )
    u = mf.solve(problem, EIGEN)
    assert mf.error(problem, u) < 1e-7
    assert 1 < u.stats["steps"] < 10


def test_a_flux_on_one_side_is_taken_along_that_side_at_its_corners_too():
    """The corners' normals are means of two; along those the flux would be another one."""
    problem = mf.Problem(
        SQUARE, interior=poisson, left=mf.neumann(lambda x: -2 * jnp.cos(x[1])), boundary=mf.dirichlet(wave), exact=wave
    )
    assert np.abs(ROWS.normals["left"]).min(axis=1).max() > 0.7
    np.testing.assert_array_equal(ROWS.side_normals["left"], [[-1.0, 0.0]] * len(ROWS["left"]))
    assert mf.error(problem, mf.solve(problem, EIGEN)) < 1e-8


def test_an_interval_has_points_of_shape_1_and_takes_1d_arrays():
    problem = mf.Problem(
        mf.Interval(0.0, 2.0),
        interior=lambda u, x: mf.laplacian(u)(x) + jnp.sin(x[0]),
        left=mf.dirichlet(0.0),
        right=mf.neumann(jnp.cos(2.0)),
        exact=lambda x: jnp.sin(x[0]),
    )
    u = mf.solve(problem, mf.Eigenbasis(mf.Gaussian(2.0), mf.Interval(0.0, 2.0).cloud(0.05), degree=20))
    assert mf.error(problem, u) < 1e-12
    X = np.linspace(0, 2, 5)
    np.testing.assert_allclose(u(X), np.sin(X), atol=1e-12)
    assert u(X[:1]).shape == ()
    assert mf.laplacian(u)(X[2:3]) == pytest.approx(-np.sin(1.0), abs=1e-8)


def test_vector_fields_with_more_equations_than_fields_on_a_part():
    """A first-order system, q = ∇φ and ∇·q = −f, with φ and the tangential flux given on the boundary."""

    def exact(x):
        return jnp.concatenate([mf.gradient(wave)(x), wave(x)[None]])

    def system(u, x):
        q = mf.jacobian(u)(x)
        return jnp.stack([q[0, 0] + q[1, 1] + 5 * wave(x), *(u(x)[:2] - q[2])])

    problem = mf.Problem(
        SQUARE,
        interior=system,
        boundary=lambda u, x, n: jnp.stack(
            [u(x)[2] - wave(x), (u(x)[0] - exact(x)[0]) * n[1] - (u(x)[1] - exact(x)[1]) * n[0]]
        ),
        exact=exact,
        fields=3,
    )
    u = mf.solve(problem, EIGEN)
    assert u(ROWS.points).shape == (len(ROWS), 3)
    assert u.coefficients.shape == (EIGEN.size, 3)
    assert mf.error(problem, u) < 1e-6


def test_newton_converges_and_reports_its_steps():
    def cubic(u, x):
        return -mf.laplacian(u)(x) + u(x) ** 3 - 5 * wave(x) - wave(x) ** 3

    problem = mf.Problem(SQUARE, interior=cubic, boundary=mf.dirichlet(wave), exact=wave)
    u = mf.solve(problem, EIGEN)
    assert mf.error(problem, u) < 1e-8
    assert 3 <= u.stats["steps"] <= 8


def monge_ampere(u, x):
    return jnp.linalg.det(mf.hessian(u)(x)) - (1 + x @ x) * jnp.exp(x @ x)


MONGE_AMPERE = mf.Problem(
    SQUARE,
    interior=monge_ampere,
    boundary=mf.dirichlet(lambda x: jnp.exp(x @ x / 2)),
    exact=lambda x: jnp.exp(x @ x / 2),
)


@pytest.mark.parametrize(
    "initial", [lambda x: 1 + x @ x, mf.interpolate(lambda x: 1 + x @ x, EIGEN)], ids=["function", "solution"]
)
def test_a_fully_nonlinear_equation_converges_from_a_fair_start(initial):
    u = mf.solve(MONGE_AMPERE, EIGEN, initial=initial)
    assert mf.error(MONGE_AMPERE, u) < 1e-5


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.2])
def test_newton_ends_where_rounding_hides_what_a_least_squares_step_gains(scale):
    """CASES C4: a residual of 0.06 is left, known to 1e-5, of which steps of 1e-4 gain 1e-7; some took 10 steps."""

    def eikonal(u, x):
        slope = mf.gradient(u)(x)
        return slope @ slope - 1 - 0.1 * mf.laplacian(u)(x)

    problem = mf.Problem(SQUARE, interior=eikonal, boundary=mf.dirichlet(0.0))
    cloud = SQUARE.cloud(0.06, cluster=1.0)
    assert mf.solve(problem, mf.Eigenbasis(mf.Gaussian(scale), cloud, degree=20)).stats["steps"] <= 7


def test_from_zero_it_does_not_and_the_error_names_the_remedy():
    with pytest.raises((ConvergenceError, ValueError), match=r"initial=|singular"):
        mf.solve(MONGE_AMPERE, EIGEN)


def test_solve_works_under_jit_and_agrees():
    space = mf.Collocation(mf.Matern(5.5, 1.0), NODES)
    u = eqx.filter_jit(mf.solve)(POISSON, space)
    np.testing.assert_allclose(u(ROWS.points), mf.solve(POISSON, space)(ROWS.points), atol=1e-8)
    assert u.stats["steps"] == 1
    assert np.isnan(u.stats["seconds"]["solve"])


def test_a_changed_parameter_does_not_recompile(programs_kept):
    traces = []

    def reaction(rate, u, x):
        traces.append(None)
        return mf.laplacian(u)(x) - rate * u(x) + 1.0

    def solved(rate):
        return mf.solve(mf.Problem(SQUARE, interior=jax.tree_util.Partial(reaction, rate), boundary=condition), EIGEN)

    condition = mf.dirichlet(0.0)
    first = solved(1.0)([0.5, 0.5])
    count = len(traces)
    assert solved(50.0)([0.5, 0.5]) < 0.5 * first
    assert len(traces) == count


def test_weights_can_be_given_by_part():
    light = mf.solve(POISSON, EIGEN, weights={"left": 1.0})
    assert light.stats["residual"]["left"] > 10 * mf.solve(POISSON, EIGEN).stats["residual"]["left"]


def test_measured_weights_balance_an_operator_by_its_symbol():
    """Δ on a wave of number k = 1/h has size k², ∂ₙ size k/√2 on average, u size 1."""
    from meshfree.equations.assemble import assemble

    problem = mf.Problem(SQUARE, interior=poisson, top=mf.neumann(0.0), boundary=mf.dirichlet(0.0))
    system = assemble(problem, EIGEN, ROWS)
    k = 1 / float(ROWS.spacing)
    np.testing.assert_allclose(system.row_weights["interior"], 1.0, rtol=1e-6)
    np.testing.assert_allclose(system.row_weights["left"], k**2, rtol=1e-6)
    np.testing.assert_allclose(system.row_weights["top"], k * np.sqrt(2), rtol=0.5)


MIXED = mf.Problem(SQUARE, interior=poisson, top=mf.neumann(0.0), boundary=mf.dirichlet(0.0))
NO_DIRICHLET = mf.Problem(SQUARE, interior=poisson, boundary=mf.neumann(0.0))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: mf.solve(NO_DIRICHLET, SMOOTH),
            ValueError,
            r"the system is singular: u = 1 satisfies every homogeneous equation .*is there a condition that fixes",
        ),
        (
            lambda: mf.solve(NO_DIRICHLET, EIGEN),
            ValueError,
            "the system is singular: u = 1 satisfies every homogeneous equation",
        ),
        (lambda: mf.solve(POISSON, SMOOTH, solver="cg"), ValueError, "solver is 'cg'; it is one of"),
        (lambda: mf.solve(POISSON, SMOOTH, solver="lu", points=ROWS), ValueError, "LU needs a square matrix"),
        (
            lambda: mf.solve(POISSON, SMOOTH, points=SQUARE.cloud(0.3)),
            ValueError,
            "equations for .* unknowns: give more points",
        ),
        (
            lambda: mf.solve(POISSON, SMOOTH, weights={"lfet": 1.0}),
            ValueError,
            r"unknown parts \['lfet'\]; the parts are \['bottom'",
        ),
        (
            lambda: mf.solve(POISSON, SMOOTH, weights={"left": [1.0, 2.0]}),
            ValueError,
            r"a number or of shape \(1,\); got \(2,\)",
        ),
        (
            lambda: mf.solve(POISSON, mf.Collocation(mf.Matern(0.5), NODES)),
            ValueError,
            r"Matern\(nu=0.5\) has continuous derivatives up to order 0",
        ),
        (
            lambda: mf.solve(MIXED, mf.Collocation(mf.Gaussian(), mf.Disk().cloud(0.3))),
            ValueError,
            "no boundary part is named top",
        ),
        (
            lambda: mf.solve(POISSON, mf.Collocation(mf.Gaussian(), mf.Interval(0.0, 1.0).cloud(0.3))),
            ValueError,
            "domain has 2 dimensions and the cloud 1",
        ),
        (
            lambda: mf.solve(POISSON, SMOOTH, initial=lambda x: x),
            ValueError,
            r"initial has coefficients of shape .* the problem's unknowns are",
        ),
    ],
    ids=[
        "singular",
        "singular eigen",
        "solver",
        "lu",
        "few points",
        "weight part",
        "weight shape",
        "smoothness",
        "parts",
        "dimension",
        "initial",
    ],
)
def test_bad_input_is_a_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("interior", "message"),
    [
        (
            lambda u, x: mf.laplacian(u)(x)[None],
            r"returns shape \(1,\) for a scalar problem; return a scalar \(\).* write x\[0\]",
        ),
        (lambda u, x: mf.hessian(u)(x), r"must return \(\) or \(c,\); got shape \(2, 2\)"),
        (lambda u, x: mf.laplacian(u)(x) - 1 / jnp.zeros(()), "not finite at the initial guess"),
    ],
    ids=["(1,)", "matrix", "infinite"],
)
def test_a_wrong_residual_is_a_clear_error(interior, message):
    with pytest.raises(ValueError, match=message):
        mf.solve(mf.Problem(SQUARE, interior=interior, boundary=mf.dirichlet(0.0)), EIGEN)


def test_single_precision_is_refused_with_the_line_to_add():
    with (
        jax.enable_x64(False),
        pytest.raises(ValueError, match=r'float32; add.*\n.*jax.config.update\("jax_enable_x64", True\)'),
    ):
        mf.solve(POISSON, SMOOTH)


def test_a_dense_matrix_beyond_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr("meshfree.internal.memory.installed", lambda: 1e5)
    monkeypatch.setattr("meshfree.linalg.dense.FITS", 0)
    with pytest.raises(MemoryError, match="use Stencils, whose matrix is sparse, an Eigenbasis of fewer"):
        mf.solve(POISSON, SMOOTH)


def test_a_solution_takes_points_of_the_right_shape_only():
    u = mf.solve(POISSON, EIGEN)
    with pytest.raises(ValueError, match=r"a point of shape \(2,\) or points of shape \(m, 2\); got shape \(3,\)"):
        u([0.0, 1.0, 2.0])
