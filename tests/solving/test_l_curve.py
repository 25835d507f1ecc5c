"""The L-curve of a Tikhonov term."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.solving.l_curve import LCurve

X = SQUARE.sample(25, seed=3)
SPACE = mf.Eigenbasis(mf.Gaussian(1.5), SQUARE.cloud(0.15, cluster=1.0), 8)


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])


def problem(**more):
    """The source as six monomials, of which small ones are asked for."""
    numbers, values = mf.Unknown(np.zeros(6), name="source"), np.asarray(jax.vmap(exact)(X))

    def source(x):
        return numbers[0] + x @ numbers[1:3] + numbers[3] * x[0] * x[1] + (x * x) @ numbers[4:]

    heads = mf.Data(X, values + 0.01 * np.random.default_rng(0).standard_normal(25))
    prior = mf.Data(X[:1], np.zeros((1, 6)), 10.0, of=lambda u, x: jnp.asarray(numbers))
    parts = {"heads": heads, "prior": prior} | more
    return mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + source(x),
        boundary=mf.dirichlet(0.0),
        exact=exact,
        **{name: one for name, one in parts.items() if one is not None},
    )


def test_more_weight_is_a_smaller_term_and_a_larger_misfit(tmp_path):
    curve = mf.l_curve(problem(), SPACE, "prior", np.logspace(-2, 2, 9))
    np.testing.assert_allclose(curve.weights, np.logspace(-2, 2, 9))
    assert np.all(np.diff(curve.misfits) > -1e-9) and np.all(np.diff(curve.sizes) < 1e-9)
    u = curve.solutions[4]
    values = np.asarray(jax.vmap(exact)(X)) + 0.01 * np.random.default_rng(0).standard_normal(25)
    assert curve.misfits[4] == pytest.approx(np.sqrt(np.mean((np.asarray(u(X)) - values) ** 2)) / 0.01, rel=1e-6)
    assert curve.sizes[4] == pytest.approx(np.sqrt(np.mean(u.unknowns["source"] ** 2)) / 10.0, rel=1e-6)
    axes = mf.plot(curve, tmp_path / "l.png").axes[0]
    assert any("corner, weight" in text.get_text() for text in axes.get_legend().get_texts())


def test_the_corner_and_the_misfit_of_the_noise():
    """Of a curve that is bent at weight 1 by the formula."""
    weights = np.logspace(-2, 2, 33)
    curve = LCurve("prior", weights, 0.5 * (1 + weights**2), 1 + 1 / weights, [])
    assert 0.3 < curve.weights[curve.corner] < 3
    assert curve.discrepancy == pytest.approx(1.0, rel=0.02)
    assert curve._replace(misfits=3 * curve.misfits).discrepancy is None


@pytest.mark.parametrize(
    ("called", "message"),
    [
        (lambda: mf.l_curve(problem(), SPACE, "tikhonov"), "term='tikhonov' must be one mf.Data.*heads, prior"),
        (lambda: mf.l_curve(problem(heads=None), SPACE, "prior"), "that has others, too"),
        (lambda: mf.l_curve(problem(), SPACE, "prior", [1.0, 2.0]), "at least 5 positive numbers"),
        (lambda: mf.l_curve(problem(), SPACE, "prior", [-1.0, 1, 2, 3, 4]), "at least 5 positive numbers"),
    ],
)
def test_what_cannot_be_is_refused(called, message):
    with pytest.raises(ValueError, match=message):
        called()
