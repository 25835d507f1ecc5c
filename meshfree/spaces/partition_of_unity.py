"""A smooth function from overlapping local interpolants: a partition of unity."""

from __future__ import annotations

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from ..geometry.cloud import Cloud
from ..geometry.periods import images_around_first, nearest_image
from ..internal.batching import map_in_blocks
from ..internal.tracing import AnyArray, as_jax, is_traced, module_of
from ..pde.leibniz import raised
from ..pde.multi_indices import total_degree
from ..pde.operators import laplacian
from .local_functions import LocalFunctions, blended, local_functions, under_bump
from .neighbours import in_dimension
from .on_demand import OnDemand, taken
from .stencil_weights import LocalInterpolant
from .visible_neighbours import nearest_seen

PATCHES = {1: 4, 2: 9, 3: 18}  # stencils that share a point, at most
TOGETHER = 2**16  # points whose stencils are looked for together
BEYOND = 0.9  # radii of the nearest patch at which a point counts that lies outside of all


class Patchwork(eqx.Module):
    """u(x) = Σᵢ wᵢ(x) sᵢ(x) / Σᵢ wᵢ(x): (d,) -> () or (f,); sᵢ the interpolant of stencil i, wᵢ a smooth bump of radius
    `radii[i]` around point i of the cloud (Wendland 2005, section 15.4); of the stencils around points that x sees.

    Where all but x is known every stencil is solved once, and the derivatives by x are sums over the stencils again.
    """

    local: LocalInterpolant
    cloud: Cloud
    radii: Float[np.ndarray | Array, " m"] | OnDemand
    nodes: Float[np.ndarray | Array, "n d"]
    stencils: Int[np.ndarray | Array, "m k"] | OnDemand
    values: Float[np.ndarray | Array, "n *f"]

    def __call__(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        if is_traced(self):
            return self._traced(jnp.asarray(x))
        return self._jet(0)(x)[0]

    def laplacian(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        """Δu, from the second derivatives of the blend: it has no closed form."""
        if is_traced(self):
            return laplacian(lambda y: self._traced(y))(jnp.asarray(x))
        dim = self.cloud.dim
        twice = [tuple(row) for row in 2 * np.eye(dim, dtype=int)]
        places = [i for i, alpha in enumerate(map(tuple, total_degree(dim, 2).tolist())) if alpha in twice]
        return jnp.sum(self._jet(2)(x)[np.array(places)], axis=0)

    def at(self, X: ArrayLike) -> Float[Array, "m *f"]:
        """u at many points: (m, d) -> (m,) or (m, f). Every stencil that is needed is solved once.

        Raises ValueError, unless the points are traced, where a stencil's nodes do not determine its polynomials.
        """
        if is_traced(self):
            unknowns = self.stencils.shape[1] + len(total_degree(self.cloud.dim, self.local.degree))
            return map_in_blocks(self, jnp.asarray(X), in_dimension(PATCHES, self.cloud.dim) * unknowns**2)
        if is_traced(X):
            return jax.vmap(self)(jnp.asarray(X))
        return as_jax(self._derivatives(np.asarray(X), 0)[:, 0])

    def _traced(self, x: Float[Array, " d"]) -> Float[Array, "*f"]:
        """u(x), to be differentiated by anything: its stencils are solved at every point anew."""
        patches = self._patches(x)
        columns = jnp.asarray(self.stencils)[patches]
        stencils = images_around_first(jnp.asarray(self.nodes)[columns], self.cloud.periods)
        coefficients = self.local.coefficients(stencils, jnp.asarray(self.values)[columns])
        centers, radii = jnp.asarray(self.cloud.points)[patches], jnp.asarray(self.radii)[patches]
        places = self._images(x, centers)
        squares = jnp.sum((places - centers) ** 2, axis=1) / radii**2
        bumps = jnp.maximum(1 - squares / _widening(jnp, jax.lax.stop_gradient(squares)), 0) ** 6
        bases = jax.vmap(self.local.basis)(stencils, places)
        values = jax.vmap(lambda basis, c: jnp.tensordot(basis, c, axes=1))(bases, coefficients)
        return jnp.tensordot(bumps / jnp.sum(bumps), values, axes=1)

    def _patches(self, x):
        # bumps of far stencils, in place of those that x does not see, are zero
        return nearest_seen(self.cloud, x, min(in_dimension(PATCHES, self.cloud.dim), len(self.cloud)), spare_far=True)

    def _jet(self, order: int):
        """x -> all derivatives up to `order`, (d,) -> (J, *f), to be differentiated by x to any order."""

        @jax.custom_jvp
        def jet(x):
            return self._known(x, order)

        @jet.defjvp
        def _(primals, tangents):
            higher, places = self._jet(order + 1)(*primals), raised(self.cloud.dim, order)
            slopes = jnp.tensordot(tangents[0], higher[places.T], axes=1)
            return higher[: len(places)], slopes

        return jet

    def _known(self, X: Float[AnyArray, "*m d"], order: int) -> Float[Array, "*m J *f"]:
        """The derivatives at one or many points: at once where the points are known, as under vmap."""
        if is_traced(X):
            return _jets.bind(X, of=_Itself(self), order=order)
        X = np.asarray(X)
        found = self._derivatives(X.reshape(-1, X.shape[-1]), order)
        return as_jax(found.reshape(*X.shape[:-1], *found.shape[1:]))

    def _derivatives(self, X: Float[np.ndarray, "m d"], order: int) -> Float[np.ndarray, "m J *f"]:
        functions, dim = self._functions(), self.cloud.dim
        fields = self.values.shape[1:]
        shape = (len(total_degree(dim, order)), functions.values.shape[1])
        found = np.empty((len(X), *shape))
        step = max(min(TOGETHER, 2**24 // (in_dimension(PATCHES, dim) * shape[0] * (shape[1] + 1))), 1)
        for start in range(0, len(X), step):
            block = slice(start, start + step)
            found[block] = self._block(functions, X[block], order)
        return found.reshape(*found.shape[:2], *fields)

    def _block(self, functions: LocalFunctions, X: Float[np.ndarray, "m d"], order: int):
        patches, radii, meets = self._bumps(X)
        point, which = np.nonzero(meets)
        centers, used = np.asarray(self.cloud.points), patches[point, which]
        places = self._images(X[point], centers[used])
        sums, places = functions.under_bumps(order, places, radii[point, which], centers, used)
        ends = np.concatenate([[0], np.cumsum(meets.sum(axis=1))])
        gather = csr_array((np.ones(len(places)), places, ends), shape=(len(X), len(sums)))
        return blended((gather @ sums.reshape(len(sums), -1)).reshape(-1, *sums.shape[1:]), self.cloud.dim, order)

    def _bumps(self, X: Float[np.ndarray, "m d"]):
        """The patches near every point, the radii of their bumps there, and which of them are not zero."""
        patches = np.asarray(self._patches(X))
        centers, radii = np.asarray(self.cloud.points), taken(self.radii, patches)
        if self.cloud.periods is None:
            squares = sum((axis[patches] - x[:, None]) ** 2 for axis, x in zip(centers.T, X.T, strict=True)) / radii**2
        else:
            away = nearest_image(centers[patches] - X[:, None], self.cloud.periods)
            squares = np.sum(away**2, axis=2) / radii**2
        widening = _widening(np, squares)
        return patches, radii * np.sqrt(widening), squares < widening

    def _in_program(self, X: Float[Array, "*m d"], order: int) -> Float[Array, "*m J *f"]:
        """The same in a program that is being made, for whose callback every stencil is solved now.

        A callback must not run JAX itself: with two of them no thread would be left for the programs that they wait
        for.
        """
        functions, dim = self._functions(), self.cloud.dim
        functions.find(np.arange(len(self.stencils)), check=False)
        count = min(in_dimension(PATCHES, dim), len(self.cloud))
        nodes, coefficients = functions.of(np.zeros(count, dtype=int))
        shapes = [jax.ShapeDtypeStruct(s, float) for s in ((count,), (count, dim), nodes.shape, coefficients.shape)]

        def rows(X):
            X = np.asarray(X)
            patches, radii, _ = self._bumps(X.reshape(-1, dim))
            found = radii, np.asarray(self.cloud.points)[patches], *functions.of(patches)
            return tuple(array.reshape(*X.shape[:-1], *array.shape[1:]) for array in found)

        def one(x):
            near = jax.pure_callback(rows, shapes, jax.lax.stop_gradient(x), vmap_method="broadcast_all")
            places = self._images(x, near[1])
            terms = jax.vmap(functools.partial(under_bump, self.local, order))(places, *near)
            return blended(jnp.sum(terms, axis=0), dim, order)

        width = sum(shape.size for shape in shapes) * len(total_degree(dim, order))
        found = map_in_blocks(one, X.reshape(-1, dim), width)
        return found.reshape(*X.shape[:-1], len(total_degree(dim, order)), *self.values.shape[1:])

    def _images(self, X: Float[AnyArray, "*m d"], centers: Float[AnyArray, "m d"]) -> Any:
        """The images of points that are nearest to the centers of patches: (d,) or (m, d) -> (m, d)."""
        X = module_of(X, centers).broadcast_to(X, centers.shape)
        periods = self.cloud.periods
        return X if periods is None else centers + nearest_image(X - centers, periods)

    def _functions(self) -> LocalFunctions:
        return local_functions(self.local, self.nodes, self.stencils, self.values, self.cloud.periods)


def _widening(array: Any, squares: Float[AnyArray, "*m k"]) -> Float[AnyArray, "*m 1"]:
    """Of the squared radii: beyond every patch, as outside of a domain, the nearest ones go on."""
    return array.maximum(1.0, squares.min(axis=-1, keepdims=True) / BEYOND**2)


class _Itself:
    """A function as a parameter of an operation: equal to itself alone."""

    def __init__(self, function: Patchwork):
        self.function = function


# A `custom_vmap` would be traced, and all stencils solved for it, where the points are known.
_jets = Primitive("jets_of_stencils")


@_jets.def_impl
def _(X, *, of: _Itself, order: int):
    return of.function._known(X, order)


@_jets.def_abstract_eval
def _(X, *, of: _Itself, order: int):
    shape = (*X.shape[:-1], len(total_degree(X.shape[-1], order)), *of.function.values.shape[1:])
    return jax.core.ShapedArray(shape, X.dtype)


def _of_batch(arguments, axes, *, of: _Itself, order: int):
    return of.function._known(jnp.moveaxis(arguments[0], axes[0], 0), order), 0


def _lowered(X, *, of: _Itself, order: int):
    return of.function._in_program(X, order)


batching.primitive_batchers[_jets] = _of_batch
mlir.register_lowering(_jets, mlir.lower_fun(_lowered, multiple_results=False))
