"""Nodes on the boundary of a shape on the line or in the plane: its ends, or by arc length with corners kept."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from ..boundary import End, Segment
from ..shape import Shape
from ..spacing import Spacing, check_count
from .arc_length import arc_length_parameters, length, travel
from .filling import apart
from .plane_chains import FACING, NEAREST, PARTED, across_gap, without_close_corners
from .plane_outline import Stretch, end_points, flips, groups


class BoundaryNodes(NamedTuple):
    """Nodes of one part, (n, d) each. At a corner `normals` is the mean of the adjoining normals; the side's own
    normal, which a flux condition of the part means, is in `side_normals`. Elsewhere they agree.
    """

    points: np.ndarray
    normals: np.ndarray
    side_normals: np.ndarray


Nodes = dict[str, BoundaryNodes]

_CUSP = 1e-5  # length of the sum of normals that cancel
_BESIDE = 1e-3  # of a stretch: there the sides of a cusp tell where the domain lies


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
    (period,) = shape.periods
    if not found:
        ((a,), (b,)) = shape.bounds
        return [(float(a), float(b))]
    x = np.sort([end.x for end in found])
    if np.isfinite(period):
        x = np.append(x, x[0] + period)
    middle = (x[1:] + x[:-1]) / 2
    inside = shape.contains(middle[:, None])
    return [(float(a), float(b)) for a, b, ok in zip(x[:-1], x[1:], inside, strict=True) if ok]


def place_between(
    interval: tuple[float, float], spacing: Spacing, size: float, jitter: float, rng: np.random.Generator
) -> Float[np.ndarray, "n 1"]:
    """Nodes in the open interval, `spacing` apart but for a random shift by up to `jitter` spacings."""
    line = Stretch(Segment("", (interval[0],), (interval[1],)), 0.0, 1.0)
    s, way = travel(line, spacing, size)
    check_count(way[-1])
    count = max(1, round(way[-1]))
    wanted = np.linspace(0, way[-1], count + 1)[1:-1]
    shift = rng.uniform(-jitter, jitter, len(wanted)) * way[-1] / count
    return line.point(np.interp(wanted + shift, way, s))


# --------------------------------------------------------------------------------------------- the plane


def place_stretches(
    found: Sequence[Stretch], parts: Sequence[str], spacing: Spacing, size: float, thin: bool = False
) -> Nodes:
    """Nodes by arc length on every stretch; where stretches meet, one node for the corner.

    A corner belongs to the first adjoining part in the order of `parts`; its normal is the normalised mean
    of the adjoining ones. Every part gets at least one node. `thin`: both sides of what is thin have theirs.
    """
    found = without_close_corners(found, spacing, size)
    corners = _corners([one for one in found if not one.closed], parts, size)
    inner = [(one, arc_length_parameters(one, spacing, size)) for one in found]
    inner = _without_close_nodes(inner, corners, spacing, size, thin)
    return {part: _part_nodes(part, inner, corners) for part in parts}


def _without_close_nodes(
    inner: list[tuple[Stretch, np.ndarray]], corners: list, spacing: Spacing, size: float, thin: bool
) -> list[tuple[Stretch, np.ndarray]]:
    """Leave nodes out where two sides come close, as beside a sharp corner: from there on, one side has them.

    Not where a gap is between them, outside of the shape: both sides of that keep theirs; if `thin`, inside too.
    """
    X = np.concatenate([np.empty((0, 2)), *(one.point(s) for one, s in inner)])
    N = np.concatenate([np.empty((0, 2)), *(one.normal(s) for one, s in inner)])
    C, M = (np.array([corner[i] for corner in corners]).reshape(-1, 2) for i in (1, 2))
    radius, kept = NEAREST * spacing(X), np.zeros(len(X), dtype=bool)
    least = -np.inf if thin else PARTED * size
    clear = np.flatnonzero(_clear_of_corners(X, N, C, M, radius, least))
    # The sides of a sharp corner in turn would leave larger gaps than one side alone.
    order = clear[np.argsort(cKDTree(C).query(X[clear])[0], kind="stable")] if len(C) else clear

    def parted(i, others):
        i, others = order[i], order[others]
        return across_gap(X[i], N[i, None], X[others], N[others, None], least)

    kept[order[apart(X[order], radius[order], X[:0], parted)]] = True
    shares = np.split(kept, np.cumsum([len(s) for _, s in inner])[:-1])
    return [(one, s[share]) for (one, s), share in zip(inner, shares, strict=True)]


def _clear_of_corners(
    X: np.ndarray, N: np.ndarray, C: np.ndarray, M: np.ndarray, radius: np.ndarray, least: float
) -> Bool[np.ndarray, " n"]:
    """Which nodes keep their radius from all corners C, with mean normals M, but for those beyond a gap."""
    if len(C) == 0 or len(X) == 0:
        return np.ones(len(X), dtype=bool)
    clear = cKDTree(C).query(X)[0] > radius
    near = np.flatnonzero(~clear)
    for i, corners in zip(near, cKDTree(C).query_ball_point(X[near], radius[near]), strict=True):
        clear[i] = bool(np.all((M[corners] @ N[i] < FACING) & ((C[corners] - X[i]) @ N[i] > least)))
    return clear


def _part_nodes(part: str, inner: list, corners: list) -> BoundaryNodes:
    own = [(one, s) for one, s in inner if one.part == part]
    points, mean, side = ([corner[i][None] for corner in corners if corner[0] == part] for i in (1, 2, 3))
    if not points and not any(len(s) for _, s in own):
        own = [(max(own, key=lambda item: length(item[0]))[0], np.array([0.5]))]
    points += [one.point(s) for one, s in own]
    normals = [one.normal(s) for one, s in own]
    return BoundaryNodes(np.concatenate(points), np.concatenate(mean + normals), np.concatenate(side + normals))


def _corners(
    found: list[Stretch], parts: Sequence[str], size: float
) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(part, point, mean normal, normal of the part's own side) where the ends of stretches meet."""
    if not found:
        return []
    X = end_points(found)
    N = np.concatenate([one.normal(np.array([0.0, 1.0])) for one in found])
    # A curve's own ends are exact, points where it was cut are good to round-off.
    rank = [(t not in (0.0, 1.0), parts.index(one.part)) for one in found for t in (one.start, one.stop)]
    corners = []
    for group in groups(X, 1e-6 * size):
        owner = min(group, key=lambda i: rank[i][1])
        exact = min(group, key=lambda i: rank[i])
        cusp = len(group) == 2 and np.linalg.norm(N[group].sum(axis=0)) < _CUSP
        mean = _tip_normal(found, group, N) if cusp else mean_normal(N[group])
        corners.append((parts[rank[owner][1]], X[exact], mean, N[owner]))
    return corners


def _tip_normal(found: list[Stretch], group: np.ndarray, N: np.ndarray) -> np.ndarray:
    """The normal at a cusp, whose sides leave in one direction: against it where the domain lies between them."""
    (one, other), beside = group, []
    for end in group:
        s = _BESIDE if end % 2 == 0 else 1 - _BESIDE
        beside.append(found[end // 2].point(np.array([s]))[0])
    tip = found[one // 2].point(np.array([one % 2], dtype=float))[0]
    along = (beside[0] - tip) / np.linalg.norm(beside[0] - tip) + (beside[1] - tip) / np.linalg.norm(beside[1] - tip)
    between = (beside[1] - beside[0]) @ (N[one] - N[other]) < 0
    return (-along if between else along) / np.linalg.norm(along)


def mean_normal(N: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """The normalised mean of unit normals; the first of them at a cusp, where they cancel."""
    mean = N.mean(axis=0)
    length = np.linalg.norm(mean)
    return mean / length if length > 1e-6 else N[0]
