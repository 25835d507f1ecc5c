"""A function of one point, evaluated at many points block by block, so that memory stays bounded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .tracing import at_once, is_traced

ALONE = 10_000  # points for which threads take longer to start than they save
BESIDE = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")  # how many processes MPICH and Open MPI started here
CHUNK = 2**25  # entries of one block of rows (256 MiB): what lies beside the result stays below this


def map_in_blocks(function: Callable, points: Any, width: int) -> Any:
    """`function` over the points (the leading axis), in blocks so that block × width stays bounded; under jit too."""
    batch = max(CHUNK // max(width, 1), 1)
    count = len(jax.tree.leaves(points)[0])
    if count <= batch:
        return jax.vmap(function)(points)
    return jax.lax.map(function, points, batch_size=batch)


def in_padded_blocks(function: Callable, arrays: tuple, size: int, *, known: bool = True) -> Any:
    """`function`, batched and compiled, over concrete arrays, `size` rows at a time; the last block is padded to it.

    The loop runs in Python: small dense factorisations inside a loop of XLA's hang on the CPU backend. While something
    else is traced the function is computed at once; without `known`, as it may read what is traced, None where it did.
    """
    count, parts = len(arrays[0]), []
    for start in range(0, count, size):
        block = [padded_block(array, start, size) for array in arrays]
        with at_once() if known else contextlib.nullcontext():
            part = function(*block)
        if is_traced(part):
            return None
        parts.append(jax.tree.map(np.asarray, part))
    return jax.tree.map(lambda *rows: (np.concatenate(rows) if len(rows) > 1 else rows[0])[:count], *parts)


def padded_block(array: Any, start: int, size: int) -> np.ndarray:
    """`size` rows of a concrete array; where it ends before, its last one again and again."""
    rows = np.asarray(array[start : start + size])
    if len(rows) == size:
        return rows
    block = np.empty((size, *rows.shape[1:]), rows.dtype)
    block[: len(rows)], block[len(rows) :] = rows, rows[-1]
    return block


def search_threads(count: int) -> int:
    """For a search at so many points, as `cKDTree.query` takes it: all cores of this process, or one."""
    return cores() if count > ALONE else 1


def cores() -> int:
    """Those that this process may use: all, those that it is bound to, or its share beside others of mpiexec's."""
    everything = os.cpu_count() or 1
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else everything
    told = [os.environ.get(name, "") for name in BESIDE]
    beside = max([1, *(int(count) for count in told if count.isdecimal())])
    return bound if bound < everything else max(everything // beside, 1)
