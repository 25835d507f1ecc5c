"""Closed rings of straight edges: reading their vertices, and what makes them no boundary of a polygon."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from ..nearest_simplex import NearestSimplex, on_segment
from .slabs import Slabs

_ROUND_OFF = 1e-12  # of the size and largest coordinate: closer is touching


def read_ring(vertices, what: str) -> Float[np.ndarray, "n 2"]:
    """The vertices of one ring, without a last one that repeats the first.

    Raises TypeError for what is no array of numbers, ValueError for another shape than (n, 2), NaN, infinity,
    fewer than three vertices, a vertex that repeats another one and a ring without area.
    """
    try:
        X = np.array([[float(x) for x in vertex] for vertex in vertices])
    except (TypeError, ValueError) as error:
        raise TypeError(f"Polygon needs {what} as pairs of numbers, got {_short(vertices)}: {error}") from None
    if X.ndim != 2 or X.shape[1] != 2:
        raise ValueError(f"Polygon needs {what} of shape (n, 2), got shape {X.shape}; one (x, y) per vertex")
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1)).tolist()
    if bad:
        raise ValueError(f"Polygon needs finite {what}, got {_at(X, bad[0])}")
    if len(X) > 1 and np.array_equal(X[0], X[-1]):
        X = X[:-1]
    if len(X) < 3:
        raise ValueError(f"Polygon needs at least 3 {what}, got {len(X)}: {X.tolist()}")
    _check_ring(X, what)
    return X


def _check_ring(X: np.ndarray, what: str) -> None:
    order = np.lexsort(X.T)
    same = np.flatnonzero((X[order[1:]] == X[order[:-1]]).all(axis=1))
    if len(same):
        i, j = sorted(order[same[0] : same[0] + 2].tolist())
        raise ValueError(f"Polygon needs distinct {what}, got {_at(X, i)} again as number {j}; remove one of them")
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


def check_rings(rings: Sequence[Float[np.ndarray, "_ 2"]]) -> None:
    """Raise ValueError where the outer ring, the first, and holes cross themselves or each other, or lie outside.

    Holes may touch each other and the outer ring at vertices.
    """
    edges = np.concatenate([edges_of(X) for X in rings])
    ring = np.repeat(np.arange(len(rings)), [len(X) for X in rings])
    number = np.concatenate([np.arange(len(X)) for X in rings])
    size = _ROUND_OFF * (np.ptp(edges.reshape(-1, 2), axis=0).max() + np.abs(edges).max())
    first, second = meeting_boxes(edges, size)
    across, along, touch = contacts(edges[first], edges[second], size)
    own = ring[first] == ring[second]
    step = np.abs(number[first] - number[second])
    counts = np.array([len(X) for X in rings])[ring[first]]
    adjacent = own & ((step == 1) | (step == counts - 1))
    wrong = np.flatnonzero(np.where(own & ~adjacent, across | along | touch, (across & ~adjacent) | along))
    if len(wrong):
        pair = [(int(ring[i]), number[i], edges[i]) for i in (first[wrong[0]], second[wrong[0]])]
        raise ValueError(_crossing(*pair))
    for k in range(1, len(rings)):
        _check_hole(k, rings, size)


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


def _check_hole(k: int, rings: Sequence[np.ndarray], size: float) -> None:
    """Every vertex and middle of a hole lies inside the polygon that the other rings bound."""
    others = np.concatenate([edges_of(X) for j, X in enumerate(rings) if j != k])
    hole = edges_of(rings[k])
    X = np.concatenate([hole[:, 0], hole.mean(axis=1)])
    outside = np.flatnonzero(~Slabs(others).contains(X, size))
    # What lies at the height of a vertex and on an edge is not told from outside: a touching vertex may.
    outside = outside[NearestSimplex(others)(X[outside]).distance > size]
    if len(outside):
        raise ValueError(
            f"Polygon needs holes inside the outer ring and outside each other: hole {k - 1} has "
            f"{_pair(X[outside[0]])} outside; cut a shape that crosses the boundary off with `a - b`"
        )


def meeting_boxes(edges: np.ndarray, size: float) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """Pairs of edges whose bounding boxes overlap: a sweep in x, then a look at y."""
    lower, upper = edges.min(axis=1) - size, edges.max(axis=1) + size
    order = np.argsort(lower[:, 0], kind="stable")
    last = np.searchsorted(lower[order, 0], upper[order, 0], side="right")
    count = last - np.arange(len(order)) - 1
    one = np.repeat(np.arange(len(order)), count)
    two = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count) + one + 1
    one, two = order[one], order[two]
    near = (lower[one, 1] <= upper[two, 1]) & (lower[two, 1] <= upper[one, 1])
    return np.minimum(one, two)[near], np.maximum(one, two)[near]


def contacts(one: np.ndarray, two: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether pairs of edges cross, run along each other, or touch at an end."""
    (a, b), (c, d) = one.swapaxes(0, 1), two.swapaxes(0, 1)
    u, v = b - a, d - c
    length, other = np.linalg.norm(u, axis=1), np.linalg.norm(v, axis=1)
    # Heights of the ends of one over the line of the other.
    hc, hd = _cross(u, c - a) / length, _cross(u, d - a) / length
    ha, hb = _cross(v, a - c) / other, _cross(v, b - c) / other
    across = (hc * hd < 0) & (ha * hb < 0) & (np.minimum(np.abs([hc, hd]), np.abs([ha, hb])).min(axis=0) > size)
    on_line = np.maximum(np.abs(hc), np.abs(hd)) <= size
    t = np.sort([np.einsum("nd,nd->n", u, end - a) / length for end in (c, d)], axis=0)
    along = on_line & (np.minimum(t[1], length) - np.maximum(t[0], 0) > size)
    touch = np.min([_gap(c, one), _gap(d, one), _gap(a, two), _gap(b, two)], axis=0) <= size
    return across, along, touch


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def _gap(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x - on_segment(x, edges[:, 0], edges[:, 1]), axis=1)


def _ring_name(ring: int) -> str:
    return "the outer ring" if ring == 0 else f"hole {ring - 1}"


def _pair(x: np.ndarray) -> str:
    return f"({x[0]:g}, {x[1]:g})"


def _at(X: np.ndarray, i: int) -> str:
    return f"{_pair(X[i])} as number {i}"


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
