"""The boundary in space of a shape made of primitive shapes: corners, edges, crossing curves, surfaces.

In this order, each stage keeping the nodes of those before it. Edges are nodes by arc length, as in the
plane. Where the surfaces of two primitives cross, seeds near the crossing are drawn onto both surfaces by
Newton's method and nodes placed along the curve; one much shorter than the spacing may be missed.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from ..boundary import BoundaryPatch, Sides
from ..shape import Shape
from ..spacing import Spacing
from .arc_length import arc_length_parameters
from .filling import DENSITY, Chart, apart, cells, draw, fill
from .plane_chains import FACING, NEAREST
from .plane_nodes import BoundaryNodes, Nodes, mean_normal
from .plane_outline import OFF_CENTRE, Stretch, cut, flips, groups, joined
from .space_crossings import Crossing, nodes_on_crossing

_RADIUS = 1e-4  # of the ring on which a surface is looked at, in sizes of the shape
_SEEDS = 9.0  # per unit of spacing squared, from which crossing curves are found
_OUTSIDE = 0.02  # of the way between two nodes: how far its middle is outside where a gap parts them
_SAME = 0.25  # ends of crossing curves this close, in spacings, are one corner
_TOUCHING = 1e-4  # sine of the angle below which surfaces touch and do not cross
_EDGE_SHARE = 0.9  # surface nodes that an edge node stands for, half of them on either side


@dataclass(frozen=True)
class Surface:
    """A shape and the surface patches of the primitives it is made of, each with its primitive's number."""

    shape: Shape
    patches: tuple[tuple[int, BoundaryPatch], ...]
    parts: tuple[str, ...]
    size: float
    tolerance: float

    @classmethod
    def of(cls, shape: Shape, parts: Sequence[str]) -> "Surface":
        """Gather the patches of a shape's primitives."""
        patches = tuple((number, patch) for number, leaf in enumerate(shape.leaves) for patch in leaf.pieces)
        return cls(shape, patches, tuple(parts), shape.extent, 1e5 * shape.round_off)

    def on(self, patch: BoundaryPatch, X: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
        """Which points lie on a patch."""
        return np.linalg.norm(patch.project(X) - X, axis=1) <= self.tolerance


def part_names(shape: Shape) -> tuple[str, ...]:
    """Names of the patches that show on the surface of the whole, judged on 1024 points of each."""
    grid = (np.arange(32) + 0.5) / 32
    U = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    names: dict[str, None] = {}
    for leaf in shape.leaves:
        for patch in leaf.pieces:
            X = patch.at(U)
            if patch.part not in names and flips(shape, X, patch.normal(X)).any():
                names[patch.part] = None
    return tuple(names)


def clear_of_surface(
    shape: Shape, X: Float[np.ndarray, "n 3"], depth: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Which points have neither a foot of a perpendicular to the whole surface nor a crossing within their depth."""
    surface = Surface.of(shape, shape.part_names)
    clear, reached = np.ones(len(X), dtype=bool), []
    for number, patch in surface.patches:
        near = np.flatnonzero(np.abs(shape.leaves[number].distance(X)) < depth)
        foot = patch.project(X[near])
        close = np.linalg.norm(foot - X[near], axis=1) < depth[near]
        near, foot = near[close], foot[close]
        clear[near] &= flips(shape, foot, patch.normal(foot)) == 0
        reached.append((number, patch, np.isin(np.arange(len(X)), near)))
    for (i, one, first), (j, two, second) in itertools.combinations(reached, 2):
        near = np.flatnonzero(clear & first & second) if i != j else np.empty(0, dtype=int)
        if len(near):
            Y = _onto_both(one, two, X[near], surface.tolerance)
            there = surface.on(one, Y) & surface.on(two, Y) & (np.abs(shape.distance(Y)) <= surface.tolerance)
            clear[near[there]] = np.linalg.norm(Y - X[near], axis=1)[there] >= depth[near[there]]
    return clear


def place_surface(
    shape: Shape, parts: Sequence[str], spacing: Spacing, rng: np.random.Generator, thin: bool = False
) -> Nodes:
    """Quasi-uniform nodes on the surface of a shape in space, by part; at least one in each.

    `thin`: both sides of what is thin have theirs; otherwise one side where they are close.
    """
    surface = Surface.of(shape, parts)
    points, normals, own, owner = _features(surface, spacing, rng)
    for number, patch in surface.patches:
        if patch.part not in parts:
            continue
        index = parts.index(patch.part)
        beside = points[~_across_gap(surface, patch, points, normals, thin)]
        X = _on_patch(surface, number, patch, spacing, beside, int(index not in owner), rng)
        N = flips(shape, X, patch.normal(X))[:, None] * patch.normal(X)
        points = np.concatenate([points, X])
        normals, own = np.concatenate([normals, N]), np.concatenate([own, N])
        owner = np.concatenate([owner, np.full(len(X), index)])
    columns = (points, normals, own)
    return {part: BoundaryNodes(*(c[owner == index] for c in columns)) for index, part in enumerate(parts)}


def _across_gap(
    surface: Surface, patch: BoundaryPatch, X: np.ndarray, N: np.ndarray, thin: bool
) -> Bool[np.ndarray, " n"]:
    """Which nodes with normals N face a patch from the other side of a gap outside of the shape; if `thin`, inside."""
    if len(X) == 0:
        return np.zeros(0, dtype=bool)
    foot = patch.project(X)
    M = patch.normal(foot)
    M = flips(surface.shape, foot, M)[:, None] * M
    beyond = thin | (np.einsum("nd,nd->n", X - foot, M) > surface.tolerance)
    return beyond & (np.einsum("nd,nd->n", M, N) < FACING)


def _on_patch(
    surface: Surface,
    number: int,
    patch: BoundaryPatch,
    spacing: Spacing,
    fixed: np.ndarray,
    least: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "n 3"]:
    """Nodes, `least` or more, on what a patch adds to the surface, not where it repeats an earlier one."""
    chart = _chart(patch)
    earlier = surface.shape.leaves[:number]

    def accept(X):
        if len(surface.shape.leaves) == 1:
            return np.ones(len(X), dtype=bool)
        N = patch.normal(X)
        ok = flips(surface.shape, X, N) != 0
        for other in earlier:
            ok[ok] = flips(other, X[ok], N[ok]) == 0
        return ok

    boxes = cells(chart, spacing)
    trial = draw(chart, boxes, max(1.0, 2000 / boxes.load.sum()), rng)
    shown = accept(trial)
    share = boxes.load.sum() * shown.mean()
    count = max(0, round(DENSITY * share - _EDGE_SHARE / 2 * surface.on(patch, fixed).sum()))
    found = fill(chart, spacing, accept, patch.project, fixed, count, rng) if count else trial[:0]
    if len(found) < least and shown.any():
        found = _farthest(trial[shown], fixed)
    return found


def _farthest(X: np.ndarray, fixed: np.ndarray) -> Float[np.ndarray, "1 3"]:
    gap = cKDTree(fixed).query(X)[0] if len(fixed) else np.zeros(len(X))
    return X[[np.argmax(gap)]]


def _chart(patch: BoundaryPatch) -> Chart:
    """The square of `patch.at`, stretched: cells are halved across their longer side."""
    sides = np.array([patch.aspect, 1.0])
    return Chart(np.zeros(2), sides, patch.area, lambda U: patch.at(U / sides))


# ------------------------------------------------------------------------------- corners, edges, crossings


def _features(
    surface: Surface, spacing: Spacing, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Nodes on the edges and crossing curves: points, mean normals, normals and number of the owning part."""
    corners, inner = _edge_nodes(surface, spacing)
    # Edges of two primitives may coincide: the second's nodes would lie between the first's.
    points = _without_doubles(surface, np.concatenate([corners, inner]), len(corners), spacing)
    points = _crossing_nodes(surface, spacing, points, rng)
    sides = _sides(surface, points)
    return points, sides.mean, sides.own, sides.owner


def _edge_nodes(surface: Surface, spacing: Spacing) -> tuple[np.ndarray, np.ndarray]:
    """Ends, and nodes by arc length, of all edges of primitives, cut where they meet other primitives."""
    ends, inner = [np.empty((0, 3))], [np.empty((0, 3))]
    for one in _sharp_edges(surface):
        if not one.closed:
            ends.append(one.point(np.array([0.0, 1.0])))
        inner.append(one.point(arc_length_parameters(one, spacing, surface.size)))
    corners = np.concatenate(ends)
    if len(corners):
        corners = corners[[group[0] for group in groups(corners, 1e-6 * surface.size)]]
    return corners, np.concatenate(inner)


def _without_doubles(surface: Surface, X: np.ndarray, corners: int, spacing: Spacing) -> Float[np.ndarray, "n 3"]:
    """The nodes X, the first of them corners that all stay, without those near an earlier one but across a gap."""

    def parted(i, others):
        gap = np.linalg.norm(X[others] - X[i], axis=1)
        return (others < corners) | (surface.shape.distance((X[others] + X[i]) / 2) > _OUTSIDE * gap)

    return X[apart(X, 0.5 * spacing(X), X[:0], parted)]


def _sharp_edges(surface: Surface) -> list[Stretch]:
    """The stretches of the primitives' edges that are edges of the whole."""
    cuts = []
    for leaf in surface.shape.leaves:
        others = [other for other in surface.shape.leaves if other is not leaf]
        for edge in leaf.edges:
            cuts += cut(edge, others, surface.size, surface.shape.round_off)
    if not cuts:
        return []
    judged = np.concatenate([one.point(np.array([OFF_CENTRE])) for one in cuts])
    sharp = [one for one, sides in zip(cuts, _sides(surface, judged).sides, strict=True) if sides >= 2]
    return joined(sharp, 1e-6 * surface.size)


def _crossing_nodes(
    surface: Surface, spacing: Spacing, points: np.ndarray, rng: np.random.Generator
) -> Float[np.ndarray, "n 3"]:
    """Append nodes on the curves where patches of different primitives cross: their ends, then those between."""
    ends, inner = [points[:0]], [points[:0]]
    for first, (number, patch) in enumerate(surface.patches):
        others = [other for other in surface.patches[first + 1 :] if other[0] != number]
        if not others:
            continue
        seeds = draw(_chart(patch), cells(_chart(patch), spacing), _SEEDS, rng)
        near = {n: np.abs(surface.shape.leaves[n].distance(seeds)) < spacing(seeds) for n in {n for n, _ in others}}
        for n, other in others:
            found = nodes_on_crossing(_crossing(surface, patch, other), seeds[near[n]], spacing)
            ends.append(found[0])
            inner.append(found[1])
    for group, radius in ((np.concatenate(ends), _SAME), (np.concatenate(inner), NEAREST)):
        points = np.concatenate([points, group[apart(group, radius * spacing(group), points)]])
    return points


def _crossing(surface: Surface, one: BoundaryPatch, two: BoundaryPatch) -> Crossing:
    """Where two patches cross."""

    def shows(X):
        ok = surface.on(one, X) & surface.on(two, X)
        # The ring of `_sides` sees an edge from some way beyond its end too.
        ok[ok] = np.abs(surface.shape.distance(X[ok])) <= surface.tolerance
        ok[ok] = _sides(surface, X[ok]).sides >= 2
        return ok

    def tangent(X):
        across = np.cross(one.normal(one.project(X)), two.normal(two.project(X)))
        length = np.linalg.norm(across, axis=1, keepdims=True)
        return np.where(length > _TOUCHING, across / np.maximum(length, _TOUCHING), 0.0)

    return Crossing(lambda X: _onto_both(one, two, X, surface.tolerance), shows, tangent)


def _onto_both(one: BoundaryPatch, two: BoundaryPatch, X: np.ndarray, tolerance: float) -> np.ndarray:
    """Newton's method for nearby points of two crossing surfaces, with the shortest step each time."""
    for _ in range(10):
        p, q = one.project(X), two.project(X)
        n, m = one.normal(p), two.normal(q)
        r, s = np.sum(n * (p - X), axis=1), np.sum(m * (q - X), axis=1)
        if np.all(np.abs(r) + np.abs(s) <= 1e-3 * tolerance):
            break
        c = np.sum(n * m, axis=1)
        across = np.maximum(1 - c**2, 1e-9)  # where the surfaces touch there is no curve to find
        X = X + ((r - c * s) / across)[:, None] * n + ((s - c * r) / across)[:, None] * m
    return X


class _Sides(NamedTuple):
    """What meets at points of the surface: the mean normal, the first part's normal and number, how many normals."""

    mean: np.ndarray
    own: np.ndarray
    owner: np.ndarray
    sides: np.ndarray


def _sides(surface: Surface, X: Float[np.ndarray, "n 3"]) -> _Sides:
    """What meets at points of the surface.

    A side of a patch through a point counts where the shape ends across it somewhere on a small ring around the
    point; sides that share a normal count once. One normal means a smooth place, none a point off the surface.
    """
    at, part, normals = [np.empty(0, dtype=int)], [np.empty(0, dtype=int)], [np.empty((0, 3))]
    for _, patch in surface.patches:
        near = np.flatnonzero(surface.on(patch, X))
        if len(near) == 0 or patch.part not in surface.parts:
            continue
        found = patch.sides(X[near], _RADIUS * surface.size)
        sign = _sign_of(surface.shape, patch, found)
        shown = sign != 0
        at.append(near[found.point[shown]])
        part.append(np.full(len(at[-1]), surface.parts.index(patch.part)))
        normals.append(sign[shown, None] * found.normal[shown])
    return _gathered(len(X), np.concatenate(at), np.concatenate(part), np.concatenate(normals))


def _gathered(n: int, at: np.ndarray, part: np.ndarray, normals: np.ndarray) -> _Sides:
    """The sides shown at n points, from the number of the point, the number of the part and the normal of each."""
    order = np.lexsort((part, at))  # stable: of a part the first side comes first
    at, part, normals = at[order], part[order], normals[order]
    owner, own = np.full(n, -1), np.zeros((n, 3))
    first = np.flatnonzero(np.diff(at, prepend=-1))
    owner[at[first]], own[at[first]] = part[first], normals[first]
    mean, sides = own.copy(), np.bincount(at, minlength=n)
    for i in np.flatnonzero(sides > 1):
        start, stop = np.searchsorted(at, [i, i + 1])
        distinct = _distinct(normals[start:stop])
        mean[i], sides[i] = mean_normal(distinct), len(distinct)
    return _Sides(mean, own, owner, sides)


def _distinct(N: np.ndarray) -> np.ndarray:
    same = np.triu(N @ N.T > 1 - 1e-9, 1).any(axis=0)
    return N[~same]


def _sign_of(shape: Shape, patch: BoundaryPatch, found: Sides) -> Int[np.ndarray, " s"]:
    """1 or -1 where the shape ends across a side, its normal pointing out or in, 0 where it does not."""
    seen = flips(shape, found.beside, patch.normal(found.beside))
    sign = np.zeros(len(found.point), dtype=int)
    decided = np.flatnonzero(seen)[::-1]  # so that of a side the first counts
    sign[found.side[decided]] = seen[decided]
    return sign
