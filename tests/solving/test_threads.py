"""Threads that solve at once get what one gets, also where programs are released meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from threadpoolctl import ThreadpoolController

import meshfree as mf
from meshfree.internal import compile_cache
from meshfree.linalg import batched, host_factor
from meshfree.linalg.sparse_rows import SparseRows

LINE = mf.Interval()
POINTS = np.linspace(0, 1, 7)
COARSE, NODES = LINE.cloud(0.2), LINE.cloud(0.1)
SPACES = [
    mf.Collocation(mf.Matern(3.5, 0.5), NODES),
    mf.Stencils(None, NODES, 2),
    mf.Eigenbasis(mf.Gaussian(1.0), NODES, 4),
    mf.Multilevel(mf.Wendland(4, 1, 0.9), (COARSE, NODES)),
]


def values(number):
    """Those of a problem and a space of their own."""
    power = 1 + 2 * (number % 2)

    def interior(u, x):
        return mf.laplacian(u)(x) - (1.0 + number) * u(x) ** power + jnp.cos(number * x[0])

    problem = mf.Problem(LINE, interior=interior, boundary=mf.dirichlet(0.1 * number))
    return np.asarray(mf.solve(problem, SPACES[number % 4])(POINTS))


def test_four_threads_agree_with_one(monkeypatch):
    alone = [values(number) for number in range(4)]
    jax.clear_caches()
    monkeypatch.setattr(compile_cache, "_OFTEN", 20)
    monkeypatch.setattr(compile_cache, "_memory_maps", lambda: (9, 10))
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(values, range(4)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_factors_are_remembered_by_many_threads():
    """More matrices than are kept: one may be forgotten between two threads' looks at it."""

    def solved(number):
        matrix = SparseRows(np.full((1, 1), 1.0 + number % 7), np.zeros((1, 1), np.int32), 1)
        factor = host_factor._remembered(matrix, "superlu")
        return float(factor.solve(np.ones(1))[0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(solved, range(400))) == [1 / (1.0 + number % 7) for number in range(400)]
    assert len(host_factor._factors) <= host_factor.KEPT


def test_blas_has_its_threads_again():
    """Two that limit them at once: the last to end takes the limit back."""

    def threads():
        return [library["num_threads"] for library in ThreadpoolController().info() if library["user_api"] == "blas"]

    before, entered, left = threads(), threading.Barrier(2), threading.Event()

    def first():
        with batched.on_one_thread():
            entered.wait(30)
        left.set()

    def second():
        with batched.on_one_thread():
            entered.wait(30)
            left.wait(30)

    running = [threading.Thread(target=target) for target in (first, second)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert threads() == before


def test_the_multigrid_cycle_is_the_same_in_every_thread():
    pytest.importorskip("pyamg")
    from meshfree.linalg.sparse_solvers import _multigrid

    n = 200
    matrix = scipy.sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    alone = _multigrid(matrix)(np.ones(n))
    with ThreadPoolExecutor(4) as pool:
        for other in pool.map(lambda _: _multigrid(matrix)(np.ones(n)), range(8)):
            np.testing.assert_array_equal(alone, other)
