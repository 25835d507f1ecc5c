"""What is painted where no domain is known: the hull of the nodes, without what the normals show to lie outside."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from ..clouds import Cloud
from .lattices import VERTICES
from .triangulation import Piece, delaunay, triangulation


def piece_of_nodes(cloud: Cloud) -> Piece:
    """Delaunay's triangles of the nodes, refined to smooth colours."""
    from matplotlib.tri import UniformTriRefiner

    X = np.asarray(cloud.points)
    triangles = delaunay(X, lambda centers, corners: ~_outside(cloud, centers, corners))
    halvings = int(np.clip(np.log2(VERTICES / len(X)) / 2, 0, 5))
    refined: Any = UniformTriRefiner(triangulation(X, triangles)).refine_triangulation(subdiv=halvings)
    vertices = np.stack([refined.x, refined.y], axis=1)
    return Piece(vertices, refined.triangles, vertices)


def _outside(cloud: Cloud, centers: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which triangles lie outside: those between boundary nodes only, beyond their normals."""
    first = len(cloud) - len(cloud.normal_vectors)
    chosen = np.flatnonzero((corners >= first).all(axis=1))
    away = centers[chosen, None] - np.asarray(cloud.points)[corners[chosen]]
    outwards = np.sum(np.asarray(cloud.normal_vectors)[corners[chosen] - first] * away, axis=(1, 2))
    return np.isin(np.arange(len(corners)), chosen[outwards > 0])


def distance_from_nodes(cloud: Cloud) -> Callable:
    """Negative inside the hull of the nodes and, given normals, behind the nearest boundary node."""
    X, N = np.asarray(cloud.points), np.asarray(cloud.normal_vectors)
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
