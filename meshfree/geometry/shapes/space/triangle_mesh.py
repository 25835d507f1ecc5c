"""Closed surfaces of triangles: what their edges and vertices join, which way they face, what is wrong with them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..nearest_simplex import on_segment

_UPRIGHT = 1 - 1e-12  # cosine squared between a triangle's normal and what stands on its inside
_FLAT = 1e-9  # height over the longest side, below which a triangle has no area
_ROUND_OFF = (1e-15, 1e-14, 1e-12, 1e-9, 2.0**-22)  # of the size: in double precision, as decimals, in single precision


@dataclass(frozen=True, eq=False)
class Triangulation:
    """Triangles (m, 3) between vertices (n, 3), every edge between two of them, counter-clockwise seen from outside."""

    vertices: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "m 3"]

    @cached_property
    def corners(self) -> Float[np.ndarray, "m 3 3"]:
        return self.vertices[self.triangles]

    @cached_property
    def _crosses(self) -> Float[np.ndarray, "m 3"]:
        return crosses(self.corners)

    @cached_property
    def areas(self) -> Float[np.ndarray, " m"]:
        return np.linalg.norm(self._crosses, axis=1) / 2

    @cached_property
    def normals(self) -> Float[np.ndarray, "m 3"]:
        """Unit outward normals of the triangles."""
        return self._crosses / (2 * self.areas[:, None])

    @cached_property
    def volume(self) -> float:
        """By the divergence theorem, from the middle: far from the origin the terms would cancel."""
        away = self.corners[:, 0] - self.vertices.mean(axis=0)
        return float(np.einsum("md,md->", away, self._crosses) / 6)

    @cached_property
    def partners(self) -> Int[np.ndarray, "m 3"]:
        """3t + j for the side of a triangle from corner i to corner i + 1, which is side j of triangle t too."""
        m = len(self.triangles)
        other = _half_edges(self.triangles).other
        return (3 * (other % m) + other // m).reshape(3, m).T

    @cached_property
    def edge_normals(self) -> Float[np.ndarray, "m 3 3"]:
        """The sums of the normals on either side, one for every side of a triangle."""
        return self.normals[:, None] + self.normals[self.partners // 3]

    @cached_property
    def vertex_normals(self) -> Float[np.ndarray, "n 3"]:
        """The sums of the normals of the triangles around a vertex, weighted by their angles."""
        total = np.zeros_like(self.vertices)
        np.add.at(total, self.triangles, self.angles[:, :, None] * self.normals[:, None])
        return total

    @cached_property
    def angles(self) -> Float[np.ndarray, "m 3"]:
        """The triangles' inner angles."""
        a, b = np.roll(self.corners, -1, axis=1) - self.corners, np.roll(self.corners, 1, axis=1) - self.corners
        return np.arctan2(np.linalg.norm(np.cross(a, b), axis=2), np.sum(a * b, axis=2))

    def is_outside(
        self, X: Float[np.ndarray, "n 3"], triangle: Int[np.ndarray, " n"], foot: Float[np.ndarray, "n 3"]
    ) -> Bool[np.ndarray, " n"]:
        """Which points lie outside, given for each the nearest triangle and the nearest point of that.

        By the sign of (x - foot)·n, n the normal of the triangle, edge or vertex on which the foot lies, the last two
        weighted by angles: Baerentzen & Aanaes, IEEE Trans. Vis. Comput. Graph. 11 (2005) 243-253.
        """
        corners, away = self.corners[triangle], X - foot
        normal = self.normals[triangle]
        flat = np.einsum("nd,nd->n", away, normal) ** 2 >= _UPRIGHT * np.einsum("nd,nd->n", away, away)
        beside = np.flatnonzero(~flat)
        at, corners = foot[beside], corners[beside]
        sides = np.stack([on_segment(at, corners[:, i], corners[:, (i + 1) % 3]) for i in range(3)], axis=1)
        side = np.argmin(np.linalg.norm(sides - at[:, None], axis=2), axis=1)
        normal[beside] = self.edge_normals[triangle[beside], side]
        vertex = np.all(corners == at[:, None], axis=2)
        row, corner = np.nonzero(vertex)
        normal[beside[row]] = self.vertex_normals[self.triangles[triangle[beside[row]], corner]]
        return np.einsum("nd,nd->n", away, normal) > 0


def crosses(corners: Float[np.ndarray, "m 3 3"]) -> Float[np.ndarray, "m 3"]:
    """Normals of triangles, as long as twice their areas."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def merged(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "m 3"]
) -> tuple[Float[np.ndarray, "k 3"], Int[np.ndarray, "m 3"]]:
    """The vertices that triangles use, equal ones once, in the order in which they were given.

    Where that leaves the surface open, those too that are equal to a rounding error: by the smallest of `_ROUND_OFF`
    that closes the surface, and only if no triangle loses a corner by it.
    """
    X, triangles = _merged_exactly(vertices, triangles)
    if _is_closed(triangles):
        return X, triangles
    size = float(np.abs(X).max() + np.ptp(X, axis=0).max())
    for tolerance in _ROUND_OFF:
        first = _first_of_close(X, tolerance * size)
        closed = first[triangles]
        if _is_closed(closed) and np.all(closed != np.roll(closed, 1, axis=1)):
            return _merged_exactly(X, closed)
    return X, triangles


def _merged_exactly(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    used = np.unique(triangles)
    _, first, number = np.unique(vertices[used] + 0.0, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    place = np.zeros(len(vertices), dtype=int)
    place[used] = rank[number.reshape(-1)]
    return vertices[used[first[order]]], place[triangles]


def _first_of_close(X: Float[np.ndarray, "n 3"], distance: float) -> Int[np.ndarray, " n"]:
    """For every vertex the first of those that hang together with it by steps of at most a distance."""
    pairs = cKDTree(X).query_pairs(distance, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(X), len(X)))
    label = connected_components(graph, directed=False)[1]
    return np.unique(label, return_index=True)[1][label]


def _is_closed(triangles: Int[np.ndarray, "m 3"]) -> bool:
    """Whether no edge belongs to one triangle only."""
    return bool(np.all(np.unique(_undirected(triangles), axis=0, return_counts=True)[1] > 1))


def refuse_flat(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "m 3"], kind: str) -> None:
    """ValueError for triangles without area, or all but."""
    corners = vertices[triangles]
    longest = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).max(axis=1)
    flat = np.flatnonzero(np.linalg.norm(crosses(corners), axis=1) <= _FLAT * longest**2)
    if len(flat):
        raise ValueError(
            f"{kind} needs triangles with an area, got {len(flat)} without, among them number {flat[0]} at "
            f"{shown(corners[flat[0], 0])}; merge its corners, or swap the edge on which all three lie"
        )


def oriented(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "m 3"], kind: str
) -> Int[np.ndarray, "m 3"]:
    """The triangles of a closed surface, each turned so that its corners run counter-clockwise seen from outside.

    Surfaces inside others bound cavities. Raises ValueError for an edge that is not between two triangles, and for a
    surface that has only one side.
    """
    _refuse_open(vertices, triangles, kind)
    half, m = _half_edges(triangles), len(triangles)
    here, there = np.arange(3 * m) % m, half.other % m
    # Two copies of every triangle, one turned over: those that face the same way hang together.
    same = (half.start != half.start[half.other]).astype(int)
    rows = np.concatenate([here, here + m])
    columns = np.concatenate([there + m * (1 - same), there + m * same])
    graph = coo_array((np.ones(6 * m), (rows, columns)), shape=(2 * m, 2 * m))
    label = connected_components(graph, directed=False)[1].reshape(2, m)
    if np.any(label[0] == label[1]):
        raise ValueError(f"{kind} needs a surface with an inside and an outside; this one has one side only")
    turned = label[0] > label[1]
    triangles = np.where(turned[:, None], triangles[:, ::-1], triangles)
    shell = np.unique(np.minimum(*label), return_inverse=True)[1].reshape(-1)
    inward = _faces_inward(vertices[triangles], shell)
    return np.where(inward[shell][:, None], triangles[:, ::-1], triangles)


def _refuse_open(vertices: np.ndarray, triangles: np.ndarray, kind: str) -> None:
    ends = _undirected(triangles)
    edges, count = np.unique(ends, axis=0, return_counts=True)
    for wrong, what, hint in (
        (count == 1, "open: {} edges belong to one triangle only", "close its holes"),
        (count > 2, "not a surface: {} edges belong to more than two triangles", "remove the triangles inside it"),
    ):
        if wrong.any():
            a, b = vertices[edges[wrong][0]]
            raise ValueError(
                f"{kind} needs a closed surface, and this one is {what.format(wrong.sum())}, among them that from "
                f"{shown(a)} to {shown(b)}; {hint}"
            )


def _undirected(triangles: np.ndarray) -> Int[np.ndarray, "e 2"]:
    """The ends of all sides, lower number first: side 0 of every triangle, then sides 1, then 2."""
    return np.sort(np.concatenate([triangles[:, [i, (i + 1) % 3]] for i in range(3)]), axis=1)


@dataclass(frozen=True, eq=False)
class _HalfEdges:
    """All sides of triangles of a closed surface, in the order of `_undirected`: where each starts, and its partner."""

    start: Int[np.ndarray, " e"]
    other: Int[np.ndarray, " e"]


def _half_edges(triangles: np.ndarray) -> _HalfEdges:
    order = np.lexsort(_undirected(triangles).T[::-1]).reshape(-1, 2)
    other = np.empty(3 * len(triangles), dtype=int)
    other[order] = order[:, ::-1]
    return _HalfEdges(triangles.T.ravel(), other)


def _faces_inward(corners: Float[np.ndarray, "m 3 3"], shell: Int[np.ndarray, " m"]) -> Bool[np.ndarray, " s"]:
    """Which connected surfaces face the wrong way: outwards, but for those that bound a cavity inside another."""
    count = int(shell.max()) + 1
    middle = corners.reshape(-1, 3).mean(axis=0)
    volumes = np.bincount(shell, np.einsum("md,md->m", corners[:, 0] - middle, crosses(corners)))
    cavity = np.zeros(count, dtype=bool)
    if count > 1:
        for one in range(count):
            x = corners[np.argmax(shell == one), 0]
            around = np.bincount(shell, solid_angles(corners, x), minlength=count) / (4 * np.pi)
            cavity[one] = np.count_nonzero(np.abs(np.delete(around, one)) > 0.5) % 2 == 1
    return (volumes < 0) != cavity


def solid_angles(corners: Float[np.ndarray, "m 3 3"], x: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " m"]:
    """Signed solid angles of triangles at x (van Oosterom & Strackee, IEEE Trans. Biomed. Eng. 30 (1983) 125-126)."""
    a, b, c = (corners - x).swapaxes(0, 1)
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    ab, bc, ca = (np.einsum("md,md->m", p, q) for p, q in ((a, b), (b, c), (c, a)))
    volume = np.einsum("md,md->m", a, np.cross(b, c))
    return 2 * np.arctan2(volume, la * lb * lc + ab * lc + bc * la + ca * lb)


def shown(x: np.ndarray) -> str:
    """A point as text."""
    return "(" + ", ".join(f"{value:g}" for value in x) + ")"
