"""QR after a random rotation of the columns, beside pivoted QR and the singular values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from meshfree.linalg import rotated_qr
from meshfree.linalg.dense import LU, QR, SVD, Auto
from meshfree.linalg.factor import factor
from meshfree.linalg.rotated_qr import RotatedQR, _rotation

RANDOM = np.random.default_rng(0)
FULL = {"square": RANDOM.standard_normal((9, 9)), "tall": RANDOM.standard_normal((14, 6))}
DEFICIENT = {
    "tall": RANDOM.standard_normal((10, 3)) @ RANDOM.standard_normal((3, 7)),
    "square": RANDOM.standard_normal((8, 5)) @ RANDOM.standard_normal((5, 8)),
    "zero": np.zeros((5, 3)),
}


@pytest.mark.parametrize("n", [1, 2, 37])
def test_the_rotation_is_orthogonal(n):
    V = _rotation(n)
    np.testing.assert_allclose(V.T @ V, np.eye(n), atol=1e-14)


@pytest.mark.parametrize("name", FULL)
def test_a_matrix_of_full_rank_has_its_pseudoinverse(name):
    A = FULL[name]
    factored, expected = RotatedQR.of(jnp.asarray(A)), np.linalg.pinv(A)
    assert factored.rank() == A.shape[1]
    np.testing.assert_allclose(factored.solve(jnp.eye(len(A))), expected, atol=1e-13)
    np.testing.assert_allclose(factored.solve(jnp.asarray(A[:, 0])), np.eye(A.shape[1])[0], atol=1e-13)
    np.testing.assert_allclose(factored.solve_transposed(jnp.eye(A.shape[1])), expected.T, atol=1e-13)
    np.testing.assert_allclose(factored.solve_normal(jnp.eye(A.shape[1])), np.linalg.inv(A.T @ A), atol=1e-12)


@pytest.mark.parametrize("name", DEFICIENT)
def test_a_deficient_rank_is_revealed(name, monkeypatch):
    """Columns of norm 1: the solution is of least norm then, as the pseudoinverse makes it."""
    monkeypatch.setattr(rotated_qr, "TRUNCATION", 1e-12)  # clear of the rounding of every BLAS
    A = DEFICIENT[name]
    norms = np.linalg.norm(A, axis=0)
    A = A / np.where(norms == 0, 1, norms)
    factored = RotatedQR.of(jnp.asarray(A))
    assert factored.rank() == np.linalg.matrix_rank(A)
    expected = np.linalg.pinv(A, rcond=1e-13)
    np.testing.assert_allclose(factored.solve(jnp.eye(len(A))), expected, atol=1e-12)
    np.testing.assert_allclose(factored.solve_transposed(jnp.eye(A.shape[1])), expected.T, atol=1e-12)


def test_columns_may_have_any_size():
    A = FULL["tall"]
    sizes = 10.0 ** np.arange(-60, 60, 20)
    x = RotatedQR.of(jnp.asarray(A * sizes[None])).solve(jnp.asarray(A @ np.ones(6)))
    np.testing.assert_allclose(x * sizes, 1.0, atol=1e-12)


def test_far_beyond_the_rank_a_solution_is_as_good_as_any_of_that_rank():
    points = np.linspace(0, 1, 120)
    A, b = np.exp(-((points[:, None] - points[::3][None]) ** 2)), np.sin(3 * points)  # 11 of 40 columns are told apart
    factored = RotatedQR.of(jnp.asarray(A))
    rank = int(factored.rank())
    assert abs(rank - int(QR.of(jnp.asarray(A)).rank())) <= 2
    residual = np.linalg.norm(A @ np.asarray(factored.solve(jnp.asarray(b))) - b)
    assert residual <= 1.5 * np.linalg.norm(np.linalg.svd(A)[0][:, rank:].T @ b) + 1e-13


def test_the_condition_is_bounded_from_below():
    U, _, V = np.linalg.svd(RANDOM.standard_normal((12, 12)))
    A = (U * np.logspace(0, -8, 12)) @ V
    assert 1e6 <= RotatedQR.of(jnp.asarray(A)).condition() <= np.linalg.cond(A / np.linalg.norm(A, axis=0))


def test_what_is_not_a_number_comes_out():
    """A solution by the directions that are left would be wrong without a sign."""
    A = FULL["tall"].copy()
    A[3, 2] = np.nan
    assert not np.isfinite(RotatedQR.of(jnp.asarray(A)).solve(jnp.ones(14))).any()


@pytest.mark.parametrize("A", [FULL["tall"], DEFICIENT["square"]], ids=["full", "deficient"])
def test_the_adjoint_of_a_solve_is_the_transposed_solve(A):
    factored = RotatedQR.of(jnp.asarray(A))
    b, y = jnp.asarray(RANDOM.standard_normal(len(A))), jnp.asarray(RANDOM.standard_normal(A.shape[1]))
    (adjoint,) = jax.linear_transpose(factored.solve, b)(y)
    np.testing.assert_allclose(adjoint, factored.solve_transposed(y), atol=1e-12)


@pytest.mark.parametrize("traced", [False, True], ids=["known", "traced"])
def test_an_accelerator_has_no_pivoted_qr(accelerator, traced):
    def made(A, solver="auto"):
        return jax.jit(lambda A: factor(A, solver))(jnp.asarray(A)) if traced else factor(jnp.asarray(A), solver)

    ill = scipy.linalg.hilbert(14)
    found = made(ill)
    assert isinstance(found.qr if traced else found, RotatedQR)
    assert not traced or isinstance(found, Auto)
    assert isinstance(made(FULL["tall"]), RotatedQR)
    assert isinstance(made(FULL["square"]), Auto if traced else LU)
    assert isinstance(made(FULL["square"], "lu"), LU)
    assert isinstance(made(ill, "qr"), QR)
    assert isinstance(made(ill, "svd"), SVD)
    b = ill @ np.ones(14)
    np.testing.assert_allclose(ill @ np.asarray(found.solve(jnp.asarray(b))), b, atol=1e-13)


def test_lu_on_an_accelerator_is_that_of_lapack(accelerator):
    A, b = FULL["square"], RANDOM.standard_normal(9)
    factored = factor(jnp.asarray(A), "lu")
    np.testing.assert_allclose(factored.solve(jnp.asarray(b)), np.linalg.solve(A, b), atol=1e-12)
    np.testing.assert_allclose(factored.solve_transposed(jnp.asarray(b)), np.linalg.solve(A.T, b), atol=1e-12)
