"""Rank-revealing QR by JAX: with column pivoting, and with columns ordered beforehand, for devices without pivoting."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .dense_host import TRUNCATION
from .interface import Factor


def jsl():
    """JAX's counterpart of scipy.linalg, loaded where it is used: importing meshfree stays light."""
    import jax.scipy.linalg

    return jax.scipy.linalg


class QR(Factor):
    """A P = Q R with column pivoting, truncated where |Rₖₖ| falls below 1e-15 |R₁₁|: the basic solution.

    JAX factors on the host, for an accelerator too.
    """

    runs_on_host: ClassVar[bool] = True

    q: Float[Array, "m n"]
    r: Float[Array, "n n"]
    permutation: Int[Array, " n"]
    kept: Bool[Array, " n"]

    @classmethod
    def of(cls, A: Float[Array, "m n"]) -> QR:
        return cls(*_truncated(*jsl().qr(A, mode="economic", pivoting=True, check_finite=False)))

    @eqx.filter_jit
    def solve(self, b):
        return _solved(self, b)

    @eqx.filter_jit
    def solve_transposed(self, b):
        return _solved_transposed(self, b)

    @eqx.filter_jit
    def rank(self):
        return jnp.sum(self.kept)

    @eqx.filter_jit
    def condition(self):
        """|R₁₁|/|Rₖₖ|, k the rank: a lower bound, within a modest factor in practice."""
        return _condition(self)


class SketchedQR(Factor):
    """A P = Q R without pivoting, P the order in which LU with partial pivoting takes the rows of (Ω A)ᵀ, Ω random.

    It reveals the rank as pivoted QR does, and every step of it has a fast program on every device: Dong & Martinsson,
    Simpler is better: a comparative study of randomized pivoting algorithms for CUR and interpolative decompositions,
    Adv. Comput. Math. 49 (2023) 66. Truncated like `QR`; solutions are refined once with the residual.

    Errors of solutions are 0.4 to 3.4 times those by pivoted QR, as large on the average, and so are the ranks
    [m: 38 systems of 136 to 1560 unknowns, eigenfunctions, Matern 5.5, Gaussian and polyharmonic translates]. After a
    random rotation of the columns (Demmel, Dumitriu & Holtz, Numer. Math. 108 (2007)) they were 0.4 to 7 times.
    """

    matrix: Float[Array, "m n"]
    q: Float[Array, "m n"]
    r: Float[Array, "n n"]
    permutation: Int[Array, " n"]
    kept: Bool[Array, " n"]

    @classmethod
    def of(cls, A: Float[Array, "m n"]) -> SketchedQR:
        _, _, permutation = jax.lax.linalg.lu((_sketch(*A.shape) @ A).T)
        return cls(A, *_truncated(*jnp.linalg.qr(A[:, permutation]), permutation))

    @eqx.filter_jit
    def solve(self, b):
        x = _solved(self, b)
        return x + _solved(self, b - self.matrix @ x)

    @eqx.filter_jit
    def solve_transposed(self, b):
        y = _solved_transposed(self, b)
        return y + _solved_transposed(self, b - self.matrix.T @ y)

    @eqx.filter_jit
    def rank(self):
        return jnp.sum(self.kept)

    @eqx.filter_jit
    def condition(self):
        """As that of `QR`."""
        return _condition(self)


def _sketch(m: int, n: int) -> Float[Array, "n m"]:
    """Ω: random signs, and n random rows of Hartley's orthogonal transform, without the factor."""
    random = np.random.default_rng(0)
    rows, signs = random.permutation(m)[:n], random.choice([-1.0, 1.0], m)
    turns = jnp.asarray(rows)[:, None] * jnp.arange(m)[None, :] % m  # exact, whatever m
    angles = turns.astype(float) * (2 * np.pi / m)
    return (jnp.cos(angles) + jnp.sin(angles)) * signs[None]


def _truncated(q, r, permutation):
    diagonal = jnp.abs(jnp.diagonal(r))
    kept = jnp.cumprod(~(diagonal <= TRUNCATION * jnp.max(diagonal))).astype(bool)  # NaN is kept, and comes out
    # beyond the rank R becomes the identity, so that one triangular solve serves every rank
    return q, jnp.where(kept[:, None] & kept[None, :], r, jnp.eye(len(r), dtype=r.dtype)), permutation, kept


def _solved(factor: QR | SketchedQR, b):
    y = jsl().solve_triangular(factor.r, _masked(factor, factor.q.T @ b), check_finite=False)
    return y[jnp.argsort(factor.permutation)]  # a gather: unlike a scatter it can be transposed


def _solved_transposed(factor: QR | SketchedQR, b):
    y = jsl().solve_triangular(factor.r, _masked(factor, b[factor.permutation]), trans=1, check_finite=False)
    return factor.q @ y


def _masked(factor: QR | SketchedQR, b):
    return jnp.where(jnp.expand_dims(factor.kept, tuple(range(1, b.ndim))), b, 0)


def _condition(factor: QR | SketchedQR):
    diagonal = jnp.abs(jnp.diagonal(factor.r))
    largest = jnp.max(jnp.where(factor.kept, diagonal, 0.0))
    return largest / jnp.min(jnp.where(factor.kept, diagonal, largest))
