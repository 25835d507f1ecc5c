"""Errors and residuals off the nodes."""

import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

DISK = mf.Disk()
PROBLEM = mf.Problem(
    DISK,
    interior=lambda u, x: mf.laplacian(u)(x) + 1,
    boundary=mf.dirichlet(0.0),
    exact=lambda x: (1 - x @ x) / 4,
)
SPACE = mf.Eigenbasis(mf.Gaussian(2.0), DISK.cloud(0.15), degree=10)


def test_the_error_is_relative_and_taken_at_independent_points():
    u = mf.interpolate(lambda x: 1.01 * (1 - x @ x) / 4, SPACE)
    assert mf.error(PROBLEM, u) == pytest.approx(0.01, rel=1e-3)
    assert mf.error(PROBLEM, u, [[0.0, 0.0], [0.5, 0.0]]) == pytest.approx(0.01, rel=1e-3)
    assert mf.error(PROBLEM, lambda x: 0.9 * PROBLEM.exact(x)) == pytest.approx(0.1)


def test_the_residual_norm_of_a_known_function():
    """u = 0 leaves a residual of 1 in the interior and none on the circle."""
    u = mf.interpolate(lambda x: 0.0 * x[0], SPACE)
    check = DISK.cloud(0.1, seed=4)
    share = len(check["interior"]) / len(check)
    assert mf.residual_norm(PROBLEM, u, check) == pytest.approx(np.sqrt(share), rel=1e-9)


def test_errors_say_what_is_missing():
    without = mf.Problem(DISK, interior=PROBLEM.interior, boundary=mf.dirichlet(0.0))
    u = mf.interpolate(PROBLEM.exact, SPACE)
    with pytest.raises(ValueError, match=r"no exact solution: give Problem\(..., exact=\)"):
        mf.error(without, u)
    with pytest.raises(ValueError, match=r"values of shape \(2000,\) and u of shape \(2000, 2\)"):
        mf.error(PROBLEM, mf.interpolate(lambda x: jnp.stack([x[0], x[1]]), SPACE))
    nowhere = mf.Problem(None, interior=PROBLEM.interior, boundary=mf.dirichlet(0.0), exact=PROBLEM.exact)
    with pytest.raises(ValueError, match="give X="):
        mf.error(nowhere, PROBLEM.exact)
    assert mf.error(nowhere, u) < 1e-5
