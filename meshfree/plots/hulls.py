"""What is painted where no domain is known: the hull of the nodes, without what the normals show to lie outside."""

from typing import Any

import numpy as np

from ..geometry.cloud import Cloud
from ..geometry.simplices import simplices_between
from .lattices import VERTICES
from .triangles import Piece, triangulation


def piece_of_nodes(cloud: Cloud) -> Piece:
    """Delaunay's triangles of the nodes, refined to smooth colours."""
    from matplotlib.tri import UniformTriRefiner

    X = np.asarray(cloud.points)
    triangles = simplices_between(X, np.asarray(cloud.normal_vectors), None)
    halvings = int(np.clip(np.log2(VERTICES / len(X)) / 2, 0, 5))
    refined: Any = UniformTriRefiner(triangulation(X, triangles)).refine_triangulation(subdiv=halvings)
    vertices = np.stack([refined.x, refined.y], axis=1)
    return Piece(vertices, refined.triangles, vertices)
