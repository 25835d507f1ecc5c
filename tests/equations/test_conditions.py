"""Parts and conditions are matched once, and every part keeps its own rows."""

import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.equations import assemble as module
from meshfree.equations.assemble import assemble

CLOUD = SQUARE.cloud(0.2)
SPACES = {
    "dense": mf.Collocation(mf.Matern(4.5, 0.8), CLOUD),
    "stencils": mf.Stencils(mf.Polyharmonic(3), CLOUD, 2),
    "ghosts": mf.Stencils(mf.Polyharmonic(3), CLOUD, 2, ghost=["top", "left"]),
}


def value(x):
    return 1.0 + x[0] + 10 * x[1] ** 2


PROBLEM = mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x) - 7.0, boundary=mf.dirichlet(value))


@pytest.mark.parametrize("kind", SPACES)
def test_residuals_are_told_of_the_part_that_they_belong_to(kind):
    """One residual serves all sides, which are rows of one block; the cloud's order is not that of the alphabet."""
    space = SPACES[kind]
    assert list(CLOUD.parts) != sorted(CLOUD.parts)
    system = assemble(PROBLEM, space, weights={"bottom": 3.0, "right": 0.5})
    told = system.per_part(system.residual(jnp.zeros(space.size)))
    for part in ("left", "right", "bottom", "top"):
        expected = np.sqrt(np.mean([value(x) ** 2 for x in CLOUD[part]]))
        assert float(told[part]) == pytest.approx(expected, rel=1e-12), part
    assert float(told["interior"]) == pytest.approx(7.0)


@pytest.mark.parametrize("kind", SPACES)
def test_the_norm_at_every_point_is_that_of_its_weighted_residual(kind):
    space = SPACES[kind]
    system = assemble(PROBLEM, space)
    norms = system.per_point(np.asarray(system.at_points(jnp.zeros(space.size))))[: len(CLOUD)]
    weight = {part: float(weights[0]) for part, weights in system.row_weights.items()}
    expected = [weight[part] * (7.0 if part == "interior" else value(x)) for part in CLOUD.parts for x in CLOUD[part]]
    np.testing.assert_allclose(norms, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", SPACES)
def test_conditions_are_matched_once_in_a_solve(kind, monkeypatch):
    calls, real = [], module.match_conditions
    monkeypatch.setattr(module, "match_conditions", lambda *given: calls.append(given) or real(*given))
    mf.solve(PROBLEM, SPACES[kind])
    assert len(calls) == 1


# ------------------------------------------------------------------------------------- residuals that cannot be


def forgotten(u, x):
    mf.laplacian(u)(x)


NODAL = np.asarray(CLOUD["left"])[:, 1]
WRONG = {  # what is wrong: (the residuals, the error, its words)
    "nothing returned": (
        {"interior": forgotten},
        TypeError,
        "'interior' .* returns nothing: its last line",
    ),
    "a tuple": ({"left": lambda u, x, n: (u(x), u(x))}, TypeError, "'left' .* returns a tuple: use jnp.stack"),
    "an integer": ({"top": lambda u, x, n: jnp.asarray(1)}, TypeError, "'top' must return float64; it returns int64"),
    "single precision": (
        {"interior": lambda u, x: mf.laplacian(u)(x).astype(jnp.float32)},
        TypeError,
        "'interior' must return float64; it returns float32; use .* double precision",
    ),
    "complex": ({"left": lambda u, x, n: u(x).astype(complex)}, TypeError, "'left' .* complex128; use two fields"),
    "complex data": ({"left": mf.dirichlet(1j)}, ValueError, "'left': .* values of complex128; use real .* fields=2"),
    "boolean data": ({"left": mf.neumann(True)}, ValueError, "'left': .* values of bool; use real numbers"),
    "a value per node": (
        {"left": mf.dirichlet(NODAL)},
        ValueError,
        rf"'left': .* a value of shape \({len(NODAL)},\) where u has \(\).*mf.interpolate\(values, space\)",
    ),
    "a source per node": (
        {"interior": lambda u, x: mf.laplacian(u)(x) - np.ones(len(CLOUD["interior"]))},
        ValueError,
        f"'interior' returns {len(CLOUD['interior'])} components, as many as the part has points",
    ),
    "a vector for a number": ({"left": mf.dirichlet(lambda x: x)}, ValueError, r"shape \(2,\) where u has \(\)"),
    "a coefficient": ({"left": mf.robin(lambda x: x, 1.0)}, ValueError, r"'left': .* shape \(2,\) where u has \(\)"),
    "no components": ({"top": lambda u, x, n: jnp.zeros(0)}, ValueError, "'top' has no components; .* as right=None"),
    "an index": (
        {"interior": lambda u, x: mf.laplacian(u)(x) - x[2]},
        IndexError,
        r"'interior' uses an entry beyond the end of an array of shape \(2,\): x has 2 coordinates",
    ),
    "an index of data": ({"top": mf.dirichlet(lambda x: x[3])}, IndexError, "'top' uses an entry beyond the end"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("kind", ["dense", "stencils"])
def test_what_a_residual_cannot_be_is_said_with_its_part(name, kind):
    given, error, words = WRONG[name]
    residuals = {"interior": lambda u, x: mf.laplacian(u)(x), "boundary": mf.dirichlet(0.0), **given}
    with pytest.raises(error, match=words):
        mf.solve(mf.Problem(SQUARE, **residuals), SPACES[kind])


@pytest.mark.parametrize(
    "value",
    [2, np.int32(2), np.float32(2.0), jnp.array(2.0), lambda x: 2.0],
    ids=["int", "NumPy int", "single", "JAX", "function"],
)
def test_numbers_of_every_kind_are_data(value):
    problem = mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.dirichlet(value))
    assert float(mf.solve(problem, SPACES["stencils"])([0.4, 0.6])) == pytest.approx(2.0, rel=1e-9)


def test_a_part_without_a_condition_has_no_equations():
    """Heat in a box of space and time: none at the final time."""

    def exact(x):
        return jnp.exp(-0.2 * jnp.pi**2 * x[1]) * jnp.sin(jnp.pi * x[0])

    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.derivative(u, 1)(x) - 0.2 * mf.hessian(u)(x)[0, 0],
        bottom=mf.dirichlet(exact),
        top=None,
        boundary=mf.dirichlet(0.0),
        exact=exact,
    )
    cloud = SQUARE.cloud(0.1)
    u = mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), cloud, 10))
    assert mf.error(problem, u) < 4e-3
    assert u.stats["rows"] == len(cloud) - len(cloud["top"])
    assert set(u.stats["residual"]) == {"interior", "left", "right", "bottom"}
    assert mf.indicator(problem, u).shape == (len(cloud),)
    assert "top: None" in repr(problem)
