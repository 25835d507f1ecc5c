"""Many small dense systems at once, solved by NumPy on the host, or by JAX on an accelerator.

On the host XLA's own batched solves wait for each other's threads: two that run at the same time in one compiled
program, as the stencils of an equation and of its boundary do, hang for good on a machine of two cores (measured with
JAX 0.10).
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from threadpoolctl import ThreadpoolController

from ..internal.devices import on_host

WORTH_A_THREAD = 2**22  # n³ · m, from which on a batch is split among the cores
WORTH_BLAS_THREADS = 2**20  # entries of a matrix


def solve_many(A: Float[Array, "*m n n"], b: Float[Array, "*m n k"]) -> Float[Array, "*m n k"]:
    """x with A x = b, differentiable by A and b to any order; not finite where A is singular."""

    def solve(A, b):
        if not on_host():
            return jnp.linalg.solve(A, b)
        shape = jax.ShapeDtypeStruct(b.shape, b.dtype)
        return jax.pure_callback(solved_on_host, shape, A, b, vmap_method="broadcast_all")

    fixed = jax.lax.stop_gradient(A)
    return jax.lax.custom_linear_solve(
        lambda x: A @ x,
        b,
        lambda _, b: solve(fixed, b),
        lambda _, b: solve(fixed.swapaxes(-1, -2), b),
    )


def solved_on_host(A, b) -> np.ndarray:
    """x with A x = b for concrete arrays; NaN where a matrix is singular."""
    A, b = np.asarray(A), np.asarray(b)
    shape, n = b.shape, A.shape[-1]
    A, b = A.reshape(-1, n, n), b.reshape(-1, *b.shape[-2:])
    with side_by_side() as solved:
        return solved(A, b).reshape(shape)


@contextlib.contextmanager
def side_by_side() -> Iterator[Callable]:
    """A solver of many known systems, (m, n, n) and (m, n, k) -> (m, n, k), with a thread on every core for many."""
    parts = os.cpu_count() or 1
    # threads of BLAS's own beside these wait for each other, a hundred times as long on a busy machine
    with on_one_thread(), ThreadPoolExecutor(parts) as pool:

        def solved(A, b):
            if len(A) * A.shape[-1] ** 3 <= WORTH_A_THREAD:
                return _solved(A, b)
            return np.concatenate(list(pool.map(_solved, np.array_split(A, parts), np.array_split(b, parts))))

        yield solved


@contextlib.contextmanager
def on_one_thread():
    """BLAS without threads of its own until the last of the calls that asked for it has ended, in whatever thread."""
    with _in_turn:
        if not _limits:
            _limits.append(_blas().limit(limits=1, user_api="blas"))
        _limits.append(None)
    try:
        yield
    finally:
        with _in_turn:
            _limits.pop()
            if len(_limits) == 1:
                _limits.pop().restore_original_limits()


def on_few_threads(entries: int) -> contextlib.AbstractContextManager:
    """One thread for a matrix of few entries: two gain little there, and on a busy machine wait for each other."""
    return on_one_thread() if entries <= WORTH_BLAS_THREADS else contextlib.nullcontext()


_limits: list[Any] = []  # what takes the limit back, and an entry for each call
_in_turn = threading.Lock()


@functools.cache
def _blas() -> ThreadpoolController:
    """The libraries that are loaded, looked up once."""
    return ThreadpoolController()


def _solved(A, b) -> np.ndarray:
    try:
        return np.linalg.solve(A, b)
    except np.linalg.LinAlgError:
        if len(A) == 1:
            return np.full_like(b, np.nan)
        half = len(A) // 2
        return np.concatenate([_solved(A[:half], b[:half]), _solved(A[half:], b[half:])])
