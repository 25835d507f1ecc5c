"""The primitive shapes: intervals, boxes, balls and disks. Combine them with `|`, `&` and `-`."""

import itertools
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from ...internal.descriptions import IN_OLDER_FILES
from ..arguments import Coordinates, Name, Number, Periodic, check_name, number, numbers, periodic_axes, set_fields
from ..boundary import Circle, End, Rectangle, Segment, Sphere
from ..domain import Domain, Moved
from ..nodes.periodic_surface import place_sides
from ..nodes.plane_outline import Stretch
from ..quadrature import of_ball, of_box
from ..shape import as_points

_SIDES = (("left", "right"), ("bottom", "top"), ("back", "front"))
_NOT_BEFORE = {IN_OLDER_FILES: ()}


class _Periodic(Domain):
    """A shape of sides along the axes, which repeats along some of them and has no sides there; abstract."""

    name: Name
    periodic: Periodic

    @property
    def periods(self):
        lower, upper = self.bounds
        return np.where(np.isin(np.arange(self.dim), self.periodic), upper - lower, np.inf)

    @property
    def periodic_sides(self):
        return () if self.name else tuple(side for axis in self.periodic for side in _SIDES[axis])

    @property
    def unrolled(self):
        return replace(self, periodic=()) if self.periodic else self  # type: ignore[type-var]

    @cached_property
    def outline(self):
        if not self.periodic or self.dim == 3:
            return super().outline
        return self.pieces if self.dim == 1 else tuple(Stretch(one, 0.0, 1.0, closed=True) for one in self.pieces)

    def contains(self, X):
        if len(self.periodic) == self.dim:
            return np.isfinite(as_points(X, self.dim)).all(axis=1)
        return super().contains(X)

    def distance(self, X):
        """Signed distance to the sides; of a shape without any minus half its shortest period, that of its images."""
        lower, upper = self.bounds
        sides = [axis for axis in range(self.dim) if axis not in self.periodic]
        if not sides:
            return np.full(len(as_points(X, self.dim)), -np.min(upper - lower) / 2)
        return _box_distance(as_points(X, self.dim)[:, sides], lower[sides], upper[sides])

    def clustering(self, spacing, strength):
        lower, upper = self.bounds
        sides = [axis for axis in range(self.dim) if axis not in self.periodic]

        def moved(X):
            found = np.array(X)
            found[:, sides] = _cluster_box(X[:, sides], lower[sides], upper[sides], strength)
            return found

        return spacing, moved

    def __repr__(self):
        names = [one.name for one in fields(self) if one.name != "periodic"]  # type: ignore[arg-type]
        shown = [f"{name}={getattr(self, name)!r}" for name in names]
        if self.periodic:
            shown.append(f"periodic={True if len(self.periodic) == self.dim else self.periodic}")
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class Interval(_Periodic):
    """The interval [a, b] of the line; parts `left` and `right`, or both `name`.

    `periodic=True` makes it a circle of length b − a: functions repeat, and there are no ends and no conditions there.

    Raises ValueError unless a < b, both finite; TypeError for what is no number.
    """

    a: Number = 0.0
    b: Number = 1.0
    name: Name = None
    periodic: Periodic = field(default=False, metadata=_NOT_BEFORE)

    def __post_init__(self):
        set_fields(self, a=number(self.a, "Interval", "a"), b=number(self.b, "Interval", "b"))
        set_fields(self, periodic=periodic_axes(self.periodic, "Interval", 1))
        check_name(self.name, "Interval")
        if self.a >= self.b:
            raise ValueError(f"Interval needs a < b, got a={self.a}, b={self.b}")

    dim = 1
    edges = ()

    @property
    def bounds(self):
        return np.array([self.a]), np.array([self.b])

    @property
    def volume(self):
        return self.b - self.a

    @property
    def leaves(self):
        return (self,)

    @property
    def pieces(self):
        if self.periodic:
            return ()
        left, right = _side_names(self.name, 1)
        return End(left, self.a, -1.0), End(right, self.b, 1.0)

    def quadrature(self):
        return of_box(*self.bounds)

    def moved(self, motion):
        (a,), (b,) = motion.point((self.a,)), motion.point((self.b,))
        return Interval(a, b, self.name, self.periodic)


@dataclass(frozen=True, repr=False)
class Box(_Periodic):
    """The axis-parallel box between two corners, in 1 to 3 dimensions; the unit square by default.

    Parts `left`, `right` (x), `bottom`, `top` (y), `back`, `front` (z), or all `name`.

    `periodic=True`, or axes as (0,), makes functions repeat along all or these axes: what leaves through one side comes
    back through the other. Those sides are no parts and have no conditions. A shape that lies inside may be taken out
    of it, `Box(periodic=True) - Disk(...)`, and repeats with it.

    Raises ValueError unless lower < upper in each coordinate, of as many coordinates; TypeError for what is no number.
    """

    lower: Coordinates = (0.0, 0.0)
    upper: Coordinates = (1.0, 1.0)
    name: Name = None
    periodic: Periodic = field(default=False, metadata=_NOT_BEFORE)

    def __post_init__(self):
        lower, upper = numbers(self.lower, "Box", "lower"), numbers(self.upper, "Box", "upper")
        set_fields(self, lower=lower, upper=upper)
        check_name(self.name, "Box")
        if len(self.lower) != len(self.upper):
            raise ValueError(f"Box needs corners of equal length, got lower={self.lower}, upper={self.upper}")
        if any(a >= b for a, b in zip(self.lower, self.upper, strict=True)):
            raise ValueError(f"Box needs lower < upper in each coordinate, got lower={lower}, upper={upper}")
        set_fields(self, periodic=periodic_axes(self.periodic, "Box", len(lower)))

    @property
    def dim(self):
        return len(self.lower)

    @property
    def bounds(self):
        return np.array(self.lower), np.array(self.upper)

    @property
    def volume(self):
        return float(np.prod(np.subtract(self.upper, self.lower)))

    @property
    def leaves(self):
        return (self,)

    @property
    def pieces(self):
        return tuple(side for axis in range(self.dim) if axis not in self.periodic for side in self._sides(axis))

    def _sides(self, axis: int) -> tuple:
        """The lower and the upper one."""
        low, high = _side_names(self.name, self.dim)[2 * axis : 2 * axis + 2]
        if self.dim == 1:
            return End(low, self.lower[0], -1.0), End(high, self.upper[0], 1.0)
        if self.dim == 3:
            return tuple(Rectangle(name, self.lower, self.upper, axis, side) for name, side in ((low, -1), (high, 1)))
        (x0, y0), (x1, y1) = self.lower, self.upper
        if axis == 0:
            return Segment(low, (x0, y1), (x0, y0)), Segment(high, (x1, y0), (x1, y1))
        return Segment(low, (x0, y0), (x1, y0)), Segment(high, (x1, y1), (x0, y1))

    def surface_nodes(self, spacing, rng):
        return place_sides(self, self.pieces, spacing, rng)

    @property
    def edges(self):
        if self.dim != 3 or self.periodic:
            return ()
        corners = list(itertools.product(*zip(self.lower, self.upper, strict=True)))
        return tuple(
            Segment("edge", p, q)
            for p, q in itertools.combinations(corners, 2)
            if sum(a != b for a, b in zip(p, q, strict=True)) == 1
        )

    def quadrature(self):
        return of_box(*self.bounds)

    def moved(self, motion):
        if not motion.upright:
            if self.periodic:
                raise ValueError(
                    "a periodic box repeats along the coordinate axes and cannot be rotated; translate or scale it"
                )
            return Moved(self, motion)
        return Box(motion.point(self.lower), motion.point(self.upper), self.name, self.periodic)


@dataclass(frozen=True)
class Ball(Domain):
    """The ball around a centre, in as many dimensions (1 to 3) as that has coordinates.

    The unit ball of space by default. One part: `boundary`, or `name`.

    Raises ValueError for a radius that is not positive, or a centre of more coordinates; TypeError for no number.
    """

    center: Coordinates = (0.0, 0.0, 0.0)
    radius: Number = 1.0
    name: Name = None

    def __post_init__(self):
        kind = type(self).__name__
        center = numbers(self.center, kind, "center", self._dims)
        set_fields(self, center=center, radius=number(self.radius, kind, "radius"))
        check_name(self.name, kind)
        if self.radius <= 0:
            raise ValueError(f"{kind} needs radius > 0, got {self.radius}")

    _dims: ClassVar[tuple[int, ...]] = (1, 2, 3)
    edges = ()

    @property
    def dim(self):
        return len(self.center)

    @property
    def bounds(self):
        return np.array(self.center) - self.radius, np.array(self.center) + self.radius

    @property
    def volume(self):
        return {1: 2.0, 2: np.pi, 3: 4 * np.pi / 3}[self.dim] * self.radius**self.dim

    @property
    def leaves(self):
        return (self,)

    @property
    def pieces(self):
        part = "boundary" if self.name is None else self.name
        if self.dim == 1:
            lower, upper = self.bounds
            return End(part, float(lower[0]), -1.0), End(part, float(upper[0]), 1.0)
        surface = Circle if self.dim == 2 else Sphere
        return (surface(part, self.center, self.radius),)

    def distance(self, X):
        return np.linalg.norm(as_points(X, self.dim) - np.array(self.center), axis=1) - self.radius

    def quadrature(self):
        return of_ball(np.array(self.center), self.radius)

    def moved(self, motion):
        if not motion.similar:
            return Moved(self, motion)
        return type(self)(motion.point(self.center), motion.factor * self.radius, self.name)

    def clustering(self, spacing, strength):
        return spacing, lambda X: _cluster_ball(X, np.array(self.center), self.radius, strength)


@dataclass(frozen=True)
class Disk(Ball):
    """The disk, a ball of the plane; the unit disk by default. One part: `boundary`, or `name`. Raises as `Ball`."""

    center: Coordinates = (0.0, 0.0)
    _dims: ClassVar[tuple[int, ...]] = (2,)


# ------------------------------------------------------------------------------------- what shapes share


def _box_distance(X: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    beyond = np.maximum(lower - X, X - upper)
    return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)


def _cluster_box(X: np.ndarray, lower: np.ndarray, upper: np.ndarray, strength: float) -> np.ndarray:
    middle, half = (lower + upper) / 2, (upper - lower) / 2
    moved = middle + half * _chebyshev((X - middle) / half, strength)
    # Nodes of a side stay on it to the last bit.
    return np.where((X == lower) | (X == upper), X, moved)


def _cluster_ball(X: np.ndarray, center: np.ndarray, radius: float, strength: float) -> np.ndarray:
    away = X - center
    rho = np.linalg.norm(away, axis=1, keepdims=True) / radius
    factor = np.where(rho > 0, _chebyshev(rho, strength) / np.where(rho > 0, rho, 1), 1)
    return np.where(np.abs(rho - 1) < 1e-12, X, center + away * factor)


def _chebyshev(t: np.ndarray, strength: float) -> np.ndarray:
    """(1 - c) t + c sin(πt/2): equispaced t in [-1, 1] become Chebyshev points at strength c = 1."""
    return (1 - strength) * t + strength * np.sin(np.pi * t / 2)


def _side_names(name: str | None, dim: int) -> tuple[str, ...]:
    """The names of a box's sides, lower before upper, x before y before z."""
    return tuple(side if name is None else name for pair in _SIDES[:dim] for side in pair)
