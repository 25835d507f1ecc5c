"""Nodes along curves, as far apart as a spacing asks for: the way is measured in spacings and cut into equal steps."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..spacing import Spacing, check_count

_CHORDS = 64  # whose lengths add up to that of a smooth curve
_SAMPLES = 2048  # along a curve as long as the shape is wide, to measure the way in spacings
_FEWEST, _MOST = 64, 8192  # of these samples


@runtime_checkable
class Line(Protocol):
    """A curve run through by s in [0, 1]: one of a boundary, or a stretch of one."""

    @property
    def closed(self) -> bool: ...
    @property
    def straight(self) -> bool: ...
    def point(self, s: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]: ...


def length(line: Line) -> float:
    """The length of a smooth curve, good to 1e-3 of it."""
    return float(np.linalg.norm(np.diff(line.point(np.linspace(0, 1, _CHORDS + 1)), axis=0), axis=1).sum())


def travelled(X: Float[np.ndarray, "n d"], spacing: Spacing) -> Float[np.ndarray, " n"]:
    """The way along straight lines from point to point, in units of the local spacing; zero at the first."""
    rate = 1 / spacing(X)
    steps = np.linalg.norm(np.diff(X, axis=0), axis=1) * (rate[1:] + rate[:-1]) / 2
    return np.concatenate([[0.0], np.cumsum(steps)])


def travel(line: Line, spacing: Spacing, size: float) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Parameters along a curve of a shape of that size, and the way to each in units of the local spacing."""
    if spacing.constant is not None and line.straight:
        s = np.array([0.0, 1.0])
        return s, travelled(line.point(s), spacing)
    s = np.linspace(0, 1, int(np.clip(np.ceil(_SAMPLES * length(line) / size), _FEWEST, _MOST)) + 1)
    if spacing.constant is None and spacing.at is not None:
        s = np.unique(np.concatenate([s, *(_beside(line, s, y) for y in spacing.at)]))
    return s, travelled(line.point(s), spacing)


def _beside(line: Line, s: Float[np.ndarray, " n"], y: Float[np.ndarray, " d"]) -> Float[np.ndarray, " k"]:
    """Parameters that close in on that of the point nearest to y."""
    step = s[1]
    nearest = s[np.argmin(np.linalg.norm(line.point(s) - y, axis=1))]
    for _ in range(4):
        near = np.clip(nearest + step * np.linspace(-1, 1, 33), 0, 1)
        nearest, step = near[np.argmin(np.linalg.norm(line.point(near) - y, axis=1))], step / 16
    closing = s[1] * 0.7 ** np.arange(-6, 30)
    return np.clip(np.concatenate([nearest - closing, [nearest], nearest + closing]), 0, 1)


def arc_length_parameters(line: Line, spacing: Spacing, size: float) -> Float[np.ndarray, " n"]:
    """Parameters of nodes `spacing` apart along a curve, without its ends (a closed one has none)."""
    s, way = travel(line, spacing, size)
    return np.interp(_stops(way[-1], line.closed), way, s)


def points_by_arc_length(X: Float[np.ndarray, "n d"], closed: bool, spacing: Spacing) -> Float[np.ndarray, "m d"]:
    """Points `spacing` apart on the straight lines between points in order, without the ends; a closed row has none."""
    X = np.concatenate([X, X[:1]]) if closed else X
    way = travelled(X, spacing)
    stops = _stops(way[-1], closed)
    return np.stack([np.interp(stops, way, x) for x in X.T], axis=1)


def _stops(whole: float, closed: bool) -> Float[np.ndarray, " n"]:
    """Where to place nodes on a way of so many spacings: between the ends, or three or more all around."""
    check_count(whole)
    count = max(3 if closed else 1, round(whole))
    stops = np.linspace(0, whole, count + 1)
    return stops[:-1] if closed else stops[1:-1]
