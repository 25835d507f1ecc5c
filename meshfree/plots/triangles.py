"""Triangles that cover a plane domain, or a plane section of a body, holes left out."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..geometry.domain import Domain
from ..geometry.simplices import delaunay
from .borders import outline, zero_line
from .lattices import VERTICES, lattice


class Piece(NamedTuple):
    """A triangulated piece of the plane: vertices (m, 2), triangles (t, 3), and the vertices in u's space."""

    vertices: np.ndarray
    triangles: np.ndarray
    points: np.ndarray


def piece_of_domain(domain) -> Piece:
    """A plane domain: a Domain, or anything with `bounds` and `distance`."""

    def border(h):
        if isinstance(domain, Domain):
            return outline(domain, h)
        return zero_line(domain.distance, lower, upper)

    lower, upper = domain.bounds
    vertices, triangles = _triangulated(domain.distance, lower, upper, border)
    return Piece(vertices, triangles, vertices)


def section(distance: Callable, lower: np.ndarray, upper: np.ndarray, axis: int) -> Piece:
    """The section of a body through the middle of its bounding box, at right angles to an axis."""
    across = np.delete(np.arange(3), axis)
    middle = (lower[axis] + upper[axis]) / 2

    def lifted(X):
        return np.insert(X, axis, middle, axis=1)

    def within(X):
        return distance(lifted(X))

    lower, upper = lower[across], upper[across]
    vertices, triangles = _triangulated(within, lower, upper, lambda h: zero_line(within, lower, upper))
    return Piece(vertices, triangles, lifted(vertices))


def _triangulated(distance: Callable, lower: np.ndarray, upper: np.ndarray, border: Callable):
    """Vertices and triangles of the plane region {distance ≤ 0}; `border(h)` samples its boundary h apart.

    Points of a lattice are kept half a step inside, so that Delaunay's triangles follow the boundary.
    """
    share = max(float(np.mean(distance(lattice(lower, upper, 4000)) <= 0)), 0.02)
    h = float(np.sqrt(np.prod(upper - lower) * share / VERTICES))
    X = lattice(lower, upper, VERTICES / share)
    X += np.random.default_rng(0).uniform(-0.01 * h, 0.01 * h, X.shape)  # exact squares slow Delaunay down threefold
    vertices = np.concatenate([border(h), X[distance(X) < -h / 2]])
    if len(vertices) < 3:
        return vertices, np.empty((0, 3), int)
    return vertices, delaunay(vertices, lambda centers, _: distance(centers) <= 1e-9 * h)


def triangulation(vertices: np.ndarray, triangles: np.ndarray):
    """The same vertices and triangles for Matplotlib."""
    from matplotlib.tri import Triangulation

    return Triangulation(vertices[:, 0], vertices[:, 1], triangles)
