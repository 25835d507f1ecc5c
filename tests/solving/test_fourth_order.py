"""Equations of fourth order, with two conditions at every boundary node."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

PLATE = mf.Polygon([(0.0, 0.0), (1.2, 0.1), (1.0, 0.9), (0.3, 1.1)])  # corners of all kinds, none of them right
CLOUD = PLATE.cloud(0.1)


def exact(x):
    return jnp.exp(x[0]) * jnp.sin(x[1]) + x[0] * x[1] ** 2  # Δ²u = 0


def clamped(u, x, n):
    return jnp.stack([u(x), mf.derivative(u, n)(x)])


def supported(u, x, n):
    return jnp.stack([u(x), mf.laplacian(u)(x)])


def without_moment(u, x, n):
    return jnp.stack([u(x), mf.derivative(mf.derivative(u, n), n)(x)])


SPACES = {
    "stencils, ghosts": mf.Stencils(None, CLOUD, 6, ghost=True),
    "stencils, ghosts on one side": mf.Stencils(None, mf.Box().cloud(0.1), 6, ghost="left"),
    "stencils": mf.Stencils(None, CLOUD, 6),
    "eigenfunctions": mf.Eigenbasis(mf.Gaussian(3.0), CLOUD, 8),
    "translates": mf.Collocation(mf.Gaussian(0.6), CLOUD),
}


def error(u) -> float:
    X = u.space.cloud.domain.sample(200, seed=3)
    values = np.asarray(jax.vmap(exact)(jnp.asarray(X)))
    return float(np.linalg.norm(u(X) - values) / np.linalg.norm(values))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("condition", [clamped, supported, without_moment])
def test_plates_with_corners_in_every_space(condition, space):
    space = SPACES[space]
    problem = mf.Problem(
        None,
        interior=lambda u, x: mf.biharmonic(u)(x),
        boundary=lambda u, x, n: condition(u, x, n) - condition(exact, x, n),
    )
    u = mf.solve(problem, space)
    assert u.stats["rows"] == len(space.cloud) + len(space.cloud.normal_vectors)
    assert error(u) < 2e-5


def nth(u, order):
    return u if order == 0 else mf.derivative(nth(u, order - 1), 0)


@pytest.mark.parametrize("spacing", [0.02, 0.005])
def test_a_beam_of_many_nodes_in_least_squares(spacing):
    """A condition of 1e8 and 2e10: least squares must not square it."""
    beam = mf.Problem(
        mf.Interval(),
        interior=lambda u, x: nth(u, 4)(x) - 1.0,
        left=lambda u, x, n: jnp.stack([u(x), nth(u, 1)(x)]),
        right=lambda u, x, n: jnp.stack([nth(u, 2)(x), nth(u, 3)(x)]),
        exact=lambda x: x[0] ** 2 * (x[0] ** 2 - 4 * x[0] + 6) / 24,
    )
    u = mf.solve(beam, mf.Stencils(None, beam.domain.cloud(spacing), 6))
    assert mf.error(beam, u) < 1e-5


def test_polynomials_below_the_order_of_the_equation_are_told():
    problem = mf.Problem(PLATE, interior=lambda u, x: mf.biharmonic(u)(x), boundary=clamped)
    with pytest.warns(UserWarning, match=r"derivatives of order 4 by stencils with polynomials of degree 3.* degree=4"):
        mf.solve(problem, mf.Stencils(None, CLOUD, 3))
