"""Polynomial tails: the same answer in every unit of length and about every origin, and centers that do not do."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

import meshfree as mf

RANDOM = np.random.default_rng(0)
X, INSIDE = RANDOM.random((60, 2)), 0.1 + 0.8 * RANDOM.random((20, 2))


def test_utm():
    """A quadratic in metres, 4500 km from the origin, which is to be reproduced; SciPy does."""
    offset, length = np.array([5e5, 4.5e6]), 1e3

    def values(points):
        x, y = (points - offset).T / length
        return 1 + 2 * x - 3 * y**2

    nodes, at = offset + length * X, offset + length * INSIDE
    for kernel in (mf.Gaussian(length / 2), mf.Polyharmonic(5)):
        u = mf.interpolate(values(nodes), mf.Collocation(kernel, mf.Cloud(interior=nodes), degree=2))
        np.testing.assert_allclose(u(at), values(at), atol=1e-10)
        assert u.stats["rank"] == u.stats["unknowns"]


@pytest.mark.parametrize(
    ("scale", "shift"), [(1e6, 0.0), (1e-6, 0.0), (1.0, 1e6), (1e3, 5e6), (np.array([1e3, 1e-3]), 0.0)]
)
def test_tail_scale(scale, shift):
    """A thin-plate spline as SciPy's, to SciPy's accuracy, the rounding of shifted coordinates included."""
    nodes, at, values = scale * X + shift, scale * INSIDE + shift, np.sin(3 * X[:, 0]) * np.cos(4 * X[:, 1])
    u = mf.interpolate(values, mf.Collocation(mf.Polyharmonic(2), mf.Cloud(interior=nodes), degree=1))
    np.testing.assert_allclose(u(at), RBFInterpolator(nodes, values)(at), atol=1e-8)
    np.testing.assert_allclose(u(nodes), values, atol=1e-11)


@pytest.mark.parametrize("length", [1e-6, 1e6])
def test_an_equation_is_solved_in_every_unit_of_length(length):
    def error(length, offset):
        box = mf.Box((offset, offset), (offset + length, offset + length))

        def exact(x):
            return jnp.sin(2 * (x[0] - offset) / length) * jnp.exp((x[1] - offset) / length)

        problem = mf.Problem(
            box,
            interior=lambda u, x: mf.laplacian(u)(x) * length**2 + 3 * exact(x),
            boundary=mf.dirichlet(exact),
            exact=exact,
        )
        return mf.error(problem, mf.solve(problem, mf.Collocation(mf.Polyharmonic(7), box.cloud(length / 6), degree=3)))

    assert error(length, 100 * length) == pytest.approx(error(1.0, 0.0), rel=0.01)  # the nodes differ


def test_few_points():
    """SciPy refuses the same."""
    kernel = mf.Polyharmonic(2)
    with pytest.raises(ValueError, match=r"2 centers do not determine .* degree 1 in 2 dim.* at least 3 centers"):
        mf.Collocation(kernel, mf.Cloud(interior=[[0.0, 0.0], [1.0, 1.0]]), degree=1)
    for offset in (0.0, 4.5e6):
        line = offset + 1e3 * np.linspace(0, 1, 10)[:, None] * np.array([1.0, np.pi])
        with pytest.raises(ValueError, match=r"the 10 centers determine only 2 of .*, 3 in number, as .* on a line"):
            mf.Collocation(kernel, mf.Cloud(interior=line), degree=1)
    angles = np.linspace(0, 6, 30)
    circle = mf.Cloud(interior=np.stack([np.cos(angles), np.sin(angles)], axis=1))
    with pytest.raises(ValueError, match="determine only 5 of"):
        mf.Collocation(mf.Polyharmonic(5), circle, degree=2)
    with pytest.raises(ValueError, match="2 centers do not determine"):
        mf.Collocation(kernel, circle, degree=1, centers=circle.points[:2])


@pytest.mark.parametrize("space", [mf.Collocation, mf.Stencils])
def test_a_tail_below_the_order_of_the_kernel_is_a_warning(space):
    cloud = mf.Cloud(interior=X)
    with pytest.warns(UserWarning, match=r"degree 0 beside Polyharmonic\(degree=5\), which needs .* Give degree=2"):
        space(mf.Polyharmonic(5), cloud, degree=0)
    space(mf.Polyharmonic(5), cloud, degree=2)
    space(mf.Gaussian(1.0), cloud, degree=0)


def test_a_tail_can_be_made_under_jit():
    @eqx.filter_jit
    def value(cloud, scale):
        space = mf.Collocation(mf.Multiquadric(scale), cloud, degree=1)
        return mf.interpolate(lambda x: jnp.sin(x[0]), space)(INSIDE)

    cloud = mf.Cloud(interior=X)
    u = mf.interpolate(lambda x: jnp.sin(x[0]), mf.Collocation(mf.Multiquadric(0.3), cloud, degree=1))
    traced = jax.tree.map(jnp.asarray, cloud)
    np.testing.assert_allclose(value(traced, jnp.array(0.3)), u(INSIDE), atol=1e-10)
