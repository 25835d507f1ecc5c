"""Multi-indices and monomials, against counting and NumPy."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meshfree.pde import multi_indices
from meshfree.pde.multi_indices import hyperbolic_cross, monomials, total_degree

BOTH = [(dim, degree) for dim in (1, 2, 3, 4) for degree in (0, 1, 2, 5)]


@pytest.mark.parametrize(("dim", "degree"), BOTH)
def test_total_degree(dim, degree):
    indices = total_degree(dim, degree)
    assert indices.shape == (math.comb(degree + dim, dim), dim)
    assert len(np.unique(indices, axis=0)) == len(indices)
    assert indices.min() == 0
    assert np.all(np.diff(indices.sum(axis=1)) >= 0)
    assert indices.sum(axis=1).max() == degree


@pytest.mark.parametrize(("dim", "degree"), BOTH)
def test_hyperbolic_cross(dim, degree):
    everything = itertools.product(range(degree + 1), repeat=dim)
    members = {index for index in everything if math.prod(i + 1 for i in index) <= degree + 1}
    indices = hyperbolic_cross(dim, degree)
    assert set(map(tuple, indices.tolist())) == members
    assert len(indices) == len(members)
    assert np.all(np.diff(indices.sum(axis=1)) >= 0)


def test_degree_minus_one_is_empty():
    assert total_degree(3, -1).shape == hyperbolic_cross(3, -1).shape == (0, 3)
    assert monomials(jnp.ones(3), total_degree(3, -1)).shape == (0,)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_monomials(dim):
    exponents = total_degree(dim, 4)
    x = np.array([-1.3, 0.4, 0.9])[:dim]
    np.testing.assert_allclose(monomials(jnp.asarray(x), exponents), np.prod(x**exponents, axis=1), rtol=1e-14)


@pytest.mark.parametrize("x", [[-1.3, 0.4], [0.0, 0.4], [0.0, 0.0]])
def test_monomials_differentiate_exactly(x):
    """∂ᵢ xᵏ = kᵢ x^(k − eᵢ) and Δ, on the axes and at the origin too."""
    exponents, x = total_degree(2, 4), np.array(x)
    found, second = jax.jit(lambda x: (jax.jacfwd(monomials)(x, exponents), jax.hessian(monomials)(x, exponents)))(x)

    def derived(*orders):
        factors = [exponents[:, axis] - i for axis, n in enumerate(orders) for i in range(n)]
        return np.prod(factors, axis=0) * np.prod(x ** np.maximum(exponents - orders, 0), axis=1)

    np.testing.assert_allclose(found, np.transpose([derived(1, 0), derived(0, 1)]), rtol=1e-14)
    np.testing.assert_allclose(
        second,
        np.moveaxis([[derived(2, 0), derived(1, 1)], [derived(1, 1), derived(0, 2)]], 2, 0),
        rtol=1e-14,
    )


def test_monomials_keep_the_type():
    assert monomials(jnp.ones(2, jnp.float32), total_degree(2, 3)).dtype == jnp.float32


@pytest.mark.parametrize(("dim", "degree"), [(1, 30), (2, 24), (3, 14), (2, 0)])
def test_equal_degrees_are_one_degree(dim, degree):
    degrees = multi_indices.degrees_on_box(degree, 7 * (1 + 1e-9 * np.arange(dim)))
    assert degrees == (degree,) * dim
    np.testing.assert_array_equal(multi_indices.total_degrees(degrees), total_degree(dim, degree))
    np.testing.assert_array_equal(
        multi_indices.hyperbolic_crosses(degrees), multi_indices.hyperbolic_cross(dim, degree)
    )


def test_degrees_follow_the_sides_of_a_box_down_to_a_least_one():
    assert multi_indices.degrees_on_box(24, np.array([8.0, 2.0])) == (48, 12)
    assert multi_indices.degrees_on_box(24, np.array([1.0, 100.0])) == (4, 144)
    assert multi_indices.degrees_on_box(2, np.array([3.0, 1.0])) == (2, 2)
