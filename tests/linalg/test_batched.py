"""Batches of small systems against NumPy, and their derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meshfree.linalg import batched
from meshfree.linalg.batched import solve_many

RANDOM = np.random.default_rng(0)
A = RANDOM.standard_normal((5, 4, 4)) + 4 * np.eye(4)
B = RANDOM.standard_normal((5, 4, 2))


@pytest.mark.parametrize("lead", [(), (5,), (2, 3)], ids=["one", "a batch", "a batch of batches"])
def test_solutions_are_those_of_numpy(lead):
    A, b = RANDOM.standard_normal((*lead, 6, 6)) + 6 * np.eye(6), RANDOM.standard_normal((*lead, 6, 3))
    np.testing.assert_allclose(solve_many(jnp.asarray(A), jnp.asarray(b)), np.linalg.solve(A, b), rtol=1e-12)


def test_jit_and_vmap_change_nothing():
    plain = solve_many(jnp.asarray(A), jnp.asarray(B))
    np.testing.assert_array_equal(jax.jit(solve_many)(A, B), plain)
    np.testing.assert_array_equal(jax.vmap(solve_many)(A, B), plain)
    shared = jax.jit(jax.vmap(solve_many, in_axes=(None, 0)))(A[0], B)
    np.testing.assert_allclose(shared, np.linalg.solve(A[:1], B), rtol=1e-12)


def test_a_large_batch_is_split_among_threads(monkeypatch):
    whole = solve_many(jnp.asarray(A), jnp.asarray(B))
    monkeypatch.setattr(batched, "WORTH_A_THREAD", 0)
    monkeypatch.setattr(batched.os, "cpu_count", lambda: 3)
    np.testing.assert_array_equal(solve_many(jnp.asarray(A), jnp.asarray(B)), whole)


def test_the_derivatives_are_those_of_the_inverse():
    """dx = A⁻¹(db − dA x), forward and reverse."""
    A_dot, b_dot = RANDOM.standard_normal(A.shape), RANDOM.standard_normal(B.shape)
    x, x_dot = jax.jvp(jax.jit(solve_many), (A, B), (A_dot, b_dot))
    expected = np.linalg.solve(A, b_dot - A_dot @ x)
    np.testing.assert_allclose(x_dot, expected, rtol=1e-11, atol=1e-13)
    weight = RANDOM.standard_normal(B.shape)
    by_A, by_b = jax.vjp(jax.jit(solve_many), A, B)[1](jnp.asarray(weight))
    np.testing.assert_allclose(np.sum(by_A * A_dot) + np.sum(by_b * b_dot), np.sum(weight * expected), rtol=1e-11)


def test_the_second_derivative():
    """x = 1/t, x″ = 2/t³."""

    def inverse(t):
        return solve_many(t * jnp.eye(3), jnp.ones((3, 1)))[1, 0]

    for second in (jax.grad(jax.grad(inverse)), jax.jacfwd(jax.jacfwd(inverse)), jax.hessian(inverse)):
        np.testing.assert_allclose(jax.jit(second)(2.0), 0.25, rtol=1e-14)


def test_only_the_singular_systems_of_a_batch_are_nan():
    broken = A.copy()
    broken[[1, 4]] = 0.0
    x = np.asarray(solve_many(jnp.asarray(broken), jnp.asarray(B)))
    np.testing.assert_array_equal(np.isnan(x).all(axis=(1, 2)), [False, True, False, False, True])
    np.testing.assert_allclose(x[[0, 2, 3]], np.linalg.solve(A, B)[[0, 2, 3]], rtol=1e-12)


def test_two_batches_at_a_time_in_one_program_do_not_wait_for_each_other():
    """What XLA's own batched solves did, for good, on two cores; the limit of the test run would end it."""

    @jax.jit
    def both(A, b):
        solved = functools.partial(solve_many, A)
        return solved(b) + solve_many(A.swapaxes(1, 2), b)

    many = np.tile(A, (400, 1, 1)), np.tile(B, (400, 1, 1))
    expected = np.linalg.solve(A, B) + np.linalg.solve(A.swapaxes(1, 2), B)
    np.testing.assert_allclose(both(*many)[:5], expected, rtol=1e-10)
