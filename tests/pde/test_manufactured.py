"""Manufactured residuals: the identity that defines them, and that `exact` is what solving gives, in every space."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.pde.jets import needed_order

CLOUD = SQUARE.cloud(0.12)
SPACES = {
    "global": mf.Eigenbasis(mf.Gaussian(2.0), CLOUD, degree=8),
    "local": mf.Stencils(mf.Polyharmonic(5), CLOUD, degree=4),
}


def quadratic(x):
    return 1 + x[0] ** 2 - 3 * x[0] * x[1]


def pair(x):
    return jnp.stack([quadratic(x), x[1] ** 2 - x[0]])


def poisson(u, x):
    return mf.laplacian(u)(x)


def coupled(u, x):
    return mf.laplacian(u)(x) + jnp.exp(x[0]) * u(x)[::-1]


def cubic(u, x):
    return -mf.laplacian(u)(x) + u(x) ** 3


def slope(u, x, n, power=1):
    return (mf.gradient(u)(x) @ n) ** power


# ----------------------------------------------------------------------------------------------- the identity


@pytest.mark.parametrize(
    ("residual", "further"),
    [
        (cubic, ()),
        (slope, (jnp.array([0.6, 0.8]),)),
        (slope, (jnp.array([0.6, 0.8]), 3)),
        (mf.robin(2.0, lambda x: x[0], 5.0), (jnp.array([0.6, 0.8]),)),
    ],
    ids=["interior", "boundary", "further argument", "condition"],
)
def test_it_is_the_difference_of_two_residuals(residual, further):
    def u(x):
        return jnp.sin(x[0]) * x[1]

    x, found = jnp.array([0.3, 0.7]), mf.manufactured(residual, quadratic)
    assert found(u, x, *further) == residual(u, x, *further) - residual(quadratic, x, *further)
    assert found(quadratic, x, *further) == 0.0


def test_the_condition_of_a_manufactured_flux():
    """Of u = x² at n = (0.6, 0.8): 1.2 x₀ − (0.6 (2x₀ − 3x₁) − 0.8 · 3x₀)."""
    x, n = jnp.array([0.5, 1.0]), jnp.array([0.6, 0.8])
    found = mf.manufactured(mf.neumann(7.0), quadratic)(lambda x: x[0] ** 2, x, n)
    assert found == pytest.approx(0.6 - (0.6 * (1 - 3) - 0.8 * 1.5), rel=1e-14)


# ------------------------------------------------------------------------------------------ what solving gives


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize(
    ("residual", "exact", "fields"), [(poisson, quadratic, 1), (cubic, quadratic, 1), (coupled, pair, 2)]
)
def test_solving_gives_the_exact_solution(kind, residual, exact, fields):
    """Polynomials of degree 2 are in the local space, and as good as in the global one: what is left is rounding."""
    problem = mf.Problem(
        SQUARE,
        interior=mf.manufactured(residual, exact),
        top=mf.manufactured(mf.neumann(), exact),
        boundary=mf.manufactured(mf.dirichlet(), exact),
        exact=exact,
        fields=fields,
    )
    u = mf.solve(problem, SPACES[kind])
    found = mf.error(problem, u, CLOUD.points)
    print(f"{kind} {residual.__name__}: error {found:.1e}, {u.stats['steps']} steps")
    assert found < (1e-4 if kind == "global" else 1e-10)
    assert (u.stats["steps"] == 1) == (residual is not cubic), "an affine residual is recognised as affine"


def test_the_exact_solution_needs_no_jet():
    assert needed_order(mf.manufactured(poisson, quadratic), 2) == 2
    assert needed_order(mf.manufactured(lambda u, x: u(x) * 2, mf.laplacian(quadratic)), 2) == 0


# ----------------------------------------------------------------------------------------------------- leaves


class Mode(eqx.Module):
    """sin(wavenumber x₀) x₁."""

    wavenumber: float

    def __call__(self, x):
        return jnp.sin(self.wavenumber * x[0]) * x[1]


def test_leaves_of_residual_and_exact_are_its_leaves_and_a_changed_number_is_no_new_program(programs_kept):
    traces = []

    def reaction(rate, u, x):
        traces.append(None)
        return mf.laplacian(u)(x) - rate * u(x)

    def solved(rate, wavenumber):
        exact = Mode(wavenumber)
        interior = mf.manufactured(jax.tree_util.Partial(reaction, rate), exact)
        assert jax.tree.leaves(interior) == [rate, wavenumber]
        problem = mf.Problem(SQUARE, interior=interior, boundary=mf.dirichlet(exact), exact=exact)
        return mf.error(problem, mf.solve(problem, SPACES["global"]))

    assert solved(1.0, 2.0) < 1e-4
    count = len(traces)
    assert solved(30.0, 1.0) < 1e-4
    assert len(traces) == count


# ----------------------------------------------------------------------------------------------------- errors


def test_what_is_no_callable_is_refused():
    with pytest.raises(TypeError, match=r"residual must be a callable, residual\(u, x\) or .*; got 3.0"):
        mf.manufactured(3.0, quadratic)
    with pytest.raises(TypeError, match=r"exact must be a function of one point, exact\(x\); got 2.0. .* use lambda x"):
        mf.manufactured(poisson, 2.0)


def test_an_exact_solution_of_another_shape_is_refused():
    problem = mf.Problem(SQUARE, interior=mf.manufactured(poisson, pair), boundary=mf.dirichlet(0.0))
    with pytest.raises(ValueError, match=r"of u has shape \(\) and that of exact \(2,\); .* check exact, and Problem"):
        mf.solve(problem, SPACES["global"])
