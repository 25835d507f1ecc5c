"""The dense collocation equations with their rows spread over several devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from ..internal.batching import map_in_blocks
from ..internal.devices import AXIS, PartitionSpec, spread
from ..internal.tracing import AnyArray, Scalar, is_traced, module_of
from ..linalg.sharded import Sharded, panel_width
from ..spaces.base import GlobalSpace
from .conditions import Group, Zero
from .system import Collocated


class ShardedSystem(Collocated):
    """The rows of a `DenseSystem`, of every group as many on each device.

    Points that are lacking for that are copies of the last one with the weight 0, and make rows of zeros: a residual
    vector holds these rows, too, device by device.
    """

    system: Any  # the `DenseSystem`
    shares: list[tuple]  # of each group: points, normals and weights, (devices, m, ·)
    mesh: Mesh = eqx.field(static=True)
    space: GlobalSpace
    fields: int = eqx.field(static=True)
    groups: list[Group]
    row_weights: Mapping[str, Float[AnyArray, " c"]]
    magnitude: Scalar

    @classmethod
    def of(cls, system: Any, mesh: Mesh) -> ShardedSystem:
        """The same equations as a `DenseSystem`, on the devices of a mesh."""
        system = jax.tree.map(_on_host, system)
        shares = [
            (
                _shared(group.points, mesh),
                _shared(group.normals, mesh),
                _shared(system.weight_of(group), mesh, beyond=0.0),
            )
            for group in system.groups
        ]
        known = {name: getattr(system, name) for name in ("space", "fields", "groups", "row_weights", "magnitude")}
        return cls(system=system, shares=shares, mesh=mesh, **known)

    @property
    def is_sparse(self):
        return False

    @property
    def side_rows(self):
        return self.system.side_rows

    @eqx.filter_jit
    def residual(self, coefficients):
        return self._values(self.space.function(coefficients), coefficients)

    @eqx.filter_jit
    def at_points(self, coefficients):
        values = self._in_order(self.residual(coefficients))
        return values[: values.size - self.side_rows]

    @eqx.filter_jit
    def linearised(self, coefficients):
        found = [
            self._mapped(share, self.system.rows_at(group, coefficients))
            for group, share in zip(self.groups, self.shares, strict=True)
        ]
        side = jnp.kron(self.system.side, jnp.eye(self.fields))
        count = sum(self._count(group) for group in self.groups) + len(side)
        rows = self._joined([matrix.reshape(*matrix.shape[:3], -1) for _, matrix in found], side)
        matrix = Sharded(rows, count, self.mesh)
        if self.is_affine(coefficients):  # r(c) = r(0) + A c: the values above are not computed then
            return self._values(Zero(self.fields), None) + matrix @ jnp.ravel(coefficients), matrix
        return self._joined([value for value, _ in found], jnp.ravel(self.system.side @ coefficients)), matrix

    def is_affine(self, coefficients):
        return self.system.is_affine(coefficients)

    def elsewhere(self, points, coefficients):
        return self.system.elsewhere(points, coefficients)

    def per_part(self, residual):
        return self.system.per_part(self._in_order(residual))

    def _values(self, u: Callable, coefficients: Float[AnyArray, "n *f"] | None) -> Float[Array, " padded"]:
        """The weighted residuals of u, and the side conditions on its coefficients; zero without any."""
        values = [
            self._mapped(share, self.system.residual_at(group, u))
            for group, share in zip(self.groups, self.shares, strict=True)
        ]
        zero = jnp.zeros(self.side_rows)
        return self._joined(values, zero if coefficients is None else jnp.ravel(self.system.side @ coefficients))

    def _mapped(self, share: tuple, function: Callable):
        """A function of a point, its normal and its weights, (devices, m, …): on each device at its own points."""
        share = tuple(self._by_devices(array) for array in share)
        found = jax.vmap(lambda own: map_in_blocks(lambda at: function(*at), own, self.space.size))(share)
        return jax.tree.map(self._by_devices, found)

    def _joined(self, blocks: list, side) -> Float[Array, "padded *n"]:
        """The rows of the groups, (devices, m, c, *n), and of the side conditions below one another on each device."""
        devices, beyond = self.mesh.size, side.shape[1:]
        local = [block.reshape(devices, -1, *beyond) for block in blocks]
        side = _padded(side, devices, jnp)
        local.append(side.reshape(devices, len(side) // devices, *beyond))
        lacking = panel_width(self.space.size * self.fields, devices) - sum(block.shape[1] for block in local)
        local.append(jnp.zeros((devices, max(lacking, 0), *beyond)))
        rows = self._by_devices(jnp.concatenate(local, axis=1))
        return self._by_devices(rows.reshape(-1, *beyond))

    def _in_order(self, residual: Float[AnyArray, " padded"]) -> Float[AnyArray, " rows"]:
        """The values of a residual vector as a `DenseSystem` has them."""
        local, start = residual.reshape(self.mesh.size, -1), 0
        found = list[AnyArray]()
        counts = [(self._count(group), share[2][0].size) for group, share in zip(self.groups, self.shares, strict=True)]
        for count, width in [*counts, (self.side_rows, -(-self.side_rows // self.mesh.size))]:
            found.append(local[:, start : start + width].reshape(-1)[:count])
            start += width
        return module_of(residual).concatenate(found)

    def _count(self, group: Group) -> int:
        return sum(count * len(self.row_weights[name]) for name, count in group.parts)

    def _by_devices(self, array):
        return spread(array, self.mesh, PartitionSpec(AXIS))


def _shared(array: AnyArray, mesh: Mesh, beyond: float | None = None) -> Any:
    """Rows (m, ·) as (devices, m / devices, ·); those that are lacking are the last one, or this number."""
    padded = _padded(array, mesh.size, module_of(array), beyond)
    return spread(padded.reshape(mesh.size, -1, *array.shape[1:]), mesh, PartitionSpec(AXIS))


def _padded(array: AnyArray, devices: int, module: Any, beyond: float | None = 0.0) -> AnyArray:
    lacking = [(0, -len(array) % devices), *[(0, 0)] * (array.ndim - 1)]
    return module.pad(array, lacking, mode="edge") if beyond is None else module.pad(array, lacking)


def _on_host(leaf: Any) -> Any:
    """What is known as NumPy's, which a program for devices of several processes takes."""
    return np.asarray(leaf) if isinstance(leaf, jax.Array) and not is_traced(leaf) else leaf
