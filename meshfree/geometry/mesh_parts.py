"""The nodes of a mesh as the parts of a cloud: its groups of boundary facets, and all others inside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .curved_facets import normals_at_nodes
from .gmsh_files import DIMENSION_MARK

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
    without a name is called `boundary_<number>`. Facets that bound the mesh and are in no group make the part
    `boundary`; those in several groups belong to the group with the fewest, so that `all` leaves `inlet` its own.

    A node between groups belongs to the first, left, right, bottom, top, back and front before the others, and these
    by their numbers; but groups that would be left without a node come first. Its normal is the normalised mean of
    theirs. Curved facets have the normals of their polynomials. Nodes that no cell uses are left out.

    Raises ValueError for a mesh of surfaces or lines, and for a group of facets that is named as the nodes inside.
    """
    blocks = _blocks(mesh)
    dim = max((_DIMENSION[block.shape] for block in blocks), default=0)
    points = _coordinates(np.asarray(mesh.points, float), dim)
    cells, facets = ([block for block in blocks if _DIMENSION[block.shape] == d] for d in (dim, dim - 1))
    cells = _distinct(cells)
    border = _border_of(points, cells, facets)
    groups = _groups(border, facets)
    names = _names(mesh, dim - 1, list(groups))
    if border.size > sum(len(numbers) for group in groups.values() for _, numbers in group):
        facets = [*facets, *_sides_without_group(cells, facets, border, groups, names)]
        border = _border_of(points, cells, facets)
        groups = _groups(border, facets)
    found = {tag: _node_normals(points, border, groups[tag]) for tag in groups}
    order = sorted(groups, key=_order(names, {tag: nodes for tag, (nodes, _) in found.items()}))
    sides = {names[tag]: found[tag] for tag in order}
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
        # a sign tells the orientation
        blocks.append(Cells(shape, nodes, np.abs(np.asarray(tag, int)) if has_tags else np.zeros(len(nodes), int)))
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


def _distinct(cells: list[Cells]) -> list[Cells]:
    """Every cell once: those of several groups come once for each."""
    found = []
    for shape in dict.fromkeys((block.shape, block.nodes.shape[1]) for block in cells):
        nodes = np.concatenate([block.nodes for block in cells if (block.shape, block.nodes.shape[1]) == shape])
        first = np.unique(np.sort(nodes, axis=1), axis=0, return_index=True)[1]
        found.append(Cells(shape[0], nodes[np.sort(first)], np.zeros(len(first), int)))
    return found


def _groups(border: Border, facets: list[Cells]) -> dict[int, list[tuple[Cells, np.ndarray]]]:
    """Group -> its facets that bound the mesh, and their numbers in the border; each facet in one group only."""
    tags = np.concatenate([np.empty(0, int), *(block.tags for block in facets)])
    numbers = np.concatenate([np.empty(0, int), *border.numbers])
    kept = (tags != 0) & (border.cells[numbers] == 1)  # not those between two cells
    pairs = np.unique(np.stack([numbers[kept], tags[kept]], axis=1), axis=0)
    size = dict(zip(*np.unique(pairs[:, 1], return_counts=True), strict=True))
    owner = {}
    for number, tag in sorted(pairs.tolist(), key=lambda pair: (size[pair[1]], pair[1]), reverse=True):
        owner[number] = tag  # the smallest group comes last
    groups: dict[int, list] = {}
    taken: set[int] = set()
    for block, own in zip(facets, border.numbers, strict=True):
        mine = np.array([owner.get(n) == tag for n, tag in zip(own.tolist(), block.tags.tolist(), strict=True)], bool)
        for tag in np.unique(block.tags[mine]).tolist():
            chosen = []
            for i in np.flatnonzero(mine & (block.tags == tag)).tolist():
                if own[i] not in taken:  # a facet may come twice
                    chosen.append(i)
                    taken.add(int(own[i]))
            if chosen:
                groups.setdefault(tag, []).append((block._replace(nodes=block.nodes[chosen]), own[chosen]))
    return groups


def _sides_without_group(
    cells: list[Cells], facets: list[Cells], border: Border, groups: dict, names: dict[int, str]
) -> list[Cells]:
    """The sides of cells that bound the mesh and are in no group, as facets of a group `boundary`."""
    grouped = np.concatenate([np.empty(0, int), *(numbers for group in groups.values() for _, numbers in group)])
    if "boundary" in names.values():
        raise ValueError(
            f"{border.size - len(grouped)} of the {border.size} facets that bound the mesh are in no group, and would "
            "be 'boundary', but a group has that name; put every part of the boundary in a group"
        )
    tag = 1 + max((int(block.tags.max(initial=0)) for block in facets), default=0)
    names[tag] = "boundary"
    found = []
    for (block, nodes), numbers in zip(_all_sides(cells), border.sides, strict=True):
        free = (border.cells[numbers] == 1) & ~np.isin(numbers, grouped)
        if free.any():
            shape = "line" if _DIMENSION[block.shape] == 2 else "triangle" if nodes.shape[1] == 3 else "quad"
            found.append(Cells(shape, nodes[free], np.full(np.count_nonzero(free), tag)))
    return found


def _all_sides(cells: list[Cells]) -> list[tuple[Cells, np.ndarray]]:
    """The sides of cells in the order of `_border_of`: with the nodes along them in the plane, in space the corners."""
    return [(block, _nodes_of_side(block, i)) for block in cells for i in range(len(_SIDES[block.shape]))]


def _nodes_of_side(block: Cells, i: int) -> np.ndarray:
    corners, count = _CORNERS[block.shape], block.nodes.shape[1]
    side = list(_SIDES[block.shape][i])
    if _DIMENSION[block.shape] == 2:
        per_side = _nodes_inside_edges(block.shape, count)
        return block.nodes[:, [*side, *range(corners + i * per_side, corners + (i + 1) * per_side)]]
    if count > corners:
        raise ValueError(
            "the mesh has curved cells in space and facets that are in no group; in Gmsh make a physical group of each "
            "part's surfaces"
        )
    return block.nodes[:, side]


def _nodes_inside_edges(shape: str, count: int) -> int:
    """How many nodes an edge of a plane cell has between its corners."""
    if (shape, count) == ("quad", 8):
        return 1
    orders = {(p + 1) ** 2 if shape == "quad" else (p + 1) * (p + 2) // 2: p for p in range(1, 12)}
    if count not in orders:
        raise ValueError(f"the mesh has cells of type {shape}{count}, whose facets are in no group; put them in groups")
    return orders[count] - 1


def _names(mesh: meshio.Mesh, dim: int, tags: list[int]) -> dict[int, str]:
    """Group -> the name that Gmsh gave it, or one made of its number."""
    known = {int(tag): name.partition(DIMENSION_MARK)[0] for name, (tag, d) in mesh.field_data.items() if d == dim}
    names = {tag: known.get(tag, f"boundary_{tag}") for tag in tags}
    if "interior" in names.values():
        raise ValueError(
            "a group of boundary facets is named 'interior', which is the name of the nodes inside; rename the group"
        )
    return names


def _order(names: dict[int, str], nodes: dict[int, np.ndarray]):
    """Who gets a node between groups: those that have no other, then the sides of a box, then the others."""
    every, count = np.unique(np.concatenate(list(nodes.values())), return_counts=True)
    alone = every[count == 1]

    def place(tag):
        has_own = bool(np.isin(nodes[tag], alone).any())
        return has_own, _FIRST.index(names[tag]) if names[tag] in _FIRST else len(_FIRST), tag

    return place


def _node_normals(points: np.ndarray, border: Border, group: list[tuple[Cells, np.ndarray]]):
    """The nodes of a group, and the unit normals of its facets there."""
    total = np.zeros_like(points)
    for facets, numbers in group:
        corners = points[facets.corners]
        normals = normals_at_nodes(
            facets.shape, points[facets.nodes], _outward_normals(corners, border.middles[numbers])
        )
        weights = np.ones(facets.nodes.shape)  # at nodes in the middle of a facet or its edges
        weights[:, : corners.shape[1]] = _corner_weights(corners)
        np.add.at(total, facets.nodes, weights[:, :, None] * normals)
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

    All different sides of cells and facets have a number: `numbers` gives those of the facets, block by block, `sides`
    those of the cells' sides, `cells` how many cells each is a side of, `middles` the middle of one of these.
    """

    numbers: list[Int[np.ndarray, " f"]]
    sides: list[Int[np.ndarray, " c"]]
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
    return Border(found[len(sides) :], found[: len(sides)], np.bincount(of_sides, minlength=len(middles)), middles)


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
