"""The nodes of a mesh as the parts of a cloud: its groups of boundary facets, and all others inside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

if TYPE_CHECKING:
    import meshio

_TAGS = ("gmsh:physical", "medit:ref", "part")  # cell data that may tell a cell's group
_FIRST = ("left", "right", "bottom", "top", "back", "front")  # who gets a corner, as in a box
# Dimensions of the cells, and the corners of their sides in the order of VTK, which is meshio's.
_DIMENSION = {"vertex": 0, "line": 1, "triangle": 2, "quad": 2, "tetra": 3, "hexahedron": 3, "wedge": 3, "pyramid": 3}
_CORNERS = {"vertex": 1, "line": 2, "triangle": 3, "quad": 4, "tetra": 4, "hexahedron": 8, "wedge": 6, "pyramid": 5}
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
        return self.nodes[:, : _CORNERS[self.shape]]


def parts_of_mesh(mesh: meshio.Mesh) -> dict[str, tuple[np.ndarray, ...]]:
    """Interior points, then by group of boundary facets points, normals, and the normals of the group's own facets.

    A group is a physical group of Gmsh, or an integer in the cell data `gmsh:physical`, `medit:ref` or `part`; one
    without a name is called `boundary_<number>`. A node in several groups belongs to the first, left, right, bottom,
    top, back and front before the others, and these by their numbers; its normal is the normalised mean of theirs.
    Nodes that no cell uses are left out.

    Raises ValueError for a mesh of surfaces or lines, and for one whose boundary is in no group, or not all of it.
    """
    blocks = _blocks(mesh)
    dim = max((_DIMENSION[block.shape] for block in blocks), default=0)
    points = _coordinates(np.asarray(mesh.points, float), dim)
    cells, facets = ([block for block in blocks if _DIMENSION[block.shape] == d] for d in (dim, dim - 1))
    border = _border_of(points, cells, facets)
    groups = _groups(border, facets)
    names = _names(mesh, dim - 1, list(groups))
    sides = {names[tag]: _node_normals(points, border, groups[tag]) for tag in sorted(groups, key=_order(names))}
    used = np.unique(np.concatenate([block.nodes.ravel() for block in cells]))
    on_border = np.unique(np.concatenate([nodes for nodes, _ in sides.values()]))
    inside = np.setdiff1d(used, on_border)
    interior = {"interior": (points[inside],)} if len(inside) else {}
    return interior | _shared_out(points, sides)


def _blocks(mesh: meshio.Mesh) -> list[Cells]:
    found = next((name for name in _TAGS if name in mesh.cell_data), None)
    tags = [None] * len(mesh.cells) if found is None else mesh.cell_data[found]
    blocks = []
    for block, tag in zip(mesh.cells, tags, strict=True):
        shape, nodes = _shape_of(block.type), np.asarray(block.data, int)
        if shape not in _DIMENSION:
            known = ", ".join(_DIMENSION)
            raise ValueError(f"the mesh has cells of type {block.type!r}; expected {known}")
        has_tags = tag is not None and len(tag) == len(nodes)
        blocks.append(Cells(shape, nodes, np.asarray(tag, int) if has_tags else np.zeros(len(nodes), int)))
    return blocks


def _shape_of(kind: str) -> str:
    """The shape of a meshio cell type: `triangle` of `triangle6`."""
    return re.sub(r"\d+$", "", kind)


def _coordinates(points: np.ndarray, dim: int) -> np.ndarray:
    """The first `dim` coordinates, if the others do not vary."""
    if dim < 2 or np.any(points[:, dim:] != points[:1, dim:]):
        kind = {1: "lines", 2: "a surface in space"}.get(dim, "points")
        raise ValueError(
            f"the mesh is of {kind}; a cloud is read from a mesh of its whole domain: triangles or quadrilaterals in "
            "the plane, or tetrahedra, hexahedra, wedges or pyramids"
        )
    return points[:, :dim]


def _groups(border: Border, facets: list[Cells]) -> dict[int, list[tuple[Cells, np.ndarray]]]:
    """Group -> its facets that bound the mesh, and their numbers in the border."""
    groups: dict[int, list] = {}
    covered = np.empty(0, int)
    for block, numbers in zip(facets, border.numbers, strict=True):
        kept = (block.tags != 0) & (border.cells[numbers] == 1)  # not those between two cells
        covered = np.union1d(covered, numbers[kept])
        for tag in np.unique(block.tags[kept]).tolist():
            chosen = kept & (block.tags == tag)
            groups.setdefault(tag, []).append((block._replace(nodes=block.nodes[chosen]), numbers[chosen]))
    if not groups:
        raise ValueError(
            "the mesh has no groups of boundary facets, so that the parts of the boundary are not known; in Gmsh make "
            "a physical group of each part's curves (in space surfaces), and one of the domain"
        )
    if len(covered) < border.size:
        raise ValueError(
            f"{border.size - len(covered)} of the {border.size} facets that bound the mesh are in no group; "
            "put every part of the boundary in one"
        )
    return groups


def _names(mesh: meshio.Mesh, dim: int, tags: list[int]) -> dict[int, str]:
    """Group -> the name that Gmsh gave it, or one made of its number."""
    given = {int(tag): name for name, (tag, of_dim) in mesh.field_data.items() if of_dim == dim}
    return {tag: given.get(tag, f"boundary_{tag}") for tag in tags}


def _order(names: dict[int, str]):
    def place(tag):
        return (_FIRST.index(names[tag]) if names[tag] in _FIRST else len(_FIRST), tag)

    return place


def _node_normals(points: np.ndarray, border: Border, group: list[tuple[Cells, np.ndarray]]):
    """The nodes of a group, and the unit normals of its facets there."""
    total = np.zeros_like(points)
    for facets, numbers in group:
        corners = points[facets.corners]
        normals = _outward_normals(corners, border.middles[numbers])
        weights = np.ones(facets.nodes.shape)  # at nodes in the middle of a facet or its edges
        weights[:, : corners.shape[1]] = _corner_weights(corners)
        np.add.at(total, facets.nodes, weights[:, :, None] * normals[:, None])
    nodes = np.unique(np.concatenate([facets.nodes.ravel() for facets, _ in group]))
    return nodes, _unit(total[nodes])


def _shared_out(points: np.ndarray, sides: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict:
    """Every node in the first of its parts, with the mean normal of all."""
    mean, count = np.zeros_like(points), np.zeros(len(points), int)
    for nodes, normals in sides.values():
        mean[nodes] += normals
        count[nodes] += 1
    taken = np.zeros(len(points), bool)
    parts = {}
    for part, (nodes, normals) in sides.items():
        own = ~taken[nodes]
        nodes, normals = nodes[own], normals[own]
        taken[nodes] = True
        if len(nodes):
            shared = count[nodes, None] > 1  # of the others not a bit changes
            parts[part] = (points[nodes], np.where(shared, _unit(mean[nodes]), normals), normals)
    return parts


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# ------------------------------------------------------------------------------- which sides bound the mesh


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


def _border_of(points: Float[np.ndarray, "n d"], cells: list[Cells], facets: list[Cells]) -> Border:
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


def _outward_normals(corners: Float[np.ndarray, "f k d"], inside: Float[np.ndarray, "f d"]) -> Float[np.ndarray, "f d"]:
    """Unit normals of edges (k = 2) in the plane, or of polygons in space, away from points inside."""
    if corners.shape[2] == 2:
        along = corners[:, 1] - corners[:, 0]
        normals = np.stack([along[:, 1], -along[:, 0]], axis=1)
    else:  # of a quadrilateral the diagonals, of a triangle two edges
        normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, -1] - corners[:, 1])
    outward = np.sum(normals * (corners.mean(axis=1) - inside), axis=1, keepdims=True) > 0
    return np.where(outward, normals, -normals) / np.linalg.norm(normals, axis=1, keepdims=True)


def _corner_weights(corners: Float[np.ndarray, "f k d"]) -> Float[np.ndarray, "f k"]:
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
