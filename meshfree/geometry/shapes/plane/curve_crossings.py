"""Where a closed curve crosses or retraces itself."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from .chebyshev_panels import Panels
from .polygon_rings import close_edges

_EDGES = 1024  # of the polygon that shows where to look, about
_STEPS = 30
_SAME = 1e-9  # of the size: closer is the same point
_FAR = 1e-6  # of the whole curve: parameters closer belong to one point


def self_crossing(spans: Sequence[Panels]) -> tuple[float, float, Float[np.ndarray, " 2"]] | None:
    """Two parameters and their common point, or None.

    `spans` follow one another around the curve. Newton's method starts where edges of a polygon through points of the
    curve meet: beside a cusp they may do so where the curve does not.
    """
    count = max(_EDGES // sum(len(span.breaks) - 1 for span in spans), 4)
    parameters = [span.divided(count) for span in spans]
    edges = np.concatenate([_edges(span(t)) for span, t in zip(spans, parameters, strict=True)])
    owner = np.repeat(np.arange(len(spans)), [len(t) - 1 for t in parameters])
    middle = np.concatenate([(t[1:] + t[:-1]) / 2 for t in parameters])
    same = _SAME * float(np.ptp(edges.reshape(-1, 2), axis=0).max())
    one, two = close_edges(edges, same)
    apart = np.minimum(two - one, len(edges) - (two - one)) > 1
    for i, j in zip(one[apart], two[apart], strict=True):
        pair = (spans[owner[i]], spans[owner[j]])
        s, t = _common_point(pair, np.array([middle[i], middle[j]]))
        x, y = pair[0](np.array([s]))[0], pair[1](np.array([t]))[0]
        place = owner[[i, j]] + [(u - p.breaks[0]) / np.ptp(p.breaks) for u, p in zip((s, t), pair, strict=True)]
        way = abs(place[0] - place[1])
        if np.linalg.norm(x - y) < same and min(way, len(spans) - way) > _FAR:
            return float(s), float(t), x
    return None


def _edges(X: np.ndarray) -> Float[np.ndarray, "n 2 2"]:
    return np.stack([X[:-1], X[1:]], axis=1)


def _common_point(pair: tuple[Panels, Panels], t: Float[np.ndarray, " 2"]) -> Float[np.ndarray, " 2"]:
    """Parameters of two spans with a common point near the given ones, by least squares where they run along."""
    (one, two), velocities = pair, [span.derivative() for span in pair]
    ends = np.array([span.breaks[[0, -1]] for span in pair])
    for _ in range(_STEPS):
        gap = one(t[:1])[0] - two(t[1:])[0]
        slopes = np.stack([velocities[0](t[:1])[0], -velocities[1](t[1:])[0]], axis=1)
        t = np.clip(t - np.linalg.pinv(slopes, rcond=1e-6) @ gap, *ends.T)
    return t
