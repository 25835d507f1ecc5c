"""Rank-revealing QR without pivoting, for devices on which pivoting has no program of its own.

Demmel, Dumitriu & Holtz, Fast linear algebra is stable, Numer. Math. 108 (2007) 59-91, section 5: after a random
rotation of the columns an unpivoted QR reveals the rank.
"""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .interface import Factor

# Directions below this share of the largest are left out. A rotation spreads the rounding: with the share of pivoted
# QR, 1e-15, errors are 0.2 to 5.7 times those of pivoted QR, with this one 0.4 to 2.4 times, as large on the average
# [m: 47 systems of 136 to 1000 unknowns, eigenfunctions, Matern 5.5, Gaussian and polyharmonic translates]
TRUNCATION = 2e-15
ROUNDS = 3  # of signs and a transform; two mix less well, with errors up to 4.5 times as large [m]


class RotatedQR(Factor):
    """A D V = Q (U 0; 0 0) Zᵀ, D the inverse norms of A's columns, V a random rotation: the solution of least norm.

    Q R is the QR factorisation of A D V; from where |Rₖₖ| falls below 2e-15 of the largest R is left out, and (U 0) Zᵀ
    is what remains of it, U upper triangular. Solutions are refined once with the residual in A itself: what the
    rotation mixed into small columns by rounding is mended so. Nothing here leaves the device.
    """

    matrix: Float[Array, "m n"]
    q: Float[Array, "m n"]
    u: Float[Array, "n n"]
    w: Float[Array, "n n"]  # D V Z
    kept: Bool[Array, " n"]

    @classmethod
    def of(cls, A: Float[Array, "m n"]) -> RotatedQR:
        norms = jnp.linalg.norm(A, axis=0)
        V = _rotation(A.shape[1]) / jnp.where(norms == 0, 1.0, norms)[:, None]
        q, r = jnp.linalg.qr(A @ V)
        diagonal = jnp.abs(jnp.diagonal(r))
        kept = jnp.cumprod(~(diagonal <= TRUNCATION * jnp.max(diagonal))).astype(bool)  # NaN is kept, and seen so
        u, w = jax.lax.cond(jnp.all(kept), lambda r, V, kept: (r, V), _by_its_rows, r, V, kept)
        # beyond the rank U becomes the identity, so that one triangular solve serves every rank
        return cls(A, q, jnp.where(kept[:, None] & kept[None, :], u, jnp.eye(len(u))), w, kept)

    @eqx.filter_jit
    def solve(self, b):
        x = self._solved(b)
        return x + self._solved(b - self.matrix @ x)

    @eqx.filter_jit
    def solve_transposed(self, b):
        y = self._solved_transposed(b)
        return y + self._solved_transposed(b - self.matrix.T @ y)

    @eqx.filter_jit
    def rank(self):
        return jnp.sum(self.kept)

    @eqx.filter_jit
    def condition(self):
        """Largest over smallest |Uₖₖ|, of the matrix with columns of norm 1: a lower bound, in practice within a
        modest factor.
        """
        diagonal = jnp.abs(jnp.diagonal(self.u))
        largest = jnp.max(jnp.where(self.kept, diagonal, 0.0))
        return largest / jnp.min(jnp.where(self.kept, diagonal, largest))

    def _solved(self, b):
        return self.w @ _triangular(self.u, self._truncated(self.q.T @ b))

    def _solved_transposed(self, b):
        return self.q @ self._truncated(_triangular(self.u, self.w.T @ b, transposed=True))

    def _truncated(self, b):
        return jnp.where(jnp.expand_dims(self.kept, tuple(range(1, b.ndim))), b, 0)


def _by_its_rows(r, V, kept):
    """U, and Z rotated, of the first rows of R, the `kept` ones: by QR of the transposed rows, in opposite order."""
    rank, places = jnp.sum(kept), jnp.arange(len(r))
    reversed_ = jnp.where(kept, rank - 1 - places, places)  # its own inverse
    rows = jnp.where(kept[:, None], r, jnp.eye(len(r)))[reversed_]
    z, t = jnp.linalg.qr(rows.T)
    return t.T[reversed_][:, reversed_], V @ z[:, reversed_]


def _triangular(u, b, transposed: bool = False):
    import jax.scipy.linalg  # here, so that importing meshfree stays light

    return jax.scipy.linalg.solve_triangular(u, b, trans=int(transposed), check_finite=False)


def _rotation(n: int) -> Float[Array, "n n"]:
    """Random signs and Hartley's orthogonal transform, in turn: a product of matrices, where a random orthogonal one
    would take a QR factorisation of its own.
    """
    places = jnp.arange(n)
    turns = places[:, None] * places[None, :] % n  # exact, whatever n
    angles = turns.astype(float) * (2 * np.pi / n)
    hartley = (jnp.cos(angles) + jnp.sin(angles)) / np.sqrt(n)
    signed = [signs[:, None] * hartley for signs in np.random.default_rng(0).choice([-1.0, 1.0], (ROUNDS, n))]
    return functools.reduce(jnp.matmul, signed)
