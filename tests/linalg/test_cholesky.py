"""Cholesky factors with a nugget, and what refinement takes out of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.linalg.cholesky import LARGEST, NUGGET, Cholesky


def covariances(scale: float, n: int = 40) -> np.ndarray:
    X = np.linspace(0, 1, n)
    sizes = 10.0 ** np.linspace(-3, 3, n)
    return sizes[:, None] * np.asarray(mf.Matern(2.5, scale)(X, X)) * sizes[None, :]


def test_solutions_inverse_and_determinant():
    A, b = covariances(0.05), np.random.default_rng(0).standard_normal(40)
    factor = Cholesky.of(A.copy())
    np.testing.assert_allclose(factor.solve(A @ b), b, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(factor.half(A @ b) @ factor.half(A @ b), b @ A @ b, rtol=1e-9)
    np.testing.assert_allclose(factor.log_determinant(), np.linalg.slogdet(A)[1], rtol=1e-9)
    sizes = np.sqrt(np.diagonal(A))
    np.testing.assert_allclose(
        factor.inverse() * sizes * sizes[:, None], np.linalg.inv(A / sizes / sizes[:, None]), rtol=1e-6, atol=1e-6
    )
    assert factor.nugget == NUGGET


def test_refinement_takes_the_nugget_out():
    A, b = covariances(3.0), np.ones(40)
    factor = Cholesky.of(A.copy())
    once = factor._once(A @ b / factor.sizes) / factor.sizes
    missed = [np.linalg.norm((A @ (x - b)) / factor.sizes) for x in (once, factor.solve(A @ b))]
    assert missed[1] < 0.2 * missed[0]


def test_a_traced_matrix_has_the_same_factor():
    A = covariances(0.2)
    b = np.random.default_rng(0).standard_normal(40)
    found = jax.jit(lambda A: Cholesky.of(A).solve(jnp.asarray(b)))(A)
    known = Cholesky.of(A.copy()).solve(b)
    np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-9 * np.abs(known).max())


def test_an_indefinite_matrix_is_refused():
    with pytest.raises(ValueError, match=f"not even with a nugget of {LARGEST:g}"):
        Cholesky.of(np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="covariance of row 1 with itself is not positive"):
        Cholesky.of(np.diag([1.0, 0.0]))
