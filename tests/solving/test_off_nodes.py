"""The residual between the nodes, of which the nodes know nothing; flags, which tell under jit what errors tell."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.solving import off_nodes

CLOUD = SQUARE.cloud(0.12)


def exact(x):
    return jnp.sin(3 * x[0]) * jnp.cos(2 * x[1])


def interior(u, x):
    return mf.laplacian(u)(x) + 13 * exact(x)


POISSON = mf.Problem(SQUARE, interior=interior, boundary=mf.dirichlet(exact), exact=exact)
FREE = mf.Problem(SQUARE, interior=interior, boundary=mf.neumann(0.0))
EIGEN = mf.Eigenbasis(mf.Gaussian(1.0), CLOUD, 7)
SPACES = {
    "eigenbasis": EIGEN,
    "translates": mf.Collocation(mf.Matern(5.5, scale=1.0), CLOUD),
    "stencils": mf.Stencils(mf.Polyharmonic(3), CLOUD, 2),
    "compact": mf.Collocation(mf.Wendland(4, 3, scale=0.5), CLOUD),
    "levels": mf.Multilevel(mf.Wendland(4, 3, scale=0.8), [SQUARE.cloud(0.24), CLOUD]),
}


@pytest.mark.parametrize("name", SPACES)
def test_it_is_the_residual_at_other_points_over_that_of_zero_at_the_nodes(name):
    space = SPACES[name]
    u = mf.solve(POISSON, space)
    X = SQUARE.sample(off_nodes.count_of(CLOUD), seed=off_nodes.SEED)
    residual = mf.matrix(space, mf.laplacian, X) @ np.asarray(u.coefficients) + 13 * exact(X.T)
    coarsest = space.levels()[0].cloud
    inside, border = np.split(coarsest.points, [len(coarsest["interior"])])
    weighted = coarsest.spacing**-2 * exact(border.T)  # a wave of length 2π h: its Laplacian over itself
    data = np.concatenate([13 * exact(inside.T), weighted])
    assert u.stats["off_nodes"] == pytest.approx(rms(residual) / rms(data), rel=1e-6)


def rms(values):
    return np.sqrt(np.mean(values**2))


def test_without_a_domain_the_points_lie_between_the_nodes():
    cloud = mf.Cloud(CLOUD["interior"], **{part: (CLOUD[part], CLOUD.normals[part]) for part in SQUARE.part_names})
    points = off_nodes.between_nodes(cloud)
    to_nodes = np.linalg.norm(points[:, None] - cloud.points[None], axis=2).min(axis=1)
    assert np.all(SQUARE.contains(points)) and np.all(to_nodes > 0.2 * cloud.spacing)
    found, known = mf.solve(POISSON, EIGEN.on(cloud)).stats["off_nodes"], mf.solve(POISSON, EIGEN).stats["off_nodes"]
    assert found == pytest.approx(known, rel=2)  # other points of the same kind


def test_scattering():
    """Eigenfunctions between a hole, in which the wave has its source, and the walls: small residuals at the nodes."""
    domain = mf.Box((-3, -3), (3, 3)) - mf.Disk(radius=0.8, name="disk")

    def hard(w, x, n):
        return mf.derivative(w, n)(x) + 2 * n[0] * jnp.array([-jnp.sin(2 * x[0]), jnp.cos(2 * x[0])])

    def absorb(w, x, n):
        return mf.derivative(w, n)(x) - 2 * jnp.array([-w(x)[1], w(x)[0]])

    problem = mf.Problem(
        domain, fields=2, interior=lambda w, x: mf.laplacian(w)(x) + 4 * w(x), disk=hard, boundary=absorb
    )
    with pytest.warns(UserWarning, match=r"between the nodes the residual is \d+% of the data.*Eigenbasis.*Stencils"):
        u = mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), domain.cloud(0.4), 14))
    assert u.stats["off_nodes"] > 0.5 and max(u.stats["residual"].values()) < 0.1


def test_no_data_no_share():
    problem = mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.dirichlet(0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mf.solve(problem, EIGEN).stats["off_nodes"] == 0
    assert "off_nodes" not in mf.interpolate(exact, EIGEN).stats


@pytest.mark.parametrize("name", ["eigenbasis", "stencils"])
def test_flags_under_jit_tell_what_is_an_error_elsewhere(name):
    @eqx.filter_jit
    def flags(problem, space):
        stats = mf.solve(problem, space).stats
        return stats["converged"] & stats["unique"]

    assert flags(POISSON, SPACES[name]) and not flags(FREE, SPACES[name])

    @eqx.filter_jit
    def checked(problem, space):
        u = mf.solve(problem, space)
        return eqx.error_if(u.coefficients, ~u.stats["unique"], "no unique solution")

    with pytest.raises(Exception, match="no unique solution"):
        checked(FREE, SPACES[name])


def test_newton_that_fails_under_jit_says_so():
    """Bratu's problem beyond its fold has no solution."""
    line = mf.Interval()
    space = mf.Eigenbasis(mf.Gaussian(1.0), line.cloud(0.05), 10)

    @jax.jit
    def converged(strength):
        problem = mf.Problem(
            line, interior=lambda u, x: mf.laplacian(u)(x) + strength * jnp.exp(u(x)), boundary=mf.dirichlet(0.0)
        )
        return mf.solve(problem, space).stats["converged"]

    assert converged(1.0) and not converged(5.0)
