"""The residual of a solution between the nodes: at the nodes themselves it is small, whatever the solution is like."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from ..equations.system import System
from ..geometry.cloud import Cloud
from ..internal.tracing import AnyArray, Scalar, is_traced

POINTS = (64, 256)  # at least, at most: a quarter as many as there are nodes
COMPARABLE = 0.5  # to the data
ASIDE = 0.93  # of the spacing of as many nodes, that of check points
CHECK_SEED = 1000  # what the seeds of check clouds are apart from those of nodes
SEED = 30_000  # apart from the seeds that clouds are usually made with


def off_nodes(system: System, coefficients: Float[AnyArray, "n *f"], data: Scalar) -> dict[str, float]:
    """`off_nodes`: the weighted interior residual's root mean square between the nodes over that of the data.

    `data`: the root mean square of the weighted residuals of u = 0 over all nodes, linearised at the solution. The
    points are 64 to 256 random ones of the cloud's domain, a quarter of the nodes' number; without a domain they lie
    half way between neighbouring nodes. Empty for equations that hold at the nodes only; NaN where anything is traced.

    Warns at a half and more. At 1 the solution is between the nodes no better than u = 0, and the relative error is a
    few times less as a rule: with a tenth or more of an error nothing is resolved yet.
    """
    cloud = system.space.cloud
    if is_traced(system, coefficients, data, cloud):
        return {"off_nodes": float("nan")}
    residual = system.elsewhere(_between_nodes(cloud), coefficients)
    if residual is None:
        return {}
    size = float(np.sqrt(np.mean(np.asarray(residual) ** 2)))
    share = size / float(data) if data else size
    if share >= COMPARABLE:
        warnings.warn(
            f"between the nodes the residual is {share:.0%} of the data (stats['off_nodes']): the solution satisfies "
            f"the equations at the nodes and not elsewhere (space: {system.space.describe()}). Use more nodes, fewer "
            "basis functions for them, or another space, such as Stencils",
            stacklevel=7,  # of who calls `solve`, which is decorated
        )
    return {"off_nodes": share}


def _between_nodes(cloud: Cloud) -> Float[np.ndarray, "m d"]:
    count = count_of(cloud)
    if cloud.domain is not None:
        return cloud.domain.sample(count, seed=SEED)
    nodes, inside = np.asarray(cloud.points), np.asarray(cloud["interior"])
    chosen = inside[:: max(len(inside) // count, 1)]
    neighbours = min(2 * cloud.manifold_dim + 1, len(nodes))
    _, near = cKDTree(nodes).query(chosen, k=[1 + k for k in range(neighbours)])
    one = np.arange(len(chosen)) % max(neighbours - 1, 1) + (neighbours > 1)  # not always the nearest, where it is best
    return (chosen + nodes[near[np.arange(len(chosen)), one]]) / 2


def count_of(cloud: Cloud) -> int:
    """At how many points the residual is computed."""
    return int(np.clip(len(cloud) // 4, *POINTS))


def aside(cloud: Cloud, domain: Any, share: float = ASIDE, seed: int = 0) -> Cloud:
    """Points of a domain apart from the nodes of a cloud: as many for a share of 1 of its mean spacing.

    With another share those on the boundary are apart too: of two clouds of one spacing they are the same.
    """
    spacing = share * (domain.volume / len(cloud)) ** (1 / cloud.manifold_dim)
    return domain.cloud(spacing, seed=seed + CHECK_SEED)
