"""Normals of facets that are polynomials of degree two and more, at their own nodes."""

from functools import cache

import numpy as np
from jaxtyping import Float

_CORNERS = {"line": 2, "triangle": 3, "quad": 4}


def normals_at_nodes(
    shape: str, nodes: Float[np.ndarray, "f k d"], flat: Float[np.ndarray, "f d"]
) -> Float[np.ndarray, "f k d"]:
    """The unit normals at all k nodes of facets, on the side of the normals of the flat facets between their corners.

    They are those of the polynomials through the nodes; the flat ones where there are none but corners.
    """
    count = nodes.shape[1]
    slopes = _slopes(shape, count) if count > _CORNERS[shape] else None
    if slopes is None:
        return np.repeat(flat[:, None], count, axis=1)
    tangents = np.einsum("akj,fjd->afkd", slopes, nodes)
    if len(tangents) == 1:
        normals = np.stack([tangents[0, ..., 1], -tangents[0, ..., 0]], axis=-1)
    else:
        normals = np.cross(*tangents)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    if not np.all(length > 0):
        raise ValueError("the mesh has curved facets that are folded, so that they have no normals")
    normals /= length
    same = np.einsum("fkd,fd->f", normals, flat) > 0
    return np.where(same[:, None, None], normals, -normals)


@cache
def _slopes(shape: str, count: int) -> Float[np.ndarray, "a k k"] | None:
    """Derivatives of the polynomials that are 1 at one node and 0 at the others, at the nodes; None where not known."""
    known = _reference(shape, count)
    if known is None:
        return None
    nodes, powers = known
    values = np.prod(nodes[:, None] ** powers, axis=2)
    slopes = []
    for a in range(powers.shape[1]):
        lowered = powers - np.eye(powers.shape[1], dtype=int)[a]
        slopes.append(powers[:, a] * np.prod(nodes[:, None] ** np.maximum(lowered, 0), axis=2))
    return np.stack(slopes) @ np.linalg.inv(values)


def _reference(shape: str, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The nodes of the reference facet in Gmsh's order, and the powers of its polynomials."""
    if shape == "line":
        p = count - 1
        return np.array([[0.0], [1.0], *([i / p] for i in range(1, p))]), np.arange(count)[:, None]
    for p in range(2, 8):
        grid = np.stack(np.meshgrid(np.arange(p + 1), np.arange(p + 1)), axis=-1).reshape(-1, 2)
        if shape == "triangle" and count == (p + 1) * (p + 2) // 2:
            return np.array(_nodes(((0, 0), (1, 0), (0, 1)), p, 3)), grid[grid.sum(axis=1) <= p]
        if shape == "quad" and count == (p + 1) ** 2:
            return np.array(_nodes(((0, 0), (1, 0), (1, 1), (0, 1)), p, 2)), grid
    if (shape, count) == ("quad", 8):
        grid = np.stack(np.meshgrid(range(3), range(3)), axis=-1).reshape(-1, 2)
        return np.array(_nodes(((0, 0), (1, 0), (1, 1), (0, 1)), 2, 2)[:8]), grid[grid.sum(axis=1) < 4]
    return None


def _nodes(corners: tuple, p: int, lost: int) -> list:
    """Corners, nodes along the edges, then those of the facet inside, whose degree is smaller by `lost`."""
    X = np.array(corners, dtype=float)
    if p == 0:
        return [X.mean(axis=0)]
    ends = np.roll(X, -1, axis=0)
    edges = [a + i / p * (b - a) for a, b in zip(X, ends, strict=True) for i in range(1, p)]
    inside = p - lost
    if inside < 0:
        return [*X, *edges]
    middle = X.mean(axis=0)
    return [*X, *edges, *_nodes(tuple(middle + inside / p * (X - middle)), inside, lost)]
