"""Axes along which a domain repeats: the nearest images of points, and neighbours across the seam.

Periods are an array (d,): the length after which space repeats along each axis, infinite along those that do not.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

Periods = Float[np.ndarray, " d"] | None  # None: space repeats along no axis


def repeating(periods: Periods) -> Int[np.ndarray, " p"]:
    """The axes along which space repeats."""
    return np.flatnonzero(np.isfinite(periods)) if periods is not None else np.zeros(0, dtype=int)


def nearest_image(away: Any, periods: Periods) -> Any:
    """Vectors (..., d) between points, to the nearest image of the second: each at most half a period long."""
    axes = repeating(periods)
    if periods is None or not len(axes):
        return away
    shape = (1,) * (away.ndim - 1) + (-1,)
    lengths = np.where(np.isfinite(periods), periods, 0.0).astype(away.dtype).reshape(shape)
    return away - (away / np.where(lengths > 0, lengths, 1)).round() * lengths


def images_around_first(X: Any, periods: Periods) -> Any:
    """Groups of points (..., k, d), of each point the image nearest to the first of its group."""
    return X if periods is None else X[..., :1, :] + nearest_image(X - X[..., :1, :], periods)


def unrolled(
    nodes: Float[np.ndarray, "n d"], groups: Int[np.ndarray, "m k"], periods: Periods
) -> tuple[Float[np.ndarray, "q d"], Int[np.ndarray, "m k"]]:
    """Nodes, after them images of some, and the groups, each of which then lies around its first node."""
    first = nodes[groups[:, 0]]
    away = nodes[groups] - first[:, None]
    nearest = nearest_image(away, periods)
    row, column = np.nonzero((nearest != away).any(axis=2))
    groups = groups.copy()
    groups[row, column] = len(nodes) + np.arange(len(row))
    return np.concatenate([nodes, first[row] + nearest[row, column]]), groups


def wrapped(X: Float[np.ndarray, "n d"], lower: Float[np.ndarray, " d"], periods: Periods) -> Float[np.ndarray, "n d"]:
    """The images of points that lie in the box from `lower` on; points in it come back to the last bit."""
    found = X
    for axis in repeating(periods):
        a, length = lower[axis], periods[axis]  # type: ignore[index]
        x = X[:, axis]
        beyond = np.flatnonzero((x < a) | (x > a + length))
        if len(beyond):
            found = found.copy() if found is X else found
            found[beyond, axis] = np.clip(x[beyond] - length * np.floor((x[beyond] - a) / length), a, a + length)
    return found


def neighbour_tree(X: Float[np.ndarray, "n d"], periods: Periods = None) -> cKDTree:
    """The k-d tree of points; its distances are those to nearest images."""
    axes = repeating(periods)
    if periods is None or not len(axes):
        return cKDTree(X)
    sizes = np.where(np.isfinite(periods), periods, 0.0)
    found = np.array(X)
    rest = np.mod(found[:, axes], sizes[axes])
    found[:, axes] = np.where(rest < sizes[axes], rest, 0.0)  # what is left of a tiny negative number is the period
    return cKDTree(found, boxsize=sizes)


def with_images(
    X: Float[np.ndarray, "n d"], lower: Float[np.ndarray, " d"], periods: Periods, reach: float = np.inf
) -> tuple[Float[np.ndarray, "m d"], Int[np.ndarray, " m"]]:
    """Points in the box from `lower` on, and after them their images around it, no further from it than `reach` and
    half a period; and the numbers of the points that they are images of.
    """
    axes = repeating(periods)
    if periods is None or not len(axes):
        return X, np.arange(len(X))
    X = wrapped(X, lower, periods)
    points, owners = [X], [np.arange(len(X))]
    for turns in itertools.product((0, -1, 1), repeat=len(axes)):
        if not any(turns):
            continue
        kept = np.ones(len(X), dtype=bool)
        for axis, turn in zip(axes, turns, strict=True):
            inner, margin = X[:, axis] - lower[axis], min(reach, periods[axis] / 2)
            kept &= (inner >= periods[axis] - margin) if turn < 0 else (inner <= margin) if turn > 0 else True
        shift = np.zeros(len(lower))
        shift[axes] = turns * periods[axes]
        points.append(X[kept] + shift)
        owners.append(np.flatnonzero(kept))
    return np.concatenate(points), np.concatenate(owners)
