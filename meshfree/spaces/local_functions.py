"""The functions of many stencils, each solved once, and their derivatives under the bumps of a partition of unity."""

from __future__ import annotations

import functools
import hashlib
import threading
import weakref
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..geometry.periods import Periods, images_around_first, unrolled
from ..internal.batching import in_padded_blocks
from ..internal.tracing import AnyArray, module_of
from ..linalg.batched import side_by_side
from ..pde.leibniz import product, quotient
from ..pde.multi_indices import total_degree
from .on_demand import OnDemand
from .stencil_checks import GROWTH, check_stencils
from .stencil_weights import BLOCK, TOGETHER, LocalInterpolant

LANES = 16  # points that share a stencil and are evaluated side by side
FEWER = 2  # where many stencils have about as few each
MANY = 2**15  # points and stencils, from which on another program pays
ENTRIES = 2**18  # derivatives of a basis that are made at a time
KEPT = 4  # functions whose coefficients are remembered, at most


class Coefficients:
    """Those of the interpolants of all stencils, (m, b, f), as far as they are known."""

    def __init__(self, shape: tuple[int, int, int]):
        self.found = np.empty(shape)  # takes memory where it is written to
        self.known = np.zeros(len(self.found), dtype=bool)
        self.solving = threading.RLock()


class LocalFunctions(NamedTuple):
    """The interpolants of all stencils, each solved when it is first asked for."""

    local: LocalInterpolant
    nodes: Float[np.ndarray, "n d"]
    stencils: Int[np.ndarray, "m k"] | OnDemand
    values: Float[np.ndarray, "n f"]
    coefficients: Coefficients
    periods: Periods = None

    def find(self, wanted: Int[np.ndarray, " w"], *, check: bool = True) -> None:
        """Solve those of the stencils that are not yet; ValueError, with `check`, where one cannot be used."""
        kept = self.coefficients
        with kept.solving:
            new = wanted[~kept.known[wanted]]
            if not len(new):
                return
            columns, width = self.stencils[new], kept.found.shape[1]
            with side_by_side() as solve:
                solved = in_padded_blocks(
                    lambda columns: solve(*self._systems(columns)), (columns,), min(max(BLOCK // width**2, 1), TOGETHER)
                )
            kept.found[new] = solved[..., :-1]
            response = np.abs(solved[..., -1]).max(axis=1)
            sound = response <= GROWTH
            if check:
                stencils = unrolled(self.nodes, columns, self.periods)
                check_stencils(self.local, *stencils, ~sound, ~np.isfinite(response))
            kept.known[new] = sound | check

    def _systems(self, columns: Int[np.ndarray, "c k"]):
        """The matrices, and the right sides of every field and of size 1 in no particular direction."""
        values, unknowns = self.values[columns], self.coefficients.found.shape[1]
        probe = np.random.default_rng(0).uniform(-1, 1, unknowns)
        right = np.zeros((len(columns), unknowns, values.shape[2] + 1))
        right[:, : values.shape[1], :-1], right[:, :, -1] = values, probe
        return np.asarray(_matrices(self.local, images_around_first(self.nodes[columns], self.periods))), right

    def of(self, patches: Int[np.ndarray, "*m"]) -> tuple[Float[np.ndarray, "*m k d"], Float[np.ndarray, "*m b f"]]:
        """The nodes of stencils that were found, and their coefficients."""
        nodes = images_around_first(self.nodes[self.stencils[patches]], self.periods)
        return nodes, self.coefficients.found[patches]

    def under_bumps(
        self,
        order: int,
        X: Float[np.ndarray, "p d"],
        radii: Float[np.ndarray, " p"],
        centers: Float[np.ndarray, "m d"],
        patches: Int[np.ndarray, " p"],
    ) -> tuple[Float[np.ndarray, "q J g"], Int[np.ndarray, " p"]]:
        """`under_bump` of the stencil patches[i], with its bump around centers[patches[i]], at X[i]; and where in the
        result each i stands: points of one stencil are evaluated together.
        """
        lanes, owners, places = _grouped(patches, len(self.stencils))
        self.find(np.unique(owners))
        width = lanes.shape[1] * self.stencils.shape[1] * len(total_degree(X.shape[1], order))

        def block(lanes, owners):
            return _under_bumps(self.local, order, X[lanes], radii[lanes], centers[owners], *self.of(owners))

        found = in_padded_blocks(block, (lanes, owners), max(ENTRIES // width, 1))
        return found.reshape(-1, *found.shape[2:]), places


def _grouped(patches: Int[np.ndarray, " p"], count: int):
    """Indices of pairs in groups that have one patch, the patch of each group, and the place of each pair.

    All groups are of one size: one that is not full repeats its last pair.
    """
    order = np.argsort(patches)
    counts = np.bincount(patches, minlength=count)
    used = np.flatnonzero(counts)
    counts = counts[used]
    lanes = FEWER if len(patches) > MANY and len(patches) < 2 * FEWER * len(used) else LANES
    ends = np.cumsum(counts)
    groups = -(-counts // lanes)
    first = (np.cumsum(groups) - groups) * lanes  # place of the first pair of every patch
    shift = first - (ends - counts)
    places = np.empty(len(patches), dtype=int)
    places[order] = np.arange(len(patches)) + np.repeat(shift, counts)
    slots = np.arange(np.sum(groups) * lanes).reshape(-1, lanes) - np.repeat(shift, groups)[:, None]
    return order[np.minimum(slots, np.repeat(ends, groups)[:, None] - 1)], np.repeat(used, groups), places


def under_bump(
    local: LocalInterpolant,
    order: int,
    x: Float[Array, " d"],
    radius: Float[Array, ""],
    center: Float[Array, " d"],
    stencil: Float[Array, "k d"],
    coefficients: Float[Array, "b f"],
) -> Float[Array, "J g"]:
    """The derivatives up to `order` of w s in each field, g = f + 1, and of w itself in the last column.

    w = (1 − |x − center|²/radius²)₊⁶.
    """
    dim = x.size
    inside = 1 - jnp.sum((x - center) ** 2) / radius**2
    slopes, exponents = -2 * (x - center) / radius**2, total_degree(dim, order)
    first, twice = np.argmax(exponents, axis=1), np.max(exponents, axis=1, initial=0) == exponents.sum(axis=1)
    by_order = [lambda i: inside, lambda i: slopes[first[i]], lambda i: jnp.where(twice[i], -2 / radius**2, 0)]
    factor = [by_order[q](i) if q < 3 else jnp.zeros(()) for i, q in enumerate(exponents.sum(axis=1).tolist())]
    cube = product(product(factor, factor, dim, order), factor, dim, order)
    bump = jnp.where(inside > 0, jnp.stack(product(cube, cube, dim, order)), 0)
    functions = local.derivatives(stencil, x, coefficients, order)
    weighted = jnp.stack(product(list(bump), list(functions), dim, order))
    return jnp.concatenate([weighted, bump[:, None]], axis=1)


def blended(sums: Float[AnyArray, "*m J g"], dim: int, order: int) -> Float[AnyArray, "*m J f"]:
    """The derivatives of Σ w s / Σ w, from those of both sums as `under_bump` has them."""
    derivatives = [sums[..., j, :] for j in range(sums.shape[-2])]
    weighted, weights = [row[..., :-1] for row in derivatives], [row[..., -1:] for row in derivatives]
    return module_of(sums).stack(quotient(weighted, weights, dim, order), axis=-2)


@eqx.filter_jit
def _under_bumps(local: LocalInterpolant, order: int, X, radii, centers, stencils, coefficients):
    one = functools.partial(under_bump, local, order)
    together = jax.vmap(jax.vmap(one, (0, 0, None, None, None)))
    return together(*map(jnp.asarray, (X, radii, centers, stencils, coefficients)))


@eqx.filter_jit
def _matrices(local: LocalInterpolant, stencils):
    return jax.vmap(local.matrix)(jnp.asarray(stencils))


_remembered: dict[Any, tuple[Coefficients, list[weakref.ref]]] = {}


def local_functions(
    local: LocalInterpolant, nodes: Any, stencils: Any, values: Any, periods: Periods = None
) -> LocalFunctions:
    """Those of these stencils; what was solved is remembered while the arrays live and hold the same numbers."""
    given = nodes, stencils, values
    leaves, structure = jax.tree.flatten(local)
    around = None if periods is None else tuple(periods.tolist())
    key = (structure, around, *map(_content, leaves), *map(_identity, given))
    held = stencils if isinstance(stencils, OnDemand) else np.asarray(stencils)
    arrays = np.asarray(nodes), held, np.asarray(values).reshape(len(values), -1)
    found = _remembered.pop(key, None)
    if found is None:
        unknowns = stencils.shape[1] + len(total_degree(nodes.shape[1], local.degree))
        kept = Coefficients((len(stencils), unknowns, arrays[2].shape[1]))
        found = kept, [weakref.ref(array, lambda _: _remembered.pop(key, None)) for array in given]
    _remembered[key] = found
    for old in list(_remembered)[:-KEPT]:
        _remembered.pop(old, None)
    return LocalFunctions(local, *arrays, found[0], periods)


def _content(leaf: Any) -> Any:
    """A kernel's parameter by its number; what is no number, as a function, as it is."""
    array = np.asarray(leaf)
    return leaf if array.dtype == object else (array.shape, str(array.dtype), array.tobytes())


def _identity(array: Any) -> tuple:
    """Which array it is, and what it holds where that may change."""
    changes = isinstance(array, np.ndarray) and (array.flags.writeable or array.base is not None)
    return id(array), hashlib.blake2b(np.ascontiguousarray(array).data).digest() if changes else None
