"""Sparse matrices by rows, and their factors on the host and inside traced programs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meshfree.linalg import host_factor
from meshfree.linalg.host_factor import HostFactor, TracedFactor
from meshfree.linalg.sparse_rows import SparseRows, stacked

RANDOM = np.random.default_rng(0)
SIZE, PER_ROW = 12, 4


def rows(count=SIZE, seed=0):
    """Random rows, the diagonal among them, and one column twice in every row."""
    random = np.random.default_rng(seed)
    columns = random.integers(0, SIZE, (count, PER_ROW))
    columns[:, 0] = np.arange(count) % SIZE
    columns[:, 3] = columns[:, 2]
    values = random.standard_normal((count, PER_ROW))
    values[:, 0] += 8
    return SparseRows(jnp.asarray(values), columns, SIZE)


def dense(matrix):
    found = np.zeros(matrix.shape)
    np.add.at(found, (np.arange(len(found))[:, None], matrix.columns), np.asarray(matrix.values))
    return found


SQUARE, TALL = rows(), rows(20)
MATRICES = pytest.mark.parametrize("matrix", [SQUARE, TALL], ids=["square", "tall"])


@MATRICES
def test_products_are_those_of_the_dense_matrix(matrix):
    x, y = RANDOM.standard_normal(SIZE), RANDOM.standard_normal(len(matrix.values))
    np.testing.assert_allclose(matrix @ jnp.asarray(x), dense(matrix) @ x, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(matrix.transposed_times(jnp.asarray(y)), dense(matrix).T @ y, rtol=1e-12, atol=1e-13)


@MATRICES
def test_the_scipy_matrix_is_the_same_and_without_zeros(matrix):
    holed = SparseRows(matrix.values.at[3].set(0.0), matrix.columns, SIZE)
    converted = holed.to_scipy()
    np.testing.assert_allclose(converted.toarray(), dense(holed), rtol=1e-14)
    assert converted.has_canonical_format
    assert converted.nnz == np.count_nonzero(dense(holed))


def test_a_conversion_leaves_the_rows_alone():
    before = np.array(SQUARE.values), np.array(SQUARE.columns)
    SQUARE.to_scipy()
    np.testing.assert_array_equal(SQUARE.values, before[0])
    np.testing.assert_array_equal(SQUARE.columns, before[1])


def test_the_absolute_matrix_bounds_a_product():
    x = RANDOM.standard_normal(SIZE)
    bound = abs(SQUARE) @ jnp.abs(x)
    assert np.all(np.abs(SQUARE @ jnp.asarray(x)) <= bound)
    np.testing.assert_allclose(bound, np.sum(np.abs(SQUARE.values * x[SQUARE.columns]), axis=1))


def test_blocks_are_stacked():
    both = stacked([SQUARE, TALL])
    assert both.shape == (SIZE + 20, SIZE)
    np.testing.assert_array_equal(dense(both), np.concatenate([dense(SQUARE), dense(TALL)]))


def right_side(count, columns):
    return jnp.asarray(np.random.default_rng(3).standard_normal((count, *columns)))


@MATRICES
@pytest.mark.parametrize(
    ("make", "columns"),
    [(HostFactor.of, ()), (HostFactor.of, (2,)), (TracedFactor.of, ())],
    ids=["host", "host with columns", "traced"],
)
def test_factors_solve_as_numpy_does(make, columns, matrix):
    factored, inverse = make(matrix, "superlu"), np.linalg.pinv(dense(matrix))
    b, c = right_side(len(matrix.values), columns), right_side(SIZE, columns)
    np.testing.assert_allclose(factored.solve(b), inverse @ b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(factored.solve_transposed(c), inverse.T @ c, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(factored.solve_normal(c), inverse @ (inverse.T @ c), rtol=1e-9, atol=1e-12)
    assert int(factored.rank()) == SIZE


@MATRICES
@pytest.mark.parametrize("method", ["solve", "solve_transposed", "solve_normal"])
def test_traced_solves_are_linear_maps_with_derivatives(matrix, method):
    def solved(values, b):
        return getattr(TracedFactor.of(SparseRows(values, matrix.columns, SIZE), "superlu"), method)(b)

    b = right_side(len(matrix.values) if method == "solve" else SIZE, ())
    direction = right_side(len(b), ())[::-1]
    expected = getattr(HostFactor.of(matrix, "superlu"), method)(direction)
    forward = jax.jit(lambda b: jax.jvp(lambda b: solved(matrix.values, b), (b,), (direction,))[1])(b)
    np.testing.assert_allclose(forward, expected, rtol=1e-9)
    weight = right_side(len(expected), ())
    reverse = jax.jit(jax.grad(lambda b: weight @ solved(matrix.values, b)))(b)
    np.testing.assert_allclose(reverse @ direction, weight @ expected, rtol=1e-9)


def test_a_traced_matrix_is_fixed():
    """Its derivative is that of the residual, which Newton's last step takes; a second one here would count twice."""
    b = right_side(SIZE, ())

    def solved(values):
        return jnp.sum(TracedFactor.of(SparseRows(values, SQUARE.columns, SIZE), "superlu").solve(b))

    np.testing.assert_array_equal(jax.jit(jax.grad(solved))(SQUARE.values), 0.0)


def test_a_matrix_is_factored_once_for_a_solution_and_its_adjoint(monkeypatch):
    calls = []
    real = host_factor.factor_sparse
    monkeypatch.setattr(host_factor, "_factors", type(host_factor._factors)())
    monkeypatch.setattr(host_factor, "factor_sparse", lambda A, solver: calls.append(solver) or real(A, solver))

    @jax.jit
    def both(values, b):
        factored = TracedFactor.of(SparseRows(values, SQUARE.columns, SIZE), "superlu")
        return factored.solve(b), factored.solve_transposed(b)

    b = right_side(SIZE, ())
    both(SQUARE.values, b)
    both(SQUARE.values, 2 * b)
    assert calls == ["superlu"]
    for factor in range(2, 2 + host_factor.KEPT):
        both(factor * SQUARE.values, b)
    both(SQUARE.values, b)  # forgotten meanwhile
    assert len(calls) == host_factor.KEPT + 2
    assert len(host_factor._factors) == host_factor.KEPT


def test_a_singular_matrix_is_an_error_on_the_host_and_nan_inside_a_program():
    singular = SparseRows(jnp.ones((SIZE, 1)), np.zeros((SIZE, 1), int), SIZE)
    with pytest.raises(ValueError, match="only zeros"):
        HostFactor.of(singular, "superlu")
    solved = jax.jit(
        lambda values: TracedFactor.of(SparseRows(values, singular.columns, SIZE), "auto").solve(values[:, 0])
    )
    assert np.all(np.isnan(solved(singular.values)))
