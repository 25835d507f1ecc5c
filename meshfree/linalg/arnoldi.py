"""The largest eigenvalues of a linear map by Arnoldi's method, each as often as it occurs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.sparse.linalg
from jaxtyping import Complex, Float

RESTARTS = 40
PARALLEL = 1e-8  # of a direction, below which it is no new one
ROUNDS = 20  # at most, of looking for what was missed
FEWEST = 4  # eigenvalues that are looked for in a round
CLEAR = 1e-6  # of the size of an eigenvalue, by which another has to exceed it

Pairs = tuple[Complex[np.ndarray, " k"], Complex[np.ndarray, "n k"]]


def converged(product: Callable, start: Float[np.ndarray, " n"], k: int, which: str, **options) -> Pairs:
    """What converges of k eigenvalues of a real map and their vectors, "LM" the largest, "LR" the rightmost."""
    n = len(start)
    operator = scipy.sparse.linalg.LinearOperator((n, n), matvec=lambda v: product(np.ravel(v)), dtype=float)
    given = {"k": k, "which": which, "maxiter": RESTARTS, "v0": start} | options
    try:
        return scipy.sparse.linalg.eigs(operator, **given)
    except scipy.sparse.linalg.ArpackNoConvergence as reason:
        return reason.eigenvalues.astype(complex), reason.eigenvectors.astype(complex)  # real ones where none converge


def largest(product: Callable, n: int, k: int) -> Pairs:
    """At least k eigenvalues of largest modulus, the largest first, where n > k + 2; of multiple ones every copy.

    A Krylov space has one vector of an eigenspace, so that copies are found by rounding only. So the map is asked
    again without the invariant subspace that is known, until what is left is smaller (deflation: Saad, Numerical
    Methods for Large Eigenvalue Problems, 2011, section 4.2).
    """
    basis = np.zeros((n, 0))
    values, random = np.zeros(0, complex), np.random.default_rng(0)

    def rest(v):
        v = v - basis @ (basis.T @ v)
        found = product(v)
        return found - basis @ (basis.T @ found)

    for _ in range(ROUNDS):
        wanted = min(k if not basis.shape[1] else FEWEST, n - basis.shape[1] - 2)
        if wanted < 1:
            break
        found, vectors = converged(rest, rest(random.standard_normal(n)), wanted, "LM", maxiter=10 * RESTARTS)
        smallest = np.sort(np.abs(values))[-k] if len(values) >= k else 0.0
        new = np.abs(found) > (1 + CLEAR) * smallest
        if not new.any():
            break
        basis = _orthonormal(np.concatenate([basis, vectors[:, new].real, vectors[:, new].imag], axis=1))
        projected = basis.T @ np.stack([product(v) for v in basis.T], axis=1)
        values, within = scipy.linalg.eig(projected)
    order = np.argsort(-np.abs(values), kind="stable")
    return values[order], basis @ within[:, order]


def _orthonormal(columns: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n r"]:
    size = np.linalg.norm(columns, axis=0)
    columns = columns[:, size > PARALLEL * np.max(size)]
    columns = columns / np.linalg.norm(columns, axis=0)
    q, r, _ = scipy.linalg.qr(columns, mode="economic", pivoting=True)
    return q[:, np.abs(np.diagonal(r)) > PARALLEL * np.abs(r[0, 0])]
