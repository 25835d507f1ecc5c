"""Quasi-uniform nodes: stratified random seeds, then a few sweeps of mutual repulsion.

What is filled (a volume, a curved surface) enters as a `Chart`, so that both share one algorithm.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ...internal.batching import search_threads
from ..periods import Periods, nearest_image, neighbour_tree, with_images
from ..simplices import circumcenters
from ..spacing import Spacing, check_count
from .fine_spots import FineSpots

CLEARANCE = 0.75  # to the nearest boundary node, in spacings: at least 0.5 from the boundary between nodes
DENSITY = 1.04  # nodes per spacing^d: then the median nearest-neighbour distance is 0.93 to 0.97 spacings
_CROWDED = 0.68  # interior nodes closer than this, in spacings, are too many for a narrow place
_THINNINGS = 3
_MOST_SEEDS = 2e6  # drawn in vain
_HOPELESS = 250.0  # seeds for each node that is wanted: if none of them finds a place, no others will
_HOLE = 0.85  # in spacings: an empty ball of this radius has room for a node
_SWEEPS = (24, 64)  # at least, at most: a small cloud can afford to be more even
_REBUILD = 4  # sweeps between two searches for neighbours
_BESIDE = 2.5  # spacings from nodes that move: those which push them
_MARGIN = 4.0  # spacings around a box that repeats, whose images tell of holes in it
_JUMP = 2.5  # times the smaller spacing of two nodes, by which they push each other at most
NEIGHBOURS = {1: 2, 2: 8, 3: 14}


@dataclass(frozen=True)
class Chart:
    """A measure-preserving map of a box of parameters onto the volume or surface to be filled.

    `at` maps parameters (n, p) to points (n, d); `measure` is the volume (area) of the whole box's image.
    """

    lower: Float[np.ndarray, " p"]
    upper: Float[np.ndarray, " p"]
    measure: float
    at: Callable

    @property
    def dim(self) -> int:
        """The dimension p of what is filled: 2 for a surface in space."""
        return len(self.lower)


@dataclass(frozen=True)
class Cells:
    """Boxes of parameters, neighbours next to one another, each holding `load` nodes on average."""

    lower: Float[np.ndarray, "c p"]
    upper: Float[np.ndarray, "c p"]
    load: Float[np.ndarray, " c"]


def cells(chart: Chart, spacing: Spacing) -> Cells:
    """Halve the chart's box, longest side first, until no cell is due more than one node.

    Raises ValueError when that would make more than `spacing.MOST_NODES` nodes.
    """
    lower, upper = chart.lower[None].astype(float), chart.upper[None].astype(float)
    whole = np.prod(chart.upper - chart.lower)
    spots = FineSpots(chart.at, chart.lower, chart.upper, spacing)
    while True:
        share = np.prod(upper - lower, axis=1) / whole * chart.measure
        h = spacing(chart.at((lower + upper) / 2))
        load = share / h**chart.dim
        # The midpoint of a large cell may be the very spot where nodes are fine.
        check_count(np.sort(load)[: -(2**chart.dim)].sum())
        # A spacing that is small in one spot shows by samples, or once the cells are fine enough to hit it.
        split = (load > 1) | (len(load) < 256) | spots.within(h, share)
        if not split.any():
            check_count(load.sum())
            return Cells(lower, upper, load)
        lower, upper = _halve(lower, upper, split)
        spots.follow(split, lower, upper)


def _halve(lower: np.ndarray, upper: np.ndarray, split: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axis = np.argmax(upper - lower, axis=1)
    middle = np.take_along_axis((lower + upper) / 2, axis[:, None], axis=1)[:, 0]
    first = np.cumsum(1 + split) - (1 + split)
    low, high = np.repeat(lower, 1 + split, axis=0), np.repeat(upper, 1 + split, axis=0)
    high[first[split], axis[split]] = middle[split]
    low[first[split] + 1, axis[split]] = middle[split]
    return low, high


def draw(chart: Chart, boxes: Cells, density: float, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    """One random point for every unit of the cells' load times `density` (systematic sampling)."""
    total = np.cumsum(boxes.load * density)
    index = np.searchsorted(total, np.arange(rng.random(), total[-1], 1.0))
    low, high = boxes.lower[index], boxes.upper[index]
    return chart.at(low + rng.random(low.shape) * (high - low))


def fill(
    chart: Chart,
    spacing: Spacing,
    accept: Callable[[np.ndarray], np.ndarray],
    retract: Callable[[np.ndarray], np.ndarray],
    fixed: Float[np.ndarray, "m d"],
    count: int,
    rng: np.random.Generator,
    starts: int = 1,
    crowded: float = _CROWDED,
    periods: Periods = None,
) -> Float[np.ndarray, "n d"]:
    """About `count` quasi-uniform nodes on the accepted part of a chart, at a distance from the fixed ones.

    `accept(X)` -> (n,) bool says which points lie inside, `retract(X)` -> (n, d) returns moved points to
    the surface (the identity in a volume). Fewer nodes come back where no more fit without being nearer to
    each other than `crowded` spacings. Of several random starts the one with the best separated nodes is taken. With
    `periods` what is filled repeats, and `retract` takes points back into the box.
    """
    guard = _Guard(fixed, accept, periods)

    def spread_out(X):
        return spread(X, fixed, spacing, accept, retract, chart.dim, periods)

    found = [spread_out(_seeds(chart, spacing, guard, count, rng))]
    for _ in range(starts - 1 if len(found[0]) else 0):
        found.append(spread_out(_seeds(chart, spacing, guard, count, rng)))
    X = max(found, key=lambda X: _separation(X, fixed, spacing, periods)) if len(found) > 1 else found[0]
    for _ in range(_THINNINGS):
        roomy = X[apart(X, crowded * spacing(X), X[:0], periods=periods)]
        if len(roomy) == len(X):
            break
        X = spread_out(roomy)
    return np.concatenate([X, _in_holes(chart, spacing, guard, X, rng)])


def mend(
    chart: Chart,
    spacing: Spacing,
    accept: Callable[[np.ndarray], np.ndarray],
    retract: Callable[[np.ndarray], np.ndarray],
    fixed: Float[np.ndarray, "m d"],
    still: Float[np.ndarray, "s d"],
    X: Float[np.ndarray, "n d"],
    count: int,
    rng: np.random.Generator,
    crowded: float = _CROWDED,
    periods: Periods = None,
) -> Float[np.ndarray, "k d"]:
    """`fill` where most nodes are known: those `still` stay, and the X beside fixed nodes and seams are evened out."""
    guard = _Guard(fixed, accept, periods)
    X = X[guard.clear(X, spacing(X))]
    X = thin(X, spacing(X), count - len(still), periods)
    gap = neighbour_tree(X, periods).query(still, workers=search_threads(len(still)))[0]
    rest = np.concatenate([fixed, still[gap < _BESIDE * spacing(still)]])
    for _ in range(1 + _THINNINGS):
        X = spread(X, rest, spacing, accept, retract, chart.dim, periods)
        roomy = apart(X, crowded * spacing(X), X[:0], periods=periods)
        if len(roomy) == len(X):
            break
        X = X[roomy]
    moved, X = np.concatenate([X, rest]), np.concatenate([still, X])
    return np.concatenate([X, _in_holes(chart, spacing, guard, X, rng, moved)])


def _in_holes(
    chart: Chart,
    spacing: Spacing,
    guard: "_Guard",
    X: np.ndarray,
    rng: np.random.Generator,
    around: np.ndarray | None = None,
) -> np.ndarray:
    """Nodes for places further than `_HOLE` spacings from every node; `around`: those of the X that may have some."""
    if len(X) == 0:
        return X
    Y = (
        _emptiest(chart, spacing, guard, X if around is None else around)
        if X.shape[1] == 2
        else _strewn(chart, spacing, X, rng)
    )
    gap = neighbour_tree(X, guard.periods).query(Y, workers=search_threads(len(Y)))[0] / spacing(Y)
    Y = Y[np.argsort(-gap, kind="stable")[: np.sum(gap > _HOLE)]]
    Y = Y[guard.clear(Y, _HOLE / CLEARANCE * spacing(Y))]
    return Y[apart(Y, CLEARANCE * spacing(Y), X[:0], periods=guard.periods)]


def _emptiest(chart: Chart, spacing: Spacing, guard: "_Guard", X: np.ndarray) -> np.ndarray:
    """Where in the plane the distance to the nodes is largest locally."""
    everything = np.concatenate([X, guard.fixed])
    if guard.periods is not None:
        everything = with_images(everything, chart.lower, guard.periods, _MARGIN * spacing(X).max())[0]
    Y = circumcenters(everything)
    return Y[np.all((Y >= chart.lower) & (Y <= chart.upper), axis=1)]


def _strewn(chart: Chart, spacing: Spacing, X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random points, two or more for every node: in space, Delaunay's simplices would need longer than all else."""
    return draw(chart, cells(chart, spacing), float(np.clip(200_000 / len(X), 2, 32)), rng)


def apart(
    X: Float[np.ndarray, "n d"],
    radius: Float[np.ndarray, " n"],
    fixed: Float[np.ndarray, "m d"],
    parted: Callable[[int, Int[np.ndarray, " k"]], Bool[np.ndarray, " k"]] | None = None,
    periods: Periods = None,
) -> Int[np.ndarray, " k"]:
    """Numbers of those X, first come first served, that keep their radius from one another and from fixed nodes.

    `parted(i, others)` tells which others may come as near to number i as they like.
    """
    if len(X) == 0:
        return np.empty(0, dtype=int)
    keep = neighbour_tree(fixed, periods).query(X)[0] > radius if len(fixed) else np.ones(len(X), dtype=bool)
    tree = neighbour_tree(X, periods)
    # Most have room: the neighbours of the others are listed only.
    crowded = np.flatnonzero(tree.query(X, 2, distance_upper_bound=radius.max())[0][:, 1] <= radius)
    for i, near in zip(crowded, tree.query_ball_point(X[crowded], radius[crowded]), strict=True):
        if keep[i]:
            later = np.array([j for j in near if j > i], dtype=int)
            # where the spacing jumps, nodes on the fine side do not make room for those on the other
            later = later[np.linalg.norm(nearest_image(X[later] - X[i], periods), axis=1) <= 2 * radius[later]]
            keep[later if parted is None else later[~parted(int(i), later)]] = False
    return np.flatnonzero(keep)


def _separation(X: np.ndarray, fixed: np.ndarray, spacing: Spacing, periods: Periods) -> float:
    """The least nearest-neighbour distance of the nodes X, in spacings."""
    if len(X) + len(fixed) < 2:
        return 0.0
    distance = neighbour_tree(np.concatenate([X, fixed]), periods).query(X, 2)[0][:, 1]
    return float(np.min(distance / spacing(X), initial=1.0))


def _seeds(chart: Chart, spacing: Spacing, guard: "_Guard", count: int, rng: np.random.Generator) -> np.ndarray:
    boxes, density = cells(chart, spacing), DENSITY
    for _ in range(8):
        X = draw(chart, boxes, density, rng)
        X = X[guard.clear(X, spacing(X))]
        # a region much narrower than the spacing takes no node, however many are tried
        if len(X) >= 1.05 * count or density * boxes.load.sum() > max(_MOST_SEEDS, 4 * boxes.load.sum()):
            break
        if len(X) == 0 and density > _HOPELESS:
            break
        density *= np.clip(1.12 * count / max(len(X), 0.1), 1.05, 4.0)
    return thin(X, spacing(X), count, guard.periods)


def thin(
    X: Float[np.ndarray, "n d"], h: Float[np.ndarray, " n"], count: int, periods: Periods = None
) -> Float[np.ndarray, "m d"]:
    """Drop one node of the closest pairs until `count` are left."""
    while len(X) > max(count, 1):
        distance, neighbour = neighbour_tree(X, periods).query(X, 2)
        neighbour, order = neighbour[:, 1], np.arange(len(X))
        # Of mutual neighbours only, so that the pairs of one round are disjoint.
        pair = np.flatnonzero((neighbour[neighbour] == order) & (order > neighbour))
        pair = pair[np.argsort(distance[pair, 1] / h[pair], kind="stable")][: len(X) - count]
        if len(pair) == 0:
            break
        X, h = np.delete(X, pair, axis=0), np.delete(h, pair)
    return X[:count]


def spread(
    X: Float[np.ndarray, "n d"],
    fixed: Float[np.ndarray, "m d"],
    spacing: Spacing,
    accept: Callable[[np.ndarray], np.ndarray],
    retract: Callable[[np.ndarray], np.ndarray],
    dim: int,
    periods: Periods = None,
) -> Float[np.ndarray, "n d"]:
    """Let nodes repel one another, for a curve (dim 1), a surface (2) or a volume (3) to be filled evenly.

    Arguments as for `fill`. A node that would leave the accepted part, or come too near a fixed node, stays.
    """
    if len(X) == 0:
        return X
    guard, h_fixed = _Guard(fixed, accept, periods), spacing(fixed)
    for _ in range(int(np.clip(500_000 // len(X), *_SWEEPS)) // _REBUILD):
        h = spacing(X)
        everything = np.concatenate([X, fixed])
        neighbours = _neighbours(X, everything, NEIGHBOURS[dim], periods)
        around = np.concatenate([h, h_fixed])[neighbours]
        # where the spacing jumps, nodes on the fine side make room among themselves
        mean_h = np.minimum((h[:, None] + around) / 2, _JUMP * np.minimum(h[:, None], around))
        exposed = guard.exposed(X, 3 * h)
        before = X[exposed]
        for _ in range(_REBUILD):
            everything[: len(X)] = X
            X = retract(X + _push(X, everything, neighbours, mean_h, periods))
            X[exposed] = guard.slide(X[exposed], h[exposed], retract)
        X[exposed] = np.where(guard.clear(X[exposed], h[exposed])[:, None], X[exposed], before)
    return X


def _neighbours(X: np.ndarray, everything: np.ndarray, k: int, periods: Periods) -> Int[np.ndarray, "n k"]:
    k = min(k, len(everything) - 1)
    if k == 0:
        return np.zeros((len(X), 0), dtype=int)
    return neighbour_tree(everything, periods).query(X, k + 1, workers=search_threads(len(X)))[1][:, 1:]


def _push(X: np.ndarray, everything: np.ndarray, neighbours: np.ndarray, h: np.ndarray, periods: Periods) -> np.ndarray:
    """Each neighbour at distance r pushes by 0.04 h (h/r)⁵, all together by at most h/5."""
    away = nearest_image(X[:, None] - everything[neighbours], periods)
    near = h**2 / np.maximum(np.einsum("nkd,nkd->nk", away, away), 1e-6 * h**2)
    move = 0.04 * np.einsum("nkd,nk->nd", away, near**3)
    length = np.linalg.norm(move, axis=1, keepdims=True)
    return move * np.minimum(1, 0.2 * h.mean(axis=1, keepdims=True) / np.maximum(length, 1e-300))


class _Guard:
    """Keeps nodes where they are accepted, and `CLEARANCE` spacings away from the fixed nodes."""

    def __init__(self, fixed: np.ndarray, accept: Callable, periods: Periods = None):
        self.fixed, self.periods = fixed, periods
        self._accept = accept
        self._tree = neighbour_tree(fixed, periods) if len(fixed) else None

    def exposed(self, X: np.ndarray, reach: np.ndarray) -> Int[np.ndarray, " e"]:
        """The nodes within reach of the border: all of them where no fixed node marks it."""
        if self._tree is None:
            return np.arange(len(X))
        return np.flatnonzero(self._distance(X, reach) < reach)

    def clear(self, X: np.ndarray, h: np.ndarray) -> Bool[np.ndarray, " n"]:
        """Which points may hold a node."""
        ok = self._distance(X, CLEARANCE * h) >= CLEARANCE * h
        ok[ok] = self._accept(X[ok])
        return ok

    def slide(self, X: np.ndarray, h: np.ndarray, retract: Callable) -> np.ndarray:
        """The points, those too near a fixed node moved straight away from it."""
        if self._tree is not None and len(X):
            distance, nearest = self._tree.query(X)
            near = (distance < CLEARANCE * h) & (distance > 0)
            centre = self.fixed[nearest[near]]
            stretch = 1.001 * CLEARANCE * h[near] / distance[near]
            X[near] = retract(centre + nearest_image(X[near] - centre, self.periods) * stretch[:, None])
        return X

    def _distance(self, X: np.ndarray, most: np.ndarray) -> Float[np.ndarray, " n"]:
        """Distance to the nearest fixed node, infinite where it is above every `most`."""
        if self._tree is None or len(X) == 0:
            return np.full(len(X), np.inf)
        return self._tree.query(X, distance_upper_bound=most.max(), workers=search_threads(len(X)))[0]
