"""The residual of a solution between the nodes: at the nodes themselves it is small, whatever the solution is like."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from ..equations.symmetric_system import Between
from ..equations.system import System
from ..geometry.cloud import Cloud
from ..geometry.periods import nearest_image, neighbour_tree
from ..internal.tracing import AnyArray, Scalar, is_traced

POINTS = (64, 256)  # at least, at most: a quarter as many as there are nodes
COMPARABLE = 0.5  # to the data, in time to the equation's terms
ASIDE = 0.93  # of the spacing of as many nodes, that of check points
SLOWEST = 0.9  # quotient of residuals: they stand still at corners, where the errors fall all the same
EVEN = 0.9  # cosine of the angle between the normals of neighbours on a smooth boundary
CHECK_SEED = 1000  # what the seeds of check clouds are apart from those of nodes
SEED = 30_000  # apart from the seeds that clouds are usually made with


def off_nodes(system: System | Between, coefficients: Float[AnyArray, "n *f"], data: Scalar) -> dict[str, float]:
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
    residual = system.elsewhere(between_nodes(cloud), coefficients)
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


def points_between(cloud: Cloud) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Points and normals by part, some hundreds: as above in the interior, of the boundary half way between neighbours
    of one part, where the normals are nearly the same.
    """
    inside = between_nodes(cloud)
    found = {"interior": (inside, np.zeros_like(inside))}
    for part in cloud.side_normals:
        nodes, normals = np.asarray(cloud[part]), np.asarray(cloud.side_normals[part])
        if len(nodes) < 2:
            found[part] = nodes, normals
            continue
        chosen = np.arange(len(nodes))[:: max(len(nodes) // count_of(cloud), 1)]
        near = neighbour_tree(nodes, cloud.periods).query(nodes[chosen], 2)[1][:, 1]
        even = np.sum(normals[chosen] * normals[near], axis=1) > EVEN
        chosen, near = chosen[even], near[even]
        chord, mean = nearest_image(nodes[near] - nodes[chosen], cloud.periods), normals[chosen] + normals[near]
        mean /= np.linalg.norm(mean, axis=1, keepdims=True)
        # the middle of the cubic with these normals at its ends
        height = np.sum((normals[near] - normals[chosen]) * chord, axis=1, keepdims=True) / 8
        found[part] = nodes[chosen] + chord / 2 + height * mean, mean
    return found


def between_nodes(cloud: Cloud) -> Float[np.ndarray, "m d"]:
    """Random points of the domain; without one half way between neighbours."""
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


def extrapolated(moved: float, residuals: tuple[float, float], least: float = 0.0) -> float:
    """moved · q/|1 − q|, `moved` = ‖u − v‖/‖u‖ and q = R_u/R_v, at least `least`, the factor at most that of `SLOWEST`:
    where errors are as residuals, that of v is ‖u − v‖/|1 − q|. At most 1: more says that neither is a solution.
    """
    fine, coarse = residuals
    share = max(fine / coarse, least) if coarse > 0 else SLOWEST
    most = SLOWEST / (1 - SLOWEST)
    return min(moved * (most if share == 1 else min(share / abs(1 - share), most)), 1.0)
