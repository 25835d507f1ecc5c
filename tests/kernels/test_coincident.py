"""Kernels of users at coincident points: one that fails there is named, with the remedy."""

import jax.numpy as jnp
import pytest

import meshfree as mf
from meshfree.kernels import check_coincident


class OfTheDistance(mf.Kernel):
    """e^(−r)(1 + r + …), as in the textbook: right, but JAX differentiates the norm to NaN at 0."""

    @property
    def smoothness(self):
        return 4

    def eval(self, x, y):
        r = jnp.linalg.norm(x - y)
        return jnp.exp(-r) * (1 + r + 0.4 * r**2 + r**3 / 15)


class Logarithm(OfTheDistance):
    """r⁴ log r, NaN at 0 itself."""

    def eval(self, x, y):
        s = jnp.sum((x - y) ** 2)
        return 0.5 * s**2 * jnp.log(s)


class OfTheSquare(OfTheDistance):
    """A kernel in the squared distance."""

    def eval(self, x, y):
        return jnp.exp(-jnp.sum((x - y) ** 2))


CLOUD = mf.Box().cloud(0.4)


@pytest.mark.parametrize(
    ("kernel", "what"),
    [
        (OfTheDistance(), r"OfTheDistance\(\) cannot .* its derivatives of order 1 are not finite"),
        (Logarithm(), r"Logarithm\(\) cannot be used at coincident points, x = y: its value is not finite"),
        (mf.Gaussian() + OfTheDistance(), r"Sum\(Gaussian\(\), OfTheDistance\(\)\) cannot"),
    ],
    ids=["norm", "logarithm", "sum"],
)
def test_what_fails_is_named_with_the_remedy(kernel, what):
    with pytest.raises(ValueError, match=what + ".* in the squared distance.* meshfree.kernels.Radial"):
        check_coincident(kernel, 2)


@pytest.mark.parametrize("kernel", [OfTheSquare(), mf.Polyharmonic(4), mf.Wendland(6)], ids=repr)
def test_sound_kernels_pass(kernel):
    check_coincident(kernel, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mf.interpolate(lambda x: x[0], mf.Collocation(Logarithm(), CLOUD)),
        lambda: mf.matrix(mf.Collocation(OfTheDistance(), CLOUD), mf.laplacian),
        lambda: mf.matrix(mf.Stencils(OfTheDistance(), CLOUD, 2), mf.laplacian),
    ],
    ids=["interpolate", "matrix", "stencils"],
)
def test_no_verb_gives_nan_instead(call):
    with pytest.raises(ValueError, match="cannot be used at coincident points"):
        call()


def test_data_that_are_nan_are_not_the_kernels_fault():
    with pytest.raises(ValueError, match="check the residuals and the data"):
        mf.interpolate(jnp.full(len(CLOUD), jnp.nan), mf.Collocation(OfTheSquare(), CLOUD))
