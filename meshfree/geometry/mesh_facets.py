"""The sides of a mesh's cells: which of them bound it, and their outward normals."""

import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

# Dimensions of the cells, and the corners of their sides in the order of VTK, which is meshio's.
DIMENSION = {"vertex": 0, "line": 1, "triangle": 2, "quad": 2, "tetra": 3, "hexahedron": 3, "wedge": 3, "pyramid": 3}
CORNERS = {"vertex": 1, "line": 2, "triangle": 3, "quad": 4, "tetra": 4, "hexahedron": 8, "wedge": 6, "pyramid": 5}
_SIDES: dict[str, tuple[tuple[int, ...], ...]] = {
    "triangle": ((0, 1), (1, 2), (2, 0)),
    "quad": ((0, 1), (1, 2), (2, 3), (3, 0)),
    "tetra": ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)),
    "hexahedron": ((0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)),
    "wedge": ((0, 1, 2), (3, 4, 5), (0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5)),
    "pyramid": ((0, 1, 2, 3), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)),
}


class Cells(NamedTuple):
    """Cells of one shape: their nodes (c, k), corners first, and the numbers of their groups, zero for none."""

    shape: str
    nodes: np.ndarray
    tags: np.ndarray

    @property
    def corners(self) -> np.ndarray:
        return self.nodes[:, : CORNERS[self.shape]]


def shape_of(kind: str) -> str:
    """The shape of a meshio cell type: `triangle` of `triangle6`."""
    return re.sub(r"\d+$", "", kind)


class Border(NamedTuple):
    """Which facets bound a mesh of cells.

    All different sides of cells and facets have a number: `numbers` gives those of the facets, block by block, `cells`
    how many cells each is a side of, `middles` the middle of one of these.
    """

    numbers: list[Int[np.ndarray, " f"]]
    cells: Int[np.ndarray, " s"]
    middles: Float[np.ndarray, "s d"]

    @property
    def size(self) -> int:
        """How many sides bound the mesh: those of one cell only."""
        return int(np.count_nonzero(self.cells == 1))


def border_of(points: Float[np.ndarray, "n d"], cells: list[Cells], facets: list[Cells]) -> Border:
    """The sides of the cells, and what the facets are among them."""
    sides = [
        (block.corners[:, side], points[block.corners].mean(axis=1)) for block in cells for side in _SIDES[block.shape]
    ]
    sets = [_key(corners) for corners, _ in sides] + [_key(block.corners) for block in facets]
    number = np.unique(np.concatenate(sets), axis=0, return_inverse=True)[1].reshape(-1)
    found = np.split(number, np.cumsum([len(one) for one in sets])[:-1])
    of_sides = np.concatenate(found[: len(sides)])
    middles = np.zeros((number.max() + 1, points.shape[1]))
    middles[of_sides] = np.concatenate([middle for _, middle in sides])
    return Border(found[len(sides) :], np.bincount(of_sides, minlength=len(middles)), middles)


def outward_normals(corners: Float[np.ndarray, "f k d"], inside: Float[np.ndarray, "f d"]) -> Float[np.ndarray, "f d"]:
    """Unit normals of edges (k = 2) in the plane, or of polygons in space, away from points inside."""
    if corners.shape[2] == 2:
        along = corners[:, 1] - corners[:, 0]
        normals = np.stack([along[:, 1], -along[:, 0]], axis=1)
    else:  # of a quadrilateral the diagonals, of a triangle two edges
        normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, -1] - corners[:, 1])
    outward = np.sum(normals * (corners.mean(axis=1) - inside), axis=1, keepdims=True) > 0
    return np.where(outward, normals, -normals) / np.linalg.norm(normals, axis=1, keepdims=True)


def corner_weights(corners: Float[np.ndarray, "f k d"]) -> Float[np.ndarray, "f k"]:
    """What a facet's normal counts at its corners: 1/|e| of an edge e, sin α/(|a||b|) between the edges a and b.

    The sums are the normals of the circle, or sphere, if the nodes lie on one: Max, J. Graphics Tools 4(2) (1999) 1-6.
    """
    if corners.shape[2] == 2:
        length = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
        return np.repeat(1 / length[:, None], 2, axis=1)
    a, b = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    return np.linalg.norm(np.cross(a, b), axis=2) / (np.sum(a**2, axis=2) * np.sum(b**2, axis=2))


def _key(corners: np.ndarray) -> np.ndarray:
    """Sides as sorted corners, padded to four, so that equal sides have equal keys."""
    return np.pad(np.sort(corners, axis=1), ((0, 0), (0, 4 - corners.shape[1])), constant_values=-1).astype(int)
