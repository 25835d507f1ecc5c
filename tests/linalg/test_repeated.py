"""One matrix for several fields: the same as the Kronecker product that it stands for."""

import numpy as np
import pytest

from meshfree.linalg.factor import factor
from meshfree.linalg.repeated import Repeated

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(7, 7), (9, 5)])
def test_products_and_solutions_are_those_of_the_kronecker_product(shape):
    one = RANDOM.standard_normal(shape)
    matrix, whole = Repeated(one, 3), np.kron(one, np.eye(3))
    assert matrix.shape == whole.shape
    found, expected = factor(matrix), factor(whole)
    assert found.rank() == expected.rank() and found.condition() > 1
    for columns in ((), (2,)):
        x, y = (RANDOM.standard_normal((size, *columns)) for size in (whole.shape[1], len(whole)))
        np.testing.assert_allclose(matrix @ x, whole @ x, rtol=1e-13)
        np.testing.assert_allclose(found.solve(y), expected.solve(y), rtol=1e-10)
        np.testing.assert_allclose(found.solve_transposed(x), expected.solve_transposed(x), rtol=1e-10)
        np.testing.assert_allclose(found.solve_normal(x), expected.solve_normal(x), rtol=1e-9)
