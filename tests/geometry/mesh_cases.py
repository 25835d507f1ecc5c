"""Meshes whose nodes and groups are known, and how the tests write them to files."""

import meshio
import numpy as np
from scipy.spatial import Delaunay

LOW, HIGH = slice(None, -1), slice(1, None)
LOOP = [(LOW, LOW), (HIGH, LOW), (HIGH, HIGH), (LOW, HIGH)]  # around the squares of a lattice
SIDES = ("left", "right", "bottom", "top", "back", "front")


def square(n=4, names=("top", "left", "right", "bottom")):
    """The unit square, n × n squares cut into triangles, its sides as named groups."""
    x = np.linspace(0, 1, n + 1)
    points = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    number = np.arange(len(points)).reshape(n + 1, n + 1)
    a, b, c, d = (number[i, j].ravel() for i, j in LOOP)
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    lines, tags = [], []
    for tag, name in enumerate(names, start=1):
        axis, level = divmod(SIDES.index(name), 2)
        on = np.flatnonzero(points[:, axis] == level)
        on = on[np.argsort(points[on, 1 - axis])]
        lines.append(np.stack([on[:-1], on[1:]], axis=1))
        tags.append(np.full(n, tag))
    return mesh_of(
        points, {"line": (np.concatenate(lines), np.concatenate(tags)), "triangle": (triangles, 9)}, names, 1
    )


def disk(count=40):
    """A triangulated disk with uneven nodes on the circle, one group."""
    rng = np.random.default_rng(0)
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.concatenate([ring, 0.6 * ring[::2], 0.3 * ring[::4], [[0.0, 0.0]]])
    index = np.arange(count)
    lines = np.stack([index, np.roll(index, -1)], axis=1)
    return mesh_of(points, {"line": (lines, 1), "triangle": (Delaunay(points).simplices, 2)}, ("rim",), 1)


def ball():
    """Tetrahedra between a refined octahedron and its centre: nodes on the sphere, one group."""
    corners = np.concatenate([np.eye(3), -np.eye(3)])
    faces = np.array([[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2], [1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]])
    for _ in range(2):
        corners, faces = _refined(corners, faces)
    points = np.concatenate([corners, [[0.0, 0.0, 0.0]]])
    tetra = np.concatenate([faces, np.full((len(faces), 1), len(corners))], axis=1)
    return mesh_of(points, {"triangle": (faces, 1), "tetra": (tetra, 2)}, ("shell",), 2)


def _refined(corners, faces):
    """Every triangle cut into four, new nodes on the unit sphere."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique, number = np.unique(edges, axis=0, return_inverse=True)
    middles = corners[unique].sum(axis=1)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    (ab, bc, ca), (a, b, c) = len(corners) + number.reshape(3, -1), faces.T
    cut = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return np.concatenate([corners, middles]), cut


def cube(n=2):
    """n³ hexahedra, a group of quadrilaterals on every side of the unit cube."""
    x = np.arange(n + 1) / n
    points = np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1).reshape(-1, 3)
    number = np.arange(len(points)).reshape(n + 1, n + 1, n + 1)
    hexahedra = np.stack([number[i, j, k].ravel() for k in (LOW, HIGH) for i, j in LOOP], axis=1)
    quads, tags = [], []
    for side in range(6):
        face = np.take(number, 0 if side % 2 == 0 else n, axis=side // 2)
        quads.append(np.stack([face[i, j].ravel() for i, j in LOOP], axis=1))
        tags.append(np.full(n * n, side + 1))
    cells = {"quad": (np.concatenate(quads), np.concatenate(tags)), "hexahedron": (hexahedra, 7)}
    return mesh_of(points, cells, SIDES, 2)


def mesh_of(points, cells, names, dim):
    """A meshio mesh with Gmsh's physical groups, the first ones of boundary facets with these names."""
    tags = [np.broadcast_to(tag, len(data)).astype(np.int32) for data, tag in cells.values()]
    points = np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
    return meshio.Mesh(
        points,
        [(kind, data) for kind, (data, _) in cells.items()],
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": [tag.copy() for tag in tags]},
        field_data={name: np.array([tag, dim]) for tag, name in enumerate(names, start=1)},
    )


def write_msh(path, mesh):
    meshio.gmsh.write(path, mesh, fmt_version="2.2", binary=False)
    return path


# As Gmsh 4 writes it: the unit square by four triangles around node 5, with physical curves "wall" (three sides) and
# "inlet" (left), and a physical surface.
MSH_4 = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
3
1 1 "wall"
1 2 "inlet"
2 3 "domain"
$EndPhysicalNames
$Entities
4 4 1 0
1 0 0 0 0
2 1 0 0 0
3 1 1 0 0
4 0 1 0 0
1 0 0 0 1 0 0 1 1 2 1 -2
2 1 0 0 1 1 0 1 1 2 2 -3
3 0 1 0 1 1 0 1 1 2 3 -4
4 0 0 0 0 1 0 1 2 2 4 -1
1 0 0 0 1 1 0 1 3 4 1 2 3 4
$EndEntities
$Nodes
5 5 1 5
0 1 0 1
1
0 0 0
0 2 0 1
2
1 0 0
0 3 0 1
3
1 1 0
0 4 0 1
4
0 1 0
2 1 0 1
5
0.5 0.5 0
$EndNodes
$Elements
5 8 1 8
1 1 1 1
1 1 2
1 2 1 1
2 2 3
1 3 1 1
3 3 4
1 4 1 1
4 4 1
2 1 2 4
5 1 2 5
6 2 3 5
7 3 4 5
8 4 1 5
$EndElements
"""
