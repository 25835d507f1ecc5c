"""Ghost nodes: a layer outside of the boundary, for conditions with derivatives (Fornberg & Flyer 2015, 5.1.4)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from ..geometry.cloud import Cloud
from .neighbours import nearest

CROWDED = 0.5  # spacings: two ghosts that are nearer, as those beyond a re-entrant corner, are parted
DRAWN_IN = 0.6  # by drawing one of them towards its own node, this share of the way
ATTEMPTS = 5


def ghost_parts(ghost: bool | str | Iterable[str], cloud: Cloud) -> tuple[str, ...]:
    """The boundary parts that `ghost` means, in the cloud's order; ValueError for those that do not exist."""
    there = tuple(part for part in cloud.parts if part != "interior")
    if isinstance(ghost, bool):
        return there if ghost else ()
    named = (ghost,) if isinstance(ghost, str) else tuple(ghost)
    unknown = sorted(set(named) - set(there))
    if unknown:
        raise ValueError(f"ghost= names parts {unknown}; the boundary parts are {sorted(there)}")
    return tuple(part for part in there if part in named)


def ghosts(cloud: Cloud, parts: tuple[str, ...]) -> Float[np.ndarray, "g d"]:
    """For every node of the parts one outside along its normal, as far as the node's nearest neighbour."""
    if not parts:
        return np.empty((0, cloud.dim))
    points = np.asarray(cloud.points)
    own = np.concatenate([cloud[part] for part in parts])
    normals = np.concatenate([cloud.normals[part] for part in parts])
    spacing = np.linalg.norm(points[nearest(points, own, 2)[:, 1]] - own, axis=1)
    reach = spacing.copy()
    for _ in range(ATTEMPTS):
        found = own + reach[:, None] * normals
        pairs = cKDTree(found).query_pairs(CROWDED * spacing.max(), output_type="ndarray")
        apart = np.linalg.norm(found[pairs[:, 0]] - found[pairs[:, 1]], axis=1)
        crowded = np.unique(pairs[apart < CROWDED * np.minimum(*spacing[pairs].T), 1])
        if not len(crowded):
            break
        reach[crowded] *= DRAWN_IN
    return own + reach[:, None] * normals
