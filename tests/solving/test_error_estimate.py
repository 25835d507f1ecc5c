"""The estimated error beside the true one, in every kind of space."""

import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf

CLOUD, FINE, CLUSTERED = SQUARE.cloud(0.1), SQUARE.cloud(0.05), SQUARE.cloud(0.08, cluster=1.0)


def wave(x):
    return jnp.sin(4 * x[0]) * jnp.exp(x[1])


def problem(cubic=False, exact=wave):
    def interior(u, x):
        reaction = u(x) ** 3 - wave(x) ** 3 if cubic else 0.0
        return mf.laplacian(u)(x) + 15 * wave(x) - reaction

    return mf.Problem(SQUARE, interior=interior, boundary=mf.dirichlet(wave), exact=exact)


SPACES = {
    "eigenfunctions": mf.Eigenbasis(mf.Gaussian(1.0), CLUSTERED, 12),
    "few eigenfunctions": mf.Eigenbasis(mf.Gaussian(1.0), CLUSTERED, 6),
    "a cross": mf.Eigenbasis(mf.Gaussian(1.0), CLUSTERED, 16, truncation="hyperbolic"),
    "unlike degrees": mf.Eigenbasis(mf.Gaussian(1.0), CLUSTERED, (12, 8)),
    "translates": mf.Collocation(mf.Matern(5.5, 1.0), CLUSTERED),
    "with a tail": mf.Collocation(mf.Polyharmonic(7), CLOUD, degree=3),
    "stencils": mf.Stencils(None, FINE, 4),
    "large stencils": mf.Stencils(None, FINE, 8),
    "rough stencils": mf.Stencils(mf.Polyharmonic(3), CLOUD, 2),
    "compact": mf.Collocation(mf.Wendland(4, 3, scale=0.4), FINE),
}


@pytest.mark.parametrize("cubic", [False, True], ids=["linear", "cubic"])
@pytest.mark.parametrize("name", SPACES)
def test_the_estimate_is_near_the_error(name, cubic):
    known = problem(cubic)
    u = mf.solve(known, SPACES[name])
    ratio = mf.estimate_error(problem(cubic, exact=None), u) / mf.error(known, u)
    print(f"estimate over error: {ratio:.2f}")
    assert 0.3 < ratio < 5


def test_what_is_not_resolved_is_warned_of():
    def fast(x):
        return jnp.sin(60 * x[0]) * jnp.sin(60 * x[1])

    unresolved = mf.Problem(
        SQUARE, interior=lambda u, x: mf.laplacian(u)(x) + 7200 * fast(x), boundary=mf.dirichlet(fast)
    )
    u = mf.solve(unresolved, mf.Eigenbasis(mf.Gaussian(1.0), CLUSTERED, 8))
    assert u.stats["off_nodes"] > 0.5
    with pytest.warns(UserWarning, match="cannot be trusted"):
        assert mf.estimate_error(unresolved, u) > 0.1


def test_the_domain_may_be_that_of_the_cloud():
    """A problem without one, on a cloud with one."""
    bare = mf.Problem(None, interior=problem().interior, **{part: mf.dirichlet(wave) for part in SQUARE.part_names})
    u = mf.solve(bare, SPACES["few eigenfunctions"])
    np.testing.assert_allclose(mf.estimate_error(bare, u), mf.estimate_error(problem(exact=None), u), rtol=1e-9)


def test_what_cannot_be_estimated_is_an_error():
    u = mf.solve(problem(), mf.Eigenbasis(mf.Gaussian(1.0), CLUSTERED, 1))
    with pytest.raises(ValueError, match="has no smaller space of its kind"):
        mf.estimate_error(problem(), u)
    cloud = mf.Cloud(CLOUD["interior"], **{part: (CLOUD[part], CLOUD.normals[part]) for part in SQUARE.part_names})
    bare = mf.Problem(None, interior=problem().interior, **{part: mf.dirichlet(wave) for part in SQUARE.part_names})
    with pytest.raises(ValueError, match="a domain to draw points from"):
        mf.estimate_error(bare, mf.solve(bare, mf.Collocation(mf.Matern(5.5, 1.0), cloud)))
    with pytest.raises(TypeError, match=r"estimate_error\(problem, u\) needs a Solution"):
        mf.estimate_error(problem(), wave)
