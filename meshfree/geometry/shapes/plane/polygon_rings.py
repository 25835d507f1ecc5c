"""Closed rings of straight edges: how they are read, what makes them no boundary of a polygon, what lies inside."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

if TYPE_CHECKING:
    import shapely  # where it is used, it is imported then: it takes 20 ms

_ROUND_OFF = 1e-12  # of the size and largest coordinate: closer is touching


def read_ring(vertices, what: str) -> Float[np.ndarray, "n 2"]:
    """The vertices of one ring, without those that repeat the one before, the last before the first, to a rounding.

    Raises TypeError for what is no array of numbers, ValueError for another shape than (n, 2), NaN, infinity,
    fewer than three vertices, a vertex that repeats another one than its neighbour and a ring without area.
    """
    X = _numbers(vertices, what)
    X = X[ring_vertices(X)]
    if len(X) < 3:
        raise ValueError(f"Polygon needs at least 3 {what}, got {len(X)}: {X.tolist()}")
    _check_ring(X, what)
    return X


def _numbers(vertices, what: str) -> Float[np.ndarray, "n 2"]:
    try:
        X = np.array([[float(x) for x in vertex] for vertex in vertices])
    except (TypeError, ValueError) as error:
        raise TypeError(f"Polygon needs {what} as pairs of numbers, got {_short(vertices)}: {error}") from None
    if X.ndim != 2 or X.shape[1] != 2:
        raise ValueError(f"Polygon needs {what} of shape (n, 2), got shape {X.shape}; one (x, y) per vertex")
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1)).tolist()
    if bad:
        raise ValueError(f"Polygon needs finite {what}, got {_at(X, bad[0])}")
    return X


def ring_vertices(X: Float[np.ndarray, "n 2"]) -> Int[np.ndarray, " k"]:
    """The numbers of the vertices of a ring that differ from the one before; the first is always one of them.

    Those at its end that are the first again are left out. Nearer than a rounding error is equal.
    """
    if len(X) == 0:
        return np.empty(0, int)
    apart = np.linalg.norm(np.diff(X, axis=0), axis=1) > _rounding(X)
    kept = np.flatnonzero(np.append(True, apart)).tolist()
    while len(kept) > 1 and _is_closing(X, kept[-1]):
        kept.pop()
    return np.array(kept)


def edge_names(vertices, names):
    """A name for every edge of the ring that is kept, of one for every edge that was given; others as they are."""
    if names is None or isinstance(names, str | Mapping):
        return names
    X, names = np.array(vertices, dtype=float), tuple(names)
    kept = ring_vertices(X).tolist()
    closing = next((i for i in range(kept[-1] + 1, len(X)) if _is_closing(X, i)), len(X))
    is_closed = len(X) > 1 and _is_closing(X, len(X) - 1)
    if len(names) == len(kept) or len(names) != len(X) - is_closed:
        return names
    return tuple(names[i - 1] for i in [*kept[1:], closing])  # of an edge that ends at a vertex that is kept


def _rounding(X: np.ndarray) -> float:
    return _ROUND_OFF * float(np.ptp(X, axis=0).max() + np.abs(X).max())


def _is_closing(X: np.ndarray, i: int) -> bool:
    return bool(np.linalg.norm(X[i] - X[0]) <= _rounding(X))


def _check_ring(X: np.ndarray, what: str) -> None:
    order = np.lexsort(X.T)
    same = np.flatnonzero((X[order[1:]] == X[order[:-1]]).all(axis=1))
    if len(same):
        i, j = sorted(order[same[0] : same[0] + 2].tolist())
        raise ValueError(
            f"Polygon needs distinct {what}, got {_at(X, i)} again as number {j}; write a boundary that meets itself "
            "as several polygons (a | b)"
        )
    # Two loops that cancel enclose none either, but they cross, and are told so later.
    longest, across = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    if across <= _ROUND_OFF * longest:
        raise ValueError(f"Polygon needs {what} that enclose an area, got all on one line: {_short(X.tolist())}")


def ring_area(X: Float[np.ndarray, "n 2"]) -> float:
    """Area inside a ring, positive where it runs counter-clockwise."""
    x, y = (X - X[0]).T  # from a vertex: far from the origin the terms would cancel
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def edges_of(X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2 2"]:
    """The edges of a ring, from each vertex to the next."""
    return np.stack([X, np.roll(X, -1, axis=0)], axis=1)


def region_of(rings: Sequence[Float[np.ndarray, "_ 2"]]) -> "shapely.MultiPolygon":
    """What lies to the left of rings that do not cross: inside the counter-clockwise ones, outside the clockwise."""
    import shapely

    outer = np.array([shapely.Polygon(X) for X in rings if ring_area(X) > 0])
    holes = [X for X in rings if ring_area(X) <= 0]
    # A hole is that of the smallest ring around it.
    around = [np.where(shapely.intersects_xy(outer, *X[0]), shapely.area(outer), np.inf).argmin() for X in holes]
    return shapely.MultiPolygon(
        [(ring.exterior, [X for X, i in zip(holes, around, strict=True) if i == k]) for k, ring in enumerate(outer)]
    )


def lies_inside(region: "shapely.Geometry", X: Float[np.ndarray, "n 2"]) -> Bool[np.ndarray, " n"]:
    """Which points lie in a region or on its boundary, without a tolerance."""
    import shapely

    shapely.prepare(region)  # sorts its edges, the first time only
    return shapely.intersects_xy(region, X[:, 0], X[:, 1])


def check_rings(rings: Sequence[Float[np.ndarray, "_ 2"]]) -> None:
    """Raise ValueError where the outer ring, the first, and holes cross themselves or each other, or lie outside.

    Holes may touch each other and the outer ring at vertices. What is closer than a rounding error touches.
    """
    import shapely

    edges = np.concatenate([edges_of(X) for X in rings])
    size = _ROUND_OFF * float(np.ptp(edges.reshape(-1, 2), axis=0).max() + np.abs(edges).max())
    polygon = shapely.Polygon(rings[0], rings[1:])
    if shapely.is_valid(polygon) and shapely.minimum_clearance(polygon) > size:
        return
    # What touches and may, or does not and is told: pair by pair.
    counts = np.array([len(X) for X in rings])
    ring = np.repeat(np.arange(len(rings)), counts)
    number = np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts, counts)
    one, two = close_edges(edges, size)
    own = ring[one] == ring[two]
    step = number[two] - number[one]
    neighbours = own & ((step == 1) | (step == counts[ring[one]] - 1))
    wrong = np.flatnonzero((own & ~neighbours) | _share_more_than_a_point(edges[one], edges[two], size))
    if len(wrong):
        raise ValueError(_crossing(*((int(ring[i]), number[i], edges[i]) for i in (one[wrong[0]], two[wrong[0]]))))
    if len(rings) > 1:
        _check_holes(rings, *_points_along(edges, one[~own], two[~own], ring), size)


def edge_tree(edges: Float[np.ndarray, "m 2 2"]) -> "shapely.STRtree":
    """Edges in a tree of their bounding boxes, which finds those near a point or an edge."""
    import shapely

    return shapely.STRtree(shapely.linestrings(edges))


def close_edges(edges: Float[np.ndarray, "m 2 2"], distance: float) -> Int[np.ndarray, "2 p"]:
    """All pairs i < j of edges no further apart than a distance, in order."""
    tree = edge_tree(edges)
    one, two = tree.query(tree.geometries, predicate="dwithin", distance=distance)
    one, two = one[one < two], two[one < two]
    return np.stack([one, two])[:, np.lexsort((two, one))]


def _share_more_than_a_point(one: np.ndarray, two: np.ndarray, size: float) -> Bool[np.ndarray, " p"]:
    """Whether pairs of close edges cross or run along each other; else they touch, at an end of one of them."""
    (heights, overlap), (others, other_overlap) = _seen_from(one, two), _seen_from(two, one)
    across = (heights.prod(axis=0) < 0) & (others.prod(axis=0) < 0)
    across &= np.abs(np.concatenate([heights, others])).min(axis=0) > size
    along = (np.abs(heights).max(axis=0) <= size) & (overlap > size)
    other_along = (np.abs(others).max(axis=0) <= size) & (other_overlap > size)
    return across | along | other_along


def _seen_from(one: np.ndarray, two: np.ndarray) -> tuple[Float[np.ndarray, "2 p"], Float[np.ndarray, " p"]]:
    """Heights of both ends of edges `two` over the lines of edges `one`, and the length on which they are abreast."""
    u = one[:, 1] - one[:, 0]
    length = np.linalg.norm(u, axis=1)
    u /= length[:, None]
    away = two.swapaxes(0, 1) - one[:, 0]
    t = np.einsum("pd,epd->ep", u, away)
    return u[:, 0] * away[:, :, 1] - u[:, 1] * away[:, :, 0], np.minimum(t.max(axis=0), length) - np.maximum(
        t.min(axis=0), 0
    )


def _crossing(one: tuple, two: tuple) -> str:
    where = [
        f"edge {number} of {_ring_name(ring)} from {_pair(a)} to {_pair(b)}" for ring, number, (a, b) in (one, two)
    ]
    if one[0] == two[0]:
        return (
            f"Polygon crosses or touches itself: {where[0]} meets {where[1]}; give the vertices in order around the "
            "boundary, and write a boundary that meets itself as several polygons (a | b)"
        )
    return f"Polygon needs holes inside the outer ring and apart from each other: {where[0]} meets {where[1]}"


def _points_along(
    edges: Float[np.ndarray, "m 2 2"], one: np.ndarray, two: np.ndarray, ring: np.ndarray
) -> tuple[Float[np.ndarray, "n 2"], Int[np.ndarray, " n"]]:
    """Points of holes and their rings: the vertices, and one between any two places where another ring touches.

    Between such places, `one` and `two` being the edges that touch, a hole is on one side of every other ring.
    """
    start, along = edges[:, 0], edges[:, 1] - edges[:, 0]
    # The ends of an edge that touches, as places on the touched edge.
    touched, touching = np.tile(np.concatenate([one, two]), 2), edges[np.concatenate([two, one])].swapaxes(0, 1)
    u = along[touched]
    t = np.einsum("nd,nd->n", touching.reshape(-1, 2) - start[touched], u) / np.einsum("nd,nd->n", u, u)
    every = np.arange(len(edges))
    edge = np.concatenate([every, every, touched])
    t = np.concatenate([np.zeros(len(edges)), np.ones(len(edges)), np.clip(t, 0, 1)])
    order = np.lexsort((t, edge))
    edge, t = edge[order], t[order]
    between = np.flatnonzero(edge[1:] == edge[:-1])
    edge, t = edge[between], (t[between] + t[between + 1]) / 2
    X, owner = np.concatenate([start, start[edge] + t[:, None] * along[edge]]), np.concatenate([ring, ring[edge]])
    return X[owner > 0], owner[owner > 0]


def _check_holes(rings: Sequence[np.ndarray], X: np.ndarray, owner: np.ndarray, size: float) -> None:
    """Points X of holes, `owner` their rings, lie in the outer ring and in no other hole, up to a rounding error."""
    import shapely

    filled = np.array([shapely.Polygon(ring) for ring in rings])
    borders, points = shapely.boundary(filled), shapely.points(X)
    shapely.prepare(filled)
    shapely.prepare(borders)
    # Every point with the outer ring, and with each other hole in whose bounding box it lies.
    point, hole = shapely.STRtree(filled[1:]).query(points)
    point, other = np.append(np.arange(len(X)), point), np.append(np.zeros_like(owner), hole + 1)
    apart = owner[point] != other
    point, other = point[apart], other[apart]
    wrong = np.flatnonzero(shapely.intersects_xy(filled[other], *X[point].T) == (other > 0))
    wrong = wrong[~shapely.dwithin(borders[other[wrong]], points[point[wrong]], size)]
    if len(wrong):
        first = point[wrong[np.argmin(owner[point[wrong]])]]
        raise ValueError(
            f"Polygon needs holes inside the outer ring and outside each other: hole {owner[first] - 1} has "
            f"{_pair(X[first])} outside; cut a shape that crosses the boundary off with `a - b`"
        )


def _ring_name(ring: int) -> str:
    return "the outer ring" if ring == 0 else f"hole {ring - 1}"


def _pair(x: np.ndarray) -> str:
    return f"({x[0]:g}, {x[1]:g})"


def _at(X: np.ndarray, i: int) -> str:
    return f"{_pair(X[i])} as number {i}"


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
