"""Triangles and tetrahedra between scattered points, and what the boundary's normals show to lie outside."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import ConvexHull, Delaunay, cKDTree

FLAT = 1e-6  # volume over the longest edge's power, below which a simplex is dropped


def delaunay(vertices: Float[np.ndarray, "n d"], inside: Callable) -> Int[np.ndarray, "t d+1"]:
    """Delaunay's simplices, without flat ones and those that `inside(centers, simplices)` turns down; d of 2 or 3."""
    simplices = Delaunay(vertices).simplices
    corners = vertices[simplices]
    edges = corners[:, 1:] - corners[:, :1]
    others = np.diff(corners[:, 1:], axis=1, append=corners[:, 1:2])  # closes the polygon of the rest
    longest = np.linalg.norm(np.concatenate([edges, others], axis=1), axis=2).max(axis=1)
    simplices = simplices[np.abs(np.linalg.det(edges)) > FLAT * longest ** vertices.shape[1]]
    return simplices[inside(vertices[simplices].mean(axis=1), simplices)]


def simplices_between(
    X: Float[np.ndarray, "n d"], N: Float[np.ndarray, "b d"], domain: Any
) -> Int[np.ndarray, "t d+1"]:
    """Delaunay's simplices of nodes X inside a domain or, where that is None, without what the normals N of the last
    nodes show to lie outside. On the line: between neighbours. QhullError for nodes that span no region.
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


def outside_of_normals(
    X: Float[np.ndarray, "n d"],
    N: Float[np.ndarray, "b d"],
    centers: Float[np.ndarray, "t d"],
    simplices: Int[np.ndarray, "t k"],
) -> Bool[np.ndarray, " t"]:
    """Which simplices lie outside: those between boundary nodes only, the last of X, beyond their normals N."""
    first = len(X) - len(N)
    chosen = np.flatnonzero((simplices >= first).all(axis=1))
    away = centers[chosen, None] - X[simplices[chosen]]
    outwards = np.sum(N[simplices[chosen] - first] * away, axis=(1, 2))
    return np.isin(np.arange(len(simplices)), chosen[outwards > 0])


def distance_from_nodes(X: Float[np.ndarray, "n d"], N: Float[np.ndarray, "b d"]) -> Callable:
    """A function of points (m, d), negative inside the hull of the nodes X and, given the normals N of the last of
    them, behind the nearest boundary node.
    """
    facets = ConvexHull(X).equations
    tree = cKDTree(X[len(X) - len(N) :]) if len(N) else None

    def distance(Y):
        blocks = np.array_split(Y, max(len(Y) * len(facets) // 2**22, 1))
        hull = np.concatenate([(block @ facets[:, :-1].T + facets[:, -1]).max(axis=1) for block in blocks])
        if tree is None:
            return hull
        nearest = tree.query(Y)[1]
        return np.maximum(hull, (N[nearest] * (Y - tree.data[nearest])).sum(axis=1))

    return distance
