"""Surfaces in space on which a function is zero."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from meshfree.geometry.boundary import BoundaryPatch
from meshfree.geometry.contouring import cell_size, skin
from meshfree.internal.pointwise import PointwiseGradient

from ..nearest_simplex import NearestSimplex
from .triangle_mesh import crosses, shown
from .triangle_patches import AreaMap

_CELLS = (32, 48)  # along the longest side of the bounds; of `skin` in the box then known to hold the shape
_FLAT = 1e-9  # of a cell's face, below which a triangle has no area
_NEWTON = 30  # steps along the gradient; four do on smooth surfaces
_SLIDES = 40  # steps along the surface towards the nearest point
_STRIDE = (0.2, 5.0)  # of such a step: at least, at most


class ImplicitSurface(BoundaryPatch):
    """Where f is zero, ∇f pointing outwards; smooth, with f < 0 on one side within the bounds.

    f is looked at on a lattice of 48 cells along each side of a shape as wide and high as long, as many in all for
    others: what is smaller than a cell, or a wall thinner than two, is not seen. `at` keeps areas up to terms of second
    order in the cells. `project` starts from triangles between points of the surface and slides to where the surface is
    nearest: exact to round-off where the surface is smooth and the point closer than its radii of curvature, elsewhere
    a point of the surface hardly further away.

    Raises ValueError where f is nowhere negative, negative at the bounds, or without gradient where it is zero.
    """

    def __init__(
        self, part: str, implicit: PointwiseGradient, lower: Float[np.ndarray, " 3"], upper: Float[np.ndarray, " 3"]
    ):
        self.part, self._implicit = part, implicit
        lattice, values = _lattice(implicit, lower, upper)
        _refuse(lattice, values)
        around = _around_negative(lattice, values)
        found = skin(_cut_off(implicit, lower, upper), *around, _CELLS[1])
        self._cell = cell_size(*around, _CELLS[1])
        vertices = found.vertices + self._newton(found.vertices)[0]  # leaves an error of fourth order
        slope = _refuse_flat(implicit, vertices)
        self._steepest = float(slope.max())
        self.bounds = vertices.min(axis=0) - self._cell / 2, vertices.max(axis=0) + self._cell / 2
        corners = vertices[found.triangles]
        areas = np.linalg.norm(crosses(corners), axis=1) / 2
        kept = areas > _FLAT * self._cell**2
        self._nearest, self._map = NearestSimplex(corners[kept]), AreaMap(corners[kept], areas[kept])
        self._area = float(areas.sum())

    @property
    def area(self):
        return self._area

    @property
    def aspect(self):
        return self._map.aspect

    def at(self, U):
        return self._drawn(self._map(U))

    def normal(self, X):
        return _unit(self._implicit.gradients(X))[0]

    def project(self, X):
        start = self._nearest(X).point
        Y, before, stride = start.copy(), np.zeros_like(X), np.ones(len(X))
        size = self._cell + np.abs(X).max(axis=1, initial=0)
        moving, step = np.arange(len(X)), np.zeros_like(X)
        for _ in range(_SLIDES):
            if len(moving) == 0:
                break
            drop, N = self._newton(Y[moving])
            away = X[moving] - Y[moving]
            slide = away - np.einsum("nd,nd->n", away, N)[:, None] * N
            # The step of a minimisation that knows the last step and how it changed the slope (Barzilai & Borwein).
            last = step[moving]
            change = np.einsum("nd,nd->n", last, before[moving] - slide)
            ratio = np.einsum("nd,nd->n", last, last) / np.where(change > 0, change, np.inf)
            stride[moving] = np.clip(np.where(ratio > 0, ratio, 1), *_STRIDE)
            before[moving], step[moving] = slide, self._short(stride[moving, None] * slide)
            Y[moving] += step[moving] + drop
            error = np.linalg.norm(slide, axis=1)
            # An error along the surface counts squared, over the distance.
            enough = np.maximum(1e-13 * size[moving], np.sqrt(1e-14 * size[moving] * np.linalg.norm(away, axis=1)))
            moving = moving[(error > enough) | (np.linalg.norm(drop, axis=1) > enough)]
        Y = self._drawn(Y)
        start = self._drawn(start[moving])
        astray = np.linalg.norm(X[moving] - start, axis=1) < np.linalg.norm(X[moving] - Y[moving], axis=1)
        Y[moving[astray]] = start[astray]
        return Y

    def contains(self, X: Float[np.ndarray, "n 3"], tolerance: float) -> Bool[np.ndarray, " n"]:
        """Which points lie inside, or about as close to the surface as the tolerance; none outside the bounds."""
        inside = np.all((X >= self.bounds[0]) & (X <= self.bounds[1]), axis=1)
        within = np.flatnonzero(inside)
        f = self._implicit.values(X[within])
        inside[within] = f <= 0
        near = (f > 0) & (f <= 2 * tolerance * self._steepest)
        if near.any():
            inside[within[near]] = f[near] <= tolerance * _unit(self._implicit.gradients(X[within[near]]))[1]
        return inside

    def _newton(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Newton's steps towards f = 0 along the gradient, none where there is no gradient; and unit normals."""
        N, slope = _unit(self._implicit.gradients(X))
        return self._short(-(self._implicit.values(X) / np.where(slope > 0, slope, np.inf))[:, None] * N), N

    def _short(self, step: np.ndarray) -> np.ndarray:
        """Steps, not longer than a cell."""
        return step * np.minimum(1, self._cell / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-300))

    def _drawn(self, X: np.ndarray) -> Float[np.ndarray, "n 3"]:
        """Points moved along the gradient to where f is zero."""
        X, moving = X.copy(), np.arange(len(X))
        for _ in range(_NEWTON):
            if len(moving) == 0:
                break
            step = self._newton(X[moving])[0]
            X[moving] += step
            moving = moving[np.linalg.norm(step, axis=1) > 1e-15 * (self._cell + np.abs(X[moving]).max(axis=1))]
        return X


def _unit(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradients at unit length, some direction where there is none; and their lengths, zero there."""
    slope = np.linalg.norm(g, axis=1)
    slope = np.where(np.isfinite(slope), slope, 0.0)
    return np.where(slope[:, None] > 0, g / np.where(slope > 0, slope, 1.0)[:, None], (1.0, 0.0, 0.0)), slope


def _lattice(f: PointwiseGradient, lower: np.ndarray, upper: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The axes of a lattice that fills the bounds, and f on it."""
    cell = np.max(upper - lower) / _CELLS[0]
    axes = [np.linspace(a, b, max(round((b - a) / cell), 2) + 1) for a, b in zip(lower, upper, strict=True)]
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return axes, f.values(X.reshape(-1, 3)).reshape(X.shape[:3])


def _cut_off(f: PointwiseGradient, lower: np.ndarray, upper: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The values of f, which is asked for them within the bounds only; beyond them nothing is inside."""

    def values(X):
        within = np.clip(X, lower, upper)
        found, beyond = f.values(within), np.linalg.norm(X - within, axis=1)
        return np.where(beyond > 0, np.maximum(found, beyond), found)

    return values


def _refuse(axes: list[np.ndarray], values: np.ndarray) -> None:
    lower, upper = (np.array([axis[end] for axis in axes]) for end in (0, -1))
    if values.min() >= 0:
        raise ValueError(
            f"SignedDistance is empty: function(x) is nowhere negative between {shown(lower)} and {shown(upper)}, "
            f"least {values.min():.3g}; it is to be negative inside the shape, and bounds= to hold that"
        )
    rim = values.copy()
    rim[1:-1, 1:-1, 1:-1] = np.inf
    if rim.min() <= 0:
        place = np.unravel_index(np.argmin(rim), rim.shape)
        x = np.array([axis[i] for axis, i in zip(axes, place, strict=True)])
        raise ValueError(
            f"SignedDistance touches its bounds: function(x) is {rim.min():.3g} at {shown(x)}; widen bounds="
        )


def _refuse_flat(f: PointwiseGradient, X: np.ndarray) -> Float[np.ndarray, " n"]:
    """The slopes of f at points of the surface; ValueError where it has none."""
    slope = _unit(f.gradients(X))[1]
    if slope.min() == 0:
        raise ValueError(
            f"SignedDistance: function(x) has no gradient at {shown(X[np.argmin(slope)])}, near where it is zero"
        )
    return slope


def _around_negative(axes: list[np.ndarray], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box of the lattice that holds its negative values, with a cell around them."""
    spans = []
    for d, axis in enumerate(axes):
        inside = np.flatnonzero((values < 0).any(axis=tuple(i for i in range(3) if i != d)))
        spans.append((axis[inside[0] - 1], axis[inside[-1] + 1]))
    return np.array([a for a, _ in spans]), np.array([b for _, b in spans])
