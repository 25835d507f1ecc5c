"""Nodes on the sides of a box in space that repeats along some axes: without edges there, and even across the seam."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..boundary import Rectangle, Segment
from ..periods import wrapped
from ..shape import Shape
from ..spacing import Spacing
from .arc_length import arc_length_parameters
from .filling import DENSITY, Chart, cells, fill
from .plane_nodes import BoundaryNodes, Nodes
from .plane_outline import Stretch

_EDGE_SHARE = 0.45  # surface nodes on one side that an edge node stands for


def place_sides(box: Shape, sides: Sequence[Rectangle], spacing: Spacing, rng: np.random.Generator) -> Nodes:
    """Nodes on the sides that a box in space has, by part.

    Where two sides meet, in an edge along the only axis that repeats, the nodes belong to the first of them.
    """
    found: Nodes = {}
    edges = np.empty((0, 3))
    for one, other in itertools.combinations(sides, 2):
        if one.axis == other.axis:
            continue
        X = _edge(box, one, other, spacing)
        N, M = (side.normal(X) for side in (one, other))
        found = joined_parts(found, {one.part: BoundaryNodes(X, (N + M) / np.sqrt(2), N)})
        edges = np.concatenate([edges, X])
    for side in sides:
        X = _inner(box, side, spacing, edges, rng)
        N = side.normal(X)
        found = joined_parts(found, {side.part: BoundaryNodes(X, N, N)})
    return {side.part: found[side.part] for side in sides}


def _edge(box: Shape, one: Rectangle, other: Rectangle, spacing: Spacing) -> Float[np.ndarray, "n 3"]:
    """Nodes all along the edge of two sides, which closes at the seam."""
    start, end = (np.array(corner) for corner in box.bounds)
    for side in (one, other):
        start[side.axis] = end[side.axis] = box.bounds[int(side.side > 0)][side.axis]
    line = Stretch(Segment("", tuple(start.tolist()), tuple(end.tolist())), 0.0, 1.0, closed=True)
    return line.point(arc_length_parameters(line, spacing, box.extent))


def _inner(
    box: Shape, side: Rectangle, spacing: Spacing, edges: np.ndarray, rng: np.random.Generator
) -> Float[np.ndarray, "n 3"]:
    lower, upper = box.bounds
    across = np.delete(np.arange(3), side.axis)
    height = box.bounds[int(side.side > 0)][side.axis]
    fixed = edges[edges[:, side.axis] == height]
    closed = [axis for axis in across if not np.isfinite(box.periods[axis])]

    def at(U):
        return np.insert(U, side.axis, height, axis=1)

    def accept(X):
        return np.all((lower[closed] < X[:, closed]) & (X[:, closed] < upper[closed]), axis=1)

    def retract(X):
        found = wrapped(X, lower, box.periods)
        found[:, side.axis] = height
        return found

    chart = Chart(lower[across], upper[across], float(np.prod((upper - lower)[across])), at)
    count = max(1, round(DENSITY * cells(chart, spacing).load.sum() - _EDGE_SHARE * len(fixed)))
    return fill(chart, spacing, accept, retract, fixed, count, rng, periods=box.periods)


def joined_parts(one: Nodes, other: Nodes) -> Nodes:
    """The nodes of both, those of equal names in one part."""
    found = dict(one)
    for part, nodes in other.items():
        both = (found[part], nodes) if part in found else (nodes,)
        found[part] = BoundaryNodes(*(np.concatenate(columns) for columns in zip(*both, strict=True)))
    return found


def turned_parts(nodes: Nodes) -> Nodes:
    """The nodes of a hole, with normals that point into it."""
    return {part: BoundaryNodes(X, -N, -M) for part, (X, N, M) in nodes.items()}
