"""Where a shape is too narrow for its spacing: with less than two spacings between sides that face each other."""

import warnings

import numpy as np
from jaxtyping import Bool, Float

from ..shape import Shape
from ..spacing import Spacing
from .plane_nodes import Nodes

_ACROSS = 2.0  # spacings between two sides that leave room for a layer of nodes in the middle
_ROOM = 0.95  # spacings, without which there is room for none
_NARROW = 1.3  # spacings, between which nodes are a single row
_LOCAL = 0.25  # of all boundary nodes, at narrow places of a domain that is wide elsewhere
_TIP = 12.0  # spacings from a tip, where two sides meet at a small angle: there every spacing is too large
_LONG = 3.0  # spacings along the sides, over which a narrow place is to be as wide
_PARALLEL = -0.98  # cosine between the normals of sides that face each other
_STEP = 1e-7  # of the size of the shape, for normals from distances


def warn_of_narrow_places(shape: Shape, spacing: Spacing, border: Nodes) -> bool:
    """A UserWarning that names the narrowest place, in spacings, if it is too narrow; and whether there was one."""
    if not border:
        return False
    X = np.concatenate([part.points for part in border.values()])
    N = np.concatenate([part.side_normals for part in border.values()])
    h, total = spacing(X), len(X)
    narrow = np.flatnonzero(~shape.contains(X - _ACROSS * h[:, None] * N))
    if not len(narrow):
        return False
    X, N, h = X[narrow], N[narrow], h[narrow]
    width = _width(shape, X, N, _ACROSS * h)
    facing = _far_from_a_tip(np.einsum("nd,nd->n", N, _normals(shape, X - width[:, None] * N)), width, h)
    # A body that is thin everywhere is meant to be filled so coarsely, as long as nodes fit in.
    facing &= width < np.where(np.sum(facing) < _LOCAL * total, _NARROW, _ROOM) * h
    facing[facing] = _goes_on(shape, X[facing], N[facing], width[facing], h[facing])
    if not facing.any():
        return False
    X, h, width = X[facing], h[facing], width[facing]
    worst = np.argmin(width / h)
    place = ", ".join(f"{x:.4g}" for x in X[worst])
    warnings.warn(
        f"at ({place}) the domain is {width[worst]:.3g} wide, and the spacing there, {h[worst]:.3g}, is more than half "
        f"of that: its opposite sides have hardly a node between them. Use a spacing of {width[worst] / 2:.3g} there, "
        "or less",
        stacklevel=4,
    )
    return True


def _far_from_a_tip(cosine: np.ndarray, width: np.ndarray, h: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Which places lie between sides that face each other, and do not meet where they would if they were straight."""
    slope = np.sqrt(np.maximum(1 - cosine**2, 0))
    return (cosine < _PARALLEL) & (width > _TIP * h * slope)


def _goes_on(shape: Shape, X: np.ndarray, N: np.ndarray, width: np.ndarray, h: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Which narrow places are as wide on both sides, along some direction: not so the neck where a curve comes near."""
    goes_on = np.zeros(len(X), dtype=bool)
    for T in _tangents(N):
        both = np.ones(len(X), dtype=bool)
        for sign in (-1, 1):
            M = X - width[:, None] / 2 * N + sign * _LONG * h[:, None] * T
            there = _width(shape, M, N, _ACROSS * h) + _width(shape, M, -N, _ACROSS * h)
            both &= shape.contains(M) & (np.abs(there - width) < 0.25 * width)
        goes_on |= both
    return goes_on


def _tangents(N: Float[np.ndarray, "n d"]) -> list[np.ndarray]:
    if N.shape[1] == 1:
        return [np.zeros_like(N)]
    if N.shape[1] == 2:
        return [N[:, ::-1] * np.array([-1, 1])]
    first = np.cross(N, np.eye(3)[np.argmin(np.abs(N), axis=1)])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return [first, np.cross(N, first)]


def _width(shape: Shape, X: np.ndarray, N: np.ndarray, beyond: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """How far from X against N the shape ends; at `beyond` it has ended. Exact where it ends once."""
    inside, outside = np.zeros(len(X)), beyond.copy()
    for _ in range(40 if len(X) else 0):
        middle = (inside + outside) / 2
        within = shape.contains(X - middle[:, None] * N)
        inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
    return inside


def _normals(shape: Shape, X: np.ndarray) -> Float[np.ndarray, "n d"]:
    if not len(X):
        return X
    steps = _STEP * shape.extent * np.eye(X.shape[1])
    slopes = np.stack([shape.distance(X + step) - shape.distance(X - step) for step in steps], axis=1)
    return slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-300)
