"""The triangles that are painted: they cover a plane domain, a plane section of a body, or the hull of the nodes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..geometry.cloud import Cloud
from ..geometry.contouring import dual
from ..geometry.shape import Shape
from ..geometry.simplices import delaunay, simplices_between

VERTICES = 16_000  # of the triangles of one panel


class Cover(NamedTuple):
    """Triangles that cover a region of the plane: vertices (m, 2), triangles (t, 3), and the vertices in u's space."""

    vertices: np.ndarray
    triangles: np.ndarray
    points: np.ndarray


def cover_domain(domain: Any) -> Cover:
    """The triangles of a plane domain: a Shape, or anything with `bounds` and `distance`."""

    def border(h):
        if isinstance(domain, Shape):
            return outline_points(domain, h)
        return zero_line(domain.distance, lower, upper)

    lower, upper = domain.bounds
    vertices, triangles = _triangulate(domain.distance, lower, upper, border)
    return Cover(vertices, triangles, vertices)


def cover_section(distance: Callable, lower: np.ndarray, upper: np.ndarray, axis: int) -> Cover:
    """The triangles of a body's section through the middle of its bounding box, at right angles to an axis."""
    across = np.delete(np.arange(3), axis)
    middle = (lower[axis] + upper[axis]) / 2

    def lifted(X):
        return np.insert(X, axis, middle, axis=1)

    def within(X):
        return distance(lifted(X))

    lower, upper = lower[across], upper[across]
    vertices, triangles = _triangulate(within, lower, upper, lambda h: zero_line(within, lower, upper))
    return Cover(vertices, triangles, lifted(vertices))


def cover_nodes(cloud: Cloud) -> Cover:
    """Delaunay's triangles of the nodes, without those that the normals show to lie outside, refined to smooth colours.

    This is what is painted where no domain is known.
    """
    from matplotlib.tri import UniformTriRefiner

    X = np.asarray(cloud.points)
    triangles = simplices_between(X, np.asarray(cloud.normal_vectors), None)
    halvings = int(np.clip(np.log2(VERTICES / len(X)) / 2, 0, 5))
    refined: Any = UniformTriRefiner(triangulation(X, triangles)).refine_triangulation(subdiv=halvings)
    vertices = np.stack([refined.x, refined.y], axis=1)
    return Cover(vertices, refined.triangles, vertices)


def _triangulate(distance: Callable, lower: np.ndarray, upper: np.ndarray, border: Callable):
    """Vertices and triangles of the plane region {distance ≤ 0}; `border(h)` gives points of its boundary h apart.

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
    """The same vertices and triangles as Matplotlib's `Triangulation`."""
    from matplotlib.tri import Triangulation

    return Triangulation(vertices[:, 0], vertices[:, 1], triangles)


# -------------------------------------------------------------------------------------------- points of the boundary


def outline_points(domain: Shape, h: float) -> np.ndarray:
    """Points of a plane domain's boundary at most h apart, corners among them."""
    found = []
    for one in domain.outline:
        X = one.point(np.linspace(0, 1, 65))
        length = np.linalg.norm(np.diff(X, axis=0), axis=1).sum()
        straight = length < 1.0001 * np.linalg.norm(X[-1] - X[0])
        found.append(one.point(np.linspace(0, 1, max(int(np.ceil(length / h)), 1 if straight else 64) + 1)))
    return _distinct(np.concatenate(found), 1e-3 * h)


def outline_curves(domain: Any) -> list[np.ndarray]:
    """A plane domain's boundary as polygonal lines, (k, 2) each; of a domain on the line, its stretches at y = 0."""
    if domain.dim == 1:
        return _stretches(domain)
    if isinstance(domain, Shape):
        return [_curve(one) for one in domain.outline]
    from contourpy import contour_generator

    lower, upper = domain.bounds
    pad = 0.01 * max(upper - lower)
    x, y = lattice_lines(lower - pad, upper + pad, VERTICES)
    values = domain.distance(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(len(y), len(x))
    return [np.asarray(line) for line in contour_generator(x, y, values).lines(0.0)]


def _stretches(domain: Any) -> list[np.ndarray]:
    (lower,), (upper,) = domain.bounds
    x = np.sort([end.x for end in domain.outline]) if isinstance(domain, Shape) else np.linspace(lower, upper, 1001)
    inside = domain.distance((x[1:, None] + x[:-1, None]) / 2) < 0
    return [np.stack([x[i : i + 2], np.zeros(2)], axis=1) for i in np.flatnonzero(inside)]


def _curve(stretch: Any) -> np.ndarray:
    """Its ends where it is straight, many points otherwise."""
    X = stretch.point(np.linspace(0, 1, 65))
    length = np.linalg.norm(np.diff(X, axis=0), axis=1).sum()
    return X[[0, -1]] if length < 1.0001 * np.linalg.norm(X[-1] - X[0]) else stretch.point(np.linspace(0, 1, 257))


def zero_line(distance: Callable, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Points of the line distance = 0 in a rectangle, where a lattice crosses it, and the line's corners."""
    h = float(np.sqrt(np.prod(upper - lower) / VERTICES))
    found = dual(distance, lower, upper, h)
    return _distinct(np.concatenate([found.vertices[found.sharp], found.crossings]), 0.02 * h)


def _distinct(X: np.ndarray, tolerance: float) -> np.ndarray:
    return X[np.unique(np.round(X / tolerance), axis=0, return_index=True)[1]]


# --------------------------------------------------------------------------------------------- points of a rectangle


def lattice(lower: np.ndarray, upper: np.ndarray, count: float) -> np.ndarray:
    """About `count` points, evenly spread over a rectangle with its edges."""
    return np.stack(np.meshgrid(*lattice_lines(lower, upper, count)), axis=-1).reshape(-1, 2)


def lattice_lines(lower: np.ndarray, upper: np.ndarray, count: float) -> list[np.ndarray]:
    """The coordinates along each side of a rectangle of a lattice of about `count` points, at least three."""
    h = np.sqrt(np.prod(upper - lower) / count)
    return [np.linspace(a, b, max(round((b - a) / h), 2) + 1) for a, b in zip(lower, upper, strict=True)]
