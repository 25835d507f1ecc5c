"""How evenly nodes fill a region: separation, fill distance, mesh ratio."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial import QhullError, cKDTree

from .periods import nearest_image, neighbour_tree, with_images
from .shape import Shape
from .simplices import circumcenters, distance_from_nodes, simplices_between
from .spacing import Spacing

_CLOSE = 0.7  # spacings: so close, a node may be on the other side of a gap
_AROUND = 12  # nodes that are looked at then
_SAMPLES = (20_000, 400_000)  # random points of the domain that may be a ball's centre: at least, at most


@dataclass(frozen=True, eq=False)
class Quality:
    """The evenness of a cloud's nodes, in lengths and over the spacing h, that was wanted or that there is around.

    - `separation`: the smallest distance between two nodes, but for those close together across a gap
    - `fill`: the fill distance, the radius of the largest ball without nodes whose centre lies in the region
    - `relative_separation`, `relative_fill`: the smallest distance over h at the node, the largest radius over h at
      the ball's centre
    - `distances`: (n,), from every node to its nearest neighbour, over h there
    - `mesh_ratio`: relative_fill / (relative_separation / 2)

    Good values, for nodes of `domain.cloud`: a mesh ratio below 2.5. The best possible is 1.155 in the plane.
    """

    separation: float
    fill: float
    relative_fill: float
    distances: Float[np.ndarray, " n"]

    @property
    def relative_separation(self) -> float:
        return float(self.distances.min())

    @property
    def mesh_ratio(self) -> float:
        return self.relative_fill / (self.relative_separation / 2)

    def __repr__(self) -> str:
        rows = [
            (f"quality of {len(self.distances)} nodes", "length", "over spacing"),
            ("separation", f"{self.separation:.4g}", f"{self.relative_separation:.3f}"),
            ("fill distance", f"{self.fill:.4g}", f"{self.relative_fill:.3f}"),
            ("mesh ratio", "", f"{self.mesh_ratio:.3f}"),
        ]
        return "\n".join(f"{name:<24}{length:>10}{relative:>14}" for name, length, relative in rows)


def quality_of(X: Float[np.ndarray, "n d"], N: Float[np.ndarray, "b d"], domain: Any, spacing: Any) -> Quality:
    """The quality of nodes X, the last of them with normals N, in a domain or, where that is None, in their hull.

    Of the hull, what lies beyond the boundary as the normals show it does not count. `spacing`: a number, a function
    of a point, or None for that of the nodes around. Raises ValueError for a single node, and without a domain for
    nodes that span no region.
    """
    if len(X) < 2:
        raise ValueError("quality is that of at least two nodes, got one")
    tree = neighbour_tree(X, getattr(domain, "periods", None))
    wanted = None if spacing is None else Spacing(spacing)
    nearest = _to_the_nearest(X, tree, _around(X, tree) if wanted is None else wanted(X), domain)
    h = _Local(X, tree, nearest) if wanted is None else wanted
    centers = _in_hull(X, N) if domain is None else _in_domain(X, domain)
    radius = tree.query(centers)[0]
    return Quality(
        separation=float(nearest.min()),
        fill=float(radius.max()),
        relative_fill=float((radius / h(centers)).max()),
        distances=nearest / h(X),
    )


class _Local:
    """The spacing that nodes have: the median of the distances `nearest` of a node and of those around it.

    These are as many as the neighbours in a lattice. At other points it is the mean of that of the nodes around: at the
    centre of an empty ball, of those on it.
    """

    def __init__(self, X: np.ndarray, tree: cKDTree, nearest: np.ndarray):
        self._tree = tree
        around = tree.query(X, min(2 * X.shape[1] + 1, len(X)))[1]
        self._at_nodes = np.median(nearest[around], axis=1)

    def __call__(self, X: np.ndarray) -> Float[np.ndarray, " m"]:
        ball = self._tree.query(X, min(X.shape[1] + 1, len(self._at_nodes)))[1]
        return self._at_nodes[ball].mean(axis=1)


def _around(X: np.ndarray, tree: cKDTree) -> Float[np.ndarray, " n"]:
    """Roughly the spacing at each node, were there a gap beside it too: the distance to a further neighbour."""
    return tree.query(X, min(2 * X.shape[1] + 1, len(X)))[0][:, -1]


def _to_the_nearest(X: np.ndarray, tree: cKDTree, h: np.ndarray, domain: Any) -> Float[np.ndarray, " n"]:
    """Distances to the nearest other node; where it is close, to the nearest that no boundary of the domain hides."""
    nearest = tree.query(X, 2)[0][:, 1]
    close = np.flatnonzero(nearest < _CLOSE * h)
    if domain is None or not len(close):
        return nearest
    gaps, near = tree.query(X[close], min(_AROUND, len(X)))
    first = np.repeat(X[close], near.shape[1] - 1, axis=0)
    away = nearest_image(X[near[:, 1:].ravel()] - first, getattr(domain, "periods", None))
    seen = domain.sees(first, first + away).reshape(len(close), -1)
    nearest[close] = np.where(seen, gaps[:, 1:], gaps[:, -1:]).min(axis=1)
    return nearest


def _in_domain(X: np.ndarray, domain: Shape) -> np.ndarray:
    """Centres of empty balls, those inside; beside them random points, as the largest may lie on the boundary, and on
    a surface those alone.
    """
    if domain.manifold_dim < domain.dim:
        return domain.sample(int(np.clip(4 * len(X), *_SAMPLES)))
    try:
        X, count = with_images(X, domain.bounds[0], domain.periods)[0], len(X)
        found = circumcenters(X) if X.shape[1] > 1 else _middles(X)
    except QhullError:  # nodes on one line or plane: no simplices
        found = X[:0]
    return np.concatenate([found[domain.contains(found)], domain.sample(int(np.clip(4 * count, *_SAMPLES)))])


def _in_hull(X: np.ndarray, N: np.ndarray) -> np.ndarray:
    """Centres of empty balls inside the hull of the nodes, and of its simplices, as these are never outside."""
    if X.shape[1] == 1:
        return _middles(X)
    try:
        centers, distance = circumcenters(X), distance_from_nodes(X, N)
    except QhullError:
        raise ValueError(f"the {len(X)} nodes span no region; give the cloud its domain=") from None
    return np.concatenate([centers[distance(centers) <= 0], X[simplices_between(X, N, None)].mean(axis=1)])


def _middles(X: np.ndarray) -> np.ndarray:
    x = np.sort(X, axis=0)
    return (x[1:] + x[:-1]) / 2
