"""Translations, rotations and scalings, and the pieces of boundaries that they move."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from .arguments import number, numbers, positive
from .boundary import BoundaryCurve, BoundaryPatch, Sides

_ROUNDING = 1e-15  # of rotations: the cosine of a right angle
_SIMILAR = 1e-12  # relative difference of factors that count as one


@dataclass(frozen=True)
class Motion:
    """x -> A x + b, with det A > 0; the rows of A, and b, as tuples."""

    matrix: tuple[tuple[float, ...], ...]
    shift: tuple[float, ...]

    @classmethod
    def about(cls, matrix: Float[np.ndarray, "d d"], center: Float[np.ndarray, " d"]) -> "Motion":
        """The linear map that leaves `center` where it is."""
        return cls(tuple(map(tuple, matrix.tolist())), tuple((center - matrix @ center).tolist()))

    @cached_property
    def linear(self) -> Float[np.ndarray, "d d"]:
        """The matrix A."""
        return np.array(self.matrix)

    @cached_property
    def factors(self) -> Float[np.ndarray, " d"]:
        """By how much lengths grow along the principal directions, the most first."""
        return np.linalg.svd(self.linear, compute_uv=False)

    @property
    def similar(self) -> bool:
        """Whether all lengths grow alike."""
        return bool(self.factors[0] - self.factors[-1] <= _SIMILAR * self.factors[0])

    @property
    def factor(self) -> float:
        """By how much lengths grow at least; exactly 1 where it differs from 1 by rounding only."""
        least = float(self.factors[-1])
        return 1.0 if abs(least - 1) < _SIMILAR else least

    @property
    def upright(self) -> bool:
        """Whether the axes keep their directions."""
        return bool(np.all(self.linear == np.diag(np.diag(self.linear))))

    def __call__(self, X: Float[np.ndarray, "*n d"]) -> Float[np.ndarray, "*n d"]:
        """Points moved."""
        return self.turn(X) + np.array(self.shift)

    def turn(self, V: Float[np.ndarray, "*n d"]) -> Float[np.ndarray, "*n d"]:
        """Vectors moved: A v; exact where A is diagonal."""
        return V * np.diag(self.linear) if self.upright else V @ self.linear.T

    def back(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Where moved points came from."""
        return np.linalg.solve(self.linear, (X - np.array(self.shift)).T).T

    def point(self, x: Sequence[float]) -> tuple[float, ...]:
        """One moved point, as a tuple."""
        return tuple(self(np.array(x)).tolist())

    def after(self, first: "Motion") -> "Motion":
        """Both motions, `first` before this one."""
        return Motion(tuple(map(tuple, (self.linear @ first.linear).tolist())), self.point(first.shift))


# ------------------------------------------------------------------------------------ as users give them


def translation(kind: str, dim: int, vector: Any) -> Motion:
    """The translation by a vector. TypeError and ValueError name the `kind` of the shape, here and below."""
    return Motion(tuple(map(tuple, np.eye(dim).tolist())), numbers(vector, kind, "vector", (dim,)))


def rotation(kind: str, dim: int, angle: Any, center: Any, axis: Any) -> Motion:
    """The rotation by an angle about a point of the plane, or about an axis through a point of space."""
    turn = number(angle, kind, "angle")
    if dim == 1:
        raise ValueError(f"{kind} lies on the line and cannot be rotated; translate or scale it")
    if dim == 2 and axis is not None:
        raise ValueError(f"{kind} lies in the plane and rotates about a center, got axis={axis!r}; leave axis out")
    matrix = _plane_rotation(turn) if dim == 2 else _space_rotation(turn, _axis(kind, axis))
    matrix[np.abs(matrix) < _ROUNDING] = 0.0
    return Motion.about(matrix, _center(kind, dim, center))


def scaling(kind: str, dim: int, factor: Any, center: Any) -> Motion:
    """The scaling by a positive number, on the line and in the plane also by one for each axis; `center` stays."""
    if np.ndim(factor) == 0:
        factors = [positive(factor, kind, "factor")] * dim
    elif dim == 3:
        raise ValueError(
            f"{kind} lies in space, where shapes are scaled by one positive number, got factor={factor!r}: there "
            "distances to a stretched surface are not known"
        )
    else:
        factors = [positive(one, kind, "factor") for one in numbers(factor, kind, "factor", (dim,))]
    return Motion.about(np.diag(factors), _center(kind, dim, center))


def _center(kind: str, dim: int, center: Any) -> np.ndarray:
    return np.zeros(dim) if center is None else np.array(numbers(center, kind, "center", (dim,)))


def _axis(kind: str, axis: Any) -> np.ndarray:
    found = np.array((0.0, 0.0, 1.0) if axis is None else numbers(axis, kind, "axis", (3,)))
    if not found.any():
        raise ValueError(f"{kind} needs an axis of rotation that is not zero, got {axis!r}")
    return found / np.linalg.norm(found)


def _plane_rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _space_rotation(angle: float, axis: np.ndarray) -> np.ndarray:
    """Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * np.outer(axis, axis)


# ------------------------------------------------------------------------------------------ moved pieces


@dataclass(frozen=True, eq=False)
class MovedCurve(BoundaryCurve):
    """A curve after a motion."""

    part: str
    closed: bool
    curve: BoundaryCurve
    motion: Motion

    @classmethod
    def of(cls, curve: BoundaryCurve, motion: Motion) -> "MovedCurve":
        """The curve moved."""
        return cls(curve.part, curve.closed, curve, motion)

    @property
    def breaks(self):
        return self.curve.breaks

    def point(self, t):
        return self.motion(self.curve.point(t))

    def velocity(self, t):
        return self.motion.turn(self.curve.velocity(t))

    def normal(self, t):
        # By the inverse transpose: where the curve rests, as in a cusp, its velocity shows no direction.
        N = np.linalg.solve(self.motion.linear.T, self.curve.normal(t).T).T
        return N / np.linalg.norm(N, axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class MovedPatch(BoundaryPatch):
    """A patch after a motion that scales all lengths alike."""

    part: str
    patch: BoundaryPatch
    motion: Motion

    @classmethod
    def of(cls, patch: BoundaryPatch, motion: Motion) -> "MovedPatch":
        """The patch moved."""
        return cls(patch.part, patch, motion)

    @property
    def aspect(self):
        return self.patch.aspect

    @property
    def area(self):
        return self.motion.factor**2 * self.patch.area

    def at(self, U):
        return self.motion(self.patch.at(U))

    def project(self, X):
        return self.motion(self.patch.project(self.motion.back(X)))

    def normal(self, X):
        return self._turned(self.patch.normal(self.motion.back(X)))

    def sides(self, X, radius):
        point, N, beside, side = self.patch.sides(self.motion.back(X), radius / self.motion.factor)
        return Sides(point, self._turned(N), self.motion(beside), side)

    def _turned(self, N: np.ndarray) -> Float[np.ndarray, "n 3"]:
        return self.motion.turn(N) / self.motion.factor
