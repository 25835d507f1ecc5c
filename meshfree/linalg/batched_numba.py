"""Many small symmetric systems at once, compiled by Numba (extra `fast`): a vector register holds one entry of several.

LAPACK solves one 45 × 45 system at a time, at a few per cent of the machine's rate; here 64 of them go through the same
elimination side by side. Without pivoting: the matrices of stencils are made definite beforehand, see
`Stencils.weights`, and every solution is checked.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import inspect
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ..internal.compile_cache import cache_folder

LANES = 64  # systems side by side: 16 take a third longer, 128 leave the cache
UNSOUND = 1e-9  # violation of Pᵀw = b, in units of |P|ᵀ|w| + |b|, from which a solution is made again with pivoting
_compiling = threading.Lock()


@functools.cache
def available() -> bool:
    """Whether Numba is installed."""
    return importlib.util.find_spec("numba") is not None


def solved(
    kernel: Float[np.ndarray, "p m"], polynomials: Float[np.ndarray, "k q m"], right: Float[np.ndarray, "r n m"]
) -> tuple[Float[np.ndarray, "r k m"], Bool[np.ndarray, " m"]]:
    """The first k unknowns of m systems with the matrix ((K, P), (Pᵀ, 0)), and whether each is sound.

    `kernel` holds the lower triangles of the positive definite K (k, k), row by row: p = k (k + 1)/2.
    """
    weights = np.empty((right.shape[0], polynomials.shape[0], right.shape[2]))
    sound = np.empty(right.shape[2], dtype=np.bool_)
    load()(_fixed(kernel), _fixed(polynomials), _fixed(right), weights, sound, LANES, UNSOUND)
    return weights, sound


def load() -> Callable:
    """The compiled function, made once: threads come here together, and the first compiles for all."""
    with _compiling:
        return _compiled()


def _fixed(array: np.ndarray) -> np.ndarray:
    """The array in rows and read-only: what differs in that would be compiled once more."""
    fixed = np.ascontiguousarray(array).view()
    fixed.flags.writeable = False
    return fixed


@functools.cache
def _compiled() -> Callable:
    """`_solve_all` compiled, from the user's cache folder where it is there already: 0.2 s in place of 4 s."""
    solve_all = None
    try:
        solve_all = _kept()
        one = np.ones((1, 1)), np.ones((1, 1, 1)), np.ones((1, 2, 1))
        solve_all(*map(_fixed, one), np.empty((1, 1, 1)), np.empty(1, dtype=np.bool_), LANES, UNSOUND)
        return solve_all
    except Exception:  # whatever it is that the folder holds, or that keeps Numba from writing to it
        _remove_kept(solve_all)
        return _jitted()


def _kept() -> Callable:
    """`_solve_all`, compiled when it is called unless the user's cache folder, or NUMBA_CACHE_DIR, has it."""
    import numba

    config: Any = numba.config
    asked = config.CACHE_DIR
    config.CACHE_DIR = asked or str(cache_folder("numba"))
    try:
        return _jitted(cache=True)
    finally:
        config.CACHE_DIR = asked


def _jitted(cache: bool = False) -> Callable:
    import numba  # an extra, and slow to load: only where thousands of stencils wait

    def compiled(function, cache=False, **inner):
        plain = inspect.unwrap(function)  # type checkers wrap it in what Numba cannot read
        named = types.FunctionType(plain.__code__, plain.__globals__ | inner, plain.__name__)
        reordered = {"contract", "reassoc", "nsz"}
        return numba.njit(named, cache=cache, fastmath=reordered, error_model="numpy", nogil=True)

    inner = {function.__name__: compiled(function) for function in (_eliminated, _substituted)}
    return compiled(_solve_all, cache, **inner)


def _remove_kept(solve_all) -> None:
    """Remove files that Numba cannot read: it would never replace them."""
    folder = getattr(getattr(solve_all, "stats", None), "cache_path", None)
    for path in Path(folder).glob(f"*.{_solve_all.__name__}-*.nb[ic]") if folder else ():
        with contextlib.suppress(OSError):
            path.unlink()


def _solve_all(kernel, polynomials, right, weights, sound, lanes, unsound):
    k, q, m = polynomials.shape
    n = k + q
    A, b = np.zeros((n, n, lanes)), np.zeros((n, lanes))
    f, g, size = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    for start in range(0, m, lanes):
        count = min(lanes, m - start)
        pair = 0
        for i in range(k):
            for j in range(i + 1):
                for lane in range(count):
                    A[i, j, lane] = kernel[pair, start + lane]
                pair += 1
        for i in range(q):
            for j in range(k):
                for lane in range(count):
                    A[k + i, j, lane] = polynomials[j, i, start + lane]
            for j in range(i + 1):
                for lane in range(count):
                    A[k + i, k + j, lane] = 0.0
        _eliminated(A, f, g)
        for lane in range(count):
            sound[start + lane] = True
        for i in range(k):
            for lane in range(count):
                sound[start + lane] &= A[i, i, lane] > 0  # the pivots of a definite matrix
        for r in range(right.shape[0]):
            for i in range(n):
                for lane in range(count):
                    b[i, lane] = right[r, i, start + lane]
            _substituted(A, b, f)
            for i in range(k):
                for lane in range(count):
                    weights[r, i, start + lane] = b[i, lane]
            for i in range(q):
                for lane in range(count):
                    f[lane] = -right[r, k + i, start + lane]
                    size[lane] = abs(f[lane])
                for j in range(k):
                    for lane in range(count):
                        term = polynomials[j, i, start + lane] * b[j, lane]
                        f[lane] += term
                        size[lane] += abs(term)
                for lane in range(count):
                    sound[start + lane] &= abs(f[lane]) <= unsound * size[lane]


def _eliminated(A, f, g):
    """A = L D Lᵀ in place, two columns at a time: D⁻¹ on the diagonal, L D below. A is (n, n, lanes)."""
    n, lanes = A.shape[0], A.shape[2]
    for j in range(0, n, 2):
        first = A[j, j]
        for lane in range(lanes):
            first[lane] = 1.0 / first[lane]
        if j + 1 == n:
            break
        second, between = A[j + 1, j + 1], A[j + 1, j]
        for lane in range(lanes):
            second[lane] = 1.0 / (second[lane] - between[lane] * between[lane] * first[lane])
        for i in range(j + 2, n):
            left, right = A[i, j], A[i, j + 1]
            for lane in range(lanes):
                right[lane] -= left[lane] * first[lane] * between[lane]
        for i in range(j + 2, n):
            left, right = A[i, j], A[i, j + 1]
            for lane in range(lanes):
                f[lane] = left[lane] * first[lane]
                g[lane] = right[lane] * second[lane]
            for k in range(j + 2, i + 1):
                entry, left, right = A[i, k], A[k, j], A[k, j + 1]
                for lane in range(lanes):
                    entry[lane] -= f[lane] * left[lane] + g[lane] * right[lane]


def _substituted(A, b, f):
    """A⁻¹ b in place of b (n, lanes), A as `_eliminated` leaves it."""
    n, lanes = b.shape
    for j in range(n):
        inverse, known = A[j, j], b[j]
        for lane in range(lanes):
            f[lane] = known[lane] * inverse[lane]
        for i in range(j + 1, n):
            entry, unknown = A[i, j], b[i]
            for lane in range(lanes):
                unknown[lane] -= entry[lane] * f[lane]
    for j in range(n - 1, -1, -1):
        inverse, unknown = A[j, j], b[j]
        for i in range(j + 1, n):
            entry, known = A[i, j], b[i]
            for lane in range(lanes):
                unknown[lane] -= entry[lane] * known[lane]
        for lane in range(lanes):
            unknown[lane] *= inverse[lane]
