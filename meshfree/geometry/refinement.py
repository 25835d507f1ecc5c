"""Finer nodes where they are needed: `refine`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from ..internal.expected import INTEGER, NUMBER, SEED, expects
from .cloud import Cloud
from .nodes.filling import DENSITY
from .periods import Periods, neighbour_tree
from .spacing import Spacing

MOST_FINER, MOST_COARSER = 8.0, 1.5  # by which a spacing changes at most where nodes are placed by their contributions
_BISECTIONS = 20
EVEN = 1.8  # the largest spacing over the least of nodes of one spacing
_SAMPLES = 50_000  # points of the domain at which the spacing is compared with the number of nodes


@expects(cloud=Cloud, share=NUMBER, grading=NUMBER, count=INTEGER, order=NUMBER, seed=SEED)
def refine(
    cloud: Cloud,
    indicator: Callable | ArrayLike,
    *,
    share: float = 0.9,
    grading: float = 0.3,
    count: int | None = None,
    order: float = 3.0,
    seed: int = 0,
) -> Cloud:
    """A cloud on the same domain with half the spacing around the nodes where the indicator is large; or, with `count`,
    of about so many nodes, placed so that all contribute alike to the error.

    - `indicator`: how much is wrong at each node: values (n,) at the cloud's points, or a function of points, (n, d) ->
      (n,). Marked are the fewest nodes that hold the `share` of Σ ηᵢ² hᵢᵈ, about the integral of its square (Dörfler,
      SIAM J. Numer. Anal. 33 (1996)); hᵢ is the local spacing.
    - `grading`: by how much the spacing grows per length away from a marked node, up to the old one; 0.2 to 0.5.
    - `count`: of all nodes, in place of `share`. The indicator is taken for a residual of second order, η ≈ K h^order,
      whose error has a gradient of h η: the least Σ (h η)² hᵈ for `count` nodes is that of equal h^(1 + d/2) η, by
      which the spacing h changes, to an eighth at most (the equidistribution of de Boor, Good approximation by splines
      with variable knots, ISNM 21 (1973)). What a corner does to the solution elsewhere is bounded by gradients, not
      by values. `order`: of stencils their degree − 1.

    All nodes are made anew, by `domain.cloud` with the new spacing and `seed`: so corners, parts and normals are those
    of the domain and the nodes stay even where spacings change; the old nodes are not among them. Raises ValueError
    for a cloud without a domain, an indicator of another shape, negative, not finite or zero everywhere, and a
    `share` outside (0, 1].
    """
    if cloud.domain is None:
        raise ValueError("refine places nodes on the cloud's domain, and this cloud has none; give Cloud(..., domain=)")
    if not 0 < share <= 1:
        raise ValueError(f"share is that of the squared indicator that is refined, in (0, 1]; got {share}")
    X = np.asarray(cloud.points)
    values = _values(indicator, X)
    if count is not None:
        if count < 1 or not order > 0:
            raise ValueError(f"count is a number of nodes and order positive; got {count} and {order}")
        return cloud.domain.cloud(_equidistributed(cloud, values, count, order, grading), seed=seed)
    h = local_spacing(cloud)
    marked = _marked(values**2 * h**cloud.manifold_dim, share)
    return cloud.domain.cloud(_graded(cloud, h, marked, grading), seed=seed)


def coarser(cloud: Cloud, factor: float) -> Cloud:
    """A cloud on the same domain with so many times the spacing, graded as the cloud is."""
    h = local_spacing(cloud)
    if h.max() < EVEN * h.min():
        return cloud.domain.cloud(factor * (cloud.domain.volume / len(cloud)) ** (1 / cloud.manifold_dim))
    return cloud.domain.cloud(between_nodes(np.asarray(cloud.points), factor * h, cloud.periods))


def local_spacing(cloud: Cloud) -> Float[np.ndarray, " n"]:
    """The spacing h at every node: the mean distance to the nearest neighbour around it, by volume.

    All are multiplied by one number such that `domain.cloud` with this spacing has about as many interior nodes.
    """
    X, dim = np.asarray(cloud.points), cloud.manifold_dim
    h = apart(X, cloud.periods)
    wanted = cloud.domain.volume * np.mean(1 / between_nodes(X, h, cloud.periods)(cloud.domain.sample(_SAMPLES)) ** dim)
    border = len(cloud.normal_vectors)
    # on the line the spacing is that between nodes, the ends included; elsewhere interior nodes are counted
    share = wanted / (len(X) - border / 2) if dim == 1 else DENSITY * wanted / max(len(X) - border, 1)
    return h * share ** (1 / dim)


def _neighbours(X: np.ndarray, periods: Periods) -> tuple[np.ndarray, np.ndarray]:
    """The distances and the numbers of the nearest nodes of every node, itself the first."""
    return neighbour_tree(X, periods).query(X, min(3 ** X.shape[1], len(X)))


def apart(X: Float[np.ndarray, "n d"], periods: Periods = None) -> Float[np.ndarray, " n"]:
    """The mean distance to the nearest neighbour around every node, by volume."""
    return _mean_apart(*_neighbours(X, periods), X.shape[1])


def _mean_apart(distance: np.ndarray, around: np.ndarray, dim: int) -> Float[np.ndarray, " n"]:
    nearest = distance[around, 1]
    return np.sum(nearest ** (dim + 1), axis=1) / np.sum(nearest**dim, axis=1)


def between_nodes(X: Float[np.ndarray, "n d"], h: Float[np.ndarray, " n"], periods: Periods = None) -> Spacing:
    """The spacing with these values at nodes, in between the mean over the nearest ones by inverse distances.

    Weighted by volume too, as there are more nodes where they are finer.
    """
    tree, dim = neighbour_tree(X, periods), X.shape[1]

    def spacing(Y):
        distance, nearest = tree.query(Y, min(_nearest_count(dim), len(h)))
        values = h[nearest]
        weights = values**dim / np.maximum(distance, 1e-9 * values) ** 2
        return np.sum(weights * values, axis=1) / np.sum(weights, axis=1)

    return Spacing.of_many(spacing)


def _values(indicator: Callable | ArrayLike, X: np.ndarray) -> np.ndarray:
    values = np.asarray(indicator(X) if callable(indicator) else indicator, dtype=float)
    if values.shape != (len(X),):
        raise ValueError(f"the indicator must have a value for each of the {len(X)} points; got shape {values.shape}")
    if not (np.isfinite(values) & (values >= 0)).all() or not values.any():
        raise ValueError("the indicator must be finite and not negative, and positive somewhere")
    return values


def _marked(contributions: np.ndarray, share: float) -> Bool[np.ndarray, " n"]:
    """The largest contributions that together are the share of all."""
    order = np.argsort(-contributions, kind="stable")
    total = np.cumsum(contributions[order])
    marked = np.zeros(len(order), bool)
    marked[order[: np.searchsorted(total, share * total[-1]) + 1]] = True
    return marked


def _graded(cloud: Cloud, h: np.ndarray, marked: np.ndarray, grading: float) -> Spacing:
    """Half the spacing as far as the neighbours of marked nodes, then growing away up to the old one.

    Of points, not of nodes: values between the nodes' would be too large next to a node that is marked alone.
    """
    X, periods = np.asarray(cloud.points), cloud.periods
    old, around, tree = between_nodes(X, h, periods), h[marked], neighbour_tree(X[marked], periods)
    count = min(_nearest_count(cloud.dim), len(around))

    def spacing(Y):
        distance, near = tree.query(Y, np.arange(1, count + 1))
        fine = around[near] / 2 + grading * np.maximum(distance - around[near], 0)
        return np.minimum(old(Y), np.min(fine, axis=1))

    return Spacing.of_many(spacing)


def _equidistributed(cloud: Cloud, values: np.ndarray, count: int, order: float, grading: float) -> Spacing:
    """The spacing of about `count` nodes that contribute alike."""
    X, dim, periods = np.asarray(cloud.points), cloud.manifold_dim, cloud.periods
    distance, around = _neighbours(X, periods)
    h = _mean_apart(distance, around, dim)
    contribution = np.sqrt(np.mean(values[around] ** 2, axis=1)) * h ** (1 + dim / 2)
    share = np.maximum(contribution / np.median(contribution[contribution > 0]), 1e-30) ** (-1 / (order + 1 + dim / 2))
    graph = _graph_of(distance[:, 1:] * grading, around[:, 1:])

    def of(factor):
        return _graded_along(graph, h * np.clip(factor * share, 1 / MOST_FINER, MOST_COARSER))

    low, high = np.log(1 / MOST_FINER), np.log(MOST_COARSER / share.min())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        few = np.sum((h / of(np.exp(middle))) ** dim) < count
        low, high = (low, middle) if few else (middle, high)
    return between_nodes(X, of(np.exp(high)), periods)


def _graph_of(steps: np.ndarray, around: np.ndarray):
    """What the spacing may grow by from node to node, as the edges of a graph, and a last node that leads to all."""
    n, k = around.shape
    rows = np.append(around.ravel(), np.full(n, n))
    columns = np.append(np.repeat(np.arange(n), k), np.arange(n))
    return steps.ravel(), rows, columns


def _graded_along(graph, h: np.ndarray) -> np.ndarray:
    """The largest spacing below h that grows no faster along the edges: minᵢ (hᵢ + way from i), as shortest paths."""
    steps, rows, columns = graph
    n = len(h)
    ways = coo_array((np.append(steps, h), (rows, columns)), shape=(n + 1, n + 1)).tocsr()
    return dijkstra(ways, indices=n)[:n]


def _nearest_count(dim: int) -> int:
    """Of the nodes that determine a spacing in between: about those of the cell that a point lies in."""
    return 2 * dim + 2
