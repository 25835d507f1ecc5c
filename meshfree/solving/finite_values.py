"""Points and values that must be finite: an error names the first that is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..internal.tracing import is_traced


class NotFiniteError(ValueError):
    """Values came out NaN or infinite at finite points."""


def check_points(X: ArrayLike, taker: str) -> None:
    """ValueError for points (m, d), or one point (d,), that are not finite; traced ones are not looked at."""
    if is_traced(X):
        return
    points = np.atleast_2d(np.asarray(X))
    finite = np.isfinite(points)
    if not finite.all():
        wrong = np.flatnonzero(~finite.all(axis=1))
        raise ValueError(
            f"{taker} takes finite points, and {len(wrong)} of {len(points)} hold NaN or infinity: "
            f"number {wrong[0]} is {as_point(points[wrong[0]])}"
        )


def first_not_finite(values: ArrayLike) -> int | None:
    """The place of the first value, along the first axis, that is NaN or infinite, in one field at least."""
    finite = np.isfinite(np.asarray(values))
    return None if finite.all() else int(np.argmin(finite.reshape(len(finite), -1).all(axis=1)))


def not_finite(what: str, values: ArrayLike, X: ArrayLike, advice: str) -> NotFiniteError:
    """The error of values (m, *f) that are not finite at some of the points (m, d)."""
    values, first = np.asarray(values), first_not_finite(values)
    assert first is not None
    count = int(np.sum(~np.isfinite(values.reshape(len(values), -1)).all(axis=1)))
    others = f", as at {count} of the {len(values)} points" if len(values) > 1 else ""
    here = as_point(np.asarray(X)[first])
    return NotFiniteError(f"{what} is not finite at x = {here}: it is {values[first].tolist()} there{others}. {advice}")


def as_point(x: ArrayLike) -> str:
    """A point's coordinates as they are read by eye."""
    return "(" + ", ".join(f"{coordinate:.10g}" for coordinate in np.ravel(x)) + ")"
