"""Functions near a surface that are constant along its normals, by the stencils on it."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..internal.batching import map_in_blocks
from ..internal.tracing import AnyArray, as_jax, is_traced, module_of
from ..pde.components import WithComponents
from ..pde.leibniz import raised
from ..pde.multi_indices import total_degree
from .base import LocalBasis


class AlongNormals(WithComponents):
    """u(x) of the stencil of the node next to x: (d,) -> () or (f,).

    At points off the surface it is that of the point of the surface over the same point of the node's tangent plane.
    Derivatives up to order 2 are those of a function that is constant along the normals; ValueError for higher ones.
    """

    basis: LocalBasis
    values: Float[AnyArray, "n *f"]

    @property
    def components(self):
        return 0 if self.values.ndim == 1 else self.values.shape[1]

    def __call__(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        return self._jet(0)(x)[0]

    def laplacian(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        """The Laplace–Beltrami operator of u."""
        alphas = total_degree(x.shape[-1], 2)
        return jnp.sum(self._jet(2)(x)[np.flatnonzero(alphas.max(axis=1) == 2)], axis=0)

    def at(self, X: ArrayLike) -> Float[Array, "m *f"]:
        """u at many points: (m, d) -> (m,) or (m, f)."""
        if is_traced(self, X):
            return map_in_blocks(self, jnp.asarray(X), self.basis.own_columns.shape[1] ** 2)
        return as_jax(self._derivatives(np.asarray(X), 0)[:, 0])

    def _jet(self, order: int) -> Callable:
        """x -> all derivatives up to `order`, (d,) -> (J, *f); it may be differentiated by x and by what is traced."""
        leaves, structure = jax.tree.flatten(self)
        traced = [i for i, leaf in enumerate(leaves) if is_traced(leaf)]

        def with_leaves(some) -> AlongNormals:
            replaced = dict(zip(traced, some, strict=True))
            return jax.tree.unflatten(structure, [replaced.get(i, leaf) for i, leaf in enumerate(leaves)])

        @jax.custom_jvp
        def jet(x, some):
            return as_jax(with_leaves(some)._derivatives(x[None], order)[0])

        def along(primals, tangents):
            (x, some), (way, ways) = primals, tangents
            value = jet(x, some)
            slopes = jnp.zeros_like(value)
            if not isinstance(way, SymbolicZero):
                higher, places = with_leaves(some)._jet(order + 1)(x), raised(x.shape[-1], order)
                slopes = slopes + jnp.tensordot(way, higher[places.T], axes=1)
            moved = [i for i, one in enumerate(ways) if not isinstance(one, SymbolicZero)]
            if moved:

                def of(*those):
                    replaced = dict(zip(moved, those, strict=True))
                    u = with_leaves([replaced.get(i, one) for i, one in enumerate(some)])
                    return u._derivatives(x[None], order)[0]

                slopes = slopes + jax.jvp(of, [some[i] for i in moved], [ways[i] for i in moved])[1]
            return value, slopes

        jet.defjvp(along, symbolic_zeros=True)
        return lambda x: jet(x, [leaves[i] for i in traced])

    def _derivatives(self, X: Float[AnyArray, "m d"], order: int) -> Float[AnyArray, "m J *f"]:
        X = jnp.asarray(X) if is_traced(self, X) else np.asarray(X)
        columns = self.basis.columns_at(X)
        count = len(total_degree(X.shape[1], order))
        units = np.broadcast_to(np.eye(count), (len(X), count, count))
        weights = self.basis.weights(X, columns, units, order)
        values = self.values if is_traced(self, X) else np.asarray(self.values)
        array = module_of(weights, values)
        return array.einsum("mjk,mk...->mj...", weights, values[columns])
