"""Kernels are pytrees: their parameters are leaves to transform, to train, to batch and to store."""

import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import meshfree as mf

X, Y = np.random.default_rng(0).uniform(-1, 1, (2, 6, 2))


class Laplace(mf.Kernel):
    """exp(−|x − y|₁/scale), as a user writes a kernel; notes when it is traced."""

    raw_scale: jax.Array
    smoothness = 0
    traces: ClassVar[list] = []

    def eval(self, x, y):
        self.traces.append(x.shape)
        return jnp.exp(-jnp.sum(jnp.abs(x - y)) / jax.nn.softplus(self.raw_scale))


def test_a_kernel_of_ones_own_is_not_recompiled_for_a_new_scale():
    kernel = Laplace(jnp.asarray(0.3))
    for raw_scale in (0.3, -1.0, 2.0):
        moved = eqx.tree_at(lambda k: k.raw_scale, kernel, jnp.asarray(raw_scale))
        exact = np.exp(-abs(X[:, None] - Y).sum(-1) / np.log1p(np.exp(raw_scale)))
        np.testing.assert_allclose(moved(X, Y), exact, rtol=1e-14)
    assert kernel.traces == [(2,)]


@pytest.mark.parametrize(
    "make", [mf.Gaussian, lambda scale: 2.0 * mf.RationalQuadratic(scale, scale) + mf.Matern(2.5, scale)]
)
def test_a_new_scale_is_not_a_new_program(make):
    traces = []

    @eqx.filter_jit
    def gram(kernel):
        traces.append(kernel)
        return kernel(X, Y)

    values = [gram(make(scale)) for scale in (0.3, 0.5, np.float64(0.7))]
    assert len(traces) == 1
    np.testing.assert_allclose(values[2], make(0.7)(X, Y), rtol=1e-14)


def test_only_positive_parameters_are_leaves():
    kernel = 2.0 * mf.RationalQuadratic(0.6, 0.9) + mf.Wendland(4, 3, 0.5) * mf.Polyharmonic(3)
    found = sorted(float(np.log1p(np.exp(leaf))) for leaf in jax.tree.leaves(kernel))
    np.testing.assert_allclose(found, [0.5, 0.6, 0.9, 2.0], rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 30.0, 1e6, np.array([0.1, 2.0])], ids=str)
def test_the_scale_is_the_softplus_of_its_leaf(scale):
    kernel = mf.Matern(2.5, scale)
    np.testing.assert_allclose(kernel.scale, scale, rtol=1e-14)
    np.testing.assert_allclose(jnp.logaddexp(kernel.raw_scale, 0.0), scale, rtol=1e-14)


def test_a_batch_of_kernels():
    scales = jnp.array([0.2, 0.5, 1.1])
    batch = eqx.filter_vmap(mf.Gaussian)(scales)
    grams = eqx.filter_vmap(lambda kernel: kernel(X, Y))(batch)
    np.testing.assert_allclose(grams, [mf.Gaussian(float(a))(X, Y) for a in scales], rtol=1e-14)


def test_gradient_by_the_leaf():
    """∂ exp(−r²/a²)/∂a = 2r²/a³ exp(−r²/a²), and da/draw = 1 − e^(−a)."""
    a, r2 = 0.7, ((X[:, None] - Y) ** 2).sum(-1)
    slope = eqx.filter_jit(eqx.filter_grad(lambda kernel: jnp.sum(kernel(X, Y))))(mf.Gaussian(a))
    exact = np.sum(2 * r2 / a**3 * np.exp(-r2 / a**2)) * -np.expm1(-a)
    assert slope.raw_scale == pytest.approx(exact, rel=1e-13)


# ---------------------------------------------------------------------------------------- initial scales


def test_a_random_initial_scale():
    """softplus(U(−3, 0)): 0.0486 to 0.6931, the same for the same key."""
    keys = jax.random.split(jax.random.key(1), 2000)
    raw = np.asarray(jax.vmap(lambda key: mf.Gaussian(key=key).raw_scale)(keys))
    assert -3 <= raw.min() < -2.99
    assert -0.01 < raw.max() <= 0
    assert abs(raw.mean() + 1.5) < 4 * np.sqrt(9 / 12 / 2000)  # four standard errors
    kernel = mf.Gaussian(key=keys[0])
    assert kernel.raw_scale == pytest.approx(raw[0], rel=1e-14)
    assert kernel.scale == pytest.approx(np.log1p(np.exp(raw[0])), rel=1e-14)


FAMILIES = [
    mf.Multiquadric,
    mf.InverseMultiquadric,
    mf.InverseQuadratic,
    mf.RationalQuadratic,
    mf.Matern,
    mf.Wendland,
]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_takes_a_key(family):
    key = jax.random.key(5)
    assert family(key=key).raw_scale == mf.Gaussian(key=key).raw_scale
    assert eqx.filter_jit(lambda key: family(key=key))(key).raw_scale == family(key=key).raw_scale


# ---------------------------------------------------------------------------------------- storage, precision


def test_leaves_survive_a_file(tmp_path):
    def make(scale):
        return scale * mf.Matern(2.5, scale) + mf.Gaussian([scale, 2 * scale])

    eqx.tree_serialise_leaves(tmp_path / "kernel.eqx", make(0.3))
    restored = eqx.tree_deserialise_leaves(tmp_path / "kernel.eqx", make(1.0))
    np.testing.assert_array_equal(restored(X, Y), make(0.3)(X, Y))


def test_a_kernel_made_before_x64_is_double_afterwards():
    """In another process: here the flag is on."""
    code = """
import jax, numpy as np, meshfree as mf
kernel = 3.3 * mf.RationalQuadratic(0.7, [0.3, 0.3])
x, y = np.array([0.1, 0.2]), np.array([0.15, 0.1])
assert kernel([x], [y]).dtype == np.float32
jax.config.update("jax_enable_x64", True)
found = kernel([x], [y])[0, 0]
assert found.dtype == kernel.eval(x, y).dtype == np.float64
exact = 3.3 * (1 + ((x - y) ** 2).sum() / 0.09 / 1.4) ** -0.7
assert abs(found / exact - 1) < 1e-14, (found, exact)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    package = Path(mf.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------------------------------- training


def trained(loss, parameters, steps=150):
    """The parameters after Adam, all steps in one scan."""
    optimizer = optax.adam(0.05)

    def step(state, _):
        parameters, optimizer_state = state
        value, slope = jax.value_and_grad(loss)(parameters)
        updates, optimizer_state = optimizer.update(slope, optimizer_state)
        return (optax.apply_updates(parameters, updates), optimizer_state), value

    with jax.numpy_dtype_promotion("standard"):  # Optax needs it
        initial = parameters, optimizer.init(parameters)
        return jax.jit(lambda state: jax.lax.scan(step, state, None, length=steps))(initial)


def test_optax_finds_the_scales_of_a_gram_matrix():
    target = (2.0 * mf.Matern(1.5, [0.4, 1.5]))(X, Y)
    start = jax.tree.map(jnp.asarray, 1.0 * mf.Matern(1.5, [1.0, 1.0]))
    (kernel, _), history = trained(lambda kernel: jnp.mean((kernel(X, Y) - target) ** 2), start, steps=600)
    assert history[-1] < 1e-8 * history[0]
    np.testing.assert_allclose(kernel.kernel.scale, [0.4, 1.5], rtol=1e-3)
    assert kernel.amplitude == pytest.approx(2.0, rel=1e-3)


def test_training_inside_a_flax_module():
    nnx = pytest.importorskip("flax.nnx")

    class Model(nnx.Module):
        def __init__(self, kernel):
            leaves, self.structure = jax.tree.flatten(kernel)
            self.leaves = nnx.List(nnx.Param(jnp.asarray(leaf)) for leaf in leaves)

        @property
        def kernel(self):
            return jax.tree.unflatten(self.structure, [leaf.get_value() for leaf in self.leaves])

    @nnx.jit
    def step(model, optimizer):
        loss, slope = nnx.value_and_grad(lambda model: jnp.mean((model.kernel(X, Y) - target) ** 2))(model)
        optimizer.update(model, slope)
        return loss

    target = (2.0 * mf.Gaussian(0.4))(X, Y)
    with jax.numpy_dtype_promotion("standard"):
        model = Model(1.0 * mf.Gaussian(1.0))
        optimizer = nnx.Optimizer(model, optax.adam(0.05), wrt=nnx.Param)
        losses = [step(model, optimizer) for _ in range(300)]
    assert losses[-1] < 1e-6 * losses[0]
    assert model.kernel.kernel.scale == pytest.approx(0.4, rel=1e-2)
    assert model.kernel.amplitude == pytest.approx(2.0, rel=1e-2)
