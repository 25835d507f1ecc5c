"""Problems: every part has one condition, conditions say what they should, and nothing else passes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.pde.problem import linearise


def laplace(u, x):
    return mf.laplacian(u)(x)


def test_boundary_serves_the_parts_that_are_not_named():
    top = mf.neumann(1.0)
    rest = mf.dirichlet(0.0)
    problem = mf.Problem(SQUARE, interior=laplace, top=top, boundary=rest)
    assert problem.match(SQUARE.part_names) == {"left": rest, "right": rest, "bottom": rest, "top": top}


def test_a_part_called_boundary_is_named_by_boundary():
    condition = mf.dirichlet(0.0)
    assert mf.Problem(mf.Disk(), interior=laplace, boundary=condition).match(["boundary"]) == {"boundary": condition}


def test_boundary_serves_the_rest_beside_a_part_of_that_name():
    """As of a square with a disk cut out, whose circle is called so."""
    top, rest = mf.neumann(1.0), mf.dirichlet(0.0)
    problem = mf.Problem(SQUARE - mf.Disk((0.5, 0.5), 0.2), interior=laplace, top=top, boundary=rest)
    expected = dict.fromkeys(("left", "right", "bottom", "boundary"), rest) | {"top": top}
    assert problem.match(problem.domain.part_names) == expected


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            {"left": mf.dirichlet()},
            r"no condition on bottom, right, top; conditions given: left; boundary parts: bottom, left",
        ),
        ({}, r"no condition on bottom, left, right, top; conditions given: none"),
        (
            {"lfet": mf.dirichlet(), "boundary": mf.dirichlet()},
            r"no boundary part is named lfet; .* boundary parts: bottom, left",
        ),
        (
            dict.fromkeys(("left", "right", "bottom", "top", "boundary"), mf.dirichlet()),
            r"boundary= would be a second condition",
        ),
    ],
    ids=["missing", "none", "unknown", "twice"],
)
def test_parts_without_a_condition_or_with_two_are_errors_that_print_both_sets(conditions, message):
    with pytest.raises(ValueError, match=message):
        mf.Problem(SQUARE, interior=laplace, **conditions)


def test_a_number_in_place_of_a_condition_is_an_error_with_the_remedy():
    with pytest.raises(
        TypeError, match=r"boundary= must be a residual.* got 0.0. For a given value write mf.dirichlet\(0.0\)"
    ):
        mf.Problem(SQUARE, interior=laplace, boundary=0.0)


def test_a_problem_has_at_least_one_field():
    with pytest.raises(ValueError, match="fields is the number of components of u, at least 1; got 0"):
        mf.Problem(SQUARE, interior=laplace, boundary=mf.dirichlet(), fields=0)


@pytest.mark.parametrize("value", [2.0, jnp.array(2.0), lambda x: 2.0 * x[0] ** 0], ids=["number", "array", "function"])
def test_conditions_are_their_formulas(value):
    def u(x):
        return x[0] ** 2 * x[1]

    x, n = jnp.array([0.5, 3.0]), jnp.array([0.6, 0.8])
    flux = 0.6 * 3.0 + 0.8 * 0.25
    assert mf.dirichlet(value)(u, x, n) == pytest.approx(0.75 - 2)
    assert mf.neumann(value)(u, x, n) == pytest.approx(flux - 2)
    assert mf.robin(value, 3.0, value)(u, x, n) == pytest.approx(2 * 0.75 + 3 * flux - 2)


def test_conditions_on_vector_fields_take_vectors():
    def u(x):
        return jnp.stack([x[0], x[1] ** 2])

    x, n = jnp.array([2.0, 3.0]), jnp.array([0.0, 1.0])
    np.testing.assert_allclose(mf.dirichlet([1.0, 2.0])(u, x, n), [1.0, 7.0])
    np.testing.assert_allclose(mf.neumann(0.0)(u, x, n), [0.0, 6.0])


def test_linearise_is_the_derivative_along_a_function():
    def residual(u):
        return mf.laplacian(u)(jnp.array([1.0, 2.0])) + u(jnp.array([1.0, 2.0])) ** 3

    def u(x):
        return x[0] * x[1]

    def v(x):
        return x[0] ** 2

    assert linearise(residual, u, v) == pytest.approx(2 + 3 * 4 * 1)


def test_a_problem_is_a_pytree_whose_numbers_are_leaves():
    def reaction(rate, u, x):
        return mf.laplacian(u)(x) - rate * u(x)

    problem = mf.Problem(SQUARE, interior=jax.tree_util.Partial(reaction, 3.0), boundary=mf.dirichlet(1.0))
    changed = eqx.tree_at(lambda p: p.interior.args[0], problem, 4.0)
    assert changed.interior.args == (4.0,)
    assert problem.interior.args == (3.0,)


class Reaction(eqx.Module):
    rate: float

    def __call__(self, u, x):
        return mf.laplacian(u)(x) - self.rate * u(x)


def flux(x):
    return x[0]


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (mf.dirichlet(), "dirichlet(0.0)"),
        (mf.dirichlet([1.0, 0.5]), "dirichlet([1.0, 0.5])"),
        (mf.dirichlet(jnp.array(0.1)), "dirichlet(0.1)"),
        (mf.neumann(flux), "neumann(flux)"),
        (mf.robin(1.0, np.ones(2), lambda x: x[0]), "robin(1.0, [1.0, 1.0], <lambda>)"),
    ],
)
def test_a_condition_prints_as_it_is_written(condition, text):
    assert repr(condition) == text


def test_a_problem_prints_in_a_few_lines():
    problem = mf.Problem(SQUARE, interior=Reaction(0.3), top=mf.neumann(flux), boundary=mf.dirichlet(0.0), exact=flux)
    assert repr(problem) == (
        "Problem on Box(lower=(0.0, 0.0), upper=(1.0, 1.0), name=None)\n"
        "    fields: 1\n"
        "  interior: Reaction(rate=0.3)\n"
        "       top: neumann(flux)\n"
        "  boundary: dirichlet(0.0) on left, right, bottom\n"
        "     exact: yes"
    )


def test_a_problem_prints_without_a_domain_and_inside_jit():
    problem = mf.Problem(None, interior=laplace, boundary=jax.tree_util.Partial(mf.dirichlet(1.0)), fields=2)
    assert repr(problem).splitlines() == [
        "Problem without a domain",
        "    fields: 2",
        "  interior: laplace",
        "  boundary: dirichlet(1.0)(...)",
        "     exact: no",
    ]
    printed = []

    @jax.jit
    def trace(rate):
        printed.append(repr(mf.Problem(mf.Disk(), interior=Reaction(rate), boundary=mf.dirichlet(rate))))
        return rate

    trace(1.0)
    assert "interior: Reaction(rate=<traced>)\n  boundary: dirichlet(<traced>)\n" in printed[0]
