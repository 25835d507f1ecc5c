"""Low-discrepancy points are those of SciPy, to the last bit: clouds and volumes stay as they were."""

import numpy as np
import pytest
from scipy.stats import qmc

from meshfree.geometry.low_discrepancy import Halton, sobol


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 2**13])
def test_sobol(dim, n):
    expected = qmc.Sobol(dim, rng=np.random.default_rng(0)).random(n)
    np.testing.assert_array_equal(sobol(n, dim), expected)


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_halton_goes_on_where_it_stopped_and_leaves_the_generator_as_scipy_does(dim):
    rng, other = np.random.default_rng(5), np.random.default_rng(5)
    ours, theirs = Halton(dim, rng), qmc.Halton(dim, rng=other)
    for n in (1000, 1, 3000):
        np.testing.assert_array_equal(ours.random(n), theirs.random(n))
    assert rng.random() == other.random()
    assert rng.spawn(1)[0].random() == other.spawn(1)[0].random()
