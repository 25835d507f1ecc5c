"""Where a solution is wrong, and a space on finer nodes there."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from ..equations.assemble import assemble
from ..equations.jet_system import inside
from ..geometry import refinement
from ..geometry.cloud import Cloud
from ..geometry.periods import nearest_image, neighbour_tree
from ..internal.expected import expects
from ..internal.tracing import AnyArray
from ..internal.watched import settled
from ..pde.problem import Problem
from ..spaces.base import Space
from .metrics import at_its_parameter
from .solution import Solution

_FINER = 0.7  # spacing of the points between the nodes over that of the nodes: about twice as many in the plane
_SEED = 40_000  # apart from the seeds that clouds are usually made with


@settled
@expects(problem=Problem, u=Solution)
def indicator(problem: Problem, u: Solution) -> Float[np.ndarray, " m"]:
    """The largest weighted residual of u around each of the m nodes of its space's cloud.

    It is measured on another, finer cloud of the same domain, with the row weights of `solve`: at the nodes themselves
    it is zero. Raises ValueError for a cloud without a domain, TypeError for anything but a Problem and a Solution.
    """
    cloud, problem = u.space.cloud, at_its_parameter(problem, u)
    if cloud.domain is None:
        raise ValueError("the residual is measured between the nodes, and the cloud has no domain to make points in")
    nodes = np.asarray(cloud.points)
    spacing = refinement.between_nodes(nodes, _FINER * refinement.local_spacing(cloud), cloud.periods)
    check = cloud.domain.cloud(spacing, seed=_SEED)
    system = assemble(problem, u.space, check, with_data=False)
    values = system.per_point(np.asarray(system.at_points(np.asarray(u.coefficients))))
    measured = np.concatenate(
        [check.parts[name] for group in system.groups for name, _ in group.parts if name in check.parts]
    )
    largest = np.zeros(len(cloud))
    nearest = neighbour_tree(nodes, cloud.periods).query(np.asarray(check.points)[measured])[1]
    np.maximum.at(largest, nearest, values[: len(measured)])  # without the equations of ghosts, which come last
    return largest


def between_neighbours(
    problem: Problem, u: Solution, others: Float[np.ndarray, "n d"], weight: Float[AnyArray, " c"]
) -> Float[np.ndarray, " m"]:
    """The same without another cloud: the interior residual half way to the nearest and to a farther neighbour, the
    largest of the two and of those at `others`, points that a node is the nearest of. `weight`: of its components.
    """
    cloud, nodes = u.space.cloud, np.asarray(u.space.cloud.points)
    tree = neighbour_tree(nodes, cloud.periods)
    near = tree.query(nodes, 2 * cloud.dim + 2)[1][:, [1, -1]]
    half = nearest_image(nodes[near] - nodes[:, None], cloud.periods) / 2
    between, of = (nodes[:, None] + half).reshape(-1, cloud.dim), np.repeat(np.arange(len(nodes)), 2)
    kept = cloud.domain.contains(between) | (cloud.surface_normals is not None)
    points, of = np.concatenate([between[kept], others]), np.append(of[kept], tree.query(others)[1])
    found = np.asarray(weight * inside(problem, u.space, points, u.coefficients))
    largest = np.zeros(len(nodes))
    np.maximum.at(largest, of, np.linalg.norm(found, axis=1))
    return largest


@expects(what=Solution | Cloud)
def refine(what: Solution | Cloud, by: Any, **options: Any) -> Space | Cloud:
    """Finer nodes where they are needed.

    `refine(u, problem)`: the same kind of space as that of u, a Solution of the problem, on finer nodes where u is
    wrong, by `indicator(problem, u)`. Good values: some four rounds from a coarse cloud, solving in each.

    `refine(cloud, indicator)`: a cloud on the same domain with half the spacing around the nodes where the indicator
    is large. `indicator`: how much is wrong at each node, values (n,) at the cloud's points or a function of points,
    (n, d) -> (n,).

    `options`, of both: `share`, of the integral of the squared indicator that the marked nodes hold, 0.9; `grading`,
    by how much the spacing grows per length away from them, 0.3; `count`, in place of the share, of the new nodes,
    which are then placed such that all contribute alike; `seed`. See `geometry.refinement.refine`. Raises ValueError as
    that and `indicator` do, TypeError for arguments of other kinds.
    """
    if isinstance(what, Cloud):
        return refinement.refine(what, by, **options)
    if not (isinstance(what, Solution) and isinstance(by, Problem)):
        raise TypeError(
            "refine(u, problem) needs a Solution and a Problem, refine(cloud, indicator) a Cloud first; "
            f"got {type(what).__name__} and {type(by).__name__}"
        )
    return what.space.on(refinement.refine(what.space.cloud, indicator(by, what), **options))
