"""The small interpolation problem of one stencil, and many of them at once."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..internal.batching import cores, in_padded_blocks
from ..internal.devices import on_host
from ..internal.tracing import as_jax
from ..kernels import Kernel
from ..linalg import batched_numba
from ..linalg.batched import side_by_side, solve_many
from ..pde.jets import derivatives_at, monomial_derivatives
from ..pde.multi_indices import monomials, total_degree

BLOCK = 2**22  # entries of the local matrices that are solved at a time
DEVICE_BLOCK = 2**27  # the same on an accelerator: 1 GiB
TOGETHER = 128  # stencils, at most: of fewer the last block is padded to as many, so that one program serves all
SIDE_BY_SIDE = 1024  # stencils that are assembled together: what they need stays in the cache
SMALL = 24  # unknowns of a stencil's system up to which twice as many do
MANY = 9000  # stencils from which on the compiled elimination pays for loading it
LIFT = 1000.0  # of the polynomial kernel that makes K definite: 300 to 1e5 give the same weights


class LocalInterpolant(eqx.Module):
    """s(x) = Σⱼ aⱼ k(ξ, ξⱼ) + Σᵢ bᵢ pᵢ(ξ) on a stencil (k, d), in coordinates ξ that have its first node at 0 and
    radius 1; pᵢ are all monomials up to `degree`, and Σⱼ aⱼ pᵢ(ξⱼ) = 0.
    """

    kernel: Kernel
    degree: int = eqx.field(static=True)

    def basis(self, stencil: Float[Array, "k d"], x: Float[Array, " d"]) -> Float[Array, " b"]:
        """The functions k(·, ξⱼ) and pᵢ at x."""
        xi, t = scaled(stencil, x)
        return jnp.concatenate([self._translates(xi, t), monomials(t, self._exponents(x.size))])

    def matrix(self, stencil: Float[Array, "k d"]) -> Float[Array, "b b"]:
        """((K, P), (Pᵀ, 0)), with (a, b) as the unknowns and (values, 0) on the right."""
        xi, _ = scaled(stencil, stencil[0])
        P = self.polynomials(xi)
        K = jax.vmap(lambda x: self._translates(xi, x))(xi)
        return jnp.block([[K, P], [P.T, jnp.zeros((P.shape[1], P.shape[1]))]])

    def applied(
        self, stencil: Float[Array, "k d"], x: Float[Array, " d"], functionals: Float[Array, "r J"], order: int
    ) -> Float[Array, "r b"]:
        """The functionals Σ_α g_α Dᵅ at x, applied to the basis."""
        xi, t = scaled(stencil, x)
        inverse, degrees = _inverse_radius(stencil), total_degree(x.size, order).sum(axis=1)
        factors = [g * inverse ** int(q) for g, q in zip(functionals.T, degrees, strict=True)]

        def combined(derivatives):  # a product of matrices is slower, see `_systems`
            return sum(factor[:, None] * row[None] for factor, row in zip(factors, derivatives, strict=True))

        translates = derivatives_at(functools.partial(self._translates, xi), t, order)
        polynomials = monomial_derivatives(t, self._exponents(x.size), order)
        return jnp.concatenate([combined(translates), combined(polynomials)], axis=1)

    def derivatives(
        self, stencil: Float[Array, "k d"], x: Float[Array, " d"], coefficients: Float[Array, "b f"], order: int
    ) -> Float[Array, "J f"]:
        """The derivatives at x of the functions with these coefficients, in the order of `total_degree`."""
        xi, t = scaled(stencil, x)
        translates = derivatives_at(functools.partial(self._translates, xi), t, order)
        polynomials = monomial_derivatives(t, self._exponents(x.size), order)
        found = translates @ coefficients[: len(xi)] + polynomials @ coefficients[len(xi) :]
        inverse = _inverse_radius(stencil)
        return jnp.stack(
            [
                inverse ** sum(alpha) * row
                for alpha, row in zip(total_degree(x.size, order).tolist(), found, strict=True)
            ]
        )

    def weights(self, stencils, X, functionals, order: int) -> Float[Array, "m r k"]:
        """The weights of the functionals in the nodal values, for (m, k, d), (m, d), (m, r, J)."""
        found = solve_many(*self.systems(stencils, X, functionals, order))
        return jnp.swapaxes(found[:, : stencils.shape[1]], 1, 2)

    def systems(self, stencils, X, functionals, order: int) -> tuple[Float[Array, "m b b"], Float[Array, "m b r"]]:
        """The matrices and right sides of these weights."""
        matrices = jax.vmap(self.matrix)(stencils)
        right = jax.vmap(lambda stencil, x, g: self.applied(stencil, x, g, order))(stencils, X, functionals)
        return matrices, jnp.swapaxes(right, 1, 2)

    def coefficients(self, stencils, values) -> Float[Array, "m b *f"]:
        """(aⱼ, bᵢ) of stencils (m, k, d) with nodal values (m, k, *f)."""
        matrices = jax.vmap(self.matrix)(stencils)
        right = values.reshape(*values.shape[:2], -1)
        below = jnp.zeros((len(right), matrices.shape[1] - right.shape[1], right.shape[2]))
        right = jnp.concatenate([right, below], axis=1)
        found = solve_many(matrices, right)
        return found.reshape(*found.shape[:2], *values.shape[2:])

    def definite(self) -> LocalInterpolant | None:
        """The same weights from a positive definite kernel: ±k + c (1 + x·y)^t, which differs on polynomials only.

        None where the sign, or a degree t up to that of the polynomials, is not known.
        """
        tail = self.kernel.tail
        if tail is None or tail > self.degree:
            return None
        return LocalInterpolant(_Lifted(self.kernel), self.degree)

    def _translates(self, xi, x):
        return jax.vmap(lambda y: self.kernel.eval(x, y))(xi)

    def polynomials(self, xi: Float[Array, "k d"]) -> Float[Array, "k q"]:
        """All pᵢ at the nodes of a scaled stencil."""
        return jax.vmap(lambda y: monomials(y, self._exponents(y.size)))(xi)

    def _exponents(self, dim: int):
        return total_degree(dim, self.degree)


class _Lifted(Kernel):
    """(−1)^(t+1) k(x, y) + c (1 + x·y)^t, t the kernel's tail."""

    kernel: Kernel

    @property
    def smoothness(self):
        return self.kernel.smoothness

    def eval(self, x, y):
        tail = self.kernel.tail
        assert tail is not None
        if tail < 0:
            return self.kernel.eval(x, y)
        product = sum(x[axis] * y[axis] for axis in range(x.size))  # a dot would leave the stencils' order
        return (-1.0) ** (tail + 1) * self.kernel.eval(x, y) + LIFT * (1 + product) ** tail

    def laplacian(self, x, y):
        raise NotImplementedError


def many_weights(local: LocalInterpolant, nodes, columns, X, functionals, order: int) -> np.ndarray:
    """`LocalInterpolant.weights` of the stencils nodes[columns] for concrete arrays, in blocks: (m, r, k)."""
    width = columns.shape[1] + len(total_degree(X.shape[1], local.degree))
    if not on_host():
        return _on_device(local, nodes, columns, X, functionals, order, max(DEVICE_BLOCK // width**2, 1))
    size = min(max(BLOCK // width**2, 1), TOGETHER)

    def with_pivoting(*rows):
        with side_by_side() as solve:

            def block(columns, X, functionals):
                matrices, right = map(np.asarray, _pivoted_systems(local, nodes[columns], X, functionals, order))
                return solve(matrices, right)[:, : columns.shape[1]].swapaxes(1, 2)

            return in_padded_blocks(block, rows, size)

    definite = local.definite() if len(columns) >= MANY and batched_numba.available() else None
    if definite is None:
        return with_pivoting(columns, X, functionals)
    weights = np.empty((len(columns), functionals.shape[1], columns.shape[1]))
    sound = np.empty(len(columns), dtype=bool)
    for block, (found, is_sound) in _eliminated(definite, nodes, columns, X, functionals, order):
        count = len(weights[block])
        weights[block], sound[block] = np.moveaxis(found, 2, 0)[:count], is_sound[:count]
    again = np.flatnonzero(~sound)
    if len(again):
        weights[again] = with_pivoting(columns[again], X[again], functionals[again])
    return weights


def _on_device(local, nodes, columns, X, functionals, order, most: int) -> np.ndarray:
    """In as few blocks as its memory allows; of few sizes, so that few programs serve all."""
    step = max(2 ** (len(columns).bit_length() - 4), TOGETHER)
    size = min(most, step * math.ceil(len(columns) / step))
    nodes = as_jax(nodes)

    def block(columns, X, functionals):
        return _gathered_weights(local, nodes, columns, X, functionals, order)

    return in_padded_blocks(block, (columns, X, functionals), size)


def _eliminated(definite, nodes, columns, X, functionals, order) -> Iterator:
    """Blocks of rows with their weights and whether they are sound, a block per core at a time."""
    coordinates = np.ascontiguousarray(nodes.T)
    unknowns = columns.shape[1] + len(total_degree(X.shape[1], definite.degree))
    together = SIDE_BY_SIDE * (2 if unknowns <= SMALL else 1)

    def solved(block: slice):
        rows = np.arange(block.start, block.stop).clip(max=len(columns) - 1)  # all of one size, to compile once
        stencils = np.stack([np.take(axis, columns[rows].T) for axis in coordinates], axis=1)
        systems = _systems(definite, stencils, X[rows].T, np.moveaxis(functionals[rows], 0, -1), order)
        return block, batched_numba.solved(*map(np.asarray, systems))

    blocks = [slice(start, start + together) for start in range(0, len(columns), together)]
    with ThreadPoolExecutor(cores()) as pool:
        pool.submit(batched_numba.load)  # the first time this is compiled beside the program of the first block
        yield from pool.map(solved, blocks)


@eqx.filter_jit
def _systems(local: LocalInterpolant, stencils, X, functionals, order: int):
    """The lower triangles of K, P and the right sides, for stencils (k, d, m) side by side as the last axis.

    Each formula is mapped over that axis by itself: a map of all at once would move it to the front and back.
    """
    rows, columns = np.tril_indices(stencils.shape[0])
    xi = jax.vmap(lambda stencil: scaled(stencil, stencil[0])[0], in_axes=-1, out_axes=-1)(stencils)
    side_by_side = functools.partial(jax.vmap, in_axes=-1, out_axes=-1)
    pairs = jax.vmap(side_by_side(local.kernel.eval))(xi[rows], xi[columns])
    polynomials = jax.vmap(side_by_side(lambda y: monomials(y, local._exponents(y.size))))(xi)
    right = side_by_side(lambda stencil, x, g: local.applied(stencil, x, g, order))(stencils, X, functionals)
    return pairs, polynomials, right


@eqx.filter_jit
def _pivoted_systems(local: LocalInterpolant, stencils, X, functionals, order: int):
    return local.systems(jnp.asarray(stencils), jnp.asarray(X), jnp.asarray(functionals), order)


@eqx.filter_jit
def _gathered_weights(local: LocalInterpolant, nodes, columns, X, functionals, order: int):
    return local.weights(nodes[jnp.asarray(columns)], jnp.asarray(X), jnp.asarray(functionals), order)


def scaled(stencil, x):
    """The stencil and a point in coordinates in which its first node is 0 and its radius 1."""
    inverse = _inverse_radius(stencil)
    return (stencil - stencil[:1]) * inverse, (x - stencil[0]) * inverse


def _inverse_radius(stencil):
    # not 1/√, which jaxlib 0.11.1 and 0.11.2 make infinite in a program of many stencils, see `compiler_faults`
    return jax.lax.rsqrt(jnp.max(jnp.sum((stencil - stencil[:1]) ** 2, axis=1)))
