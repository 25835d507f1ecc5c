"""The nearest nodes that a point sees: those that the boundary of the cloud's domain does not hide."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..geometry.cloud import Cloud
from ..geometry.domain import Domain
from ..geometry.periods import nearest_image, repeating, with_images, wrapped
from ..internal.batching import search_threads
from ..internal.tracing import is_traced
from .neighbours import nearest, tree_of

FARTHER = 2  # times as many candidates as nodes are wanted, and some more
MORE = {1: 4, 2: 12, 3: 24}
WALL_NODES = {1: 4, 2: 24, 3: 64}  # boundary nodes whose planes tell whether a line may be hidden
BESIDE = 1.5  # spacings beyond the farthest node, to which boundary nodes are looked at
TOLERANCE = 1e-9  # of the size of the cloud, beyond a plane
DETOUR = 1.15  # of a line, by which the way around an obstacle may be longer
TURNS = 4  # nodes by way of which that is tried
PAIRS = 2**16  # hidden pairs at a time
BLOCK = 2**22  # pairs of a line and a plane at a time


def nearest_seen(
    cloud: Cloud, X: Float[np.ndarray | Array, "*m d"], count: int, *, spare_far: bool = False
) -> Int[np.ndarray | Array, "*m k"]:
    """The indices of the `count` points of the cloud nearest to each X among those that it sees in the cloud's domain.

    Where fewer are seen, the nearest of the others are taken too or, with `spare_far`, the farthest that were looked
    at. A point outside of the domain, or one that sees none, and all points without a domain, get the nearest ones.
    Traced points go through one batched callback, without a derivative. Where the domain repeats, the nearest image of
    every point counts.
    """
    if not _may_hide(cloud):
        return nearest(cloud.points, X, count, cloud.periods)
    ask = functools.partial(_nearest_seen, domain=cloud.domain, count=count, spare_far=spare_far)
    if not is_traced(cloud, X):
        return ask(cloud.points, cloud.normal_vectors, X)
    shape = jax.ShapeDtypeStruct((*jnp.shape(X)[:-1], count), jnp.int32)
    fixed = jax.lax.stop_gradient(tuple(map(jnp.asarray, (cloud.points, cloud.normal_vectors, X))))
    return jax.pure_callback(ask, shape, *fixed, vmap_method="broadcast_all")


def _nearest_seen(points, normals, X, *, domain: Domain, count: int, spare_far: bool) -> np.ndarray:
    points, normals, X = np.asarray(points), np.asarray(normals), np.asarray(X)
    while points.ndim > 2:  # a batched callback repeats the nodes
        points, normals = points[0], normals[0]
    flat = wrapped(X.reshape(-1, X.shape[-1]), domain.bounds[0], domain.periods)
    points, normals, owners = _with_images(domain, points, normals)
    found = np.asarray(nearest(points, flat, count))
    walls = _Planes(points, normals)
    rows = np.flatnonzero(walls.beyond(flat, points[found]).any(axis=1))
    rows = rows[domain.contains(flat[rows])]
    if len(rows):
        candidates, seen = _candidates(walls, domain, flat[rows], points, points, count)
        order = np.arange(candidates.shape[1])
        hidden = 2 * len(order) - order if spare_far else len(order) + order
        chosen = np.argsort(np.where(seen, order, hidden), axis=1)[:, :count]
        some = seen.any(axis=1)
        found[rows[some]] = np.take_along_axis(candidates, chosen, axis=1)[some]
    return owners[found].astype(np.int32).reshape(*X.shape[:-1], count)


def _may_hide(cloud: Cloud) -> bool:
    """Whether the domain's boundary can hide points of the cloud: that of a box which repeats cannot."""
    domain = cloud.domain
    if not isinstance(domain, Domain) or cloud.normal_vectors.shape[0] == 0:
        return False
    return cloud.periods is None or len(domain.leaves) > 1


def _with_images(
    domain: Domain, points: np.ndarray, normals: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Int[np.ndarray, " m"]]:
    """Points, those of the boundary with their normals last, and their images up to half a period around the domain;
    and the points that they are images of.
    """
    if not len(repeating(domain.periods)):
        return points, normals, np.arange(len(points))
    found, owners = with_images(points, domain.bounds[0], domain.periods)
    first = len(points) - len(normals)
    order = np.argsort(owners >= first, kind="stable")
    owners = owners[order]
    return found[order], normals[owners[owners >= first] - first], owners


def stencils_in_sight(
    cloud: Cloud,
    nodes: Float[np.ndarray, "n d"],
    behind: Int[np.ndarray, " n"],
    size: int,
    places: Int[np.ndarray, " m"] | None = None,
) -> Int[np.ndarray, "m k"]:
    """For each point of the cloud, or those at some places in it, the `size` nearest nodes that it sees, nearest first.

    `behind`: for every node the point of the cloud whose place tells whether it is seen; a ghost is seen where its
    boundary node is. A point that sees too few, as one in a bay, has nodes too that those see which it sees, and so on;
    ValueError where that does not suffice, as on an island of few nodes.
    """
    points = np.asarray(cloud.points)
    own = points if places is None else points[places]
    if not _may_hide(cloud):
        return np.asarray(nearest(nodes, own, size, cloud.periods))
    if cloud.periods is not None:
        return _among_images(cloud, nodes, behind, size, own)
    found = np.asarray(nearest(nodes, own, size))
    walls, stand = _Planes(points, np.asarray(cloud.normal_vectors)), points[behind]
    rows = np.flatnonzero(walls.beyond(own, stand[found]).any(axis=1))
    if not len(rows):
        return found
    candidates, seen = _candidates(walls, cloud.domain, own[rows], nodes, stand, size)
    order = np.argsort(~seen, axis=1, kind="stable")[:, :size]
    found[rows] = np.take_along_axis(candidates, order, axis=1)
    few = np.flatnonzero(seen.sum(axis=1) < size)
    if len(few) and places is not None:  # which needs what others see
        return stencils_in_sight(cloud, nodes, behind, size)[places]
    if len(few):
        sights = dict(zip(rows.tolist(), (c[s] for c, s in zip(candidates, seen, strict=True)), strict=True))
        complete = {i: found[i] for i in range(len(points)) if i not in sights} | sights
        for row in rows[few].tolist():
            found[row] = _around_corners(row, complete, nodes, behind, size)
    return found


def _among_images(
    cloud: Cloud, nodes: np.ndarray, behind: np.ndarray, size: int, own: Float[np.ndarray, "m d"]
) -> Int[np.ndarray, "m k"]:
    """The same where the domain repeats, and has holes."""
    domain, points = cloud.domain, np.asarray(cloud.points)
    lower, periods = domain.bounds[0], domain.periods
    walls = _Planes(*_with_images(domain, points, np.asarray(cloud.normal_vectors))[:2])
    near, owners = with_images(nodes, lower, periods)
    stand = near + nearest_image(points[behind] - nodes, periods)[owners]
    own = wrapped(own, lower, periods)
    found = np.asarray(nearest(near, own, size))
    rows = np.flatnonzero(walls.beyond(own, stand[found]).any(axis=1))
    if len(rows):
        candidates, seen = _candidates(walls, domain, own[rows], near, stand, size)
        order = np.argsort(~seen, axis=1, kind="stable")[:, :size]
        found[rows] = np.take_along_axis(candidates, order, axis=1)
        few = np.flatnonzero(seen.sum(axis=1) < size)
        if len(few):
            raise _too_few(own[rows[few[0]]], size, int(seen[few[0]].sum()))
    found = owners[found]
    twice = np.flatnonzero((np.diff(np.sort(found, axis=1), axis=1) == 0).any(axis=1))
    if len(twice):
        raise ValueError(
            f"a stencil of {size} nodes reaches half way around the periodic domain: use a smaller spacing, a lower "
            "degree, or another size="
        )
    return found


def _around_corners(
    row: int, sights: dict[int, np.ndarray], nodes: np.ndarray, behind: np.ndarray, size: int
) -> Int[np.ndarray, " k"]:
    """What the point sees, and the nearest of what is seen from there."""
    found = np.unique(np.append(sights[row], row))
    fresh = found
    while len(found) < size and len(fresh):
        there = np.unique(behind[fresh])
        fresh = np.setdiff1d(np.concatenate([sights[one] for one in there.tolist()]), found)
        nearest_first = fresh[np.argsort(np.linalg.norm(nodes[fresh] - nodes[row], axis=1), kind="stable")]
        found = np.concatenate([found, nearest_first[: size - len(found)]])
    if len(found) < size:
        raise _too_few(nodes[row], size, len(found))
    return found[np.argsort(np.linalg.norm(nodes[found] - nodes[row], axis=1), kind="stable")]


def _too_few(x: Float[np.ndarray, " d"], size: int, count: int) -> ValueError:
    place = ", ".join(f"{one:.4g}" for one in x)
    return ValueError(
        f"a stencil of {size} nodes at ({place}), where the domain's boundary leaves only {count} nodes on "
        "this side of it: use a smaller spacing there, a lower degree, or another size="
    )


class _Planes:
    """The tangent planes at the boundary nodes of a cloud.

    A line that leaves the domain ends beyond the plane at which it does so: of convex domains no line is looked at.
    """

    def __init__(self, points: np.ndarray, normals: np.ndarray):
        self._nodes, self._normals = points[len(points) - len(normals) :], normals
        self._width = (
            BESIDE * tree_of(points).query(self._nodes, min(2, len(points)))[0].reshape(len(normals), -1)[:, -1]
        )
        self._tolerance = TOLERANCE * float(np.ptp(points, axis=0).max())

    def beyond(self, X: Float[np.ndarray, "m d"], Y: Float[np.ndarray, "m k d"]) -> Bool[np.ndarray, "m k"]:
        """Which Y lie beyond a plane near the line from X to them."""
        count = min(WALL_NODES[X.shape[1]], len(self._nodes))
        hidden = np.zeros(Y.shape[:2], dtype=bool)
        squares = sum((Y[:, :, axis] - X[:, axis, None]) ** 2 for axis in range(X.shape[1]))
        reach = np.sqrt(np.max(squares, axis=1, keepdims=True))
        # most points are far from every wall: for them the search ends early
        near = reach[:, 0] + self._width.max()
        farthest = near.max(initial=0.0) * (1 + TOLERANCE)
        gap = tree_of(self._nodes).query(X, distance_upper_bound=farthest, workers=search_threads(len(X)))[0]
        rows = np.flatnonzero(gap <= near)
        step = max(BLOCK // (count * Y.shape[1]), 1)
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            hidden[block] = self._beyond(X[block], Y[block], reach[block], count)
        return hidden

    def _beyond(self, X: np.ndarray, Y: np.ndarray, reach: np.ndarray, count: int) -> np.ndarray:
        gap, near = (
            found.reshape(len(X), -1) for found in tree_of(self._nodes).query(X, count, workers=search_threads(len(X)))
        )
        level = np.einsum("nd,nd->n", self._nodes, self._normals)[near] + self._tolerance
        level = np.where(gap <= reach + self._width[near], level, np.inf)
        return np.any(np.matmul(Y, self._normals[near].swapaxes(1, 2)) > level[:, None], axis=2)


def _candidates(
    walls: _Planes, domain: Domain, X: np.ndarray, nodes: np.ndarray, stand: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest nodes of each X, more than are wanted, and which of them it sees."""
    candidates = np.asarray(nearest(nodes, X, min(FARTHER * count + MORE[X.shape[1]], len(nodes))))
    seen = ~walls.beyond(X, stand[candidates])
    for some in (slice(None, count), slice(count, None)):  # farther ones only where nearer ones are hidden
        wanted = ~seen[:, some] & (np.cumsum(seen, axis=1)[:, count - 1 : count] < count)
        row, column = np.nonzero(wanted)
        column += some.start or 0
        seen[row, column] = domain.sees(X[row], stand[candidates[row, column]])
    row, column = np.nonzero(~seen & (np.cumsum(seen, axis=1) < count))  # farther ones are not asked for
    seen[row, column] |= _around(domain, X, stand[candidates], seen, row, column)
    return candidates, seen


def _around(
    domain: Domain, X: np.ndarray, Y: Float[np.ndarray, "m k d"], seen: np.ndarray, row: np.ndarray, column: np.ndarray
) -> Bool[np.ndarray, " p"]:
    """Which Y[row, column] are reached by way of another Y that X[row] sees, on a way hardly longer than the line: so
    nodes behind a small obstacle stay neighbours, and those behind a slit do not.
    """
    found = np.zeros(len(row), dtype=bool)
    for start in range(0, len(row), PAIRS):
        block = slice(start, start + PAIRS)
        x, y, over = X[row[block]], Y[row[block], column[block]], Y[row[block]]
        way = np.linalg.norm(over - x[:, None], axis=2) + np.linalg.norm(over - y[:, None], axis=2)
        way = np.where(seen[row[block]], way, np.inf)
        length = np.linalg.norm(y - x, axis=1)
        for turn in np.argsort(way, axis=1)[:, :TURNS].T:
            some = np.arange(len(turn))
            near = np.flatnonzero((way[some, turn] <= DETOUR * length) & ~found[block])
            found[start + near] = domain.sees(over[near, turn[near]], y[near])
    return found
