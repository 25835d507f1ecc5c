"""Linear functionals on the translates of a kernel, tile by tile, by one compiled program whatever their number."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..internal.batching import padded_block
from ..internal.tracing import as_jax, at_once
from ..kernels import Kernel, Radial
from ..pde.jets import derivatives_at

POINTS, CENTERS = 64, 512  # of a tile
MORE_POINTS = 128  # of a tile of values alone


def values(
    kernel: Kernel, X: Float[np.ndarray, "m d"], centers: Float[np.ndarray, "n d"], width: int
) -> Float[np.ndarray, "m w"]:
    """k(xᵢ, yⱼ), in the first n of `width` columns; the others are not set."""
    found = np.empty((len(X), width))
    starts = range(0, len(centers), CENTERS)
    symmetric = isinstance(kernel, Radial) and np.array_equal(X, centers)
    with at_once():
        columns = [as_jax(padded_block(centers, j, CENTERS)) for j in starts]
        for i in range(0, len(X), MORE_POINTS):
            points = padded_block(X, i, MORE_POINTS)
            for j, some in zip(starts, columns, strict=True):
                if symmetric and j + CENTERS <= i:
                    continue
                into = found[i : i + MORE_POINTS, j : min(j + CENTERS, len(centers))]
                into[:] = np.asarray(_values(kernel, points, some))[: len(into), : into.shape[1]]
    for i in range(0, len(X), MORE_POINTS) if symmetric else ():
        found[i : i + MORE_POINTS, :i] = found[:i, i : min(i + MORE_POINTS, len(X))].T
    return found


def combined(
    kernel: Kernel,
    X: Float[np.ndarray, "m d"],
    centers: Float[np.ndarray, "n d"],
    coefficients: Float[np.ndarray, "n f"],
) -> Float[np.ndarray, "m f"]:
    """Σⱼ cⱼ k(xᵢ, yⱼ), the matrix never made."""
    found = np.zeros((len(X), coefficients.shape[1]))
    starts = range(0, len(centers), CENTERS)
    lacking = -len(centers) % CENTERS
    factors = np.pad(coefficients, ((0, lacking), (0, 0)))
    with at_once():
        tiles = [(as_jax(padded_block(centers, j, CENTERS)), as_jax(factors[j : j + CENTERS])) for j in starts]
        for i in range(0, len(X), MORE_POINTS):
            points, into = as_jax(padded_block(X, i, MORE_POINTS)), found[i : i + MORE_POINTS]
            for some, theirs in tiles:
                into += np.asarray(_combined(kernel, points, some, theirs))[: len(into)]
    return found


def on_translates(
    kernel: Kernel,
    X: Float[np.ndarray, "m d"],
    centers: Float[np.ndarray, "n d"],
    functionals: Float[np.ndarray, "m r J"],
    order: int,
    direction: Kernel | None = None,
) -> Float[np.ndarray, "m r n"]:
    """Σ_α g_α Dᵅ k(·, yⱼ) at the points X, α the rows of `total_degree(d, order)`; with `direction` the derivative of
    that where the kernel's parameters move along it, None for those that stay.
    """
    needed = tuple(np.flatnonzero(functionals.any(axis=(0, 1))).tolist()) or (0,)
    functionals = functionals[:, :, needed]
    found = np.empty((len(X), functionals.shape[1], len(centers)))
    starts = range(0, len(centers), CENTERS)
    with at_once():
        columns = [(slice(j, j + CENTERS), as_jax(padded_block(centers, j, CENTERS))) for j in starts]
        for i in range(0, len(X), POINTS):
            points, factors = padded_block(X, i, POINTS), padded_block(functionals, i, POINTS)
            for place, some in columns:
                into = found[i : i + POINTS, :, place]
                tile = np.asarray(_tile(kernel, direction, points, some, factors, needed, order))
                into[:] = tile[: len(into), :, : into.shape[2]]
    return found


@eqx.filter_jit
def _tile(kernel: Kernel, direction: Kernel | None, X, centers, functionals, needed: tuple[int, ...], order: int):
    def of(kernel):
        def at_pair(x, y):
            return derivatives_at(lambda z: kernel.eval(z, y), x, order)[jnp.array(needed)]

        derivatives = jax.vmap(jax.vmap(at_pair, (None, 0)), (0, None))(X, centers)  # (m, n, J)
        return jnp.sum(functionals[:, :, None, :] * derivatives[:, None], axis=3)

    if direction is None:
        return of(kernel)
    moving, rest = eqx.partition(kernel, jax.tree.map(lambda leaf: leaf is not None, direction, is_leaf=_is_none))
    return jax.jvp(lambda moving: of(eqx.combine(moving, rest)), (moving,), (direction,))[1]


def _is_none(leaf) -> bool:
    return leaf is None


@eqx.filter_jit
def _values(kernel: Kernel, X, centers):
    return jax.vmap(lambda x: jax.vmap(lambda y: kernel.eval(x, y))(centers))(X)


@eqx.filter_jit
def _combined(kernel: Kernel, X, centers, coefficients):
    return jax.vmap(lambda x: jax.vmap(lambda y: kernel.eval(x, y))(centers) @ coefficients)(X)
