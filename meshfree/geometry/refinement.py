"""Finer nodes where they are needed: `refine`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from ..internal.expected import NUMBER, SEED, expects
from .cloud import Cloud
from .nodes.filling import DENSITY
from .spacing import Spacing

_SAMPLES = 50_000  # points of the domain at which the spacing is compared with the number of nodes


@expects(cloud=Cloud, share=NUMBER, grading=NUMBER, seed=SEED)
def refine(
    cloud: Cloud,
    indicator: Callable | ArrayLike,
    *,
    share: float = 0.9,
    grading: float = 0.3,
    seed: int = 0,
) -> Cloud:
    """A cloud on the same domain with half the spacing around the nodes where the indicator is large.

    - `indicator`: how much is wrong at each node: values (n,) at the cloud's points, or a function of points, (n, d) ->
      (n,). Marked are the fewest nodes that hold the `share` of Σ ηᵢ² hᵢᵈ, about the integral of its square (Dörfler,
      SIAM J. Numer. Anal. 33 (1996)); hᵢ is the local spacing.
    - `grading`: by how much the spacing grows per length away from a marked node, up to the old one; 0.2 to 0.5.

    All nodes are made anew, by `domain.cloud` with the new spacing and `seed`: so corners, parts and normals are those
    of the domain and the nodes stay even where spacings change; the old nodes are not among them. Raises ValueError
    for a cloud without a domain, an indicator of another shape, negative, not finite or zero everywhere, and a
    `share` outside (0, 1].
    """
    if cloud.domain is None:
        raise ValueError("refine places nodes on the cloud's domain, and this cloud has none; give Cloud(..., domain=)")
    if not 0 < share <= 1:
        raise ValueError(f"share is that of the squared indicator that is refined, in (0, 1]; got {share}")
    X, h = np.asarray(cloud.points), local_spacing(cloud)
    marked = _marked(_values(indicator, X) ** 2 * h**cloud.dim, share)
    return cloud.domain.cloud(_graded(X, h, marked, grading), seed=seed)


def local_spacing(cloud: Cloud) -> Float[np.ndarray, " n"]:
    """The spacing h at every node: the mean distance to the nearest neighbour around it, by volume.

    All are multiplied by one number such that `domain.cloud` with this spacing has about as many interior nodes.
    """
    X, dim = np.asarray(cloud.points), cloud.dim
    distance, around = cKDTree(X).query(X, min(3**dim, len(X)))
    nearest = distance[around, 1]
    h = np.sum(nearest ** (dim + 1), axis=1) / np.sum(nearest**dim, axis=1)
    wanted = cloud.domain.volume * np.mean(1 / between_nodes(X, h)(cloud.domain.sample(_SAMPLES)) ** dim)
    border = len(cloud.normal_vectors)
    # on the line the spacing is that between nodes, the ends included; elsewhere interior nodes are counted
    share = wanted / (len(X) - border / 2) if dim == 1 else DENSITY * wanted / max(len(X) - border, 1)
    return h * share ** (1 / dim)


def between_nodes(X: Float[np.ndarray, "n d"], h: Float[np.ndarray, " n"]) -> Spacing:
    """The spacing with these values at nodes, in between the mean over the nearest ones by inverse distances.

    Weighted by volume too, as there are more nodes where they are finer.
    """
    tree, dim = cKDTree(X), X.shape[1]

    def spacing(Y):
        distance, nearest = tree.query(Y, min(_nearest_count(dim), len(X)))
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


def _graded(X: np.ndarray, h: np.ndarray, marked: np.ndarray, grading: float) -> Spacing:
    """Half the spacing as far as the neighbours of marked nodes, then growing away up to the old one.

    Of points, not of nodes: values between the nodes' would be too large next to a node that is marked alone.
    """
    old, around, tree = between_nodes(X, h), h[marked], cKDTree(X[marked])
    count = min(_nearest_count(X.shape[1]), len(around))

    def spacing(Y):
        distance, near = tree.query(Y, np.arange(1, count + 1))
        fine = around[near] / 2 + grading * np.maximum(distance - around[near], 0)
        return np.minimum(old(Y), np.min(fine, axis=1))

    return Spacing.of_many(spacing)


def _nearest_count(dim: int) -> int:
    """Of the nodes that determine a spacing in between: about those of the cell that a point lies in."""
    return 2 * dim + 2
