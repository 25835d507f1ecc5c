"""The boundary of a shape made of primitive shapes, on the line and in the plane: its pieces and their nodes.

A point on a primitive's boundary lies on the boundary of the whole where membership of the whole changes
across it. That one test (`flips`) serves unions, intersections, differences and coinciding sides alike.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meshfree.pieces import Curve, End, Segment
from meshfree.shape import Shape
from meshfree.spacing import Spacing


class BoundaryNodes(NamedTuple):
    """Nodes of one part, (n, d) each. At a corner `normals` is the mean of the adjoining normals; the side's own
    normal, which a flux condition of the part means, is in `side_normals`. Elsewhere they agree.
    """

    points: np.ndarray
    normals: np.ndarray
    side_normals: np.ndarray


Nodes = dict[str, BoundaryNodes]

_SAMPLES = 512  # of a curve as long as the shape is wide, to find its crossings
_SIXTEENTHS = np.linspace(0, 1, 17)[:, None]
OFF_CENTRE = 0.4871  # stretches are judged here: a symmetric shape may touch another one at their middle


def flips(shape: Shape, X: Float[np.ndarray, "n d"], N: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
    """Where the shape ends at X: 1 if N points out of it, -1 if into it, 0 if X is not on its boundary."""
    step = max(1e-7 * shape.extent, 100 * shape.round_off) * N
    return shape.contains(X - step).astype(int) - shape.contains(X + step).astype(int)


# ---------------------------------------------------------------------------------------------- the line


def ends(shape: Shape) -> list[End]:
    """The end points of a shape on the line, without those that are swallowed or met twice."""
    found: list[End] = []
    for number, leaf in enumerate(shape.leaves):
        for end in leaf.pieces:
            x, n = np.array([[end.x]]), np.array([[end.normal]])
            sign = int(flips(shape, x, n)[0])
            if sign and not any(flips(other, x, n)[0] for other in shape.leaves[:number]):
                found.append(End(end.part, end.x, sign * end.normal))
    return found


def place_ends(found: Sequence[End], parts: Sequence[str]) -> Nodes:
    """The end points as nodes, by part."""
    by_part = {part: [end for end in found if end.part == part] for part in parts}
    return {part: _end_nodes(group) for part, group in by_part.items()}


def _end_nodes(group: Sequence[End]) -> BoundaryNodes:
    normals = np.array([[end.normal] for end in group])
    return BoundaryNodes(np.array([[end.x] for end in group]), normals, normals)


def gaps(shape: Shape, found: Sequence[End]) -> list[tuple[float, float]]:
    """The intervals that a shape on the line consists of."""
    x = np.sort([end.x for end in found])
    middle = (x[1:] + x[:-1]) / 2
    inside = shape.contains(middle[:, None])
    return [(float(a), float(b)) for a, b, ok in zip(x[:-1], x[1:], inside, strict=True) if ok]


def place_between(
    interval: tuple[float, float], spacing: Spacing, size: float, jitter: float, rng: np.random.Generator
) -> Float[np.ndarray, "n 1"]:
    """Nodes in the open interval, `spacing` apart but for a random shift by up to `jitter` spacings."""
    line = Stretch(Segment("", (interval[0],), (interval[1],)), 0.0, 1.0)
    s, travelled = _travel(line, spacing, size)
    count = max(1, round(travelled[-1]))
    wanted = np.linspace(0, travelled[-1], count + 1)[1:-1]
    shift = rng.uniform(-jitter, jitter, len(wanted)) * travelled[-1] / count
    return line.point(np.interp(wanted + shift, travelled, s))


# --------------------------------------------------------------------------------------------- the plane


@dataclass(frozen=True)
class Stretch:
    """The part of a curve between two of its parameters, run through by s in [0, 1].

    `sign` is -1 where the domain lies to the right of the curve instead of the left. A `closed` stretch
    comes back to its first point smoothly.
    """

    curve: Curve
    start: float
    stop: float
    sign: int = 1
    closed: bool = False

    @property
    def part(self) -> str:
        """The name of the curve's part."""
        return self.curve.part

    def _parameter(self, s: np.ndarray) -> np.ndarray:
        length = self.stop - self.start
        return np.where(s < 0.5, self.start + s * length, self.stop - (1 - s) * length)

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
    found = []
    for number, leaf in enumerate(shape.leaves):
        others = [other for other in shape.leaves if other is not leaf]
        for curve in leaf.pieces:
            found += _kept(shape, shape.leaves[:number], cut(curve, others, shape.extent, shape.round_off))
    return _joined(found, 1e-6 * shape.extent)


def _kept(shape: Shape, earlier: Sequence[Shape], candidates: list[Stretch]) -> list[Stretch]:
    """Those candidates that bound the shape and coincide with no earlier primitive's boundary."""
    s = np.array([OFF_CENTRE])
    kept: list[Stretch] = []
    for one in candidates:
        X, N = one.point(s), one.normal(s)
        sign = int(flips(shape, X, N)[0])
        if sign and not any(flips(other, X, N)[0] for other in earlier):
            kept.append(Stretch(one.curve, one.start, one.stop, sign))
    return kept


def _joined(found: list[Stretch], tolerance: float) -> list[Stretch]:
    """Undo the cuts where only two halves of one curve meet: a boundary met there is none of the whole."""
    pieces = dict(enumerate(found))
    owner = list(range(len(found)))  # the piece that a stretch has become part of
    for group in groups(_end_points(found), tolerance):
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


def _end_points(found: Sequence[Stretch]) -> Float[np.ndarray, "n 2"]:
    return np.concatenate([np.empty((0, 2)), *(one.point(np.array([0.0, 1.0])) for one in found)])


def cut(curve: Curve, others: Sequence[Shape], size: float, tolerance: float) -> list[Stretch]:
    """Cut a curve where it meets the boundaries of the other shapes; slivers are merged away."""
    samples = np.linspace(0, 1, _sample_count(curve, size))
    meetings = [crossings(curve, other.distance, samples, tolerance) for other in others]
    t = np.sort(np.concatenate([*meetings, [0.0, 1.0]]))
    shortest = 1e-6 * size / np.linalg.norm(curve.velocity(samples), axis=1).max()
    clusters = np.split(t, np.flatnonzero(np.diff(t) > shortest) + 1)
    # The middle of a cluster: where curves touch, leaving and meeting lie on either side of the point.
    inner = [float(np.mean(cluster)) for cluster in clusters[1:-1]]
    return [Stretch(curve, a, b) for a, b in itertools.pairwise([0.0, *inner, 1.0])]


def _sample_count(curve: Curve, size: float) -> int:
    X = curve.point(np.linspace(0, 1, 33))
    length = np.linalg.norm(np.diff(X, axis=0), axis=1).sum()
    return int(np.clip(np.ceil(_SAMPLES * length / size), 32, 4 * _SAMPLES)) + 1


def crossings(
    curve: Curve, distance: Callable, samples: Float[np.ndarray, " n"], tolerance: float
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


def _with_near_misses(curve: Curve, distance: Callable, t: np.ndarray) -> np.ndarray:
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
    """½ ∮ (x dy − y dx) around a plane shape, by 16 panels of 16 Gauss points on every stretch."""
    node, weight = np.polynomial.legendre.leggauss(16)
    s = ((np.arange(16)[:, None] + (node + 1) / 2) / 16).ravel()
    ds = np.tile(weight / 32, 16)
    area = 0.0
    for one in found:
        # From a point of the boundary: far from the origin the terms would cancel.
        (x, y), (vx, vy) = (one.point(s) - found[0].point(s[:1])).T, one.velocity(s).T
        area += one.sign * float(np.sum(ds * (x * vy - y * vx))) / 2
    return area


def place_stretches(found: Sequence[Stretch], parts: Sequence[str], spacing: Spacing, size: float) -> Nodes:
    """Nodes by arc length on every stretch; where stretches meet, one node for the corner.

    A corner belongs to the first adjoining part in the order of `parts`; its normal is the normalised mean
    of the adjoining ones. Every part gets at least one node.
    """
    inner = [(one, arc_length_parameters(one, spacing, size)) for one in found]
    corners = _corners([one for one in found if not one.closed], parts, size)
    return {part: _part_nodes(part, inner, corners) for part in parts}


def _part_nodes(part: str, inner: list, corners: list) -> BoundaryNodes:
    own = [(one, s) for one, s in inner if one.part == part]
    points, mean, side = ([corner[i][None] for corner in corners if corner[0] == part] for i in (1, 2, 3))
    if not points and not any(len(s) for _, s in own):
        own = [(max(own, key=lambda item: _length(item[0]))[0], np.array([0.5]))]
    points += [one.point(s) for one, s in own]
    normals = [one.normal(s) for one, s in own]
    return BoundaryNodes(np.concatenate(points), np.concatenate(mean + normals), np.concatenate(side + normals))


def _length(one: Stretch) -> float:
    return float(np.linalg.norm(np.diff(one.point(np.linspace(0, 1, 65)), axis=0), axis=1).sum())


def arc_length_parameters(one: Stretch, spacing: Spacing, size: float) -> Float[np.ndarray, " n"]:
    """Parameters of nodes `spacing` apart along a stretch, without the ends (a closed one has none)."""
    s, travelled = _travel(one, spacing, size)
    count = max(3 if one.closed else 1, round(travelled[-1]))
    wanted = np.linspace(0, travelled[-1], count + 1)
    return np.interp(wanted[:-1] if one.closed else wanted[1:-1], travelled, s)


def _travel(one: Stretch, spacing: Spacing, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Parameters, and the way to each from the start in units of the local spacing."""
    s = np.linspace(0, 1, int(np.clip(np.ceil(2048 * _length(one) / size), 64, 8192)) + 1)
    X = one.point(s)
    rate = 1 / spacing(X)
    steps = np.linalg.norm(np.diff(X, axis=0), axis=1) * (rate[1:] + rate[:-1]) / 2
    return s, np.concatenate([[0.0], np.cumsum(steps)])


def _corners(
    found: list[Stretch], parts: Sequence[str], size: float
) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(part, point, mean normal, normal of the part's own side) where the ends of stretches meet."""
    if not found:
        return []
    X = _end_points(found)
    N = np.concatenate([one.normal(np.array([0.0, 1.0])) for one in found])
    # A curve's own ends are exact, points where it was cut are good to round-off.
    rank = [(t not in (0.0, 1.0), parts.index(one.part)) for one in found for t in (one.start, one.stop)]
    corners = []
    for group in groups(X, 1e-6 * size):
        owner = min(group, key=lambda i: rank[i][1])
        exact = min(group, key=lambda i: rank[i])
        corners.append((parts[rank[owner][1]], X[exact], mean_normal(N[group]), N[owner]))
    return corners


def groups(X: Float[np.ndarray, "n d"], tolerance: float) -> list[Int[np.ndarray, " m"]]:
    """Indices of points that coincide within the tolerance, in the order of their first members."""
    if len(X) == 0:
        return []
    pairs = cKDTree(X).query_pairs(tolerance, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(X), len(X)))
    count, label = connected_components(graph, directed=False)
    return [np.flatnonzero(label == group) for group in range(count)]


def mean_normal(N: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """The normalised mean of unit normals; the first of them at a cusp, where they cancel."""
    mean = N.mean(axis=0)
    length = np.linalg.norm(mean)
    return mean / length if length > 1e-6 else N[0]
