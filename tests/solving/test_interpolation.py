"""Interpolation on the host: as exact as by pivoted QR of the whole matrix, and for less."""

import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.linalg.dense_host import HostLU, HostQR

CLOUD = SQUARE.cloud(0.07)
BETWEEN = np.random.default_rng(0).random((200, 2))


def f(x):
    return jnp.sin(3 * x[0]) * jnp.exp(x[1])


def error(u):
    exact = np.sin(3 * BETWEEN[:, 0]) * np.exp(BETWEEN[:, 1])
    return np.abs(np.asarray(u(BETWEEN)) - exact).max()


@pytest.mark.parametrize(
    "kernel",
    [mf.Gaussian(0.2), mf.Gaussian(1.0), mf.Matern(3.5, 1.0), mf.Matern(7.5, 1.0), mf.InverseMultiquadric(0.3)],
    ids=["narrow", "wide", "rough", "smooth", "multiquadric"],
)
def test_a_definite_kernel_takes_no_lu_and_is_as_good_as_by_qr(kernel, monkeypatch):
    space = mf.Collocation(kernel, CLOUD)
    by_qr = mf.interpolate(f, space, solver="qr")
    columns, of = [], HostQR.of

    def counted(A):
        columns.append(A.shape[1])
        return of(A)

    monkeypatch.setattr(HostLU, "of", None)
    monkeypatch.setattr(HostQR, "of", counted)
    u = mf.interpolate(f, space)
    assert len(columns) <= 1 and all(count < len(CLOUD) for count in columns)
    assert error(u) <= 1.5 * error(by_qr) + 1e-12
    assert u.stats["residual"]["values"] <= 2 * by_qr.stats["residual"]["values"] + 1e-14


def test_with_polynomials_it_is_exact_for_them():
    u = mf.interpolate(lambda x: 1 + 2 * x[0] - x[1], mf.Collocation(mf.Polyharmonic(2), CLOUD, degree=1))
    np.testing.assert_allclose(u(BETWEEN), 1 + 2 * BETWEEN[:, 0] - BETWEEN[:, 1], rtol=1e-12)


class Nothing(mf.Matern):
    """A kernel that is zero."""

    def eval(self, x, y):
        return 0.0 * super().eval(x, y)


def test_a_space_without_values_at_its_nodes_is_refused():
    with pytest.raises(ValueError, match="functions at its nodes are all 0, or leave the range"):
        mf.interpolate(f, mf.Collocation(Nothing(2.5), CLOUD))


@pytest.mark.parametrize("degree, fields", [(-1, 1), (1, 2)])
def test_values_are_sums_of_the_basis_over_several_tiles(degree, fields):
    cloud = SQUARE.cloud(0.045)
    assert len(cloud) > 512
    space = mf.Collocation(mf.Polyharmonic(3), cloud, degree=degree)
    coefficients = np.random.default_rng(1).standard_normal((space.size, fields)).squeeze()
    basis = jnp.stack([space.basis(x) for x in jnp.asarray(BETWEEN[:150])])
    found = space.function(jnp.asarray(coefficients)).at(BETWEEN[:150])
    np.testing.assert_allclose(found, basis @ coefficients, rtol=1e-11, atol=1e-11)
    factors = np.random.default_rng(2).standard_normal((150, 1, 1))
    np.testing.assert_allclose(space.rows(BETWEEN[:150], factors, 0)[:, 0], factors[:, 0] * basis, rtol=1e-13)
    own = space.rows(np.asarray(cloud.points), np.ones((len(cloud), 1, 1)), 0)[:, 0, : len(cloud)]
    np.testing.assert_array_equal(own, own.T)
    np.testing.assert_allclose(own, space.kernel(cloud.points, cloud.points), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize(
    "space",
    [
        mf.Collocation(mf.Polyharmonic(2), CLOUD, degree=1),
        mf.Collocation(mf.Gaussian(0.3), CLOUD),
        mf.Eigenbasis(mf.Gaussian(1.0), CLOUD, 10),
    ],
    ids=["polynomials", "low rank", "least squares"],
)
def test_several_fields_share_the_factor_of_one(space, monkeypatch):
    def both(x):
        return jnp.stack([f(x), 1 - x[0] * x[1]])

    factored = []
    for kind in (HostLU, HostQR):
        of = kind.of
        monkeypatch.setattr(kind, "of", lambda A, of=of: factored.append(A.shape) or of(A))
    u = mf.interpolate(both, space)
    assert len(factored) == 1 and max(factored[0]) <= len(CLOUD) + 3
    each = [mf.interpolate(lambda x, i=i: both(x)[i], space) for i in (0, 1)]
    together = np.stack([np.asarray(one(BETWEEN)) for one in each], axis=1)
    np.testing.assert_allclose(u(BETWEEN), together, rtol=1e-8, atol=1e-8)
    assert u.stats["unknowns"] == 2 * space.size and u.stats["rank"] == 2 * each[0].stats["rank"]
    assert u.stats["residual"]["values"] <= 1.1 * max(one.stats["residual"]["values"] for one in each) + 1e-14
