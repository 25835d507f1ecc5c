"""Sparse matrices with dense edges against NumPy's solutions of the same dense ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meshfree.linalg.bordered import bordered
from meshfree.linalg.factor import factor
from meshfree.linalg.sparse_factors import factor_sparse
from meshfree.linalg.sparse_rows import SparseRows

RANDOM = np.random.default_rng(0)


def ring(count):
    """The second differences around a ring: constants are in the null space."""
    at = np.arange(count)
    columns = np.stack([at, (at + 1) % count, (at - 1) % count], axis=1)
    return SparseRows(np.tile([2.0, -1.0, -1.0], (count, 1)), columns, count)


def edges(count, q):
    return RANDOM.random((count, q)) + 0.5, RANDOM.random((q, count)) + 0.5, np.zeros((q, q))


@pytest.mark.parametrize("solver", ["auto", "superlu", "pardiso", "rslab"])
def test_a_singular_matrix_with_dense_edges_is_solved(solver):
    A, (B, C, D) = ring(40), edges(40, 1)
    for A_of in (A, A.to_scipy().toarray()):
        whole = bordered(A_of, B, C, D)
        dense = np.block([[A.to_scipy().toarray(), B], [C, D]])
        if isinstance(A_of, np.ndarray):
            np.testing.assert_array_equal(whole, dense)
            continue
        b, found = RANDOM.standard_normal((41, 2)), factor(whole, solver)
        assert whole.shape == dense.shape and found.rank() == 41
        assert found.condition() == pytest.approx(np.linalg.cond(dense, 1), rel=0.7)
        np.testing.assert_allclose(found.solve(b), np.linalg.solve(dense, b), atol=1e-10)
        np.testing.assert_allclose(found.solve_transposed(b[:, 0]), np.linalg.solve(dense.T, b[:, 0]), atol=1e-10)
        np.testing.assert_allclose(whole @ b[:, 0], dense @ b[:, 0], atol=1e-13)
        np.testing.assert_allclose(whole.transposed_times(b[:, 0]), dense.T @ b[:, 0], atol=1e-13)
        np.testing.assert_allclose(abs(whole).to_scipy().toarray(), abs(dense), atol=1e-13)


def test_rows_alone_make_it_tall():
    A, C = ring(30), np.ones((1, 30))
    found = factor(bordered(A, np.zeros((30, 0)), C, np.zeros((1, 0))))
    dense, b = np.concatenate([A.to_scipy().toarray(), C]), RANDOM.standard_normal(31)
    np.testing.assert_allclose(found.solve(b), np.linalg.lstsq(dense, b)[0], atol=1e-11)


def test_a_traced_one_is_solved_and_differentiated():
    A, (B, C, D) = ring(20), edges(20, 2)
    A = SparseRows(A.values + np.eye(20, 3), A.columns, 20)
    b = RANDOM.standard_normal(22)

    def solution(factor_of_c):
        return factor(bordered(jax.tree.map(jnp.asarray, A), B, factor_of_c * C, D)).solve(jnp.asarray(b))

    found = jax.jit(solution)(jnp.asarray(2.0))
    np.testing.assert_allclose(
        found, np.linalg.solve(np.block([[A.to_scipy().toarray(), B], [2 * C, D]]), b), atol=1e-10
    )


def test_a_dense_row_does_not_fill_superlu():
    side = 60
    x, y = map(np.ravel, np.mgrid[:side, :side])
    near = [((x + i) % side) * side + (y + j) % side for i, j in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))]
    A = SparseRows(np.tile([4.0, -1, -1, -1, -1], (side**2, 1)), np.stack(near, axis=1), side**2)
    one = np.ones((side**2, 1))
    whole = factor_sparse(bordered(A, one, one.T, np.zeros((1, 1))).to_scipy(), "superlu")
    plain = SparseRows(A.values + np.eye(1, 5), A.columns, side**2)
    assert whole._solver._factor.nnz < 1.5 * factor_sparse(plain.to_scipy(), "superlu")._solver._factor.nnz
