"""Rows that processes share, on one process: against SciPy's products."""

import numpy as np
import scipy.sparse

from meshfree.linalg.distributed_rows import DistributedRows, Layout

A = scipy.sparse.random_array((7, 7), density=0.5, rng=np.random.default_rng(0), format="csr")
B = scipy.sparse.csr_array(scipy.sparse.eye_array(7))
ROWS, X = DistributedRows(A, Layout.alone(7)), np.random.default_rng(1).standard_normal(7)


def test_products_and_sums():
    np.testing.assert_allclose(ROWS @ X, A @ X)
    np.testing.assert_allclose(ROWS.transposed_times(X), A.T @ X)
    np.testing.assert_allclose(abs(ROWS).sum(axis=0), abs(A).sum(axis=0))
    assert ROWS.shape == (7, 7)


def test_rows_scaled_and_added():
    found = ROWS.scaled_sum(X, 2 * X, DistributedRows(B, ROWS.layout))
    np.testing.assert_allclose(found.own.toarray(), X[:, None] * A.toarray() + 2 * X[:, None] * np.eye(7))


def test_unknowns_are_numbered_by_the_rows_that_they_belong_to():
    layout = Layout(np.array([2, 0, 1]))
    assert layout.numbers.tolist() == [1, 2, 0]
    np.testing.assert_array_equal(layout.placed(np.array([10.0, 20.0, 30.0])), [20.0, 30.0, 10.0])
