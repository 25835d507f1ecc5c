"""Programs that some versions of jaxlib compile wrongly on the CPU."""

import os

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.internal import compiler_faults
from meshfree.spaces.stencil_weights import scaled

MANY = 5000  # points; the quotients are wrong from 4096 on
YNNPACK = {compiler_faults.FLAG.removeprefix("--"): "LIBRARY_FUSION_TYPE_REDUCE"}


def test_jax_0_11():
    """The fault as it was met: at many points at once, against the same function under jit."""
    cloud = SQUARE.cloud(0.2)
    u = mf.Stencils(mf.Polyharmonic(5), cloud, 2).function(jnp.asarray(cloud.points[:, 0] ** 2))
    X = SQUARE.sample(MANY // 9, seed=1)
    np.testing.assert_allclose(u.at(X), jax.jit(jax.vmap(u))(jnp.asarray(X)), rtol=1e-9, atol=1e-12)


def test_stencils_are_scaled_rightly_with_the_faulty_library_too():
    """As where JAX has computed before meshfree was imported."""
    stencils = np.random.default_rng(0).uniform(size=(MANY, 12, 2))
    compiled = jax.jit(jax.vmap(scaled)).lower(stencils, stencils[:, 1]).compile(compiler_options=YNNPACK)
    assert "__ynn" in compiled.as_text()
    xi, t = compiled(stencils, stencils[:, 1])
    np.testing.assert_allclose(np.linalg.norm(xi, axis=2).max(axis=1), 1, rtol=1e-14)
    np.testing.assert_array_equal(t, xi[:, 1])


def test_unit_vectors_and_lengths_in_a_residual():
    """A user's own functions, which are compiled as they are: infinite with jaxlib 0.11.1 and 0.11.2."""

    def of_both(v):
        size = jnp.linalg.norm(v)
        return v / size, 1 / size

    V = np.random.default_rng(0).uniform(0.5, 1, size=(MANY, 2))
    unit, inverse = jax.jit(jax.vmap(of_both))(V)
    sizes = np.linalg.norm(V, axis=1)
    np.testing.assert_allclose(unit, V / sizes[:, None], rtol=1e-14)
    np.testing.assert_allclose(inverse, 1 / sizes, rtol=1e-14)


def test_the_square_of_a_matrix_times_a_vector():
    """Wrong at the last point with jaxlib 0.10.2."""
    V = np.random.default_rng(0).uniform(0.5, 1, size=(2**14 + 1, 3))
    found = jax.jit(jax.vmap(lambda v: jnp.sum((jnp.eye(3) @ v) ** 2)))(V)
    np.testing.assert_allclose(found, np.sum(V**2, axis=1), rtol=1e-14)


@pytest.mark.parametrize(
    ("version", "flags", "expected"),
    [
        ("0.11.2", "", "--xla_cpu_experimental_ynn_fusion_type="),
        ("0.10.2", "--a=b", "--a=b --xla_cpu_experimental_ynn_fusion_type="),
        ("0.11.2", "--xla_cpu_experimental_ynn_fusion_type=-reduce", "--xla_cpu_experimental_ynn_fusion_type=-reduce"),
        ("0.12.0", "--a=b", "--a=b"),
    ],
    ids=["faulty", "beside other flags", "the user's own", "right"],
)
def test_the_flag_is_set_where_the_version_is_faulty(monkeypatch, version, flags, expected):
    monkeypatch.setattr(jaxlib, "__version__", version)
    monkeypatch.setattr("jax._src.xla_bridge.backends_are_initialized", lambda: False)
    monkeypatch.setenv("XLA_FLAGS", flags)
    compiler_faults.avoid_wrong_programs()
    assert os.environ["XLA_FLAGS"] == expected


@pytest.mark.parametrize(("flags", "has_computed"), [("", True), ("flags.txt", False)], ids=["computed", "file"])
def test_a_flag_that_is_not_read_is_a_warning(monkeypatch, flags, has_computed):
    monkeypatch.setattr(jaxlib, "__version__", "0.11.2")
    monkeypatch.setattr("jax._src.xla_bridge.backends_are_initialized", lambda: has_computed)
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    monkeypatch.setenv("XLA_FLAGS", flags)
    with pytest.warns(UserWarning, match=r"import meshfree before JAX computes anything, or set XLA_FLAGS=--xla"):
        compiler_faults.avoid_wrong_programs()
    assert os.environ["XLA_FLAGS"] == flags
