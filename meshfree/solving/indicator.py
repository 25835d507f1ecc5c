"""Where a solution is wrong: its residual between the nodes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Float
from scipy.spatial import cKDTree

from ..equations.assemble import equations
from ..equations.system import System
from ..geometry.refinement import between_nodes, local_spacing
from ..pde.problem import Problem
from ..spaces import Space

_FINER = 0.7  # spacing of the points between the nodes over that of the nodes: about twice as many in the plane
_SEED = 40_000  # apart from the seeds that clouds are usually made with


def residual_indicator(problem: Problem, space: Space, coefficients: Float[Array, "n *f"]) -> Float[np.ndarray, " m"]:
    """The largest weighted residual of a function around each of the m nodes of its space's cloud.

    It is taken on another, finer cloud of the same domain, with the row weights of `solve`: at the nodes themselves
    it is zero. Raises ValueError for a cloud without a domain.
    """
    cloud = space.cloud
    if cloud.domain is None:
        raise ValueError("the residual is taken between the nodes, and the cloud has no domain to make points in")
    check = cloud.domain.cloud(between_nodes(np.asarray(cloud.points), _FINER * local_spacing(cloud)), seed=_SEED)
    system = equations(problem, space, check)
    values = _per_point(system, np.asarray(system.at_points(coefficients)))[: len(check)]
    nearest = cKDTree(np.asarray(cloud.points)).query(np.asarray(check.points))[1]
    largest = np.zeros(len(cloud))
    np.maximum.at(largest, nearest, values)
    return largest


def _per_point(system: System, residual: np.ndarray) -> np.ndarray:
    """The norm of every point's components, from the residuals one after another."""
    norms, start = [], 0
    for group in system.groups:
        for part, count in group.parts.items():
            stop = start + count * len(system.weights[part])
            norms.append(np.linalg.norm(residual[start:stop].reshape(count, -1), axis=1))
            start = stop
    return np.concatenate(norms)
