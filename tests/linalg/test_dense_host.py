"""LAPACK's factors on the host against those that XLA makes of the same matrix."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from meshfree.linalg.dense_host import HostLU, HostQR, HostSVD
from meshfree.linalg.factor import factor

RANDOM = np.random.default_rng(0)
MATRICES = {
    "square": RANDOM.standard_normal((9, 9)),
    "tall": RANDOM.standard_normal((14, 6)),
    "ill-conditioned": scipy.linalg.hilbert(12),
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
