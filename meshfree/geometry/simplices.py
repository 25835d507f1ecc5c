"""Triangles and tetrahedra between scattered points, and which of them lie outside by the normals of the boundary."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import ConvexHull, Delaunay, cKDTree
from scipy.spatial.distance import cdist

FLAT = 1e-6  # volume over the longest edge's power, below which a simplex is dropped
SHEET = -0.2  # cosine between the normals of neighbours, below which they lie on two walls close together
BLENDED = 8  # boundary nodes whose planes make a surface
HEXAGON = np.sqrt(3) / 2  # of the squared distance of its neighbours: a node's share of an even surface


def delaunay(vertices: Float[np.ndarray, "n d"], inside: Callable) -> Int[np.ndarray, "t d+1"]:
    """Delaunay's simplices, without flat ones and those that `inside(centers, simplices)` turns down; d of 2 or 3.

    Their corners are in such order that areas and volumes are positive, as programs that show them expect.
    """
    simplices = Delaunay(vertices).simplices
    corners = vertices[simplices]
    edges = corners[:, 1:] - corners[:, :1]
    others = np.diff(corners[:, 1:], axis=1, append=corners[:, 1:2])  # closes the polygon of the rest
    longest = np.linalg.norm(np.concatenate([edges, others], axis=1), axis=2).max(axis=1)
    volumes = np.linalg.det(edges)
    simplices[volumes < 0] = simplices[volumes < 0][:, [1, 0, *range(2, simplices.shape[1])]]
    simplices = simplices[np.abs(volumes) > FLAT * longest ** vertices.shape[1]]
    return simplices[inside(vertices[simplices].mean(axis=1), simplices)]


def simplices_between(
    X: Float[np.ndarray, "n d"], N: Float[np.ndarray, "b d"], domain: Any
) -> Int[np.ndarray, "t d+1"]:
    """Delaunay's simplices of nodes X that lie inside; on the line the intervals between neighbours.

    Inside is what the domain contains or, where that is None, what is not beyond the boundary as the normals N of the
    last nodes show it. QhullError for nodes that span no region.
    """

    def inside(centers, simplices):
        return ~outside_of_normals(X, N, centers, simplices) if domain is None else domain.contains(centers)

    if X.shape[1] > 1:
        return delaunay(X, inside)
    order = np.argsort(X[:, 0])
    pairs = np.stack([order[:-1], order[1:]], axis=1)
    return pairs[inside(X[pairs].mean(axis=1), pairs)]


def circumcenters(X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "m d"]:
    """The centres of Delaunay's empty balls: where the distance to the points is largest locally; d of 2 or more.

    Delaunay's simplices are facets of the convex hull of the points lifted to the paraboloid z = s|x|² + t: a facet
    with normal (a, b) touches a parallel paraboloid at x = −a/(2sb), its simplex's circumcentre.
    """
    mesh = Delaunay(X)
    facets = mesh.equations
    steep = np.abs(facets[:, -2:-1]) > 1e-12  # flat simplices have no centre
    normals = facets[steep[:, 0]]
    return -normals[:, :-2] / (2 * mesh.paraboloid_scale * normals[:, -2:-1])


def facets_between(X: Float[np.ndarray, "n d"], N: Float[np.ndarray, "n d"], body: Any) -> Int[np.ndarray, "t d"]:
    """Lines or triangles between nodes X of a closed surface: Delaunay's facets between a simplex whose circumcentre
    lies inside and one whose does not (Edelsbrunner & Shah, Int. J. Comput. Geom. Appl. 7 (1997)).

    Inside is what `body` contains or, where that is None, what is not beyond the surface as the normals N show it.
    Their corners are counter-clockwise seen from outside.
    """
    mesh = Delaunay(X)
    corners = X[mesh.simplices]
    edges = corners[:, 1:] - corners[:, :1]
    flat = np.abs(np.linalg.det(edges)) <= 1e-14 * np.linalg.norm(edges, axis=2).max(axis=1) ** X.shape[1]
    edges[flat] = np.eye(X.shape[1])
    centers = corners[:, 0] + np.linalg.solve(edges, np.sum(edges**2, axis=2)[..., None] / 2)[..., 0]
    centers[flat] = corners[flat].mean(axis=1)
    inside = windings(X, N, centers) >= 0.5 if body is None else body.contains(centers)
    beyond = np.where(mesh.neighbors >= 0, inside[mesh.neighbors], False)
    simplex, opposite = np.nonzero(inside[:, None] & ~beyond)
    others = np.array([np.delete(np.arange(X.shape[1] + 1), k) for k in range(X.shape[1] + 1)])
    facets = mesh.simplices[simplex[:, None], others[opposite]]
    sides = np.concatenate([np.diff(X[facets], axis=1), N[facets].mean(axis=1)[:, None]], axis=1)
    turned = np.linalg.det(sides) * (1 if X.shape[1] == 3 else -1) < 0
    facets[turned] = facets[turned][:, [1, 0, *range(2, X.shape[1])]]
    return facets


def outside_of_normals(
    X: Float[np.ndarray, "n d"],
    N: Float[np.ndarray, "b d"],
    centers: Float[np.ndarray, "t d"],
    simplices: Int[np.ndarray, "t k"],
) -> Bool[np.ndarray, " t"]:
    """Which simplices lie outside: those between boundary nodes only, the last of X, beyond their normals N."""
    first = len(X) - len(N)
    chosen = np.flatnonzero((simplices >= first).all(axis=1))
    outside = np.zeros(len(simplices), bool)
    if len(chosen):
        outside[chosen] = windings(X[first:], N, centers[chosen]) < 0.5
    return outside


def windings(B: Float[np.ndarray, "b d"], N: Float[np.ndarray, "b d"], Y: Float[np.ndarray, "t d"]) -> np.ndarray:
    """The winding number of the boundary around points Y, 1 inside and 0 outside: Σ aᵢ Nᵢ·(bᵢ − y) / (ω |bᵢ − y|ᵈ).

    From boundary nodes B with normals N that stand for lengths or areas aᵢ; ω is 2 for d = 1, 2π for 2, 4π for 3
    (Barill, Dickson, Schmidt, Levin & Jacobson, ACM Trans. Graph. 37 (2018), doi 10.1145/3197517.3201337).
    """
    d = B.shape[1]
    flux = _areas(B, N)[:, None] * N / {1: 2, 2: 2 * np.pi, 3: 4 * np.pi}[d]
    found = [np.empty(0)]
    for block in np.array_split(Y, len(Y) * len(B) // 2**22 + 1):
        squares = np.maximum(cdist(block, B, "sqeuclidean"), 1e-300)
        found.append((((flux * B).sum(axis=1) - block @ flux.T) / squares ** (d / 2)).sum(axis=1))
    return np.concatenate(found)


def _areas(B: np.ndarray, N: np.ndarray) -> np.ndarray:
    """The length or area that a boundary node stands for, from its nearest neighbours on the same sheet."""
    d = B.shape[1]
    if d == 1 or len(B) < 3:
        return np.ones(len(B))
    gaps, near = cKDTree(B).query(B, min(13, len(B)))
    same = np.einsum("bd,bkd->bk", N, N[near]) > SHEET
    nearest = np.sort(np.where(same, gaps, np.inf)[:, 1:], axis=1)[:, : 2 * (2 * d - 3)]  # 2 on a curve, 6 on a surface
    known = np.isfinite(nearest)
    mean = np.where(known, nearest, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return mean ** (d - 1) * (1 if d == 2 else HEXAGON)


def distance_from_nodes(X: Float[np.ndarray, "n d"], N: Float[np.ndarray, "b d"]) -> Callable:
    """A function of points (m, d) that is negative inside, as the nodes X and the normals N of the last of them show.

    Inside the convex hull, and behind the planes of the nearest boundary nodes; these are blended, so that there are no
    jumps between them.
    """
    facets = ConvexHull(X).equations
    B = X[len(X) - len(N) :]
    tree = cKDTree(B)
    width = np.median(tree.query(B, 2)[0][:, 1]) if len(B) > 1 else 1.0

    def distance(Y):
        blocks = np.array_split(Y, max(len(Y) * len(facets) // 2**22, 1))
        hull = np.concatenate([(block @ facets[:, :-1].T + facets[:, -1]).max(axis=1) for block in blocks])
        if not len(B):
            return hull
        gaps, near = (columns.reshape(len(Y), -1) for columns in tree.query(Y, min(BLENDED, len(B))))
        weights = np.exp(2 * (gaps[:, :1] ** 2 - gaps**2) / width**2)
        heights = np.einsum("mkd,mkd->mk", N[near], Y[:, None] - B[near])
        return np.maximum(hull, (weights * heights).sum(axis=1) / weights.sum(axis=1))

    return distance
