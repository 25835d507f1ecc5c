"""What a solution and a space print as: a few lines that a person reads, also where values are not known."""

import jax
import jax.numpy as jnp
import pytest
from shared_cases import SQUARE

import meshfree as mf

CLOUD = SQUARE.cloud(0.2)
SPACE = mf.Collocation(mf.Matern(4.5, 0.8), CLOUD)
PROBLEM = mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x) + 1.0, boundary=mf.dirichlet(0.0))


def lines(printed):
    return [line.strip() for line in printed.splitlines()]


@pytest.fixture(scope="module")
def solution():
    return mf.solve(PROBLEM, SPACE)


def test_a_solution_prints_what_the_solver_has_to_say(solution):
    title, *rest = lines(repr(solution))
    assert title == "Solution"
    assert rest[:5] == [
        "space: Collocation, Matern(nu=4.5, scale=0.8)",
        f"unknowns: {len(CLOUD)}",
        f"rows: {len(CLOUD)}",
        "steps: 1",
        f"rank: {len(CLOUD)}",
    ]
    assert rest[-1] == "message: solved in one step"
    assert any(line.startswith("residual: ") and "interior " in line for line in rest)


def test_a_notebook_shows_the_same_as_a_table(solution):
    shown = solution._repr_html_()
    assert shown.startswith("<table>")
    assert "<th>space</th><td>Collocation, Matern(nu=4.5, scale=0.8)</td>" in shown
    assert shown.count("<tr>") == len(lines(repr(solution))) - 1


def test_what_is_traced_is_said_to_be(solution):
    printed = []

    @jax.jit
    def solved(scale):
        u = mf.solve(PROBLEM, mf.Collocation(mf.Matern(4.5, scale), CLOUD))
        printed.extend([repr(u), repr(u.space)])
        return u(jnp.array([0.5, 0.5]))

    assert float(solved(0.8)) == pytest.approx(float(solution([0.5, 0.5])), rel=1e-6)
    assert "steps: <traced>" in printed[0] and "not solved yet" in printed[0]
    assert printed[1].startswith("Collocation, Matern(nu=4.5, scale=<traced>)")


def test_solutions_that_no_equation_made():
    values = mf.interpolate(lambda x: x[0], mf.Stencils(None, CLOUD, 2))
    assert lines(repr(values))[-1] == "message: the coefficients are the given values"
    assert lines(repr(mf.Solution(SPACE, jnp.ones(SPACE.size), {})))[1:] == [
        "space: Collocation, Matern(nu=4.5, scale=0.8)",
        "message: made from given coefficients",
    ]


def test_newton_tells_its_steps():
    nonlinear = mf.Problem(
        SQUARE, interior=lambda u, x: mf.laplacian(u)(x) - u(x) ** 3 + 10.0, boundary=mf.dirichlet(0.0)
    )
    u = mf.solve(nonlinear, SPACE)
    assert lines(repr(u))[-1] == f"message: Newton's method converged in {u.stats['steps']} steps"


@pytest.mark.parametrize(
    ("space", "phrase"),
    [
        (
            mf.Collocation(mf.Gaussian(0.3), CLOUD, degree=1),
            "Collocation + polynomials of degree 1, Gaussian(scale=0.3)",
        ),
        (mf.Eigenbasis(mf.Gaussian(1.0), CLOUD, 6), "Eigenbasis of degree 6, Gaussian(scale=1.0)"),
        (
            mf.Eigenbasis(mf.Gaussian(1.0), CLOUD, 6, truncation="hyperbolic"),
            "Eigenbasis of degree 6 in a hyperbolic cross, Gaussian(scale=1.0)",
        ),
        (mf.Stencils(None, CLOUD, 2), "Stencils of 12 nodes, polynomials of degree 2, Polyharmonic(degree=5)"),
        (
            mf.Multilevel(mf.Wendland(4, 2, 1.5), [SQUARE.cloud(0.4), CLOUD]),
            "Multilevel of 2 levels, Wendland(smoothness=4, dim=2, scale=1.5)",
        ),
    ],
    ids=["translates", "eigenfunctions", "hyperbolic", "stencils", "levels"],
)
def test_a_space_prints_in_a_few_lines(space, phrase):
    assert space.describe() == phrase
    assert lines(repr(space)) == [phrase, f"unknowns: {space.size} a field", f"cloud: {space.cloud!r}"]
