"""LAPACK's factors on the host against those that XLA makes of the same matrix."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from meshfree.linalg.dense_host import HostCholesky, HostLU, HostQR, HostSVD
from meshfree.linalg.factor import factor

RANDOM = np.random.default_rng(0)
MATRICES = {
    "square": RANDOM.standard_normal((9, 9)),
    "tall": RANDOM.standard_normal((14, 6)),
    "ill-conditioned": scipy.linalg.hilbert(12) * np.linspace(1, 2, 12),  # and not symmetric
    "deficient": RANDOM.standard_normal((10, 3)) @ RANDOM.standard_normal((3, 7)),
    "by columns": np.asfortranarray(RANDOM.standard_normal((9, 9))),
}
SOLVERS = ["auto", "lu", "qr", "svd"]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", MATRICES)
def test_every_solve_is_that_of_the_compiled_factors(name, solver):
    A = MATRICES[name]
    if solver == "lu" and A.shape[0] != A.shape[1]:
        pytest.skip("LU is for square matrices")
    before = A.copy()
    on_host, compiled = factor(A, solver), factor(jnp.asarray(A), solver)
    assert isinstance(on_host, HostLU | HostQR | HostSVD)
    assert on_host.rank() == compiled.rank()
    assert on_host.condition() == pytest.approx(float(compiled.condition()), rel=1e-2)
    noise = 1e-14 * on_host.condition()
    for method, size in (("solve", len(A)), ("solve_transposed", A.shape[1]), ("solve_normal", A.shape[1])):
        for shape in ((size,), (size, 2)):
            b = RANDOM.standard_normal(shape)
            if name == "deficient" and method == "solve_normal":
                b = A.T @ RANDOM.standard_normal((len(A), *shape[1:]))
            found, expected = getattr(on_host, method)(b), np.asarray(getattr(compiled, method)(jnp.asarray(b)))
            assert found.shape == expected.shape
            tolerance = noise * on_host.condition() if method == "solve_normal" else noise
            assert np.linalg.norm(found - expected) <= max(tolerance, 1e-12) * np.linalg.norm(expected)
    np.testing.assert_array_equal(A, before)  # LAPACK overwrites a copy


def test_auto_decides_by_the_condition():
    assert isinstance(factor(MATRICES["square"]), HostLU)
    assert isinstance(factor(scipy.linalg.hilbert(14)), HostQR)
    assert isinstance(factor(MATRICES["tall"]), HostQR)


def test_a_singular_matrix_has_an_infinite_condition():
    assert HostLU.of(np.zeros((4, 4))).condition() == np.inf


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="the matrix holds NaN or infinity: check the coefficients"):
        factor(np.array([[1.0, np.nan], [0.0, 1.0]]))


def gram(profile, count=60):
    """Positive definite in exact arithmetic, the profile a positive definite function of the distance."""
    X = np.random.default_rng(1).random((count, 2))
    return profile(np.linalg.norm(X[:, None] - X[None], axis=2))


def test_a_definite_matrix_is_factored_by_cholesky():
    A = gram(lambda r: np.exp(-5 * r))
    before, b = A.copy(), RANDOM.standard_normal((len(A), 3))
    found = factor(A)
    assert isinstance(found, HostCholesky) and found.rank() == len(A)
    assert np.linalg.cond(A, 1) / 3 < found.condition() < 1.001 * np.linalg.cond(A, 1)
    for method in ("solve", "solve_transposed"):
        np.testing.assert_allclose(getattr(found, method)(b), np.linalg.solve(A, b), rtol=1e-9)
        np.testing.assert_allclose(getattr(found, method)(b[:, 0]), np.linalg.solve(A, b[:, 0]), rtol=1e-9)
    np.testing.assert_array_equal(A, before)


def test_a_semidefinite_matrix_is_factored_by_the_columns_that_span_it():
    A, few = gram(lambda r: np.exp(-0.1 * r**2)), gram(lambda r: np.exp(-5 * r))[:, :5]
    for matrix, ranks in ((A, range(15, 30)), (few @ few.T, [5])):
        found, whole = factor(matrix), factor(matrix, "qr")
        assert isinstance(found, HostQR) and found.reflectors.shape[1] < len(matrix)
        assert found.rank() in ranks and abs(found.rank() - whole.rank()) <= 2
        data = matrix @ RANDOM.standard_normal((len(matrix), 2))
        for solve in (found.solve, found.solve_normal):
            y = solve(data)
            assert np.sum(np.any(y != 0, axis=1)) == found.rank()
        np.testing.assert_allclose(matrix @ found.solve(data), data, atol=1e-13 * np.linalg.norm(data))
        np.testing.assert_allclose(
            np.sum(found.solve_transposed(data) * data), np.sum(data * found.solve(data)), rtol=1e-6
        )


def test_an_indefinite_matrix_is_not_taken_for_one_of_low_rank():
    """After one step its diagonal is zero, and the rest is not."""
    A = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0], [1.0, 2.0, 1.0]])
    assert isinstance(factor(A), HostLU)
    np.testing.assert_allclose(factor(A).solve(A @ [1.0, 2.0, 3.0]), [1.0, 2.0, 3.0], rtol=1e-14)


def test_a_matrix_that_is_not_quite_symmetric_is_no_candidate():
    A = gram(lambda r: np.exp(-5 * r), 300)
    A[299, 7] *= 1 + 1e-12
    assert isinstance(factor(A), HostLU)
