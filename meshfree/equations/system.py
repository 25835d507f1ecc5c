"""What Newton's method, the losses and the derivative of a solution know of equations."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..geometry.periods import repeating
from ..internal.batching import map_in_blocks
from ..internal.plain import Plain
from ..internal.tracing import AnyArray, Scalar, module_of
from ..pde.problem import linearise
from ..spaces.base import Space
from .conditions import Group, Zero
from .row_weights import operator_size

Matrix = Any  # Float[AnyArray, "rows unknowns"] or SparseRows: both have shape, abs and @


class System(Plain):
    """The equations r(c) = 0 for the coefficients c of a function in a space; c is (n,), or (n, f) for f fields."""

    space: eqx.AbstractVar[Space]

    @property
    @abc.abstractmethod
    def is_sparse(self) -> bool:
        """Whether the matrix is a `SparseRows`."""

    @property
    @abc.abstractmethod
    def side_rows(self) -> int:
        """The number of rows, the last ones, that are side conditions of the space."""

    @abc.abstractmethod
    def residual(self, coefficients: Float[AnyArray, "n *f"]) -> Float[AnyArray, " rows"]:
        """r(c)."""

    @abc.abstractmethod
    def linearised(self, coefficients: Float[AnyArray, "n *f"]) -> tuple[Float[AnyArray, " rows"], Matrix]:
        """r(c) and its matrix dr/dc (rows, n·f), the coefficients of one function side by side."""

    def follows(self, direction: Any) -> bool:
        """Whether `along` is known where the leaves of the space move along a direction."""
        return False

    def along(
        self, coefficients: Float[np.ndarray, "n *f"], change: Float[np.ndarray, "n *f"], direction: Any
    ) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, "rows unknowns"]]:
        """The derivative of `linearised`, on the host, where the coefficients move along `change` and the leaves of the
        space along `direction`, with None for those that stay, or None for all of them.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def is_affine(self, coefficients: Float[AnyArray, "n *f"]) -> bool:
        """Whether the matrix is the same for all coefficients."""

    @abc.abstractmethod
    def per_part(self, residual: Float[AnyArray, " rows"]) -> dict[str, Scalar]:
        """The root mean square of each part's residual, without the weights, from the vector r."""

    @abc.abstractmethod
    def typical_size(self, coefficients: Float[AnyArray, "n *f"]) -> Scalar:
        """Of the rows of dr/dc on functions of size 1 that vary over the whole cloud."""

    def on_polynomials(self, coefficients: Float[AnyArray, "n *f"], affine: bool) -> Float[AnyArray, "m q"] | None:
        """The linearised equations, without the space, on the polynomials of degree ≤ 1 of each field: a column each,
        those of 1 first, then those of (xₖ − cₖ)/L for every one of `free_axes`, c and L the cloud's centre and extent.
        None: not known.
        """
        return None

    @property
    def free_axes(self) -> tuple[int, ...]:
        """The axes along which the domain does not repeat, so that a coordinate is a function there; none on a surface,
        where functions are constant along the normals.
        """
        if self.space.cloud.surface_normals is not None:
            return ()
        repeated = repeating(self.space.cloud.periods).tolist()
        return tuple(axis for axis in range(self.space.cloud.dim) if axis not in repeated)

    def elsewhere(self, points: Float[np.ndarray, "m d"], coefficients: Float[AnyArray, "n *f"]) -> Any:
        """The weighted interior residual at other points, (m, c); None where there is no equation but at the nodes."""
        return None

    def values_matrix(self) -> Any:
        """The values of the basis functions at the points of the space's cloud, (m, n); None where it is not made."""
        return None

    def check_finite(self, coefficients: Float[AnyArray, "n *f"]) -> None:
        """ValueError, with the remedy, where the space's functions make the equations NaN; asked where these are."""
        self.space.check_kernel()

    def multiplied(self) -> Any:
        """The same equations with unknown constants in them, which make them as many as the unknowns; None: as many as
        they are.
        """
        return None

    def field_of(self, coefficients: Float[AnyArray, "*unknowns"]) -> Float[AnyArray, "n *f"]:
        """The coefficients of the function, where there are other unknowns."""
        return coefficients

    def unknowns_of(self, coefficients: Float[AnyArray, "n *f"]) -> Float[AnyArray, "*unknowns"]:
        """The other way round, with 0 for the other unknowns."""
        return coefficients

    def nested(self) -> np.ndarray | None:
        """Which basis functions span a smaller space, as of `Space.nested`, with the same equations."""
        return self.space.nested()

    @property
    def reads_values(self) -> bool:
        """Whether the rows are the values at the points of the space's cloud: no function that has any is free."""
        return False

    def at_points(self, coefficients: Float[AnyArray, "n *f"]) -> Float[AnyArray, " rows"]:
        """r(c) without the side conditions."""
        residual = self.residual(coefficients)
        return residual[: residual.size - self.side_rows]

    def assembled(self, coefficients: Float[AnyArray, "n *f"]) -> tuple[Float[AnyArray, " rows"], Matrix, bool]:
        """r(c), dr/dc and whether the equations are affine, for concrete coefficients.

        Dense equations are compiled as a whole; sparse ones block by block, so that their pattern stays on the host.
        """
        if self.is_sparse:
            return *self.linearised(coefficients), self.is_affine(coefficients)
        return self._compiled(coefficients)

    @eqx.filter_jit
    def _compiled(self, coefficients):
        return *self.linearised(coefficients), self.is_affine(coefficients)


class Collocated(System):
    """The weighted equations of a problem in a space, at the points of a cloud.

        ┌ w₁ · residual(u, x) at interior points            ┐
    r = │ w₂ · residual(u, x, n) at the points of each part │
        └ w₃ · side conditions of the space                 ┘
    """

    fields: eqx.AbstractVar[int]
    groups: eqx.AbstractVar[list[Group]]  # the parts in the order of the rows
    row_weights: eqx.AbstractVar[Mapping[str, Float[AnyArray, " c"]]]
    magnitude: eqx.AbstractVar[Scalar]  # of the interior operator, weighted

    def per_part(self, residual):
        array = module_of(residual, *self.row_weights.values())
        norms, start = {}, 0
        for group in self.groups:
            for name, count in group.parts:
                weight = self.row_weights[name]
                stop = start + count * len(weight)
                block = residual[start:stop].reshape(-1, len(weight)) / weight[None, :]
                norms[name], start = array.sqrt(array.mean(block**2)), stop
        return norms

    def per_point(self, residual: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " m"]:
        """The norm of the weighted components of r at every point, in the order of the groups."""
        norms, start = [], 0
        for group in self.groups:
            for part, count in group.parts:
                stop = start + count * len(self.row_weights[part])
                norms.append(np.linalg.norm(residual[start:stop].reshape(count, -1), axis=1))
                start = stop
        return np.concatenate(norms)

    def on_polynomials(self, coefficients, affine):
        if self.is_sparse and not affine:
            return None  # u between the nodes would have to be compiled for it
        if affine:
            return self._on_polynomials(Zero(self.fields), 1)
        return self._on_polynomials(self.space.function(coefficients), self.space.size)

    @eqx.filter_jit
    def _on_polynomials(self, around: Callable, width: int):
        """`around`: where the equations are linearised; its value at a point is made of `width` numbers."""
        center, extent = center_and_extent(self._points)
        units = list(jnp.eye(self.fields)) if self.fields > 1 else [jnp.ones(())]

        def polynomial(k, unit):
            return lambda y: unit * jnp.append(1.0, (y - center) / extent)[k]

        polynomials = [polynomial(k, unit) for k in (0, *(axis + 1 for axis in self.free_axes)) for unit in units]

        def rows(group):
            def at_one(at):
                x, n, weight = at
                of_each = [linearise(lambda v: group.residual(v, x, n), around, p) for p in polynomials]
                return weight[:, None] * jnp.stack([jnp.atleast_1d(value) for value in of_each], axis=-1)

            at = (jnp.asarray(group.points), jnp.asarray(group.normals), self.weight_of(group))
            return map_in_blocks(at_one, at, width * len(polynomials)).reshape(-1, len(polynomials))

        return jnp.concatenate([rows(group) for group in self.groups])

    def typical_size(self, coefficients):
        """Of the linearised interior equations on plane waves of wavenumber π/extent."""
        return self.size_on_long_waves(coefficients, 0)

    def size_on_long_waves(self, coefficients: Float[AnyArray, "n *f"], group: int) -> Scalar:
        """Of the weighted linearised equations of a group on plane waves of wavenumber π/extent."""
        inside = self.groups[group]
        _, extent = center_and_extent(self._points)
        sizes = operator_size(inside, self.fields, extent / jnp.pi, self.space.function(jnp.asarray(coefficients)))
        return jnp.sqrt(jnp.mean((self.weight_of(inside)[0] * sizes) ** 2))

    def weight_of(self, group: Group) -> Float[AnyArray, "m c"]:
        """The weights of every point's components."""
        return point_weights(group, self.row_weights)

    @property
    def _points(self) -> Any:
        return jnp.concatenate([group.points for group in self.groups])


def center_and_extent(
    points: Float[AnyArray, "m d"],
) -> tuple[Float[AnyArray, " d"], Scalar]:
    """The middle of the points' bounding box, and the length of its diagonal."""
    array = module_of(points)
    lower, upper = array.min(points, axis=0), array.max(points, axis=0)
    return (lower + upper) / 2, array.linalg.norm(upper - lower)


def point_weights(group: Group, row_weights: Mapping[str, Any]) -> Float[AnyArray, "m c"]:
    """The weights of its part's components for every point of a group."""
    array = module_of(*row_weights.values())
    rows = [array.broadcast_to(row_weights[name], (count, len(row_weights[name]))) for name, count in group.parts]
    return array.concatenate(rows)
