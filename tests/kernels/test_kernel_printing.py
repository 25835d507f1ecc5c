"""Kernels print as the expression that makes them, whatever their leaves are."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.kernels import Scaled, Stretched

A, B = mf.Gaussian(0.3), mf.Matern(2.5, 1.0)


class Shifted(mf.Kernel):
    """A user's kernel: another kernel, an array, a function and a static number."""

    kernel: mf.Kernel
    shift: jax.Array
    profile: object
    order: int = eqx.field(static=True)

    @property
    def smoothness(self):
        return self.kernel.smoothness

    def eval(self, x, y):
        return self.kernel.eval(x, y + self.shift)


EXPRESSIONS = [
    "Gaussian(scale=0.3)",
    "Gaussian(scale=[0.1, 2.0])",
    "Matern(nu=2.5, scale=0.3)",
    "Wendland(smoothness=4, dim=3, scale=1.0)",
    "Multiquadric(scale=1.3)",
    "InverseMultiquadric(scale=1e-07)",
    "InverseQuadratic(scale=12345.0)",
    "RationalQuadratic(alpha=2.5, scale=0.123456)",
    "Polyharmonic(degree=3)",
    "Cosine(frequency=100.0) * A",
    "Cosine(frequency=[3.0, -4.0])",
    "SpectralMixture(frequency=[94.0, 106.0], scale=1.0)",
    "SpectralMixture(frequency=[[40.0, 25.0], [-40.0, 25.0]], scale=[1.0, 2.0], weights=[1.0, 2.0])",
    "SpectralMixture(frequency=[94.0], kernel=B) + A",
    "SpectralMixture(frequency='auto', scale=2.0)",
    "Periodic(period=2.0, scale=[0.5, 1.0])",
    "Warped(kernel=A * B, module=[[2.0, 0.5], [0.0, 1.0]])",
    "Gaussian(scale=0.3) + 2.0 * Matern(nu=2.5, scale=1.0)",
    "A + B + C",
    "A + (B + C)",
    "(A + B) * C",
    "A * (B + C)",
    "A * B * C",
    "A * (B * C)",
    "2.0 * (A + B)",
    "2.0 * A * B",
    "2.0 * (A * B)",
    "A * (2.0 * B)",
    "3.0 * (2.0 * A)",
    "2.0 * A + A * B",
]
LETTERS = {"A": "Gaussian(scale=0.3)", "B": "Matern(nu=2.5, scale=1.0)", "C": "Polyharmonic(degree=3)"}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_a_kernel_prints_as_the_expression_that_makes_it(text):
    expression = re.sub(r"\b[ABC]\b", lambda letter: LETTERS[letter[0]], text)
    assert repr(eval(expression, vars(mf))) == expression


def test_a_trained_or_single_leaf_prints_its_positive_number():
    trained = eqx.tree_at(lambda k: k.raw_scale, A, jnp.zeros((), np.float32))
    assert repr(trained) == "Gaussian(scale=0.693147)"


def test_a_kernel_of_a_user_prints_its_fields():
    kernel = Shifted(A, np.zeros(2), np.sin, 3)
    assert repr(kernel) == "Shifted(order=3, kernel=Gaussian(scale=0.3), shift=[0.0, 0.0], profile=sin)"
    wide = eqx.tree_at(lambda k: k.shift, kernel, np.zeros((5, 5)))
    assert "shift=<float64 array of shape (5, 5)>" in repr(wide)
    assert repr(Stretched(A, np.asarray(2.5))) == "Stretched(kernel=Gaussian(scale=0.3), factor=2.5)"


def test_a_kernel_prints_inside_jit_and_without_its_leaves():
    printed = []

    @jax.jit
    def trace(scale):
        printed.extend(map(repr, (mf.Matern(2.5, scale) + A, Stretched(A, scale), Scaled(A, scale))))
        printed.extend(map(repr, (mf.Cosine(scale), mf.SpectralMixture(jnp.stack([scale, scale])))))
        return scale

    trace(1.0)
    assert printed == [
        "Matern(nu=2.5, scale=<traced>) + Gaussian(scale=0.3)",
        "Stretched(kernel=Gaussian(scale=0.3), factor=<traced>)",
        "<traced> * Gaussian(scale=0.3)",
        "Cosine(frequency=<traced>)",
        "SpectralMixture(frequency=<traced>, scale=1.0)",
    ]


def test_a_kernel_without_its_leaves_prints():
    """As Equinox's filters leave it: None, the shape or a yes in place of an array."""
    kernel = 2.0 * A + B
    assert repr(eqx.filter(kernel, False)) == "None * Gaussian(scale=None) + Matern(nu=2.5, scale=None)"
    assert repr(jax.tree.map(lambda leaf: True, A)) == "Gaussian(scale=True)"
    assert repr(eqx.filter_eval_shape(lambda: A)).startswith("Gaussian(scale=ShapeDtypeStruct")


def test_a_donated_leaf_is_not_read():
    leaf = jnp.zeros(2)
    kernel = eqx.tree_at(lambda k: k.raw_scale, A, leaf)
    leaf.delete()
    assert repr(kernel) == f"Gaussian(scale=<{leaf.dtype} array of shape (2,)>)"
