"""RBF-FD: nodal values, coupled through small interpolation problems on each node's nearest neighbours.

Fornberg & Flyer, A Primer on Radial Basis Functions with Applications to the Geosciences (2015), chapter 5; polynomial
augmentation: Flyer, Fornberg, Bayona & Barnett, J. Comput. Phys. 321 (2016), doi 10.1016/j.jcp.2016.05.026.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.spatial import cKDTree

from ..geometry.cloud import Cloud
from ..geometry.periods import images_around_first, nearest_image, unrolled
from ..internal.descriptions import IN_OLDER_FILES
from ..internal.expected import INTEGER, Kind, expects
from ..internal.processes import processes
from ..internal.tracing import is_traced
from ..kernels import Kernel, Polyharmonic
from .along_normals import AlongNormals
from .base import LocalBasis, Space
from .neighbours import in_dimension, nearest
from .on_demand import OnDemand, taken
from .partition import Partition
from .partition_of_unity import Patchwork
from .polynomial_tail import warn_of_low_degree
from .stencil_checks import check_weights
from .stencil_weights import LocalInterpolant, many_weights
from .tangent_stencils import nearest_on_sheet, stencils_on_surface, weights_on_surface
from .visible_neighbours import nearest_seen, stencils_in_sight

REACH = {1: 2, 2: 5, 3: 10}  # a patch reaches as far as this neighbour of its node, and a little further
MARGIN = 1.05
CROWDED = 0.5  # spacings: two ghosts that are nearer, as those beyond a re-entrant corner, are parted
DRAWN_IN = 0.6  # by drawing one of them towards its own node, this share of the way
ATTEMPTS = 5
LARGEST = 100  # nodes of stencils that others are compared with: larger ones cost more than they tell


def _ghost(value: Any) -> Any:
    if not isinstance(value, bool | Iterable):
        raise TypeError
    return value


_GHOST = Kind("True, False or names of boundary parts", _ghost)


class Stencils(Space, LocalBasis):
    """Values at nodes. Around every node u is s(y) = Σⱼ aⱼ k(y, yⱼ) + Σᵢ bᵢ pᵢ(y), yⱼ the `size` nearest nodes, pᵢ all
    polynomials up to `degree`, which takes the nodal values there, and Σⱼ aⱼ pᵢ(yⱼ) = 0.

    Nearest are those that the node sees: where the cloud has a domain, no stencil reaches across its boundary, as
    across a slit, and a point between nodes has the stencil of the nearest node that it sees.

    On a periodic domain the nearest image of every node counts, and u repeats.

    Every stencil is shifted and scaled to radius 1, and a kernel's scale is measured so: it follows the spacing. The
    order of accuracy is that of the polynomials: `degree` for first and `degree` − 1 for second derivatives at least.
    `size` defaults to 2 binom(degree + d, d), twice the number of polynomials. Good values: Polyharmonic(5) with degree
    4, the default, to 6; degree 2 where the solution is rough.

    `ghost=True`, or the names of boundary parts, adds a node outside for every node of these parts, at its distance
    from its neighbours; the equation holds there too. It serves Neumann and Robin conditions and tractions, whose
    one-sided stencils are otherwise the least accurate ones (Fornberg & Flyer 2015, section 5.1.4): around a hole in an
    elastic plate 0.1 without, 2e-4 with ghosts of the same nodes [measured].

    Beside inner corners, where gradients are infinite, conditions on the flux of parts without ghosts are balanced with
    the equation: see `equations/inner_corners.py`. Leave ghosts out there: r^(2/3) cos 2θ/3 on an L-shape has an error
    of 3e-3 without, 4e-2 with ghosts of the same nodes [measured].

    Where a node has two conditions, as for an equation of fourth order, they fix its ghost, too, and the equation does
    not hold there: as many rows as unknowns. Without ghosts there are more rows, solved in least squares: as accurate
    where the solution is smooth, and steadier at corners, but less so where corners make it rough. Good values: degree
    6 and more, nodes graded to corners.

    On a surface, `mf.Surface`, the nodes of a stencil are those of its own sheet of the surface, projected onto the
    tangent plane, and its polynomials are in d − 1 variables; u is constant along the normals, and derivatives up to
    order 2 are known. ValueError where a stencil is wider than the radius of curvature.

    Between the nodes u is a partition of unity of the stencils' functions, and smooth. Raises ValueError for a size
    below the number of polynomials or beyond the number of nodes, and for ghosts on parts that do not exist; `solve`,
    `matrix` and u(x) for a stencil whose nodes do not determine the polynomials, as on a line; for a kernel that is
    not `scalable`, as one that oscillates with a wavelength of its own. Warns of polynomials
    below the degree that the kernel needs, ⌊m/2⌋ for `Polyharmonic(m)`; `solve` of those below the order of the
    equation, as then the error does not fall with the spacing.
    """

    kernel: Kernel
    cloud: Cloud
    nodes: Float[np.ndarray | Array, "n d"]
    stencils: Int[np.ndarray | Array, "m k"] | OnDemand
    radii: Float[np.ndarray | Array, " m"] | OnDemand
    degree: int = eqx.field(static=True)
    ghost_parts: tuple[str, ...] = eqx.field(static=True)
    partition: Partition | None = eqx.field(metadata={IN_OLDER_FILES: None})  # of the nodes among processes

    @expects(kernel=Kernel | None, cloud=Cloud, degree=INTEGER, size=INTEGER, ghost=_GHOST)
    def __init__(
        self,
        kernel: Kernel | None,
        cloud: Cloud,
        degree: int = 4,
        *,
        size: int | None = None,
        ghost: bool | str | Iterable[str] = False,
    ):
        if degree < -1:
            raise ValueError(f"degree is that of the polynomials, an integer, -1 for none; got {degree}")
        self.kernel = Polyharmonic(5) if kernel is None else kernel
        self.cloud, self.degree, self.partition = cloud, degree, None
        if is_traced(cloud):
            raise ValueError(
                "Stencils looks for neighbours when it is made: make it outside of jit and grad, and change its kernel "
                "or its nodes with mf.tune or eqx.tree_at"
            )
        self.ghost_parts = matched_parts(ghost, cloud)
        self.check_dimension(self.kernel)
        self.check_scalable(self.kernel)
        warn_of_low_degree(self.kernel, self.degree)
        dim = cloud.manifold_dim
        polynomials = math.comb(self.degree + dim, dim)
        size = max(2 * polynomials, 2 * dim + 1) if size is None else size
        points = np.asarray(cloud.points)
        self.nodes = np.concatenate([points, ghost_nodes(cloud, self.ghost_parts)])
        least = max(polynomials, 2)
        if not least <= size <= len(self.nodes):
            raise ValueError(
                f"a stencil of {size} nodes; expected an integer, at least {least} for the {polynomials} "
                f"polynomials of degree {self.degree} in {dim} dimensions, and at most {len(self.nodes)}, all "
                "nodes: use a lower degree, a smaller spacing, or another size="
            )
        behind = np.concatenate([np.arange(len(points)), *(cloud.parts[part] for part in self.ghost_parts)])
        on_surface = cloud.surface_normals is not None
        if on_surface and jnp.ndim(getattr(self.kernel, "raw_scale", 0.0)):
            raise ValueError(
                f"{self.kernel.describe()} has a scale for each coordinate of space, and stencils on a surface lie in "
                "its tangent planes: give one scale"
            )
        self.nodes.flags.writeable = False  # what was solved on them is remembered
        if processes().size > 1 and not on_surface:  # which may share the nodes
            in_sight = functools.partial(stencils_in_sight, cloud, self.nodes, behind, size)
            self.stencils = OnDemand(in_sight, (len(points), size), np.int32)
            self.radii = OnDemand(functools.partial(_radii, cloud), (len(points),), float)
            return
        self.stencils = (
            stencils_on_surface(cloud, size) if on_surface else stencils_in_sight(cloud, self.nodes, behind, size)
        )
        self.stencils.flags.writeable = False
        self.radii = _radii(cloud, np.arange(len(points)))

    @property
    def size(self) -> int:
        return len(self.nodes)

    def on(self, cloud):
        size, ghost = self.stencils.shape[1], self.ghost_parts
        return Stencils(self.kernel, cloud, self.degree, size=size, ghost=ghost)

    def shared(self, processes):
        ghosts = np.full(len(self.cloud), -1)
        behind = [self.cloud.parts[part] for part in self.ghost_parts]
        if behind:
            ghosts[np.concatenate(behind)] = np.arange(len(self.cloud), len(self.nodes))
        partition = Partition(np.asarray(self.cloud.points), ghosts, processes)
        return eqx.tree_at(lambda space: space.partition, self, partition, is_leaf=lambda leaf: leaf is None)

    def complete(self):
        known = np.asarray(self.stencils), np.asarray(self.radii)
        return eqx.tree_at(lambda space: (space.stencils, space.radii), self, known, is_leaf=_is_on_demand)

    def compared(self):
        """Of two degrees more on the same nodes; on fewer nodes where these stencils would be too large."""
        degree = self.degree + 2
        size = 2 * math.comb(degree + self.cloud.manifold_dim, self.cloud.manifold_dim)
        if size > min(len(self.nodes) // 2, LARGEST):
            return super().compared()
        return True, Stencils(self.kernel, self.cloud, degree, ghost=self.ghost_parts)

    @property
    def is_nodal(self):
        return True

    @property
    def constant_along_normals(self):
        return self.cloud.surface_normals is not None

    @property
    def parts_with_ghosts(self):
        return self.ghost_parts

    def warn_of_order(self, order):
        if self.degree < order:
            warnings.warn(
                f"derivatives of order {order} by stencils with polynomials of degree {self.degree}: their error does "
                f"not fall with the spacing. Use degree={order} or more",
                stacklevel=12,  # of who calls `solve`
            )

    def describe(self):
        return f"Stencils of {self.stencils.shape[1]} nodes, polynomials of degree {self.degree}, {self.kernel!r}"

    @property
    def local_basis(self) -> LocalBasis:
        return self

    @property
    def own_columns(self):
        return self.stencils

    def columns_at(self, X):
        if self.cloud.surface_normals is not None:
            nearest_node = nearest_on_sheet(self.cloud, X)
        else:
            nearest_node = nearest_seen(self.cloud, X, 1)[..., 0]
        if is_traced(self, X):
            return jnp.asarray(self.stencils)[nearest_node]
        return taken(self.stencils, nearest_node)

    def weights(self, X, columns, functionals, order):
        if self.cloud.surface_normals is not None:
            normals = self.cloud.surface_normals
            return weights_on_surface(self.interpolant, self.nodes, normals, X, columns, functionals, order)
        if is_traced(self, X, columns, functionals):
            periods = self.cloud.periods
            stencils = images_around_first(jnp.asarray(self.nodes)[columns], periods)
            places = stencils[:, 0] + nearest_image(jnp.asarray(X) - stencils[:, 0], periods)
            traced = self.interpolant.weights(stencils, places, functionals, order)
            return self._nodal(X, columns, functionals, traced) if order == 0 else traced
        nodes, X, functionals = np.asarray(self.nodes), np.asarray(X), np.asarray(functionals)
        columns = np.asarray(columns)
        if self.cloud.periods is not None:
            first = nodes[columns[:, 0]]
            away = nearest_image(X - first, self.cloud.periods)
            X = np.where(away == X - first, X, first + away)
            nodes, columns = unrolled(nodes, columns, self.cloud.periods)
        if order == 0:
            weights = self._weights_of_values(nodes, columns, X, functionals)
        else:
            weights = many_weights(self.interpolant, nodes, columns, X, functionals, order)
        check_weights(self.interpolant, nodes, columns, X, functionals, order, weights)
        return weights

    def function(self, coefficients):
        if self.cloud.surface_normals is not None:
            return AlongNormals(self, coefficients)
        return Patchwork(self.interpolant, self.cloud, self.radii, self.nodes, self.stencils, coefficients)

    @property
    def interpolant(self) -> LocalInterpolant:
        """The function on every stencil."""
        return LocalInterpolant(self.kernel, self.degree)

    def _weights_of_values(self, nodes, columns, X, functionals):
        """Those of u itself: at a node, as on all of a Dirichlet part, there is no system to solve."""
        at_node = np.all(nodes[columns] == X[:, None], axis=-1)
        weights, between = np.where(at_node[:, None], functionals, 0.0), ~at_node.any(axis=1)
        if between.any():
            within = columns[between], X[between], functionals[between]
            weights[between] = many_weights(self.interpolant, nodes, *within, 0)
        return weights

    def _nodal(self, X, columns, functionals, weights):
        """The same weights, traced, but exactly the nodal value at points that are nodes.

        Of traced places the derivative stays that of the weights: a point may move where its node does not.
        """
        at_node = jnp.all(jnp.asarray(self.nodes)[columns] == jnp.asarray(X)[:, None], axis=-1)
        nodal = jnp.where(at_node[:, None], functionals, 0.0)
        if is_traced(self.nodes, X):
            nodal = weights + jax.lax.stop_gradient(nodal - weights)
        return jnp.where(jnp.any(at_node, axis=1)[:, None, None], nodal, weights)


def _is_on_demand(leaf: Any) -> bool:
    return isinstance(leaf, OnDemand)


def _radii(cloud: Cloud, places: Int[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    """Of the patches around some points of a cloud."""
    points = np.asarray(cloud.points)
    own, count = points[places], in_dimension(REACH, cloud.manifold_dim) + 1
    farthest = points[np.asarray(nearest_seen(cloud, own, min(count, len(points))))[:, -1]]
    return MARGIN * np.linalg.norm(nearest_image(farthest - own, cloud.periods), axis=1)


def matched_parts(ghost: bool | str | Iterable[str], cloud: Cloud) -> tuple[str, ...]:
    """The boundary parts that `ghost` means, in the cloud's order; ValueError for those that do not exist."""
    there = tuple(part for part in cloud.parts if part != "interior")
    if isinstance(ghost, bool):
        return there if ghost else ()
    named = (ghost,) if isinstance(ghost, str) else tuple(ghost)
    unknown = sorted(set(named) - set(there))
    if unknown:
        raise ValueError(f"ghost= names parts {unknown}; the boundary parts are {sorted(there)}")
    return tuple(part for part in there if part in named)


def ghost_nodes(cloud: Cloud, parts: tuple[str, ...]) -> Float[np.ndarray, "g d"]:
    """For every node of the parts one outside along its normal, as far as the node's nearest neighbour."""
    if not parts:
        return np.empty((0, cloud.dim))
    points = np.asarray(cloud.points)
    own = np.concatenate([cloud[part] for part in parts])
    normals = np.concatenate([cloud.normals[part] for part in parts])
    neighbours = points[nearest(points, own, 2, cloud.periods)[:, 1]]
    spacing = np.linalg.norm(nearest_image(neighbours - own, cloud.periods), axis=1)
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
