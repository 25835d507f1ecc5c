"""Integrals of functions with known ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

EXACT = {
    "interval": (mf.Interval(0.0, 2.0), lambda x: x[0] ** 2, 8 / 3),
    "box": (mf.Box((0.0, 0.0), (1.0, 2.0)), lambda x: x[0] * x[1], 1.0),
    "disk": (mf.Disk((1.0, 0.0), 2.0), lambda x: (x[0] - 1) ** 2 + x[1], 4 * np.pi),
    "ball": (mf.Ball((0.0, 0.0, 1.0), 1.0), lambda x: x[2] + x[0] ** 2, 4 / 3 * np.pi + 4 / 15 * np.pi),
}


def interpolant(domain, function):
    return mf.interpolate(function, mf.Collocation(mf.Polyharmonic(3), domain.cloud(0.5), degree=2))


@pytest.mark.parametrize(("domain", "function", "value"), EXACT.values(), ids=EXACT)
def test_quadratics_are_integrated_exactly(domain, function, value):
    assert mf.integrate(interpolant(domain, function)) == pytest.approx(value, rel=1e-9)


def test_combined_shapes_are_integrated_to_four_digits():
    hollow = mf.Box((-1.0, -1.0), (1.0, 1.0)) - mf.Disk(radius=0.5)
    u = interpolant(hollow, lambda x: jnp.stack([x[0] ** 2, 1 + 0 * x[0]]))
    np.testing.assert_allclose(mf.integrate(u), [4 / 3 - np.pi / 64, 4 - np.pi / 4], rtol=1e-3)


def test_an_integral_has_the_derivative_of_what_is_integrated():
    """∫u of −rate Δu = 1 on the unit disk is π/(8 rate)."""
    space = mf.Eigenbasis(mf.Gaussian(2.0), mf.Disk().cloud(0.2, cluster=1.0), 10)

    def volume(rate):
        residual = jax.tree_util.Partial(lambda rate, u, x: rate * mf.laplacian(u)(x) + 1.0, rate)
        return mf.integrate(mf.solve(mf.Problem(mf.Disk(), interior=residual, boundary=mf.dirichlet(0.0)), space))

    value, slope = jax.value_and_grad(volume)(2.0)
    np.testing.assert_allclose([value, slope], [np.pi / 16, -np.pi / 32], rtol=1e-7)


def test_without_a_domain_there_is_nothing_to_integrate_over():
    cloud = mf.Cloud(interior=mf.Disk().cloud(0.5).points)
    with pytest.raises(ValueError, match=r"no domain to integrate over: give Cloud\(..., domain=\)"):
        mf.integrate(mf.interpolate(lambda x: x[0], mf.Collocation(mf.Gaussian(), cloud)))
