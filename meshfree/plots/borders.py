"""The boundary of a plane region as points: along the outline of a domain, or where a distance is zero."""

from collections.abc import Callable

import numpy as np

from ..regions import Domain
from .lattices import VERTICES, ticks


def outline(domain: Domain, h: float) -> np.ndarray:
    """Points of a plane domain's boundary at most h apart, corners among them."""
    found = []
    for one in domain.outline:
        X = one.point(np.linspace(0, 1, 65))
        length = np.linalg.norm(np.diff(X, axis=0), axis=1).sum()
        straight = length < 1.0001 * np.linalg.norm(X[-1] - X[0])
        found.append(one.point(np.linspace(0, 1, max(int(np.ceil(length / h)), 1 if straight else 32) + 1)))
    return _distinct(np.concatenate(found), 1e-3 * h)


def zero_line(distance: Callable, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Points of the line distance = 0: from a lattice one cell wider than the box, by two Newton steps."""
    from contourpy import contour_generator

    inner = ticks(lower, upper, VERTICES)
    x, y = (np.concatenate([[2 * t[0] - t[1]], t, [2 * t[-1] - t[-2]]]) for t in inner)
    gaps = distance(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(len(y), len(x))
    cell = float(x[1] - x[0])
    lines = contour_generator(x, y, gaps).lines(0.0)
    X = np.concatenate([np.empty((0, 2)), *map(np.asarray, lines)])
    if not len(X):
        return X
    for _ in range(2):
        slopes = [(distance(X + e) - distance(X - e)) / (2e-4 * cell) for e in 1e-4 * cell * np.eye(2)]
        slope = np.stack(slopes, axis=1)
        step = distance(X)[:, None] * slope / np.maximum((slope**2).sum(axis=1, keepdims=True), 0.1)
        X = X - np.clip(step, -cell, cell)
    return _distinct(X, 0.02 * cell)


def _distinct(X: np.ndarray, tolerance: float) -> np.ndarray:
    return X[np.unique(np.round(X / tolerance), axis=0, return_index=True)[1]]
