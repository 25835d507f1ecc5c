"""RBF-FD: nodal values, coupled through small interpolation problems on each node's nearest neighbours.

Fornberg & Flyer, A Primer on Radial Basis Functions with Applications to the Geosciences (2015), chapter 5; polynomial
augmentation: Flyer, Fornberg, Bayona & Barnett, J. Comput. Phys. 321 (2016), doi 10.1016/j.jcp.2016.05.026.
"""

from __future__ import annotations

from collections.abc import Iterable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from ..blocks import holds_tracers, in_blocks
from ..clouds import Cloud
from ..jets import derivatives_at, monomial_derivatives
from ..kernels import Kernel, Polyharmonic
from ..operators import laplacian
from ..polynomials import monomials, total_degree
from .base import LocalBasis, Space
from .neighbours import nearest

BLOCK = 2**22  # entries of the local matrices that are solved at a time
PATCHES = {1: 4, 2: 9, 3: 18}  # stencils that share a point, at most
REACH = {1: 2, 2: 5, 3: 10}  # a patch reaches as far as this neighbour of its node, and a little further
MARGIN = 1.05


class Stencils(Space, LocalBasis):
    """Values at nodes. Around every node u is s(y) = Σⱼ aⱼ k(y, yⱼ) + Σᵢ bᵢ pᵢ(y), yⱼ the `size` nearest nodes, pᵢ all
    polynomials up to `degree`, which takes the nodal values there, and Σⱼ aⱼ pᵢ(yⱼ) = 0.

    Every stencil is shifted and scaled to radius 1, and a kernel's scale is measured so: it follows the spacing. The
    order of accuracy is that of the polynomials: `degree` for first and `degree` − 1 for second derivatives at least.
    `size` defaults to 2 binom(degree + d, d), twice the number of polynomials. Good values: Polyharmonic(5) with degree
    4, the default, to 6; degree 2 where the solution is rough.

    `ghost=True`, or the names of boundary parts, adds a node outside for every node of these parts, at its distance
    from its neighbours; the equation holds there too. It serves Neumann and Robin conditions, whose one-sided
    stencils are otherwise the least accurate ones (Fornberg & Flyer 2015, section 5.1.4).

    Between the nodes u is a partition of unity of the stencils' functions, and smooth. Raises ValueError for a size
    below the number of polynomials or beyond the number of nodes, and for ghosts on parts that do not exist.
    """

    kernel: Kernel
    cloud: Cloud
    nodes: Float[np.ndarray | Array, "n d"]
    stencils: Int[np.ndarray | Array, "m k"]
    radii: Float[np.ndarray | Array, " m"]
    degree: int = eqx.field(static=True)
    ghost_parts: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        kernel: Kernel | None,
        cloud: Cloud,
        degree: int = 4,
        *,
        size: int | None = None,
        ghost: bool | str | Iterable[str] = False,
    ):
        if degree < -1 or int(degree) != degree:
            raise ValueError(f"degree is that of the polynomials, a whole number, -1 for none; got {degree}")
        self.kernel = Polyharmonic(5) if kernel is None else kernel
        self.cloud, self.degree = cloud, int(degree)
        self.ghost_parts = _ghost_parts(ghost, cloud)
        self.check_dimension(self.kernel)
        polynomials = len(total_degree(cloud.dim, self.degree))
        size = max(2 * polynomials, 2 * cloud.dim + 1) if size is None else size
        points = np.asarray(cloud.points)
        self.nodes = np.concatenate([points, *_ghosts(cloud, self.ghost_parts)])
        if not polynomials <= size <= len(self.nodes):
            raise ValueError(
                f"a stencil of {size} nodes; expected at least {polynomials}, the polynomials of degree {self.degree} "
                f"in {cloud.dim} dimensions, and at most {len(self.nodes)}, the nodes there are: "
                "take a lower degree, a smaller spacing, or another size="
            )
        self.stencils = np.asarray(nearest(self.nodes, points, size))
        own = nearest(points, points, min(REACH[cloud.dim] + 1, len(points)))
        self.radii = MARGIN * np.linalg.norm(points[own[:, -1]] - points, axis=1)

    @property
    def size(self) -> int:
        return len(self.nodes)

    @property
    def local_basis(self) -> LocalBasis:
        return self

    @property
    def own_columns(self):
        return self.stencils

    def columns_at(self, X):
        stencils = jnp.asarray(self.stencils) if holds_tracers(self, X) else np.asarray(self.stencils)
        return stencils[nearest(self.cloud.points, X, 1)[..., 0]]

    def weights(self, X, columns, functionals, order):
        if holds_tracers(self, X, columns, functionals):
            return _weights(self, jnp.asarray(X), columns, functionals, order)
        return in_blocks(
            lambda X, columns, functionals: _weights(self, X, columns, functionals, order),
            (X, columns, functionals),
            self._block(columns.shape[-1]),
        )

    def function(self, coefficients):
        return Patchwork(self, coefficients)

    def local_coefficients(
        self, columns: Int[np.ndarray | Array, "m k"], values: Float[np.ndarray | Array, "m k *f"]
    ) -> Float[np.ndarray | Array, "m b *f"]:
        """The coefficients (aⱼ, bᵢ) of the stencils with nodal values `values`."""
        if holds_tracers(self, columns, values):
            return _coefficients(self, columns, values)
        return in_blocks(lambda *block: _coefficients(self, *block), (columns, values), self._block(columns.shape[-1]))

    def local_basis_at(self, stencil: Float[Array, "k d"], x: Float[Array, " d"]) -> Float[Array, " b"]:
        """The functions k(·, yⱼ) and pᵢ of one stencil at x."""
        xi, x = _scaled(stencil, x)
        translates = jax.vmap(lambda y: self.kernel.eval(x, y))(xi)
        return jnp.concatenate([translates, monomials(x, total_degree(x.size, self.degree))])

    def _block(self, size: int) -> int:
        polynomials = len(total_degree(self.cloud.dim, self.degree))
        return max(BLOCK // (size + polynomials) ** 2, 1)

    def _matrix(self, xi):
        """The matrix ((K, P), (Pᵀ, 0)) of a stencil in its own coordinates."""
        P = jax.vmap(lambda y: monomials(y, total_degree(xi.shape[1], self.degree)))(xi)
        K = jax.vmap(lambda x: jax.vmap(lambda y: self.kernel.eval(x, y))(xi))(xi)
        return jnp.block([[K, P], [P.T, jnp.zeros((P.shape[1], P.shape[1]))]])


class Patchwork(eqx.Module):
    """u(x) = Σᵢ wᵢ(x) sᵢ(x) / Σᵢ wᵢ(x): the functions sᵢ of nearby stencils, blended by smooth bumps wᵢ at their nodes.

    (d,) -> () or (f,). A partition of unity (Wendland 2005, section 15.4).
    """

    space: Stencils
    coefficients: Float[Array, "n *f"]

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, "*f"]:
        patches = self._patches(x)
        columns = jnp.asarray(self.space.stencils)[patches]
        local = self.space.local_coefficients(columns, self.coefficients[columns])
        return self._blended(x, patches, columns, local)

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "*f"]:
        """Δu, by autodiff: the blend has no closed form."""
        return laplacian(lambda y: self(y))(x)

    def at(self, X: ArrayLike) -> Float[Array, "m *f"]:
        """u at many points: (m, d) -> (m,) or (m, f); every stencil that is needed is solved once."""
        if holds_tracers(self, X):
            return jax.vmap(self)(jnp.asarray(X))
        X = np.asarray(X)
        patches = np.asarray(self._patches(X))
        used, where = np.unique(patches, return_inverse=True)
        columns = np.asarray(self.space.stencils)[used]
        local = np.asarray(self.space.local_coefficients(columns, np.asarray(self.coefficients)[columns]))
        where = where.reshape(patches.shape)

        def block(X, patches, where):
            return _blended_at(self, X, patches, columns[where], local[where])

        return jnp.asarray(in_blocks(block, (X, patches, where), max(BLOCK // (64 * columns.shape[1]), 1)))

    def _patches(self, x):
        count = min(PATCHES[self.space.cloud.dim], len(self.space.cloud))
        return nearest(self.space.cloud.points, x, count)

    def _blended(self, x, patches, columns, local):
        space = self.space
        centers, radii = jnp.asarray(space.cloud.points)[patches], jnp.asarray(space.radii)[patches]
        squares = jnp.sum((x - centers) ** 2, axis=1) / radii**2
        # beyond every patch, as outside of a domain, the nearest one goes on
        squares = squares / jnp.maximum(1.0, jax.lax.stop_gradient(jnp.min(squares)) / 0.9)
        bumps = jnp.maximum(1 - squares, 0) ** 6
        values = jax.vmap(
            lambda columns, local: jnp.tensordot(space.local_basis_at(jnp.asarray(space.nodes)[columns], x), local, 1)
        )(columns, local)
        return jnp.tensordot(bumps / jnp.sum(bumps), values, axes=1)


@eqx.filter_jit
def _blended_at(u: Patchwork, X, patches, columns, local):
    return jax.vmap(u._blended)(X, patches, columns, local)


@eqx.filter_jit
def _weights(space: Stencils, X, columns, functionals, order: int):
    def at_one(x, columns, functionals):
        stencil = jnp.asarray(space.nodes)[columns]
        xi, t = _scaled(stencil, x)
        exponents = total_degree(x.size, space.degree)
        derivatives = jnp.concatenate(
            [
                derivatives_at(lambda y: jax.vmap(lambda z: space.kernel.eval(y, z))(xi), t, order),
                monomial_derivatives(t, exponents, order),
            ],
            axis=1,
        )
        radius = _radius(stencil)
        degrees = total_degree(x.size, order).sum(axis=1)
        right = (functionals * radius ** -jnp.asarray(degrees, dtype=float)) @ derivatives
        return space._matrix(xi), right

    matrices, right = jax.vmap(at_one)(X, columns, functionals)
    solved = jnp.linalg.solve(matrices, jnp.swapaxes(right, 1, 2))[:, : columns.shape[1]]
    weights = jnp.swapaxes(solved, 1, 2)
    if order > 0:
        return weights
    # a value at a node is that node's own
    at_node = jnp.all(jnp.asarray(space.nodes)[columns] == X[:, None], axis=-1)
    return jnp.where(jnp.any(at_node, axis=1)[:, None, None], functionals * at_node[:, None], weights)


@eqx.filter_jit
def _coefficients(space: Stencils, columns, values):
    def matrix(columns):
        stencil = jnp.asarray(space.nodes)[columns]
        return space._matrix(_scaled(stencil, stencil[0])[0])

    matrices = jax.vmap(matrix)(columns)
    right = values.reshape(*values.shape[:2], -1)
    padding = matrices.shape[1] - right.shape[1]
    solved = jnp.linalg.solve(matrices, jnp.pad(right, ((0, 0), (0, padding), (0, 0))))
    return solved.reshape(*solved.shape[:2], *values.shape[2:])


def _scaled(stencil, x):
    """The stencil and a point in coordinates in which the stencil has its node at 0 and radius 1."""
    radius = _radius(stencil)
    return (stencil - stencil[0]) / radius, (x - stencil[0]) / radius


def _radius(stencil):
    return jnp.sqrt(jnp.max(jnp.sum((stencil - stencil[0]) ** 2, axis=1)))


def _ghost_parts(ghost, cloud: Cloud) -> tuple[str, ...]:
    there = tuple(part for part in cloud.parts if part != "interior")
    if isinstance(ghost, bool):
        return there if ghost else ()
    named = (ghost,) if isinstance(ghost, str) else tuple(ghost)
    unknown = sorted(set(named) - set(there))
    if unknown:
        raise ValueError(f"ghost= names parts {unknown}; the boundary parts are {sorted(there)}")
    return tuple(part for part in there if part in named)


def _ghosts(cloud: Cloud, parts: tuple[str, ...]) -> list[np.ndarray]:
    """For every node of the parts one outside along its normal, as far as the node's nearest neighbour."""
    points = np.asarray(cloud.points)
    ghosts = []
    for part in parts:
        own = np.asarray(cloud[part])
        neighbour = points[nearest(points, own, 2)[:, 1]]
        reach = np.linalg.norm(neighbour - own, axis=1, keepdims=True)
        ghosts.append(own + reach * np.asarray(cloud.normals[part]))
    return ghosts
