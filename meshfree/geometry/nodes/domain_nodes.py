"""Nodes of a whole domain: on its boundary, inside, and drawn towards the boundary."""

import functools
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from ...internal.batching import search_threads
from ..low_discrepancy import Halton
from ..periods import neighbour_tree, repeating, wrapped
from ..shape import Shape
from ..spacing import Spacing
from . import filling, plane_nodes, space_nodes, tiling
from .plane_nodes import Nodes

INTERIORS = ("quasi-uniform", "halton", "random")

_DEPTH = 0.5  # least distance of quasi-uniform interior nodes to the boundary, in spacings
_REACH = 1.75  # spacings from every boundary node is deep enough: these leave gaps of two spacings at most
_FEW = 100  # so few nodes may get stuck in a poor arrangement, and trying again costs nothing
_SINGLE = 8  # nodes at most that were asked for where the one that fits will do
_LEAST = {2: 0.62, 3: 0.68}  # spacings between so few; in the plane none should be missing
_MANY = 2000  # nodes, from which on a tile is faster where a domain repeats
_RIM = 3.5  # spacings from seams and boundary nodes, as far as nodes of a tile are moved then
_DENSER = 1.005  # than there are to be nodes, as some are in the way of others across a seam
_JITTER = 0.15  # of nodes on the line, in spacings
_NEAREST = 0.25  # spacing at the boundary of a fully clustered cloud, in spacings
# Volume per node of a hexagonal (face-centred cubic) packing with nearest neighbours 1 apart.
_CELL = {2: 0.866, 3: 0.707}
_CROWDED = 0.65  # nodes are left out before they come this close on average, in spacings


def boundary_nodes(domain: Shape, spacing: Spacing, rng: np.random.Generator, thin: bool = False) -> Nodes:
    """Nodes on the boundary, by part: points and unit outward normals; where the domain is thin on one side of it, or
    if `thin` on both.
    """
    if not domain.part_names:
        return {}
    if domain.dim == 1:
        return plane_nodes.place_ends(domain.outline, domain.part_names)
    if domain.dim == 2:
        return plane_nodes.place_stretches(domain.outline, domain.part_names, spacing, domain.extent, thin)
    if len(repeating(domain.periods)):
        return domain.surface_nodes(spacing, rng)  # type: ignore[attr-defined]
    return space_nodes.place_surface(domain, domain.part_names, spacing, rng, thin)


def interior_nodes(
    domain: Shape, spacing: Spacing, border: Nodes, kind: str, rng: np.random.Generator
) -> Float[np.ndarray, "n d"]:
    """Nodes inside, of one of the kinds `INTERIORS`, for the given boundary nodes; none where none fit."""
    if kind != "quasi-uniform":
        return _scattered(domain, spacing, kind, rng)
    if domain.dim == 1:
        return _on_line(domain, spacing, rng)
    fixed = np.concatenate([np.empty((0, domain.dim)), *(part.points for part in border.values())])
    wanted = _wanted(domain, spacing)
    count = _interior_count(wanted, len(fixed), domain.dim)
    crowded = _LEAST[domain.dim] if count < _FEW else 0.68
    found = None
    periods = domain.periods if len(repeating(domain.periods)) else None
    if spacing.constant is not None and periods is None:
        found = _from_tile(domain, spacing.constant, wanted, fixed, count, crowded, rng)
    if found is None:
        chart, accept = _volume_chart(domain), _depth_test(domain, spacing, fixed)
        starts = 6 if count < _FEW else 1

        def retract(X):
            return wrapped(X, chart.lower, periods)

        if periods is not None and spacing.constant is not None and count > _MANY:
            still, moving = _cut_from_tile(domain, spacing.constant, wanted, fixed, count, rng)
            return filling.mend(chart, spacing, accept, retract, fixed, still, moving, count, rng, crowded, periods)
        found = filling.fill(chart, spacing, accept, retract, fixed, count, rng, starts, crowded, periods)
    return found if len(found) or wanted > _SINGLE else _deepest(domain, spacing, fixed)


def _from_tile(
    domain: Shape, h: float, wanted: float, fixed: np.ndarray, count: int, crowded: float, rng: np.random.Generator
) -> Float[np.ndarray, "n d"] | None:
    """Nodes of one spacing from a tile, measured in spacings from the corner of the domain's box; or None."""
    lower, upper = domain.bounds

    def deep(U):
        return _is_deep(domain, lower + h * U, np.full(len(U), _DEPTH * h))

    def contains(U):
        return domain.contains(lower + h * U)

    region = tiling.Region((upper - lower) / h, wanted, contains, deep, (fixed - lower) / h)
    found = tiling.fill_from_tile(region, count, crowded, rng)
    return None if found is None else lower + h * found


def _cut_from_tile(
    domain: Shape, h: float, wanted: float, fixed: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "s d"], Float[np.ndarray, "n d"]]:
    """Nodes of a tile laid over a domain that repeats: those far from its boundary and its seams, and the others."""
    lower, upper = domain.bounds

    def contains(U):
        return domain.contains(lower + h * U)

    region = tiling.Region((upper - lower) / h, wanted, contains, contains, (fixed - lower) / h)
    X = lower + h * tiling.tiled(region, _DENSER * (count + len(fixed) / 2) / wanted, rng)
    axes = repeating(domain.periods)
    gap = np.minimum(X - lower, upper - X)[:, axes].min(axis=1)
    if len(fixed):
        gap = np.minimum(gap, neighbour_tree(fixed, domain.periods).query(X, workers=search_threads(len(X)))[0])
    far = gap >= _RIM * h
    return X[far], X[~far]


def _deepest(domain: Shape, spacing: Spacing, fixed: np.ndarray) -> Float[np.ndarray, "n d"]:
    """The random point furthest from the boundary nodes, if that is a quarter of a spacing at least."""
    X = domain.sample(4096)
    if not len(fixed):
        return X[:1]
    gap = neighbour_tree(fixed, domain.periods).query(X)[0]
    best = np.argmax(gap)
    return X[[best]] if gap[best] >= 0.25 * spacing(X[[best]])[0] else X[:0]


def _volume_chart(domain: Shape) -> filling.Chart:
    lower, upper = domain.bounds
    return filling.Chart(lower, upper, float(np.prod(upper - lower)), lambda X: X)


def _wanted(domain: Shape, spacing: Spacing) -> float:
    """The integral of spacing^-d over the domain: volume/h^d."""
    if spacing.constant is not None:
        return domain.volume / spacing.constant**domain.dim
    chart = _volume_chart(domain)
    boxes = filling.cells(chart, spacing)
    density = max(4.0, 20_000 / boxes.load.sum())
    X = filling.draw(chart, boxes, density, np.random.default_rng(0))
    return float(domain.contains(X).sum() / density)


def _interior_count(wanted: float, border: int, dim: int) -> int:
    """How many interior nodes: `wanted` or a little more, fewer where the boundary nodes leave no room."""
    room = (wanted - _CELL[dim] / 2 * border) / (_CELL[dim] * _CROWDED**dim)
    return max(1, min(max(int(np.ceil(wanted)), round(filling.DENSITY * wanted)), int(room)))


def _depth_test(domain: Shape, spacing: Spacing, fixed: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Whether points lie inside, `_DEPTH` spacings or more from the boundary.

    As the boundary nodes leave no gaps, the distance is needed near these only.
    """
    if not len(fixed):
        return domain.contains
    tree = neighbour_tree(fixed, domain.periods)
    h_fixed = np.append(spacing(fixed), 0.0)  # the last where no node is near
    coarsest = h_fixed.max()

    def accept(X):
        h = spacing(X)
        most = _REACH * max(coarsest, h.max(initial=0.0))
        gap, nearest = tree.query(X, distance_upper_bound=most, workers=search_threads(len(X)))
        deep = np.asarray(gap > _REACH * np.maximum(h, h_fixed[nearest]))
        near = np.flatnonzero(~deep)
        deep[deep] = domain.contains(X[deep])
        deep[near] = _is_deep(domain, X[near], _DEPTH * h[near])
        return deep

    return accept


def _is_deep(domain: Shape, X: np.ndarray, depth: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Which points lie inside, at least `depth` from the boundary."""
    distance = domain.distance(X)
    deep = distance <= -depth
    # A bound may be zero even inside a union along a common side: probe around.
    doubtful = np.flatnonzero(~deep & (distance <= 0)) if not domain.exact else np.empty(0, dtype=int)
    if len(doubtful):
        around = X[doubtful, None] + depth[doubtful, None, None] * _directions(domain.dim)
        inside = domain.contains(around.reshape(-1, domain.dim))
        inside = inside.reshape(around.shape[:2])
        found = doubtful[np.all(inside, axis=1)]
        # In space the directions leave wide gaps between them.
        deep[found] = space_nodes.clear_of_surface(domain, X[found], depth[found]) if domain.dim == 3 else True
    return deep


@functools.cache
def _directions(dim: int) -> Float[np.ndarray, "k d"]:
    """Unit vectors to the sides, edges and corners of a box around the origin."""
    grid = np.stack(np.meshgrid(*[(-1.0, 0.0, 1.0)] * dim), axis=-1).reshape(-1, dim)
    grid = grid[np.any(grid != 0, axis=1)]
    return grid / np.linalg.norm(grid, axis=1, keepdims=True)


def _on_line(domain: Shape, spacing: Spacing, rng: np.random.Generator) -> Float[np.ndarray, "n 1"]:
    intervals = plane_nodes.gaps(domain, domain.outline)
    found = [plane_nodes.place_between(one, spacing, domain.extent, _JITTER, rng) for one in intervals]
    if not domain.outline:  # a circle: the first node is where it is cut open
        found.append(np.full((1, 1), intervals[0][0]))
    return wrapped(np.concatenate(found), domain.bounds[0], domain.periods)


def _scattered(domain: Shape, spacing: Spacing, kind: str, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    """Halton or random points, thinned to the density spacing^-d; volume/h^d of them."""
    lower, upper = domain.bounds
    inside = -1e-9 * domain.extent
    count = max(1, round(_wanted(domain, spacing)))
    halton = Halton(domain.dim + 1, rng)
    unit = halton.random if kind == "halton" else lambda n: rng.random((n, domain.dim + 1))
    smallest = spacing(lower + unit(4096)[:, :-1] * (upper - lower)).min()
    boxes = filling.cells(_volume_chart(domain), spacing)
    finest = spacing((boxes.lower + boxes.upper) / 2).min()
    smallest = finest if finest < smallest / 2 else smallest
    found = [np.empty((0, domain.dim))]
    while sum(map(len, found)) < count:
        U = unit(max(1024, 2 * count))
        X = lower + U[:, :-1] * (upper - lower)
        keep = domain.distance(X) < inside
        keep[keep] = U[keep, -1] < (smallest / spacing(X[keep])) ** domain.dim
        found.append(X[keep])
    return np.concatenate(found)[:count]


def shrunk_towards_boundary(
    domain: Shape, spacing: Spacing, strength: float
) -> tuple[Spacing, Callable[[np.ndarray], np.ndarray]]:
    """Clustering for any domain: at depth δ below the boundary the spacing h becomes

        h (1 − c + c max(1/4, √(1 − (1 − δ/R)²))),   R the greatest depth, c the strength:

    h itself in the middle, (1 − 3c/4) h on the boundary; the root is that of Chebyshev nodes. The cloud
    has more nodes than an unclustered one. Returns the spacing, and a map of nodes that leaves them alone.
    """
    fine = Spacing.of_many(lambda X: spacing(X) / 2, spacing.at)
    border = boundary_nodes(domain, fine, np.random.default_rng(0))
    tree = neighbour_tree(np.concatenate([part.points for part in border.values()]), domain.periods)
    greatest = tree.query(domain.sample(4096))[0].max()

    def graded(X):
        height = 1 - np.minimum(tree.query(X)[0] / greatest, 1)
        return spacing(X) * (1 - strength + strength * np.maximum(_NEAREST, np.sqrt(1 - height**2)))

    return Spacing.of_many(graded, spacing.at), np.copy
