"""Smooth surfaces of revolution in space, each with an area-preserving map of the unit square, and their rims."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from meshfree.geometry.arguments import Coordinates
from meshfree.geometry.boundary import BoundaryCurve, BoundaryPatch

from ..nearest_simplex import on_segment

Vector = tuple[float, float, float]

_NEWTON = 40  # steps at most; six do but where the hole of a torus all but closes


def frame(axis: Coordinates) -> Float[np.ndarray, "3 3"]:
    """Orthonormal, right-handed rows, the last along the axis; for the z axis the identity."""
    w = np.asarray(axis) / np.linalg.norm(axis)
    v = np.cross(w, np.eye(3)[np.argmin(np.abs(w))])
    v /= np.linalg.norm(v)
    return np.stack([np.cross(v, w), v, w]) + 0.0  # + 0.0 turns -0.0 into 0.0


def unit(vectors: Float[np.ndarray, "n 3"], otherwise: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "n 3"]:
    """Vectors at unit length, those of length zero replaced."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 0, vectors / np.where(length > 0, length, 1.0), otherwise)


def _across(u_v_w: np.ndarray, X: np.ndarray) -> Float[np.ndarray, "n 3"]:
    """Vectors without their share along the third row of a frame."""
    u, v, _ = u_v_w
    return (X @ u)[:, None] * u + (X @ v)[:, None] * v


@dataclass(frozen=True)
class Rim(BoundaryCurve):
    """A circle in space around `center` in the plane across `axis`."""

    part: str
    center: Vector
    axis: Vector
    radius: float
    closed = True

    @cached_property
    def _frame(self) -> np.ndarray:
        return frame(self.axis)

    def point(self, t):
        return np.array(self.center) + self.radius * _around(self._frame, 2 * np.pi * t)

    def velocity(self, t):
        return 2 * np.pi * self.radius * _around(self._frame, 2 * np.pi * t + np.pi / 2)


@dataclass(frozen=True)
class _AroundSegment(BoundaryPatch):
    """A surface `radius` away from the straight line from `start` to `end`; abstract."""

    part: str
    start: Vector
    end: Vector
    radius: float

    @cached_property
    def _axis(self) -> np.ndarray:
        return np.subtract(self.end, self.start)

    @cached_property
    def _frame(self) -> np.ndarray:
        return frame(self._axis)

    def _on_axis(self, X: np.ndarray) -> Float[np.ndarray, "n 3"]:
        """The nearest points of the line."""
        return on_segment(X, *(np.broadcast_to(np.array(end), X.shape) for end in (self.start, self.end)))

    def project(self, X):
        return self._on_axis(X) + self.radius * self.normal(X)


@dataclass(frozen=True)
class CylinderSide(_AroundSegment):
    """The curved side of the cylinder around the straight line from `start` to `end`."""

    @property
    def area(self):
        return float(2 * np.pi * self.radius * np.linalg.norm(self._axis))

    def at(self, U):
        return self.start + U[:, :1] * self._axis + self.radius * _around(self._frame, 2 * np.pi * U[:, 1])

    def normal(self, X):
        return unit(_across(self._frame, X - np.array(self.start)), self._frame[0])


@dataclass(frozen=True)
class DiscFace(BoundaryPatch):
    """The flat disc around `center` with the outward normal `outward`, of any length."""

    part: str
    center: Vector
    outward: Vector
    radius: float

    @cached_property
    def _frame(self) -> np.ndarray:
        return frame(self.outward)

    @property
    def area(self):
        return float(np.pi * self.radius**2)

    def at(self, U):
        # Squares around the centre become circles (Shirley & Chiu, J. Graphics Tools 2(3) (1997) 45-52).
        a, b = (2 * U - 1).T
        wide = np.abs(a) > np.abs(b)
        rho, other = np.where(wide, a, b), np.where(wide, b, a)
        turn = np.pi / 4 * other / np.where(rho == 0, 1.0, rho)
        angle = np.where(wide, turn, np.pi / 2 - turn)
        return self.center + self.radius * rho[:, None] * _around(self._frame, angle)

    def project(self, X):
        flat = _across(self._frame, X - np.array(self.center))
        reach = np.minimum(np.linalg.norm(flat, axis=1, keepdims=True), self.radius)
        return self.center + reach * unit(flat, self._frame[0])

    def normal(self, X):
        return np.tile(self._frame[2], (len(X), 1))


@dataclass(frozen=True)
class TorusSurface(BoundaryPatch):
    """The surface `minor` away from the circle of radius `major` around `center` in the plane across `axis`."""

    part: str
    center: Vector
    axis: Vector
    major: float
    minor: float

    @cached_property
    def _frame(self) -> np.ndarray:
        return frame(self.axis)

    @property
    def area(self):
        return 4 * np.pi**2 * self.major * self.minor

    def at(self, U):
        outward = _around(self._frame, 2 * np.pi * U[:, 0])
        tube = self._tube_angle(2 * np.pi * U[:, 1] - np.pi)[:, None]
        ring = self.major + self.minor * np.cos(tube)
        return self.center + ring * outward + self.minor * np.sin(tube) * self._frame[2]

    def _tube_angle(self, share: np.ndarray) -> np.ndarray:
        """θ of θ + (r/R) sin θ = share, up to a factor the area between the outer equator and θ."""
        ratio, share, sign = self.minor / self.major, np.abs(share), np.sign(share)
        # sin is concave on [0, π]: from a start below the root, Newton's steps never pass it.
        theta = np.maximum(share / (1 + ratio), share - ratio)
        for _ in range(_NEWTON):
            step = (share - theta - ratio * np.sin(theta)) / (1 + ratio * np.cos(theta))
            theta = theta + step
            if np.all(np.abs(step) < 1e-15):
                break
        return sign * theta

    def spine(self, X: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """The nearest points of the circle in the middle of the tube."""
        return self.center + self.major * unit(_across(self._frame, X - np.array(self.center)), self._frame[0])

    def project(self, X):
        return self.spine(X) + self.minor * self.normal(X)

    def normal(self, X):
        return unit(X - self.spine(X), self._frame[2])


@dataclass(frozen=True)
class CapsuleSurface(_AroundSegment):
    """The surface `radius` away from the straight line from `start` to `end`: a cylinder and two half spheres."""

    @property
    def _length(self) -> float:
        return float(np.linalg.norm(self._axis))

    @property
    def area(self):
        return 2 * np.pi * self.radius * (self._length + 2 * self.radius)

    def at(self, U):
        # Archimedes: along the axis, equal heights have equal areas on spheres and cylinder alike.
        height = U[:, :1] * (self._length + 2 * self.radius) - self.radius
        beyond = np.maximum(-height, height - self._length).clip(0, self.radius)
        ring = np.sqrt((self.radius - beyond) * (self.radius + beyond))
        return self.start + height * self._frame[2] + ring * _around(self._frame, 2 * np.pi * U[:, 1])

    def normal(self, X):
        return unit(X - self._on_axis(X), self._frame[0])


def _around(u_v_w: np.ndarray, angle: np.ndarray) -> Float[np.ndarray, "n 3"]:
    """Unit vectors across the third row of a frame."""
    return np.cos(angle)[:, None] * u_v_w[0] + np.sin(angle)[:, None] * u_v_w[1]
