"""Triangles between lattice points where a function is negative and those where it is not (marching tetrahedra)."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from .triangle_mesh import crosses

_NEAR = 0.05  # of an edge, from its ends: closer crossings would make slender triangles
# Corners that triangles join the edges between, negative ones first, by how many are negative.
_TRIANGLES = {
    1: ((0, 1), (0, 2), (0, 3)),
    3: ((0, 3), (1, 3), (2, 3)),
    2: ((0, 2), (0, 3), (1, 3), (0, 2), (1, 3), (1, 2)),
}


def zero_triangles(axes: Sequence[np.ndarray], values: Float[np.ndarray, "p q r"]) -> Float[np.ndarray, "m 3 3"]:
    """The corners of triangles near which values on a lattice are zero, outward ones counter-clockwise.

    Six tetrahedra share a cell, across whose edges values are taken as linear (Doi & Koide, IEICE Trans. E74 (1991)
    214-224); but corners keep a twentieth of an edge from lattice points. Closed where no value at the rim is negative.
    """
    f = values.ravel()
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    tetrahedra = _tetrahedra(values.shape)
    negative = (f[tetrahedra] < 0).sum(axis=1)
    found = [np.empty((0, 3, 3))]
    for count, edges in _TRIANGLES.items():
        cut = tetrahedra[negative == count]
        cut = np.take_along_axis(cut, np.argsort(f[cut] >= 0, axis=1, kind="stable"), axis=1)
        ends = cut[:, np.array(edges)].reshape(-1, 3, 2)
        share = np.clip(f[ends[..., 0]] / (f[ends[..., 0]] - f[ends[..., 1]]), _NEAR, 1 - _NEAR)[..., None]
        corners = X[ends[..., 0]] + share * (X[ends[..., 1]] - X[ends[..., 0]])
        rise = (X[ends[..., 1]] - X[ends[..., 0]]).sum(axis=1)
        outward = np.einsum("md,md->m", crosses(corners), rise) > 0
        found.append(np.where(outward[:, None, None], corners, corners[:, ::-1]))
    return np.concatenate(found)


def _tetrahedra(shape: tuple[int, ...]) -> Int[np.ndarray, "t 4"]:
    """The lattice points at the corners of tetrahedra: six ways by edges from a cell's lowest corner to its highest."""
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    lowest = np.stack(np.meshgrid(*(np.arange(n - 1) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3) @ strides
    ways = [np.cumsum([0, *strides[list(order)]]) for order in itertools.permutations(range(3))]
    return (lowest[:, None, None] + np.array(ways)).reshape(-1, 4)
