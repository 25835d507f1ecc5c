"""The boundary of a plane region as points: along the outline of a domain, or where a distance is zero."""

from collections.abc import Callable

import numpy as np

from ..geometry.contouring import dual
from ..geometry.domain import Domain
from .lattices import VERTICES


def outline(domain: Domain, h: float) -> np.ndarray:
    """Points of a plane domain's boundary at most h apart, corners among them."""
    found = []
    for one in domain.outline:
        X = one.point(np.linspace(0, 1, 65))
        length = np.linalg.norm(np.diff(X, axis=0), axis=1).sum()
        straight = length < 1.0001 * np.linalg.norm(X[-1] - X[0])
        found.append(one.point(np.linspace(0, 1, max(int(np.ceil(length / h)), 1 if straight else 64) + 1)))
    return _distinct(np.concatenate(found), 1e-3 * h)


def zero_line(distance: Callable, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Points of the line distance = 0 in a rectangle, corners among them: where a lattice crosses it."""
    h = float(np.sqrt(np.prod(upper - lower) / VERTICES))
    found = dual(distance, lower, upper, h)
    return _distinct(np.concatenate([found.vertices[found.sharp], found.crossings]), 0.02 * h)


def _distinct(X: np.ndarray, tolerance: float) -> np.ndarray:
    return X[np.unique(np.round(X / tolerance), axis=0, return_index=True)[1]]
