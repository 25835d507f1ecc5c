"""What users ran into, each by the name of its fault: wrong answers without a sign, sound problems that were refused.

Those that are not here have a test of their name where they belong.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf

DISK, LINE = mf.Disk(), mf.Interval()
CLOUD = DISK.cloud(0.25)
SPACE = mf.Collocation(mf.Matern(5.5, 2.0), CLOUD)
PI = float(jnp.pi)
K = 1.0


def laplace(u, x):
    return mf.laplacian(u)(x)


@pytest.mark.parametrize("degree", [8, 12])
def test_accept_neumann(degree):
    problem = mf.Problem(SQUARE, interior=lambda u, x: -laplace(u, x) - 1.0, boundary=mf.neumann(0.0))
    with pytest.raises(ValueError, match="u = 1 satisfies every homogeneous equation"):
        mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), SQUARE.cloud(0.09), degree))


def test_array_per_node():
    at_boundary, inside = CLOUD["boundary"][:, 0], CLOUD["interior"][:, 0]
    with pytest.raises(ValueError, match=r"the residual of 'boundary'.*mf\.interpolate\(values, space\)"):
        mf.solve(mf.Problem(DISK, interior=laplace, boundary=mf.dirichlet(at_boundary)), SPACE)
    problem = mf.Problem(DISK, interior=lambda u, x: laplace(u, x) - inside, boundary=mf.dirichlet(0.0))
    with pytest.raises(ValueError, match=r"the residual of 'interior' returns \d+ components, as many as the part has"):
        mf.solve(problem, SPACE)


def test_bratu_fold():
    problem = mf.Problem(LINE, interior=lambda u, x: laplace(u, x) + 3.6 * jnp.exp(u(x)), boundary=mf.dirichlet(0.0))
    with pytest.raises(RuntimeError, match="Newton's method stopped after"):
        mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), LINE.cloud(1 / 40), 20))


def test_complex():
    values = CLOUD.points[:, 0] + 1j * CLOUD.points[:, 1]
    u = mf.interpolate(values, mf.Collocation(mf.Polyharmonic(3), CLOUD, degree=1))
    np.testing.assert_allclose(u(jnp.array([0.5, 0.4])), [0.5, 0.4], atol=1e-12)  # real and imaginary part


def test_index_clamped():
    problem = mf.Problem(DISK, interior=lambda u, x: laplace(u, x) - x[2], boundary=mf.dirichlet(0.0))
    with pytest.raises(IndexError, match=r"the residual of 'interior'.*x has 2 coordinates, numbered from 0"):
        mf.solve(problem, SPACE)


def test_no_condition():
    """The heat equation in a box of space and time: nothing is known at the last time."""

    def exact(x):
        return jnp.exp(-0.2 * PI**2 * x[1]) * jnp.sin(PI * x[0])

    def heat(u, x):
        return mf.derivative(u, 1)(x) - 0.2 * mf.hessian(u)(x)[0, 0]

    problem = mf.Problem(
        SQUARE, interior=heat, bottom=mf.dirichlet(exact), top=None, boundary=mf.dirichlet(0.0), exact=exact
    )
    u = mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), SQUARE.cloud(0.1), 10))
    assert mf.error(problem, u) < 3e-3


def test_nonlinear_matrix():
    with pytest.raises(ValueError, match="the operator is not linear in u, and has no matrix"):
        mf.matrix(SPACE, lambda u: lambda x: u(x) ** 2)


@pytest.mark.parametrize("biot", [1e-2, 1e-3, 1e-5])
def test_refusal_biot(biot):
    def exact(x):
        return jnp.cos(3 * x[0]) + 2

    def end(x):
        return jnp.where(x[0] < 0.5, -1.0, 1.0) * -3 * jnp.sin(3 * x[0]) + biot * exact(x)

    problem = mf.Problem(
        LINE,
        interior=lambda u, x: laplace(u, x) + 9 * jnp.cos(3 * x[0]),
        boundary=mf.robin(biot, 1.0, end),
        exact=exact,
    )
    assert mf.error(problem, mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), LINE.cloud(1 / 60), 20))) < 1e-5


def test_refusal_helmholtz():
    """0.03 % from resonance."""
    k = 10 * PI + 0.01

    def exact(x):
        return jnp.sin(k * x[0]) + jnp.cos(2 * x[0])

    problem = mf.Problem(
        LINE,
        interior=lambda u, x: laplace(u, x) + k**2 * u(x) - (k**2 - 4) * jnp.cos(2 * x[0]),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )
    assert mf.error(problem, mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), LINE.cloud(1 / 120), 80))) < 1e-10


@pytest.mark.parametrize("s", [1e-2, 1e-3, 1e-4])
def test_refusal_screened(s):
    def exact(x):
        return jnp.cos(PI * x[0]) + 2

    problem = mf.Problem(
        LINE,
        interior=lambda u, x: -laplace(u, x) + s * u(x) - PI**2 * jnp.cos(PI * x[0]) - s * exact(x),
        boundary=mf.neumann(0.0),
        exact=exact,
    )
    assert mf.error(problem, mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), LINE.cloud(1 / 60), 20))) < 1e-6


def test_returns_none():
    def interior(u, x):
        laplace(u, x) + 1.0

    with pytest.raises(TypeError, match=r"the residual of 'interior'.*it returns nothing: its last line must be"):
        mf.solve(mf.Problem(DISK, interior=interior, boundary=mf.dirichlet(0.0)), SPACE)


def test_stale_closure(monkeypatch):
    def interior(u, x):
        return laplace(u, x) + K

    space = mf.Collocation(mf.Matern(5.5, 2.0), LINE.cloud(0.1))
    for value in (1.0, 10.0):
        monkeypatch.setitem(globals(), "K", value)
        u = mf.solve(mf.Problem(LINE, interior=interior, boundary=mf.dirichlet(0.0)), space)
        np.testing.assert_allclose(u([0.5]), value / 8, rtol=1e-3)


def test_vector_data():
    with pytest.raises(ValueError, match=r"the residual of 'boundary'.*a value of shape \(2,\) where u has \(\)"):
        mf.solve(mf.Problem(DISK, interior=laplace, boundary=mf.dirichlet(lambda x: x)), SPACE)
