"""A smooth function from overlapping local interpolants: a partition of unity."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from ..geometry.cloud import Cloud
from ..internal.batching import in_padded_blocks
from ..internal.tracing import AnyArray, as_jax, is_traced
from ..pde.multi_indices import total_degree
from ..pde.operators import laplacian
from .neighbours import in_dimension
from .stencil_checks import GROWTH, check_stencils
from .stencil_weights import BLOCK, TOGETHER, LocalInterpolant
from .visible_neighbours import nearest_seen

PATCHES = {1: 4, 2: 9, 3: 18}  # stencils that share a point, at most
POINTS = 512  # that are evaluated at a time, at most
BEYOND = 0.9  # radii of the nearest patch at which a point counts that lies outside of all


class Patchwork(eqx.Module):
    """u(x) = Σᵢ wᵢ(x) sᵢ(x) / Σᵢ wᵢ(x): (d,) -> () or (f,); sᵢ the interpolant of stencil i, wᵢ a smooth bump of radius
    `radii[i]` around point i of the cloud (Wendland 2005, section 15.4); of the stencils around points that x sees.
    """

    local: LocalInterpolant
    cloud: Cloud
    radii: Float[np.ndarray | Array, " m"]
    nodes: Float[np.ndarray | Array, "n d"]
    stencils: Int[np.ndarray | Array, "m k"]
    values: Float[np.ndarray | Array, "n *f"]

    def __call__(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        if not is_traced(self, x):
            return self.at(x[None])[0]
        patches = self._patches(x)
        columns = jnp.asarray(self.stencils)[patches]
        stencils = jnp.asarray(self.nodes)[columns]
        coefficients = self.local.coefficients(stencils, jnp.asarray(self.values)[columns])
        centers, radii = jnp.asarray(self.cloud.points)[patches], jnp.asarray(self.radii)[patches]
        return _blended(self.local, x, centers, radii, stencils, coefficients)

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "*f"]:
        """Δu, by autodiff: the blend has no closed form."""
        return laplacian(lambda y: self(y))(x)

    def at(self, X: ArrayLike) -> Float[Array, "m *f"]:
        """u at many points: (m, d) -> (m,) or (m, f). Every stencil that is needed is solved once.

        Raises ValueError, unless the points are traced, where a stencil's nodes do not determine its polynomials.
        """
        if is_traced(self, X):
            return jax.vmap(self)(jnp.asarray(X))
        X = np.asarray(X)
        patches = np.asarray(self._patches(X))
        used, where = np.unique(patches, return_inverse=True)
        where = where.reshape(patches.shape)
        nodes, columns = np.asarray(self.nodes), np.asarray(self.stencils)[used]
        stencils, values = nodes[columns], np.asarray(self.values)[columns]
        width = stencils.shape[1] * 2
        solved = in_padded_blocks(
            lambda *block: _coefficients(self.local, *block),
            (stencils, values),
            min(max(BLOCK // width**2, 1), TOGETHER),
        )
        solved, response = solved[..., :-1], np.abs(solved[..., -1]).max(axis=1)
        check_stencils(self.local, nodes, columns, ~(response <= GROWTH), ~np.isfinite(response))
        solved = solved.reshape(*solved.shape[:2], *values.shape[2:])
        centers, radii = np.asarray(self.cloud.points)[used], np.asarray(self.radii)[used]

        def block(X, where):
            return _blended_at(self.local, X, centers[where], radii[where], stencils[where], solved[where])

        size = min(max(BLOCK // (patches.shape[1] * width * 4), 1), POINTS)
        return as_jax(in_padded_blocks(block, (X, where), size))

    def _patches(self, x):
        # bumps of far stencils, in place of those that x does not see, are zero
        return nearest_seen(self.cloud, x, min(in_dimension(PATCHES, self.cloud.dim), len(self.cloud)), spare_far=True)


def _blended(local: LocalInterpolant, x, centers, radii, stencils, coefficients):
    squares = jnp.sum((x[None] - centers) ** 2, axis=1) / radii**2
    # beyond every patch, as outside of a domain, the nearest ones go on
    squares = squares / jnp.maximum(1.0, jax.lax.stop_gradient(jnp.min(squares)) / BEYOND**2)
    bumps = jnp.maximum(1 - squares, 0) ** 6
    bases = jax.vmap(local.basis, in_axes=(0, None))(stencils, x)
    values = jax.vmap(lambda basis, c: jnp.tensordot(basis, c, axes=1))(bases, coefficients)
    return jnp.tensordot(bumps / jnp.sum(bumps), values, axes=1)


@eqx.filter_jit
def _coefficients(local: LocalInterpolant, stencils, values):
    """Those of every field, (m, b, f + 1), the last those of a right side of size 1 in no particular direction."""
    m, k, dim = stencils.shape
    probe = np.random.default_rng(0).uniform(-1, 1, (k + len(total_degree(dim, local.degree)), 1))
    right = jnp.concatenate([values.reshape(m, k, -1), np.broadcast_to(probe[:k], (m, k, 1))], axis=2)
    moments = np.broadcast_to(np.pad(probe[k:], ((0, 0), (right.shape[2] - 1, 0))), (m, len(probe) - k, right.shape[2]))
    return local.coefficients(jnp.asarray(stencils), right, jnp.asarray(moments))


@eqx.filter_jit
def _blended_at(local: LocalInterpolant, X, centers, radii, stencils, coefficients):
    return jax.vmap(lambda *at: _blended(local, *at))(*map(jnp.asarray, (X, centers, radii, stencils, coefficients)))
