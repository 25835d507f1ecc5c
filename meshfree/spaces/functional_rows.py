"""Covariances of linear functionals under a kernel, tile by tile, by one compiled program whatever their number.

A functional of f fields at a point is its gradient by the jets, (f, J): Σ_i Σ_α g_iα Dᵅuᵢ, α the rows of
`total_degree(d, order)`. The fields are independent, with one kernel.
"""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..internal.batching import padded_block
from ..internal.tracing import AnyArray, as_jax, at_once, is_traced
from ..kernels import Functional, Kernel
from ..pde.jets import HIGHEST, derivatives_at
from ..pde.multi_indices import total_degree

POINTS, CENTERS = 128, 512  # of a tile


def between(
    kernel: Kernel,
    X: Float[AnyArray, "m d"],
    F: Float[AnyArray, "m f J"],
    Y: Float[AnyArray, "n d"],
    G: Float[AnyArray, "n f K"],
) -> Float[AnyArray, "m n"]:
    """f_x g_y k of each functional at X with each at Y; of a set with itself (the same arrays) half is computed."""
    if is_traced(kernel, X, F, Y, G):
        return _tile(kernel, *map(jnp.asarray, (X, F, Y, G)))
    found = np.empty((len(X), len(Y)))
    starts, symmetric = range(0, len(Y), CENTERS), X is Y and F is G
    with at_once():
        columns = [(j, as_jax(padded_block(Y, j, CENTERS)), as_jax(padded_block(G, j, CENTERS))) for j in starts]
        for i in range(0, len(X), POINTS):
            points, own = as_jax(padded_block(X, i, POINTS)), as_jax(padded_block(F, i, POINTS))
            for j, some, theirs in columns:
                if symmetric and j >= i + POINTS:
                    continue
                into = found[i : i + POINTS, j : j + CENTERS]
                into[:] = np.asarray(_tile(kernel, points, own, some, theirs))[: len(into), : into.shape[1]]
    for i in range(0, len(X), POINTS) if symmetric else ():
        found[:i, i : i + POINTS] = found[i : i + POINTS, :i].T
        square = found[i : i + POINTS, i : i + POINTS]
        square[:] = np.tril(square) + np.tril(square, -1).T  # the same to the last bit on either side
    return found


def combined(
    kernel: Kernel,
    X: Float[AnyArray, "m d"],
    F: Float[AnyArray, "r J"],
    Y: Float[AnyArray, "n d"],
    G: Float[AnyArray, "n f K"],
    c: Float[AnyArray, " n"],
) -> Float[AnyArray, "m r f"]:
    """r functionals of a scalar, the same at all points, on each field of Σⱼ cⱼ (gⱼ)_y k; the matrix is never made."""
    if is_traced(kernel, X, F, Y, G, c):
        return _combined(kernel, *map(jnp.asarray, (X, F, Y, G, c)))
    found = np.zeros((len(X), len(F), G.shape[1]))
    lacking = -len(Y) % CENTERS
    factors = np.pad(np.asarray(c), (0, lacking))
    with at_once():
        tiles = [
            tuple(map(as_jax, (padded_block(Y, j, CENTERS), padded_block(G, j, CENTERS), factors[j : j + CENTERS])))
            for j in range(0, len(Y), CENTERS)
        ]
        for i in range(0, len(X), POINTS):
            points, into = as_jax(padded_block(X, i, POINTS)), found[i : i + POINTS]
            for tile in tiles:
                into += np.asarray(_combined(kernel, points, as_jax(F), *tile))[: len(into)]
    return found


@eqx.filter_jit
def variances(kernel: Kernel, X: Float[AnyArray, "m d"], F: Float[AnyArray, "m f J"]) -> Float[Array, " m"]:
    """The covariance of each functional with itself."""
    return jax.vmap(lambda x, f: pair_of(kernel, f, x, f, x))(jnp.asarray(X), jnp.asarray(F))


def pair_of(
    kernel: Kernel,
    f: Float[Array, "f J"],
    x: Float[Array, " d"],
    g: Float[Array, "f K"],
    y: Float[Array, " d"],
) -> Float[Array, ""]:
    """f_x g_y k, summed over the fields."""
    return jnp.sum(jax.vmap(lambda a, b: scalar_pair(kernel, a, x, b, y))(f, g))


def scalar_pair(
    kernel: Kernel,
    f: Float[Array, " J"],
    x: Float[Array, " d"],
    g: Float[Array, " K"],
    y: Float[Array, " d"],
) -> Float[Array, ""]:
    """f_x g_y k: in closed form where both are of second order and the kernel has one."""
    orders = order_of(f.shape[0], x.size), order_of(g.shape[0], x.size)
    if max(orders) <= 2:
        return kernel.pair(_functional(f, x.size), x, _functional(g, x.size), y)

    known = kernel.pair_of_jets(_by_index(f, x.size), x, _by_index(g, x.size), y)
    if known is not None:
        return known

    def of_y(p):
        return g @ derivatives_at(lambda q: kernel.eval(p, q), y, orders[1])

    return f @ derivatives_at(of_y, x, orders[0])


@functools.cache
def order_of(count: int, dim: int) -> int:
    """The order whose jets have so many derivatives."""
    return next(order for order in range(HIGHEST + 1) if len(total_degree(dim, order)) == count)


def _functional(g: Float[Array, " J"], dim: int) -> Functional:
    """A gradient by the jets of second order as (c, b, H)."""
    order = order_of(g.shape[0], dim)
    slope = g[dim:0:-1] if order else None  # the indices of total_degree(d, 1) are 0, then e_d, ..., e_1
    return Functional(g[0], slope, _bend(g, dim) if order == 2 else None)


def _by_index(g: Float[Array, " J"], dim: int) -> dict[tuple[int, ...], Array]:
    """A gradient by the jets as {α: gₐ}."""
    exponents = total_degree(dim, order_of(g.shape[0], dim)).tolist()
    return {tuple(alpha): g[i] for i, alpha in enumerate(exponents)}


def _bend(g, dim: int):
    at = {tuple(alpha): i for i, alpha in enumerate(total_degree(dim, 2).tolist())}
    axes = np.eye(dim, dtype=int)
    place = np.array([[at[tuple((axes[i] + axes[j]).tolist())] for j in range(dim)] for i in range(dim)])
    return g[place] * jnp.asarray(np.where(np.eye(dim) == 1, 1.0, 0.5), g.dtype)


@eqx.filter_jit
def _tile(kernel: Kernel, X, F, Y, G):
    return jax.vmap(lambda x, f: jax.vmap(lambda y, g: pair_of(kernel, f, x, g, y))(Y, G))(X, F)


@eqx.filter_jit
def _combined(kernel: Kernel, X, F, Y, G, c):
    def at_pair(x, y, g):
        return jax.vmap(lambda f: jax.vmap(lambda gi: scalar_pair(kernel, f, x, gi, y))(g))(F)  # (r, f)

    return jax.vmap(lambda x: jnp.tensordot(c, jax.vmap(lambda y, g: at_pair(x, y, g))(Y, G), axes=1))(X)
