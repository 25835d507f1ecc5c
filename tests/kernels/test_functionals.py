"""The covariance of two functionals of second order under a kernel, held against automatic differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernel_cases import RADIAL

import meshfree as mf
from meshfree.kernels import Functional, Kernel
from meshfree.pde.jets import derivatives_at
from meshfree.spaces.functional_rows import scalar_pair

WAVE = np.array([3.0, 1.0, 0.5])
OTHERS = {
    "mixture": lambda d: mf.SpectralMixture(np.stack([WAVE[:d], -2 * WAVE[:d]]), 0.7),
    "cosine": lambda d: (2.0 * mf.Cosine(WAVE[:d])) * mf.Matern(5.5, 0.9) + 0.3 * mf.Gaussian(1.0),
    "product": lambda d: mf.Gaussian(0.9) * mf.Matern(3.5, 1.1),
}
SMOOTH = [(case.name, case.make) for case in RADIAL if case.smoothness >= 4]
CHOSEN = [("Matern-3.5", 1), ("Gaussian-per-axis", 3), ("Wendland-C6-3d", 2), ("mixture", 2), ("cosine", 3)]


def functionals(dim: int, count: int, seed: int) -> Functional:
    rng = np.random.default_rng(seed)
    bend = rng.standard_normal((count, dim, dim))
    return Functional(rng.standard_normal(count), rng.standard_normal((count, dim)), bend + bend.swapaxes(1, 2))


def points(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Coincident, nearly so, and apart."""
    X = np.random.default_rng(0).standard_normal((4, dim))
    return X, X + np.array([0.0, 1e-6, 0.3, 0.9])[:, None]


@pytest.mark.parametrize(("name", "dim"), CHOSEN)
def test_the_closed_form_is_what_autodiff_finds(name, dim):
    kernel = (dict(SMOOTH) | OTHERS)[name](dim)
    X, Y = points(dim)
    f, g = functionals(dim, 4, 1), functionals(dim, 4, 2)
    closed = jax.vmap(kernel.pair)(f, X, g, Y)
    oracle = jax.vmap(lambda f, x, g, y: Kernel.pair(kernel, f, x, g, y))(f, X, g, Y)
    np.testing.assert_allclose(closed, oracle, rtol=0, atol=1e-13 * np.abs(oracle).max())


def test_functionals_of_lower_order():
    kernel, (X, Y) = mf.Matern(3.5, 0.8), points(2)
    f, g = functionals(2, 4, 1), functionals(2, 4, 2)
    zero = np.zeros((4, 2)), np.zeros((4, 2, 2))
    for lower in (Functional(f.value), Functional(f.value, f.slope)):
        full = Functional(f.value, zero[0] if lower.slope is None else f.slope, zero[1])
        of_lower, of_full = (np.asarray(jax.vmap(kernel.pair)(one, X, g, Y)) for one in (lower, full))
        np.testing.assert_allclose(of_lower, of_full, rtol=1e-13)


def test_a_rough_kernel_is_refused():
    f, g = (jax.tree.map(lambda a: a[0], functionals(2, 1, seed)) for seed in (1, 2))
    with pytest.raises(ValueError, match=r"Wendland\(smoothness=2, dim=3\) has continuous derivatives up to order 2"):
        mf.Wendland(2, 3, 1.0).pair(f, np.zeros(2), g, np.ones(2))


def test_functionals_of_any_order():
    """Up to the fourth in each argument, on the line."""
    kernel, x = 2.0 * mf.Matern(8.5, 0.9) + mf.Gaussian(0.8), jnp.array([0.3])
    f, g = jnp.asarray(np.random.default_rng(0).standard_normal((2, 5)))
    for y in (x, x + 0.4):
        found = scalar_pair(kernel, f, x, g, y)
        known = f @ derivatives_at(lambda p, y=y: g @ derivatives_at(lambda q: kernel.eval(p, q), y, 4), x, 4)
        np.testing.assert_allclose(found, known, rtol=1e-12)
