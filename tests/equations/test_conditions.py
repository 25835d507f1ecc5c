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
