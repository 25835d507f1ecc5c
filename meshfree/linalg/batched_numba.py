"""Many small symmetric systems at once, compiled by Numba (extra `fast`): a vector register holds one entry of several.

LAPACK solves one 45 × 45 system at a time, at a few per cent of the machine's rate; here 64 of them go through the same
elimination side by side. Without pivoting: the matrices of stencils are made definite beforehand, see
`Stencils.weights`, and every solution is checked.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect

import numpy as np
from jaxtyping import Bool, Float

LANES = 64  # systems side by side: 16 take a third longer, 128 leave the cache
UNSOUND = 1e-9  # violation of Pᵀw = b, in units of |P|ᵀ|w| + |b|, from which a solution is made again with pivoting


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
    _compiled()(kernel, polynomials, right, weights, sound, LANES, UNSOUND)
    return weights, sound


@functools.cache
def _compiled():
    import numba  # seconds, and an extra: only where thousands of stencils wait

    def compiled(function, cache=False):
        plain = inspect.unwrap(function)  # type checkers wrap it in what Numba cannot read
        reordered = {"contract", "reassoc", "nsz"}
        return numba.njit(plain, cache=cache, fastmath=reordered, error_model="numpy", nogil=True)

    eliminated, substituted = compiled(_eliminated, cache=True), compiled(_substituted, cache=True)

    def solve_all(kernel, polynomials, right, weights, sound, lanes, unsound):
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
            eliminated(A, f, g)
            for lane in range(count):
                sound[start + lane] = True
            for i in range(k):
                for lane in range(count):
                    sound[start + lane] &= A[i, i, lane] > 0  # the pivots of a definite matrix
            for r in range(right.shape[0]):
                for i in range(n):
                    for lane in range(count):
                        b[i, lane] = right[r, i, start + lane]
                substituted(A, b, f)
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

    return compiled(solve_all)


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
