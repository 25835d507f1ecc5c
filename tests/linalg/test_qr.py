"""QR with columns ordered beforehand, beside pivoted QR and NumPy's pseudoinverse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from meshfree.linalg.dense import LU, QR, SVD, Auto, SketchedQR
from meshfree.linalg.factor import factor

RANDOM = np.random.default_rng(0)
FULL = {"square": RANDOM.standard_normal((9, 9)), "tall": RANDOM.standard_normal((14, 6))}
DEFICIENT = {"zero": np.zeros((5, 3)), "columns of zeros": FULL["tall"] * np.array([1.0, 0, 1, 0, 1, 1])[None]}


@pytest.mark.parametrize("name", FULL)
def test_a_matrix_of_full_rank_has_its_pseudoinverse(name):
    A = FULL[name]
    factored, expected = SketchedQR.of(jnp.asarray(A)), np.linalg.pinv(A)
    assert factored.rank() == A.shape[1]
    np.testing.assert_allclose(factored.solve(jnp.eye(len(A))), expected, atol=1e-13)
    np.testing.assert_allclose(factored.solve(jnp.asarray(A[:, 0])), np.eye(A.shape[1])[0], atol=1e-13)
    np.testing.assert_allclose(factored.solve_transposed(jnp.eye(A.shape[1])), expected.T, atol=1e-13)
    np.testing.assert_allclose(factored.solve_normal(jnp.eye(A.shape[1])), np.linalg.inv(A.T @ A), atol=1e-12)


@pytest.mark.parametrize("name", DEFICIENT)
def test_columns_that_say_nothing_are_left_out(name):
    A = DEFICIENT[name]
    factored = SketchedQR.of(jnp.asarray(A))
    assert factored.rank() == np.linalg.matrix_rank(A)
    np.testing.assert_allclose(factored.solve(jnp.eye(len(A))), np.linalg.pinv(A), atol=1e-13)
    np.testing.assert_allclose(factored.solve_transposed(jnp.eye(A.shape[1])), np.linalg.pinv(A).T, atol=1e-13)


@pytest.mark.parametrize("width", [1.0, 0.3, 0.1])
def test_the_rank_is_that_of_pivoted_qr_and_the_residual_as_small_as_it_allows(width):
    """Of Gaussian translates, the columns in an order that says nothing: 11, 18 and 32 of 40 are told apart."""
    points = np.linspace(0, 1, 120)
    A, b = np.exp(-(((points[:, None] - points[::3][None]) / width) ** 2)), np.sin(3 * points)
    A = A[:, np.random.default_rng(1).permutation(40)]
    factored = SketchedQR.of(jnp.asarray(A))
    rank = int(factored.rank())
    assert abs(rank - int(QR.of(jnp.asarray(A)).rank())) <= 1
    residual = np.linalg.norm(A @ np.asarray(factored.solve(jnp.asarray(b))) - b)
    assert residual <= 3 * np.linalg.norm(np.linalg.svd(A)[0][:, rank:].T @ b) + 1e-13


def test_without_an_order_the_rank_is_not_revealed():
    """Kahan's matrix, whose own columns have a smallest |Rₖₖ| far above the smallest singular value."""
    n, c = 60, 0.5
    A = np.diag(np.sqrt(1 - c**2) ** np.arange(n)) @ (np.eye(n) - c * np.triu(np.ones((n, n)), 1))
    factored, (*_, least) = SketchedQR.of(jnp.asarray(A)), np.linalg.svd(A, compute_uv=False)
    assert np.min(np.abs(np.diag(A))) > 1e3 * least
    assert np.min(np.abs(np.diag(factored.u))) <= 30 * least


def test_the_condition_is_bounded_from_below():
    U, _, V = np.linalg.svd(RANDOM.standard_normal((12, 12)))
    A = (U * np.logspace(0, -8, 12)[None]) @ V
    assert 1e6 <= SketchedQR.of(jnp.asarray(A)).condition() <= np.linalg.cond(A)


@pytest.mark.parametrize("kind", [QR, SketchedQR])
def test_what_is_not_a_number_comes_out(kind):
    """A solution by the directions that are left would be wrong without a sign."""
    A = FULL["tall"].copy()
    A[3, 2] = np.nan
    assert not np.isfinite(kind.of(jnp.asarray(A)).solve(jnp.ones(14))).all()


@pytest.mark.parametrize("A", [FULL["tall"], DEFICIENT["columns of zeros"]], ids=["full", "deficient"])
def test_the_adjoint_of_a_solve_is_the_transposed_solve(A):
    factored = SketchedQR.of(jnp.asarray(A))
    b, y = jnp.asarray(RANDOM.standard_normal(len(A))), jnp.asarray(RANDOM.standard_normal(A.shape[1]))
    (adjoint,) = jax.linear_transpose(factored.solve, b)(y)
    np.testing.assert_allclose(adjoint, factored.solve_transposed(y), atol=1e-12)


@pytest.mark.parametrize("traced", [False, True], ids=["known", "traced"])
def test_an_accelerator_has_no_pivoted_qr(accelerator, traced):
    def made(A, solver="auto"):
        return jax.jit(lambda A: factor(A, solver))(jnp.asarray(A)) if traced else factor(jnp.asarray(A), solver)

    ill = scipy.linalg.hilbert(14)
    found = made(ill)
    assert isinstance(found.qr if traced else found, SketchedQR)
    assert not traced or isinstance(found, Auto)
    assert isinstance(made(FULL["tall"]), SketchedQR)
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
