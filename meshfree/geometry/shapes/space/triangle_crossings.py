"""Surfaces of triangles that pass through themselves."""

import numpy as np
from jaxtyping import Float, Int

from ..nearest_simplex import NearestSimplex
from .triangle_mesh import crosses, shown

_BESIDE = 1e-9  # of the size of a triangle: closer to its rim or its plane is touching, not crossing
_PAIRS = 2**18  # looked at together


def refuse_crossing(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "m 3"], kind: str) -> None:
    """ValueError where the side of one triangle passes through another one."""
    corners = vertices[triangles]
    one, two = NearestSimplex(corners).meeting(corners.min(axis=1), corners.max(axis=1))
    for start in range(0, len(one), _PAIRS):
        first, second = (corners[which[start : start + _PAIRS]] for which in (one, two))
        for i in range(3):
            p, q = first[:, i], first[:, (i + 1) % 3]
            x, inside = _passing(p, q, second)
            if inside.any():
                raise ValueError(
                    f"{kind} needs a surface that does not cross itself, and here it does at "
                    f"{shown(x[np.argmax(inside)])}; unite its parts first, as trimesh.boolean.union does"
                )


def _passing(
    p: Float[np.ndarray, "k 3"], q: Float[np.ndarray, "k 3"], corners: Float[np.ndarray, "k 3 3"]
) -> tuple[Float[np.ndarray, "k 3"], np.ndarray]:
    """Where the segments from p to q pass the planes of triangles, and which of them do so inside."""
    a, b, c = corners.swapaxes(0, 1)
    n = crosses(corners)
    size = _BESIDE * np.linalg.norm(n, axis=1) ** 1.5  # |n| lengths squared, times a length
    over, under = (np.einsum("kd,kd->k", end - a, n) for end in (p, q))
    through = (over * under < 0) & (np.minimum(np.abs(over), np.abs(under)) > size)
    share = np.divide(over, over - under, out=np.zeros_like(over), where=through)
    x = p + share[:, None] * (q - p)
    heights = [np.einsum("kd,kd->k", np.cross(v - u, x - u), n) for u, v in ((a, b), (b, c), (c, a))]
    return x, through & (np.min(heights, axis=0) > _BESIDE * np.einsum("kd,kd->k", n, n))
