"""Dense factorisations: one table of solvers, every property over all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meshfree.internal import memory
from meshfree.linalg import dense
from meshfree.linalg.factor import factor

SOLVERS = ("auto", "lu", "qr", "svd")
TALL = ("auto", "qr", "svd")


def random_matrix(rows, columns, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal((rows, columns)))


def hilbert(n):
    i = np.arange(n)
    return jnp.asarray(1 / (i[:, None] + i[None, :] + 1.0))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("b", [random_matrix(7, 1)[:, 0], random_matrix(7, 3)], ids=["vector", "columns"])
def test_square_solves_and_adjoints(solver, b):
    A = random_matrix(7, 7, seed=1)
    f = factor(A, solver)
    np.testing.assert_allclose(A @ f.solve(b), b, atol=1e-12)
    np.testing.assert_allclose(A.T @ f.solve_transposed(b), b, atol=1e-12)
    np.testing.assert_allclose(A.T @ (A @ f.solve_normal(b)), b, atol=1e-10)
    assert f.rank() == 7


@pytest.mark.parametrize("solver", TALL)
def test_tall_matrices_are_solved_in_least_squares(solver):
    A, b = random_matrix(12, 5), random_matrix(12, 1)[:, 0]
    f = factor(A, solver)
    np.testing.assert_allclose(f.solve(b), np.linalg.lstsq(A, b)[0], atol=1e-13)
    pseudoinverse = np.linalg.pinv(A)
    np.testing.assert_allclose(f.solve_transposed(b[:5]), pseudoinverse.T @ b[:5], atol=1e-13)


@pytest.mark.parametrize("solver", SOLVERS)
def test_solves_are_the_same_under_jit_and_vmap(solver):
    A = jnp.stack([random_matrix(6, 6, seed) for seed in range(3)])
    b = jnp.ones((3, 6))
    batched = jax.jit(jax.vmap(lambda A, b: factor(A, solver).solve(b)))(A, b)
    np.testing.assert_allclose(batched, np.linalg.solve(A, b[..., None])[..., 0], atol=1e-11)


@pytest.mark.parametrize("solver", SOLVERS)
def test_condition_is_that_of_numpy_within_the_size_of_the_matrix(solver):
    A = hilbert(6)
    assert np.linalg.cond(A) / 6 <= factor(A, solver).condition() <= np.linalg.cond(A, 1) * 1.01


def test_auto_takes_lu_for_well_and_qr_for_ill_conditioned_matrices():
    assert isinstance(factor(random_matrix(5, 5)), dense.LU)
    assert isinstance(factor(hilbert(14)), dense.QR)


@pytest.mark.parametrize("A", [random_matrix(14, 14), hilbert(14)])
def test_auto_under_jit_decides_as_it_does_outside(A):
    b = jnp.ones(14)
    traced = jax.jit(
        lambda A: (factor(A).solve(b), factor(A).solve_transposed(b), factor(A).rank(), factor(A).condition())
    )(A)
    f = factor(A)
    for inside, outside in zip(traced, (f.solve(b), f.solve_transposed(b), f.rank(), f.condition()), strict=True):
        np.testing.assert_allclose(inside, outside, rtol=1e-6)


@pytest.mark.parametrize("solver", ["auto", "qr", "svd"])
def test_a_deficient_matrix_is_truncated_and_its_consistent_system_solved(solver):
    A = random_matrix(8, 3) @ random_matrix(3, 8, seed=1)
    b = A @ jnp.ones(8)
    f = factor(A, solver)
    assert f.rank() == 3
    np.testing.assert_allclose(A @ f.solve(b), b, atol=1e-12)


def test_svd_gives_the_solution_of_least_norm():
    A = random_matrix(8, 3) @ random_matrix(3, 8, seed=1)
    b = A @ jnp.ones(8)
    np.testing.assert_allclose(factor(A, "svd").solve(b), np.linalg.pinv(A, rcond=1e-12) @ b, atol=1e-11)


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"solver is 'gauss'; it is one of 'auto', 'lu', 'qr', 'svd'"):
        factor(random_matrix(3, 3), "gauss")
    with pytest.raises(ValueError, match="3 equations for 5 unknowns: give more points"):
        factor(random_matrix(3, 5))
    with pytest.raises(ValueError, match=r"LU needs a square matrix; got 5 rows and 3 columns. Use solver='qr'"):
        factor(random_matrix(5, 3), "lu")


def test_memory_is_estimated_before_it_is_taken(monkeypatch):
    monkeypatch.setattr(memory, "installed", lambda: 2.0**30)
    dense.check_memory(1000, 1000)
    with pytest.raises(
        MemoryError, match=r"100000 rows and 100000 columns takes 224 GiB .* this process can have 1 GiB"
    ):
        dense.check_memory(100_000, 100_000)


def test_where_memory_is_unknown_nothing_is_refused(monkeypatch):
    monkeypatch.delattr("os.sysconf")
    monkeypatch.setattr(memory, "_limits", lambda: iter(()))
    dense.check_memory(10**9, 10**9)
