"""Curves in space where two surfaces cross: found from points strewn along them, run through by arc length."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from ..spacing import Spacing
from .arc_length import points_by_arc_length
from .filling import apart

_FINEST = 0.04  # spacings between points strewn along a curve, at least
_GAP = 0.5  # and at most: a longer gap is walked across
_STEP = 0.25  # of a walk beyond the end of a run of points, in spacings
_WALKS = 400
_NEIGHBOURS = 16
_AHEAD = 0.7  # cosine within which a neighbour lies in the direction of the curve
_ALIKE = 0.5  # cosine between directions of points on one curve
_HALVINGS = 32


@dataclass(frozen=True)
class Crossing:
    """The curves where two surfaces cross, as three functions of points.

    - `onto(X)` -> (n, 3): nearby points drawn onto both surfaces
    - `shows(X)` -> (n,): which of them lie on both, and on an edge of the whole shape
    - `tangent(X)` -> (n, 3): the curve's unit direction there; zero where the surfaces touch
    """

    onto: Callable[[np.ndarray], np.ndarray]
    shows: Callable[[np.ndarray], np.ndarray]
    tangent: Callable[[np.ndarray], np.ndarray]


class Run(NamedTuple):
    """Points in order along a smooth piece of a crossing curve; a closed one comes back to the first."""

    points: Float[np.ndarray, "n 3"]
    closed: bool


def nodes_on_crossing(
    crossing: Crossing, seeds: Float[np.ndarray, "n 3"], spacing: Spacing
) -> tuple[Float[np.ndarray, "e 3"], Float[np.ndarray, "m 3"]]:
    """The ends of the crossing curves near the seeds, and nodes by arc length between them.

    A curve ends where it leaves a surface or the surface of the whole, and where it turns sharply. One that no seed is
    drawn onto is missed.
    """
    ends, inner = [np.empty((0, 3))], [np.empty((0, 3))]
    for run in _runs(crossing, seeds, spacing):
        if not run.closed:
            ends.append(run.points[[0, -1]])
        inner.append(points_by_arc_length(run.points, run.closed, spacing))
    nodes = np.concatenate(inner)
    return np.concatenate(ends), crossing.onto(nodes) if len(nodes) else nodes


def _runs(crossing: Crossing, seeds: np.ndarray, spacing: Spacing) -> list[Run]:
    X = _strewn(crossing, seeds)
    if len(X) == 0:
        return []
    X = X[apart(X, _FINEST * spacing(X), X[:0])]
    for _ in range(_WALKS):
        following = _following(X, crossing.tangent(X), _GAP * spacing(X))
        orders = _orders(following, len(X))
        ends = np.concatenate([X[:0], *(X[order][[0, -1]] for order, closed in orders if not closed)])
        walked = _strewn(crossing, ends + _beyond(crossing, ends, spacing))
        walked = walked[apart(walked, _FINEST * spacing(walked), X)]
        if len(walked) == 0:
            break
        X = np.concatenate([X, walked])
    whole = [Run(X[order], True) for order, closed in orders if closed]
    ends = _ends(crossing, ends, spacing).reshape(-1, 2, 1, 3)
    open_ = [X[order] for order, closed in orders if not closed]
    return whole + [Run(np.concatenate([a, points, b]), False) for points, (a, b) in zip(open_, ends, strict=True)]


def _strewn(crossing: Crossing, X: np.ndarray) -> Float[np.ndarray, "n 3"]:
    """Points drawn onto the curves, those that arrive."""
    if len(X):
        X = crossing.onto(X)
        X = X[crossing.shows(X)]
    return X


def _beyond(crossing: Crossing, ends: np.ndarray, spacing: Spacing) -> Float[np.ndarray, "e 3"]:
    """Steps beyond the first and last points of runs, given in turn."""
    step = np.resize([-_STEP, _STEP], len(ends)) * spacing(ends)
    return step[:, None] * crossing.tangent(ends)


def _ends(crossing: Crossing, near: np.ndarray, spacing: Spacing) -> Float[np.ndarray, "e 3"]:
    """The very ends of curves, from the first and last points of runs in turn, by halving steps."""
    if len(near) == 0:
        return near
    step, direction = _beyond(crossing, near, spacing), crossing.tangent(near)
    for _ in range(_HALVINGS):
        step = step / 2
        further = crossing.onto(near + step)
        # Beyond a place where the surfaces touch, the curve that goes straight on has the opposite direction.
        ahead = np.einsum("nd,nd->n", crossing.tangent(further), direction) > _ALIKE
        near = np.where((ahead & crossing.shows(further))[:, None], further, near)
    return near


def _following(X: np.ndarray, tangent: np.ndarray, reach: np.ndarray) -> dict[int, int]:
    """Point -> the next one along its curve, where they are each other's nearest in that direction."""
    ahead, behind = (_nearest_ahead(X, sign * tangent, reach) for sign in (1, -1))
    return {i: j for i, j in enumerate(ahead.tolist()) if j >= 0 and behind[j] == i}


def _nearest_ahead(X: np.ndarray, tangent: np.ndarray, reach: np.ndarray) -> Int[np.ndarray, " n"]:
    """The number of the nearest point in the direction of the curve, −1 where there is none within reach."""
    if len(X) < 2:
        return np.full(len(X), -1)
    distance, index = cKDTree(X).query(X, min(_NEIGHBOURS, len(X)))
    away = X[index] - X[:, None]
    forward = np.einsum("nkd,nd->nk", away, tangent) > _AHEAD * distance
    alike = np.einsum("nkd,nd->nk", tangent[index], tangent) > _ALIKE
    candidate: Bool[np.ndarray, "n k"] = forward & alike & (distance <= reach[:, None]) & (distance > 0)
    first = np.argmax(candidate, axis=1)
    rows = np.arange(len(X))
    return np.where(candidate[rows, first], index[rows, first], -1)


def _orders(following: dict[int, int], count: int) -> Sequence[tuple[list[int], bool]]:
    """The numbers of the points of each run, and whether it is closed."""
    begins = sorted(set(range(count)) - set(following.values()))
    orders, seen = [], set()
    for start in [*begins, *range(count)]:
        order, here = [], start
        while here is not None and here not in seen:
            seen.add(here)
            order.append(here)
            here = following.get(here)
        if order:
            orders.append((order, here == start))
    return orders
