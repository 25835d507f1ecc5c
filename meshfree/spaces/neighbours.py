"""Nearest nodes from SciPy's k-d tree, for concrete points and, by one callback, for traced ones."""

from __future__ import annotations

import functools
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.spatial import cKDTree

from ..geometry.periods import Periods, neighbour_tree
from ..internal.batching import search_threads
from ..internal.tracing import is_traced

KEPT = 8  # trees of clouds in use


def nearest(
    nodes: Float[np.ndarray | Array, "n d"],
    X: Float[np.ndarray | Array, "*m d"],
    count: int,
    periods: Periods = None,
) -> Int[np.ndarray | Array, "*m k"]:
    """The indices of the `count` nodes nearest to each of the points X, nearest first: (…, d) -> (…, count).

    Traced points go through one batched callback, without a derivative: which nodes are near is piecewise constant.
    With `periods` of each node its nearest image counts.
    """
    if not is_traced(nodes, X):
        return _nearest(nodes, X, count=count, periods=periods)
    shape = jax.ShapeDtypeStruct((*jnp.shape(X)[:-1], count), jnp.int32)
    fixed = jax.lax.stop_gradient((jnp.asarray(nodes), jnp.asarray(X)))
    return jax.pure_callback(
        functools.partial(_nearest, count=count, periods=periods), shape, *fixed, vmap_method="broadcast_all"
    )


def _nearest(nodes, X, *, count: int, periods: Periods) -> np.ndarray:
    nodes, X = np.asarray(nodes), np.asarray(X)
    while nodes.ndim > 2:  # a batched callback repeats the nodes
        nodes = nodes[0]
    points = X.reshape(-1, X.shape[-1])
    found = tree_of(nodes, periods).query(points, count, workers=search_threads(len(points)))[1]
    return found.reshape(*X.shape[:-1], count).astype(np.int32)


def counts_within(
    nodes: Float[np.ndarray, "n d"], X: Float[np.ndarray, "m d"], distance: float, periods: Periods = None
) -> Int[np.ndarray, " m"]:
    """How many of the nodes lie within the distance of each of the points."""
    return tree_of(nodes, periods).query_ball_point(X, distance, return_length=True, workers=search_threads(len(X)))


def tree_of(nodes: Float[np.ndarray, "n d"], periods: Periods = None) -> cKDTree:
    """The k-d tree of the nodes, made once for each set of them."""
    digest = hashlib.blake2b(np.ascontiguousarray(nodes).data).digest()
    return _tree(nodes.shape, digest, None if periods is None else tuple(periods.tolist()), _HeldNodes(nodes))


class _HeldNodes:
    """Nodes that take no part in the cache's comparison: their digest does."""

    def __init__(self, nodes):
        self.nodes = nodes

    def __eq__(self, other):
        return isinstance(other, _HeldNodes)

    def __hash__(self):
        return 0


@functools.lru_cache(maxsize=KEPT)
def _tree(shape, digest, periods: tuple[float, ...] | None, held: _HeldNodes) -> cKDTree:
    return neighbour_tree(held.nodes, None if periods is None else np.array(periods))


def in_dimension(counts: dict[int, int], dim: int) -> int:
    """A count of neighbours by dimension: beyond those in the table, twice as many for every one more."""
    highest = max(counts)
    return counts[dim] if dim <= highest else counts[highest] * 2 ** (dim - highest)
