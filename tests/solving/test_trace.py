"""Branches through folds, against known ones."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import meshfree as mf

LINE = mf.Interval(0.0, 1.0)
EIGEN = mf.Eigenbasis(mf.Gaussian(1.0), LINE.cloud(0.03, cluster=1.0), 16)
STENCILS = mf.Stencils(None, LINE.cloud(0.02), 6)
FOLD = 3.513830719125161  # of Bratu's problem on the line


def fixed(u, x, n, p):
    return u(x)


def bratu(u, x, p):
    return mf.laplacian(u)(x) + p * jnp.exp(u(x))


PROBLEM = mf.Problem(LINE, interior=bratu, boundary=fixed)


def middle(p, upper):
    """u(1/2) = 2 log cosh θ with θ = √(λ/8) cosh θ."""
    bounds = (1.2, 4.0) if upper else (1e-9, 1.19)
    theta = scipy.optimize.brentq(lambda t: t - np.sqrt(p / 8) * np.cosh(t), *bounds, xtol=1e-14)
    return 2 * np.log(np.cosh(theta))


@pytest.mark.parametrize("space", [EIGEN, STENCILS])
def test_bratu(space):
    branch = mf.trace(PROBLEM, space, 0.0, 4.0, until=lambda u, p: p < 2.5 and u(np.array([0.5])) > 2)
    assert branch.folds == pytest.approx([FOLD], abs=1e-6) and len(branch.turns) == 1
    assert branch.parameters[0] == 0.0 and branch.parameters[-1] < 2.5 and branch.stats["complete"]
    for place in (5, len(branch) - 1):
        upper = place > branch.turns[0]
        exact = middle(branch.parameters[place], upper)
        assert float(branch[place](np.array([0.5]))) == pytest.approx(exact, rel=1e-5)
    assert branch[3].stats["parameter"] == branch.parameters[3] and len(list(branch)) == len(branch.norms)
    assert "3.51383" in repr(branch) and "Branch" in branch._repr_html_()


def test_to_the_last_value_downwards_and_in_least_squares():
    branch = mf.trace(PROBLEM, STENCILS, 3.0, 1.0, points=LINE.cloud(0.013), max_steps=40)
    assert branch.parameters[-1] == 1.0 and len(branch.folds) == 0 and branch.stats["rows"] > branch.stats["unknowns"]
    assert float(branch[-1](np.array([0.5]))) == pytest.approx(middle(1.0, False), rel=1e-6)
    assert branch.stats["message"] == "reached the last value"


def test_two_folds_of_two_fields():
    """λ = s³ − 3 s everywhere turns at s = ∓ 1; the other field follows, Δw = −s."""

    def cubic(s, p):
        return s**3 - 3 * s - p

    problem = mf.Problem(
        LINE,
        interior=lambda u, x, p: jnp.stack([mf.laplacian(u)(x)[0] + u(x)[1], cubic(u(x)[1], p)]),
        boundary=lambda u, x, n, p: jnp.stack([u(x)[0], cubic(u(x)[1], p)]),
        fields=2,
    )
    space = mf.Stencils(None, LINE.cloud(0.1), 2)
    branch = mf.trace(problem, space, -4.0, 4.0, initial=lambda x: jnp.stack([0.0 * x[0], 0.0 * x[0] - 2.2]))
    assert branch.folds == pytest.approx([2.0, -2.0], abs=1e-6) and branch.parameters[-1] == 4.0
    assert branch[-1](np.array([0.5])) == pytest.approx([2.1958 / 8, 2.1958], abs=1e-3)


@pytest.mark.parametrize(
    ("start", "stop", "problem", "message"),
    [
        (1.0, 1.0, PROBLEM, "two values of the parameter"),
        (0.0, 1.0, mf.Problem(LINE, interior=lambda u, x: u(x), boundary=mf.dirichlet()), "no parameter to follow"),
        (
            0.0,
            1.0,
            mf.Problem(LINE, interior=lambda u, x, p: mf.laplacian(u)(x) + 1.0, boundary=fixed),
            "depends on the",
        ),
    ],
)
def test_bad_input(start, stop, problem, message):
    with pytest.raises(ValueError, match=message):
        mf.trace(problem, STENCILS, start, stop)


def test_no_start():
    with pytest.raises(RuntimeError, match="no start at the parameter 5"):
        mf.trace(PROBLEM, STENCILS, 5.0, 6.0)
    with pytest.raises(TypeError, match="start"):
        mf.trace(PROBLEM, STENCILS)


def test_an_interrupted_branch_is_returned():
    def until(u, p):
        if p > 1.0:
            raise KeyboardInterrupt
        return False

    with pytest.warns(UserWarning, match="interrupted at 1"):
        branch = mf.trace(PROBLEM, STENCILS, 0.0, 4.0, until=until)
    assert not branch.stats["complete"] and 1.0 < branch.parameters[-1] < 2.0
