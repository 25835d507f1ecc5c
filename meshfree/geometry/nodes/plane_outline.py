"""The boundary of a plane shape made of primitive shapes: its smooth stretches, cut where primitives meet.

A point on a primitive's boundary lies on the boundary of the whole where membership of the whole changes
across it. That one test (`flips`) serves unions, intersections, differences and coinciding sides alike.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..boundary import BoundaryCurve, Segment
from ..shape import Shape
from .arc_length import length

_SAMPLES = 512  # of a curve as long as the shape is wide, to find its crossings
_SIXTEENTHS = np.linspace(0, 1, 17)[:, None]
OFF_CENTRE = 0.4871  # stretches are judged here: a symmetric shape may touch another one at their middle


def flips(shape: Shape, X: Float[np.ndarray, "n d"], N: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
    """Where the shape ends at X: 1 if N points out of it, -1 if into it, 0 if X is not on its boundary."""
    step = max(1e-7 * shape.extent, 100 * shape.round_off) * N
    return shape.contains(X - step).astype(int) - shape.contains(X + step).astype(int)


@dataclass(frozen=True)
class Stretch:
    """The part of a curve between two of its parameters, run through by s in [0, 1].

    `sign` is -1 where the domain lies to the right of the curve instead of the left. A `closed` stretch
    comes back to its first point smoothly.
    """

    curve: BoundaryCurve
    start: float
    stop: float
    sign: int = 1
    closed: bool = False

    @property
    def part(self) -> str:
        """The name of the curve's part."""
        return self.curve.part

    @property
    def straight(self) -> bool:
        """Whether it is a straight line, run through at constant speed."""
        return self.curve.straight

    def _parameter(self, s: np.ndarray) -> np.ndarray:
        reach = self.stop - self.start
        return np.where(s < 0.5, self.start + s * reach, self.stop - (1 - s) * reach)

    def point(self, s: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
        """Points of the stretch."""
        return self.curve.point(self._parameter(s))

    def velocity(self, s: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
        """Derivatives of the points by s."""
        return (self.stop - self.start) * self.curve.velocity(self._parameter(s))

    def normal(self, s: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        """Unit outward normals, in the plane."""
        return self.sign * self.curve.normal(self._parameter(s))


def stretches(shape: Shape) -> list[Stretch]:
    """The smooth pieces of a plane shape's boundary, cut where the primitives' boundaries meet."""
    boxes, found = np.array([leaf.bounds for leaf in shape.leaves]), []
    for number, leaf in enumerate(shape.leaves):
        for curve in leaf.pieces:
            others = [shape.leaves[i] for i in _meeting(boxes, curve, shape.extent).tolist() if i != number]
            found += [(number, one) for one in cut(curve, others, shape.extent, shape.round_off)]
    return joined(_kept(shape, boxes, found), 1e-6 * shape.extent)


def _meeting(boxes: Float[np.ndarray, "k 2 2"], curve: BoundaryCurve, size: float) -> Int[np.ndarray, " m"]:
    """Numbers of the boxes that a curve may meet."""
    if len(boxes) == 1:
        return np.zeros(1, dtype=int)
    X = curve.point(np.linspace(0, 1, 33))
    between = 0.0 if isinstance(curve, Segment) else float(np.linalg.norm(np.diff(X, axis=0), axis=1).max())
    beyond = between + 1e-6 * size
    apart = (X.min(axis=0) - beyond > boxes[:, 1]) | (X.max(axis=0) + beyond < boxes[:, 0])
    return np.flatnonzero(~apart.any(axis=1))


def _kept(shape: Shape, boxes: Float[np.ndarray, "k 2 2"], candidates: list[tuple[int, Stretch]]) -> list[Stretch]:
    """Those candidates, with the numbers of their leaves, that bound the shape and coincide with no earlier leaf's."""
    if not candidates:
        return []
    s, leaf = np.array([OFF_CENTRE]), np.array([number for number, _ in candidates])
    X = np.concatenate([one.point(s) for _, one in candidates])
    N = np.concatenate([one.normal(s) for _, one in candidates])
    sign, slack = flips(shape, X, N), 1e-6 * shape.extent
    for number, (lower, upper) in enumerate(boxes):
        within = np.all((lower - slack <= X) & (X <= upper + slack), axis=1)
        near = np.flatnonzero((sign != 0) & (leaf > number) & within)
        if len(near):
            sign[near[flips(shape.leaves[number], X[near], N[near]) != 0]] = 0
    return [replace(one, sign=int(side)) for (_, one), side in zip(candidates, sign, strict=True) if side]


def joined(found: list[Stretch], tolerance: float) -> list[Stretch]:
    """Undo the cuts where only two halves of one curve meet: a boundary met there is none of the whole."""
    pieces = dict(enumerate(found))
    owner = list(range(len(found)))  # the piece that a stretch has become part of
    for group in groups(end_points(found), tolerance):
        stops, starts = (
            group[group % 2 == 1] // 2,
            group[group % 2 == 0] // 2,
        )  # ends: start, stop, start, ...
        if len(stops) == len(starts) == 1:
            one, other = owner[stops[0]], owner[starts[0]]
            joined = _join(pieces[one], pieces[other])
            if joined:
                pieces[one] = joined
                if other != one:
                    owner = [one if piece == other else piece for piece in owner]
                    del pieces[other]
    return list(pieces.values())


def _join(one: Stretch, other: Stretch) -> Stretch | None:
    """The two as one stretch, where the second goes on as the first stops; one that meets itself is closed."""
    if one.curve is not other.curve or one.sign != other.sign:
        return None
    if one is other:
        return replace(one, closed=True) if one.curve.closed else None
    if one.stop == other.start or (one.curve.closed and one.stop == 1.0 + other.start):
        return replace(one, stop=one.stop + (other.stop - other.start))
    return None


def end_points(found: Sequence[Stretch]) -> Float[np.ndarray, "n d"]:
    """Start, stop, start, ... of stretches."""
    return np.concatenate([one.point(np.array([0.0, 1.0])) for one in found]) if found else np.empty((0, 2))


def cut(curve: BoundaryCurve, others: Sequence[Shape], size: float, tolerance: float) -> list[Stretch]:
    """Cut a curve where it meets the boundaries of the other shapes; slivers are merged away."""
    if not others:
        return [Stretch(curve, 0.0, 1.0)]
    samples = np.linspace(0, 1, _sample_count(curve, size))
    meetings = [crossings(curve, other.distance, samples, tolerance) for other in others]
    t = np.sort(np.concatenate([*meetings, [0.0, 1.0]]))
    shortest = 1e-6 * size / np.linalg.norm(curve.velocity(samples), axis=1).max()
    clusters = np.split(t, np.flatnonzero(np.diff(t) > shortest) + 1)
    # The middle of a cluster: where curves touch, leaving and meeting lie on either side of the point.
    inner = [float(np.mean(cluster)) for cluster in clusters[1:-1]]
    return [Stretch(curve, a, b) for a, b in itertools.pairwise([0.0, *inner, 1.0])]


def _sample_count(curve: BoundaryCurve, size: float) -> int:
    return int(np.clip(np.ceil(_SAMPLES * length(curve) / size), 32, 4 * _SAMPLES)) + 1


def crossings(
    curve: BoundaryCurve, distance: Callable, samples: Float[np.ndarray, " n"], tolerance: float
) -> Float[np.ndarray, " c"]:
    """Parameters in (0, 1) where a curve enters, leaves or starts to follow the boundary of a shape.

    Changes between inside, outside and "on the boundary" (|distance| below the tolerance) are bracketed on
    the samples, then narrowed to the last bit.
    """

    def side(t):
        d = distance(curve.point(t))
        return np.where(np.abs(d) <= tolerance, 0, np.sign(d))

    t = _with_near_misses(curve, distance, samples)
    where = side(t)
    change = np.flatnonzero(where[1:] != where[:-1])
    left, right, before = t[change], t[change + 1], where[change]
    for _ in range(13 if len(change) else 0):
        grid = left + (right - left) * _SIXTEENTHS
        same = side(grid.ravel()).reshape(grid.shape) == before
        last = np.argmin(same, axis=0) - 1  # before the first that differs; the last row always does
        left, right = _row(grid, last), _row(grid, last + 1)
    return right


def _with_near_misses(curve: BoundaryCurve, distance: Callable, t: np.ndarray) -> np.ndarray:
    """The samples t and, between them, where |distance| is smallest: a shallow crossing shows only there."""
    X = curve.point(t)
    gap, step = np.abs(distance(X)), np.linalg.norm(np.diff(X, axis=0), axis=1)
    low = (gap[1:-1] <= gap[:-2]) & (gap[1:-1] <= gap[2:])
    # The distance changes no faster than the point: what is further away than a step cannot be reached.
    dip = np.flatnonzero(low & (gap[1:-1] <= np.maximum(step[:-1], step[1:]))) + 1
    left, right = t[dip - 1], t[dip + 1]
    for _ in range(9 if len(dip) else 0):
        grid = left + (right - left) * _SIXTEENTHS
        lowest = np.argmin(np.abs(distance(curve.point(grid.ravel()))).reshape(grid.shape), axis=0)
        left, right = _row(grid, np.maximum(lowest - 1, 0)), _row(grid, np.minimum(lowest + 1, 16))
    return np.unique(np.concatenate([t, (left + right) / 2]))


def _row(grid: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.take_along_axis(grid, row[None], axis=0)[0]


def enclosed_area(found: Sequence[Stretch]) -> float:
    """½ ∮ (x dy − y dx) around a plane shape, by 16 panels or more of 16 Gauss points on every stretch."""
    area = 0.0
    for one in found:
        s, ds = _gauss(one)
        # From a point of the boundary: far from the origin the terms would cancel.
        (x, y), (vx, vy) = (one.point(s) - found[0].point(np.zeros(1))).T, one.velocity(s).T
        area += one.sign * float(np.sum(ds * (x * vy - y * vx))) / 2
    return area


def _gauss(one: Stretch) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Parameters and weights of Gauss's rule between sixteenths of a stretch and the breaks of its curve."""
    node, weight = np.polynomial.legendre.leggauss(16)
    breaks = (np.add.outer([0.0, 1.0], one.curve.breaks).ravel() - one.start) / (one.stop - one.start)
    ends = np.unique(np.concatenate([_SIXTEENTHS[:, 0], breaks[(breaks > 0) & (breaks < 1)]]))
    left, width = ends[:-1, None], np.diff(ends)[:, None]
    return (left + width * (node + 1) / 2).ravel(), (width * weight / 2).ravel()


def groups(X: Float[np.ndarray, "n d"], tolerance: float) -> list[Int[np.ndarray, " m"]]:
    """Indices of points that coincide within the tolerance, in the order of their first members."""
    if len(X) == 0:
        return []
    pairs = cKDTree(X).query_pairs(tolerance, output_type="ndarray")
    if np.bincount(pairs.ravel(), minlength=1).max() <= 1:  # pairs at most
        partner = np.arange(len(X))
        partner[pairs[:, 0]], partner[pairs[:, 1]] = pairs[:, 1], pairs[:, 0]
        return [np.array([i] if i == j else [i, j]) for i, j in enumerate(partner.tolist()) if i <= j]
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(X), len(X)))
    count, label = connected_components(graph, directed=False)
    return np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label, minlength=count))[:-1])
