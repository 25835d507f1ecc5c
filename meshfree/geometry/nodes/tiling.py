"""Nodes of one spacing at once: cut from a periodic tile of nodes evened out before, and evened out near the boundary.

The tiles of the plane and of space are files beside this one, made by `scripts/make_tiles.py`. Lengths are in spacings.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import QhullError, cKDTree

from ...internal.batching import search_threads
from ..simplices import circumcenters
from .filling import CLEARANCE, NEIGHBOURS, apart

_RIM = 3.5  # from the boundary: as far as nodes are moved
_BESIDE = 2.0  # beyond the rim: nodes that push those in it
_HOLE = {2: 0.82, 3: 0.85}  # an empty ball of this radius has room for a node
_LEAST_GAP = 0.4  # to a boundary node, for one that is moved away from it
_THINNINGS = 8
_DENSEST = 6.0  # nodes for each unit of volume
_TRIALS = 4  # of the tile's scale, until as many nodes as are wanted lie inside
_SWEEPS = {2: (20, 32), 3: (24, 48)}  # at least, at most
_EFFORT = {2: 4000, 3: 20_000}  # moves of single nodes: few nodes can afford to be more even
_DEEP = 1.3  # from every boundary node: these leave holes of less than 1.2, so that the depth is 0.5 at least
_SHORT = {2: 0, 3: 4}  # of the blocks of sweeps, at the end
_MOMENTUM = 0.6  # of the last sweep's move: a quarter of the sweeps does
_SHIFT = 1.4  # from a boundary node: from further away none is reached between two searches
_REACHES = (CLEARANCE, CLEARANCE, 0.85, 0.95, 1.05)  # tried in turn to get a node away from boundary nodes
_AT_ONCE = 2**18  # nodes of the tile that are looked at together
_BLOCK = 4096  # nodes whose neighbours fit in the cache
_STREWN = 4  # random points in space for each node of the rim


@functools.cache
def tile(dim: int) -> Float[np.ndarray, "n d"]:
    """Nodes of a periodic cube of volume n, one for each unit of volume."""
    return np.load(Path(__file__).with_name(f"tile_{dim}d.npy")).astype(float)


@dataclass(frozen=True)
class Region:
    """What is filled, in the box from zero to `size`, lengths in spacings.

    `contains(X)` -> (n,) bool says which points lie inside, `deep(X)` which lie deep enough for a node: all do that are
    inside and further than `_DEEP` from the nodes `fixed` on the boundary.
    """

    size: Float[np.ndarray, " d"]
    volume: float
    contains: Callable[[np.ndarray], np.ndarray]
    deep: Callable[[np.ndarray], np.ndarray]
    fixed: Float[np.ndarray, "m d"]


def tiled(region: Region, density: float, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    """Nodes of that density inside a region: the tile laid somewhere, mirrored or turned by right angles."""
    dim, pitch = len(region.size), density ** (-1 / len(region.size))
    X = tile(dim)
    side, size = round(len(X) ** (1 / dim)), region.size / pitch
    # Mirrored by the sign: what is one period off is the same.
    X = (X[:, rng.permutation(dim)] * rng.choice([-1.0, 1.0], dim) + side * rng.random(dim)) % side
    copies = np.stack(np.meshgrid(*(np.arange(count) for count in np.ceil(size / side))), axis=-1).reshape(-1, dim)
    found = []
    for some in np.array_split(copies, len(copies) * len(X) // _AT_ONCE + 1):
        Y = (side * some[:, None] + X).reshape(-1, dim)
        Y = pitch * Y[np.all(Y < size, axis=1)]
        found.append(Y[region.contains(Y)])
    return np.concatenate(found)


def fill_from_tile(
    region: Region, count: int, crowded: float, rng: np.random.Generator
) -> Float[np.ndarray, "n d"] | None:
    """About `count` quasi-uniform nodes in a region, without those nearer to each other than `crowded`.

    None where the region is too narrow to be filled like this.
    """
    fixed, border = region.fixed, _Border(region)
    found = _cut(region, border, count, rng)
    if found is None:
        return None
    X, gap = found
    still, beside = X[gap >= _RIM], X[(gap >= _RIM) & (gap < _RIM + _BESIDE)]
    rest = np.concatenate([beside, fixed])
    Y, dim = X[gap < _RIM], X.shape[1]
    sweeps = int(np.clip(_EFFORT[dim] // count, *_SWEEPS[dim]))
    Y = _evened(Y, rest, border, sweeps)
    for _ in range(_THINNINGS):
        surplus = _surplus(Y, crowded)
        if not len(surplus):
            break
        Y = _evened(np.delete(Y, surplus, axis=0), rest, border, min(sweeps, 24))
    return np.concatenate([still, Y, _in_holes(Y, rest, border, rng)])


def _cut(
    region: Region, border: "_Border", count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """The `count` nodes of a tile that are furthest from the boundary, moved clear of it, and how far they were.

    None where no scale of the tile gives as many, as where a region is little more than its boundary.
    """
    taken = len(region.fixed) / 2  # a boundary node has half its cell inside
    density = (count + taken) / region.volume
    for _ in range(_TRIALS):
        if density > _DENSEST:
            break
        X = tiled(region, density, rng)
        gap = border.gap(X, _RIM + _BESIDE)
        clear = border.moved_away(X, gap)
        order = clear[np.argsort(-gap[clear], kind="stable")]
        if len(order) >= count and gap[order[count - 1]] < CLEARANCE:
            kept = np.sort(order[:count])
            return X[kept], gap[kept]
        there = len(order) if len(order) < count else np.sum(gap > (_LEAST_GAP + CLEARANCE) / 2)
        density *= np.clip(1.02 * (count + taken) / (there + taken), 0.7, 1.4)
    return None


def _evened(Y: np.ndarray, rest: np.ndarray, border: "_Border", sweeps: int) -> np.ndarray:
    """Nodes Y after a number of sweeps of mutual repulsion, the rest staying where they are."""
    everything, velocity = np.concatenate([Y, rest]).T.copy(), np.zeros(Y.T.shape)
    count, beside = len(Y), border.beside(Y)
    k = min(NEIGHBOURS[Y.shape[1]], len(Y) + len(rest) - 1)
    for together in _blocks(sweeps, _SHORT[Y.shape[1]]) if count else ():
        before, slide = everything[:, :count].copy(), border.slide(beside)
        near = cKDTree(everything.T).query(before.T, k + 1, workers=search_threads(count))[1]
        neighbours = near[:, 1:].T.copy()
        for _ in range(together):
            velocity = _MOMENTUM * velocity + _push(everything, neighbours)
            everything[:, :count] += velocity
            slide(everything)
        exposed, beside = beside.exposed, border.beside(everything.T[:count])
        exposed = np.flatnonzero(exposed | beside.exposed)
        stuck = exposed[~border.clear(everything.T[exposed], gap=beside.distance[exposed, 0])]
        velocity[:, stuck] = 0.0
        _move_back(everything, before, stuck, border)
        beside.distance[stuck], beside.nearest[stuck] = border.beside(everything.T[stuck])
    return everything.T[:count]


def _move_back(X: np.ndarray, before: np.ndarray, stuck: np.ndarray, border: "_Border") -> None:
    """Halve the moves of nodes that are not clear, or undo them, in place."""
    for share in (0.5, 0.5, 0.0):
        if not len(stuck):
            break
        X[:, stuck] = before[:, stuck] + share * (X[:, stuck] - before[:, stuck])
        stuck = stuck[~border.clear(X.T[stuck])]


def _blocks(sweeps: int, short: int) -> list[int]:
    """Numbers of sweeps between searches for neighbours; short ones last, so that nodes that met do not stay close."""
    return [4] * (sweeps // 4 - short // 2) + [2] * short


def _surplus(Y: np.ndarray, crowded: float) -> Int[np.ndarray, " s"]:
    """One node of each pair that is too close."""
    if len(Y) < 2:
        return np.empty(0, dtype=int)
    distance, near = cKDTree(Y).query(Y, 2)
    nearest, order = near[:, 1], np.arange(len(Y))
    return np.flatnonzero((distance[:, 1] < crowded) & (nearest[nearest] == order) & (order > nearest))


def _push(everything: Float[np.ndarray, "d m"], neighbours: Int[np.ndarray, "k n"]) -> Float[np.ndarray, "d n"]:
    """How far the neighbours push the first n nodes: each at distance r by 0.04 / r⁵, all together by at most 1/5."""
    n = neighbours.shape[1]
    blocks = (slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))
    return np.concatenate([_push_of(everything[:, s], everything[:, neighbours[:, s]]) for s in blocks], axis=1)


def _push_of(X: Float[np.ndarray, "d n"], near: Float[np.ndarray, "d k n"]) -> Float[np.ndarray, "d n"]:
    away = X[:, None] - near
    square = np.maximum(sum(one * one for one in away), 1e-6)
    away *= 0.04 / (square * square * square)
    move = away.sum(axis=1)
    return move * np.minimum(1, 0.2 / np.sqrt(np.maximum(sum(one * one for one in move), 1e-30)))


class _Border:
    """Keeps nodes inside a region, and `CLEARANCE` away from its boundary nodes."""

    def __init__(self, region: Region):
        self._region, self._tree = region, cKDTree(region.fixed)

    def gap(self, X: np.ndarray, most: float) -> Float[np.ndarray, " n"]:
        """Distance to the nearest boundary node, infinite from `most` on."""
        return self._tree.query(X, distance_upper_bound=most, workers=search_threads(len(X)))[0]

    def clear(
        self, X: np.ndarray, clearance: float = CLEARANCE, gap: np.ndarray | None = None
    ) -> Bool[np.ndarray, " n"]:
        """Which points, whose gaps may be known, may hold a node."""
        if not len(X):
            return np.ones(0, dtype=bool)
        gap = self.gap(X, _DEEP) if gap is None else gap
        near, far = np.flatnonzero((gap >= clearance) & (gap < _DEEP)), np.flatnonzero(gap >= _DEEP)
        ok = np.zeros(len(X), dtype=bool)
        ok[near] = self._region.deep(X[near])
        if len(far):
            ok[far] = self._region.contains(X[far])
        return ok

    def moved_away(self, X: np.ndarray, gap: np.ndarray) -> Int[np.ndarray, " k"]:
        """Which of the points X, with those gaps, are clear, when they are moved away from boundary nodes in place."""
        waiting = np.flatnonzero((gap > _LEAST_GAP) & (gap < _SHIFT))
        for reach in _REACHES:
            waiting = waiting[~self.clear(X[waiting])]
            if not len(waiting):
                break
            distance, nearest = self._tree.query(X[waiting])
            near = np.flatnonzero(distance < reach)
            centres, stretch = self._region.fixed[nearest[near]], 1.001 * reach / distance[near]
            X[waiting[near]] = centres + (X[waiting[near]] - centres) * stretch[:, None]
        ok = gap > _LEAST_GAP
        ok[waiting] = self.clear(X[waiting])
        return np.flatnonzero(ok)

    def beside(self, X: np.ndarray) -> "_Beside":
        """The two nearest boundary nodes of points, where these may reach them before they are asked for again."""
        return _Beside(*self._tree.query(X, [1, 2], distance_upper_bound=_SHIFT, workers=search_threads(len(X))))

    def slide(self, beside: "_Beside") -> Callable[[np.ndarray], None]:
        """A function that moves columns straight away from the boundary nodes beside them."""
        index = np.flatnonzero(beside.exposed)
        # Nothing is near the point that stands for no second one.
        fixed = np.concatenate([self._region.fixed, np.full((1, self._region.fixed.shape[1]), np.inf)])
        centres = [fixed[beside.nearest[index, i]].T for i in (1, 0)]

        def slide(columns):
            for centre in centres:
                away = columns[:, index] - centre
                square = sum(one * one for one in away)
                near = np.flatnonzero((square < CLEARANCE**2) & (square > 0))
                stretch = 1.001 * CLEARANCE / np.sqrt(square[near])
                columns[:, index[near]] = centre[:, near] + away[:, near] * stretch

        return slide


class _Beside(NamedTuple):
    """Distances to, and numbers of, the two nearest boundary nodes: infinite, and one too many, where there is none."""

    distance: Float[np.ndarray, "n 2"]
    nearest: Int[np.ndarray, "n 2"]

    @property
    def exposed(self) -> Bool[np.ndarray, " n"]:
        """Which points have a boundary node beside them."""
        return np.isfinite(self.distance[:, 0])


def _in_holes(Y: np.ndarray, rest: np.ndarray, border: _Border, rng: np.random.Generator) -> np.ndarray:
    """Nodes for places in the rim further than `_HOLE` from every node."""
    everything, hole = np.concatenate([Y, rest]), _HOLE[Y.shape[1]]
    places = _emptiest(everything, border) if Y.shape[1] == 2 else _strewn(Y, rng)
    gap = cKDTree(everything).query(places, workers=search_threads(len(places)))[0]
    places = places[np.argsort(-gap, kind="stable")[: np.sum(gap > hole)]]
    places = places[border.clear(places, hole)]
    return places[apart(places, np.full(len(places), CLEARANCE), Y[:0])]


def _emptiest(X: np.ndarray, border: _Border) -> np.ndarray:
    """Where in the rim, in the plane, the distance to the nodes is largest locally."""
    try:
        centres = circumcenters(X)
    except QhullError:  # few nodes, all on one line
        return X[:0]
    centres = centres[np.all(np.abs(centres) < 2 * np.max(np.abs(X)), axis=1)]
    return centres[border.gap(centres, _RIM + 1.0) < _RIM + 1.0]


def _strewn(Y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random points around the nodes: in space, Delaunay's simplices would need longer than all else."""
    places = np.repeat(Y, _STREWN, axis=0)
    return places + rng.uniform(-1, 1, places.shape)
