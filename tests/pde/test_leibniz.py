"""Derivatives of products and quotients: the same as by autodiff of the functions themselves."""

import jax.numpy as jnp
import numpy as np
import pytest

from meshfree.pde.jets import derivatives_at
from meshfree.pde.leibniz import product, quotient, raised
from meshfree.pde.multi_indices import total_degree

POINT = jnp.array([0.3, -0.4, 0.7])


def f(x):
    return jnp.sin(2 * x[0]) * jnp.exp(x[-1])


def g(x):
    return 2 + jnp.cos(x[0] * x[-1])


@pytest.mark.parametrize("dim, order", [(1, 5), (2, 4), (3, 3)])
def test_products_and_quotients(dim, order):
    x = POINT[:dim]
    of_f, of_g, of_both, of_ratio = (
        np.asarray(derivatives_at(function, x, order))
        for function in (f, g, lambda x: f(x) * g(x), lambda x: f(x) / g(x))
    )
    np.testing.assert_allclose(product(of_f, of_g, dim, order), of_both, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(quotient(of_f, of_g, dim, order), of_ratio, rtol=1e-12, atol=1e-12)


def test_one_derivative_more():
    lower, higher = total_degree(3, 2), total_degree(3, 3)
    np.testing.assert_array_equal(higher[raised(3, 2)], lower[:, None] + np.eye(3, dtype=int))
