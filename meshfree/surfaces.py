"""The boundary in space of a shape made of primitive shapes: corners, edges, crossing curves, surfaces.

In this order, each stage keeping the nodes of those before it. Edges are nodes by arc length, as in the
plane. Where the surfaces of two primitives cross, seeds near the crossing are drawn onto both surfaces by
Newton's method and spread along the curve; a crossing curve much shorter than the spacing may be missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from meshfree.boundary import BoundaryNodes, Nodes, arc_length_parameters, mean_normal
from meshfree.nodes import CLEARANCE, DENSITY, Chart, apart, cells, draw, fill, spread
from meshfree.pieces import Patch
from meshfree.shape import Shape
from meshfree.spacing import Spacing
from meshfree.stretches import OFF_CENTRE, Stretch, cut, flips, groups

_ANGLES = 0.3 + np.arange(8) * np.pi / 4
_EDGE_SHARE = 0.9  # surface nodes that an edge node stands for, half of them on either side


@dataclass(frozen=True)
class Skin:
    """A shape and the surface patches of the primitives it is made of, each with its primitive's number."""

    shape: Shape
    patches: tuple[tuple[int, Patch], ...]
    parts: tuple[str, ...]
    size: float
    tolerance: float

    @classmethod
    def of(cls, shape: Shape, parts: Sequence[str]) -> "Skin":
        """Gather the patches of a shape's primitives."""
        patches = tuple((number, patch) for number, leaf in enumerate(shape.leaves) for patch in leaf.pieces)
        return cls(shape, patches, tuple(parts), shape.extent, 1e5 * shape.round_off)

    def on(self, patch: Patch, X: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
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


def place_surface(shape: Shape, parts: Sequence[str], spacing: Spacing, rng: np.random.Generator) -> Nodes:
    """Quasi-uniform nodes on the surface of a shape in space, by part; at least one in each."""
    skin = Skin.of(shape, parts)
    points, normals, own, owner = _features(skin, spacing, rng)
    for number, patch in skin.patches:
        if patch.part not in parts:
            continue
        index = parts.index(patch.part)
        X = _on_patch(skin, number, patch, spacing, points, int(index not in owner), rng)
        N = flips(shape, X, patch.normal(X))[:, None] * patch.normal(X)
        points = np.concatenate([points, X])
        normals, own = np.concatenate([normals, N]), np.concatenate([own, N])
        owner = np.concatenate([owner, np.full(len(X), index)])
    columns = (points, normals, own)
    return {part: BoundaryNodes(*(c[owner == index] for c in columns)) for index, part in enumerate(parts)}


def _on_patch(
    skin: Skin,
    number: int,
    patch: Patch,
    spacing: Spacing,
    fixed: np.ndarray,
    least: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "n 3"]:
    """Nodes, `least` or more, on what a patch adds to the surface, not where it repeats an earlier one."""
    chart = _chart(patch)
    earlier = skin.shape.leaves[:number]

    def accept(X):
        if len(skin.shape.leaves) == 1:
            return np.ones(len(X), dtype=bool)
        N = patch.normal(X)
        ok = flips(skin.shape, X, N) != 0
        for other in earlier:
            ok[ok] = flips(other, X[ok], N[ok]) == 0
        return ok

    boxes = cells(chart, spacing)
    trial = draw(chart, boxes, max(1.0, 2000 / boxes.load.sum()), rng)
    shown = accept(trial)
    share = boxes.load.sum() * shown.mean()
    count = max(0, round(DENSITY * share - _EDGE_SHARE / 2 * skin.on(patch, fixed).sum()))
    found = fill(chart, spacing, accept, patch.project, fixed, count, rng) if count else trial[:0]
    if len(found) < least and shown.any():
        found = _farthest(trial[shown], fixed)
    return found


def _farthest(X: np.ndarray, fixed: np.ndarray) -> Float[np.ndarray, "1 3"]:
    gap = cKDTree(fixed).query(X)[0] if len(fixed) else np.zeros(len(X))
    return X[[np.argmax(gap)]]


def _chart(patch: Patch) -> Chart:
    return Chart(np.zeros(2), np.ones(2), patch.area, patch.at)


# ------------------------------------------------------------------------------- corners, edges, crossings


def _features(
    skin: Skin, spacing: Spacing, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Nodes on the edges and crossing curves: points, mean normals, normals and number of the owning part."""
    corners, inner = _edge_nodes(skin, spacing)
    # Edges of two primitives may coincide: the second's nodes would lie between the first's.
    points = np.concatenate([corners, inner[apart(inner, 0.5 * spacing(inner), corners)]])
    for first, (number, patch) in enumerate(skin.patches):
        others = [other for other in skin.patches[first + 1 :] if other[0] != number]
        if others:
            points = _crossing_nodes(skin, patch, others, spacing, points, rng)
    sides = _sides(skin, points)
    return points, sides.mean, sides.own, sides.owner


def _edge_nodes(skin: Skin, spacing: Spacing) -> tuple[np.ndarray, np.ndarray]:
    """Ends, and nodes by arc length, of all edges of primitives, cut where they meet other primitives."""
    ends, inner = [np.empty((0, 3))], [np.empty((0, 3))]
    for one in _sharp_edges(skin):
        ends.append(one.point(np.array([0.0, 1.0])))
        inner.append(one.point(arc_length_parameters(one, spacing, skin.size)))
    corners = np.concatenate(ends)
    if len(corners):
        corners = corners[[group[0] for group in groups(corners, 1e-6 * skin.size)]]
    return corners, np.concatenate(inner)


def _sharp_edges(skin: Skin) -> list[Stretch]:
    """The stretches of the primitives' edges that are edges of the whole."""
    cuts = []
    for leaf in skin.shape.leaves:
        others = [other for other in skin.shape.leaves if other is not leaf]
        for edge in leaf.edges:
            cuts += cut(edge, others, skin.size, skin.shape.round_off)
    if not cuts:
        return []
    judged = np.concatenate([one.point(np.array([OFF_CENTRE])) for one in cuts])
    return [one for one, sides in zip(cuts, _sides(skin, judged).sides, strict=True) if sides >= 2]


def _crossing_nodes(
    skin: Skin,
    patch: Patch,
    others: Sequence[tuple[int, Patch]],
    spacing: Spacing,
    points: np.ndarray,
    rng: np.random.Generator,
) -> Float[np.ndarray, "n 3"]:
    """Append nodes on the curves where a patch crosses those of other primitives."""
    seeds = draw(_chart(patch), cells(_chart(patch), spacing), 9.0, rng)
    reach = spacing(seeds)
    for number, other in others:
        near = np.abs(skin.shape.leaves[number].distance(seeds)) < reach
        points = np.concatenate([points, _on_crossing(skin, patch, other, spacing, points, seeds[near])])
    return points


def _on_crossing(
    skin: Skin, one: Patch, two: Patch, spacing: Spacing, fixed: np.ndarray, seeds: np.ndarray
) -> Float[np.ndarray, "n 3"]:
    """Draw seeds onto the curve where two patches cross, and spread them between the fixed nodes."""

    def onto(X):
        return _onto_both(one, two, X, skin.tolerance)

    def accept(X):
        return skin.on(one, X) & skin.on(two, X)

    X = onto(seeds)
    X = _sharp(skin, X[accept(X)])
    X = X[apart(X, CLEARANCE * spacing(X), fixed)]
    return _sharp(skin, spread(X, fixed, spacing, accept, onto, 1))


def _sharp(skin: Skin, X: np.ndarray) -> Float[np.ndarray, "n 3"]:
    """Those of X where surfaces of the shape meet at an angle."""
    return X[_sides(skin, X).sides >= 2] if len(X) else X


def _onto_both(one: Patch, two: Patch, X: np.ndarray, tolerance: float) -> np.ndarray:
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


def _sides(skin: Skin, X: Float[np.ndarray, "n 3"]) -> _Sides:
    """What meets at points of the surface.

    A patch through a point counts where the shape ends across it somewhere on a small ring around the
    point; patches that share a normal count once. One normal means a smooth place, none a point off the
    surface.
    """
    found = np.full((len(X), len(skin.patches), 3), np.nan)
    owner, own = np.full(len(X), len(skin.parts)), np.zeros((len(X), 3))
    for position, (_, patch) in enumerate(skin.patches):
        near = np.flatnonzero(skin.on(patch, X))
        if len(near) == 0 or patch.part not in skin.parts:
            continue
        sign = _sign_around(skin, patch, X[near])
        near, sign = near[sign != 0], sign[sign != 0]
        found[near, position] = sign[:, None] * patch.normal(X[near])
        part = skin.parts.index(patch.part)
        first = near[part < owner[near]]
        own[first], owner[first] = found[first, position], part
    distinct = [_distinct(normals[~np.isnan(normals[:, 0])]) for normals in found]
    mean = np.array([mean_normal(N) if len(N) else np.zeros(3) for N in distinct]).reshape(-1, 3)
    return _Sides(mean, own, owner, np.array([len(N) for N in distinct], dtype=int))


def _distinct(N: np.ndarray) -> np.ndarray:
    same = np.triu(N @ N.T > 1 - 1e-9, 1).any(axis=0)
    return N[~same]


def _sign_around(skin: Skin, patch: Patch, X: np.ndarray) -> np.ndarray:
    """1 or -1 where the shape ends across the patch right beside X, 0 where it does not."""
    radius = 1e-4 * skin.size
    N = patch.normal(X)
    u = np.cross(N, np.eye(3)[np.argmin(np.abs(N), axis=1)])
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    ring = np.cos(_ANGLES)[:, None, None] * u + np.sin(_ANGLES)[:, None, None] * np.cross(N, u)
    beside = (X + radius * ring).reshape(-1, 3)
    Y = patch.project(beside)
    # Beyond the rim of the patch the projection falls back onto the rim, which says nothing.
    valid = np.linalg.norm(Y - beside, axis=1) < 0.1 * radius
    sign = np.where(valid, flips(skin.shape, Y, patch.normal(Y)), 0).reshape(len(_ANGLES), len(X))
    return np.take_along_axis(sign, np.argmax(sign != 0, axis=0)[None], axis=0)[0]
