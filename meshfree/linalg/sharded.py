"""A dense matrix whose rows are spread over devices, and its rank-revealing QR; no device holds the whole of either."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int

from ..internal.devices import AXIS, PartitionSpec, spread
from ..internal.tracing import AnyArray
from .dense_host import TRUNCATION
from .interface import Factor
from .qr import jsl

PANEL = 64  # columns that are made orthogonal at a time
OVERSAMPLED = 8  # rows of a sketch beyond the columns that are chosen by it


def panel_width(columns: int, devices: int) -> int:
    """The columns of a panel, a multiple of the number of devices; each device needs as many rows."""
    return devices * math.ceil(min(PANEL, columns) / devices)


class Sharded(eqx.Module):
    """A matrix (m, n) of which each device has as many rows; zero rows are among them, beside the m."""

    rows: Float[Array, "padded n"]
    count: int = eqx.field(static=True)  # m
    mesh: Mesh = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, int]:
        return self.count, self.rows.shape[1]

    def __matmul__(self, b: Float[AnyArray, "n *k"]) -> Float[Array, "padded *k"]:
        return self.rows @ b

    def __abs__(self) -> Sharded:
        return Sharded(abs(self.rows), self.count, self.mesh)

    def __pow__(self, power: int) -> Sharded:
        return Sharded(self.rows**power, self.count, self.mesh)

    def __getitem__(self, place: Any) -> Sharded:
        """The matrix of some columns, `[:, columns]`."""
        return Sharded(self.rows[place], self.count, self.mesh)


class ShardedQR(Factor):
    """A P = Q R by panels of columns, truncated where |Rₖₖ| falls below 1e-15 of the largest: the basic solution.

    The rows of Q lie on the devices as those of A do, R by its columns. A panel is factored by tall-skinny QR, first
    each device its own rows, then all the triangles together (Demmel, Grigori, Hoemmen & Langou, SIAM J. Sci. Comput.
    34 (2012) A206). Its columns are those that LU with partial pivoting takes first of a random sketch of what is left
    of A (Duersch & Gu, SIAM J. Sci. Comput. 39 (2017) C263; Dong & Martinsson as in `qr.SketchedQR`). They are made
    orthogonal to the panels before twice, which keeps Q orthogonal to rounding (Barlow & Smoktunowicz, Numer. Math. 123
    (2013) 395). Solutions are refined once with the residual.
    """

    matrix: Sharded
    q: Float[Array, "padded w"]
    r: Float[Array, "w w"]  # rows as columns were taken, columns in the order of A
    blocks: Float[Array, "panels b b"]  # of R, on its diagonal; 1 beyond the rank
    order: Int[Array, " w"]  # the columns as they were taken; the w − n beyond those of A are zero
    kept: Bool[Array, " w"]

    @property
    def shared_by(self):
        return self.matrix.mesh

    @classmethod
    def of(cls, A: Sharded) -> ShardedQR:
        return cls(A, *_eliminated(A))

    @eqx.filter_jit
    def solve(self, b):
        x = self._back(self.q.T @ b)
        return x + self._back(self.q.T @ (b - self.matrix @ x))

    @eqx.filter_jit
    def solve_transposed(self, b):
        y = self.q @ self._forward(b)
        return y + self.q @ self._forward(b - self.matrix.rows.T @ y)

    @eqx.filter_jit
    def solve_normal(self, b):
        return self._back(self._forward(b))

    @eqx.filter_jit
    def rank(self):
        return jnp.sum(self.kept)

    @eqx.filter_jit
    def condition(self):
        """Largest over smallest |Rₖₖ|: a lower bound, within a modest factor in practice."""
        diagonal = jnp.abs(jnp.diagonal(self.blocks, axis1=1, axis2=2)).reshape(-1)
        largest = jnp.max(jnp.where(self.kept, diagonal, 0.0))
        return largest / jnp.min(jnp.where(self.kept, diagonal, largest))

    def _back(self, y):
        """x with R x = y, from the last panel to the first."""
        panels, width = self.blocks.shape[:2]

        def step(count, x):
            panel = panels - 1 - count
            rest = _rows(y, panel, width) - _rows(self.r, panel, width) @ x
            found = jsl().solve_triangular(self.blocks[panel], rest, check_finite=False)
            return x.at[_rows(self.order, panel, width)].add(_masked(_rows(self.kept, panel, width), found))

        found = jax.lax.fori_loop(0, panels, step, jnp.zeros_like(y))[: self.matrix.shape[1]]
        return spread(found, self.matrix.mesh, PartitionSpec())

    def _forward(self, b):
        """z with Rᵀ z = b, from the first panel to the last."""
        panels, width = self.blocks.shape[:2]
        b = jnp.pad(b, [(0, len(self.order) - len(b)), *[(0, 0)] * (b.ndim - 1)])

        def step(panel, z):
            rest = (b - self.r.T @ z)[_rows(self.order, panel, width)]
            kept = _rows(self.kept, panel, width)
            found = jsl().solve_triangular(self.blocks[panel], _masked(kept, rest), trans=1, check_finite=False)
            return jax.lax.dynamic_update_slice_in_dim(z, _masked(kept, found), panel * width, axis=0)

        return jax.lax.fori_loop(0, panels, step, jnp.zeros_like(b))


@eqx.filter_jit
def _eliminated(A: Sharded):
    """What the `ShardedQR` of A has beside it."""
    mesh, (rows, n) = A.mesh, A.rows.shape
    width = panel_width(n, mesh.size)
    panels = math.ceil(n / width)
    columns = panels * width
    left = _by_rows(jnp.pad(A.rows, ((0, 0), (0, columns - n))), mesh)

    def unfinished(state):
        return (state[0] < panels) & state[-1]

    def advance(state):
        panel, left, q, r, blocks, order, kept, largest, _ = state
        taken = _chosen(left, panel, width, mesh)
        own = left[:, taken]
        again = q.T @ own
        own_q, own_r = _tall_skinny(own - q @ again, mesh)
        diagonal = jnp.abs(jnp.diagonal(own_r))
        largest = jnp.maximum(largest, jnp.max(diagonal))
        own_kept = jnp.cumprod(~(diagonal <= TRUNCATION * largest)).astype(bool)
        own_q = jnp.where(own_kept[None, :], own_q, 0)
        further = (own_q.T @ left).at[:, taken].set(own_r)
        left = _by_rows((left - own_q @ further).at[:, taken].set(0), mesh)
        r = r.at[:, taken].add(again)
        start = panel * width
        place = jax.lax.dynamic_update_slice_in_dim
        block = jnp.where(own_kept[:, None] & own_kept[None, :], own_r, jnp.eye(width))
        return (
            panel + 1,
            left,
            _by_rows(place(q, own_q, start, axis=1), mesh),
            spread(place(r, further, start, axis=0), mesh, PartitionSpec(None, AXIS)),
            place(blocks, block[None], panel, axis=0),
            place(order, taken, start, axis=0),
            place(kept, own_kept, start, axis=0),
            largest,
            jnp.all(own_kept),
        )

    start = (
        jnp.array(0),
        left,
        _by_rows(jnp.zeros((rows, columns)), mesh),
        spread(jnp.zeros((columns, columns)), mesh, PartitionSpec(None, AXIS)),
        jnp.tile(jnp.eye(width), (panels, 1, 1)),
        jnp.zeros(columns, jnp.int32),
        jnp.zeros(columns, bool),
        jnp.array(0.0),
        jnp.array(True),
    )
    _, _, q, r, blocks, order, kept, _, _ = jax.lax.while_loop(unfinished, advance, start)
    return q, r, blocks, order, kept


def _chosen(left: Float[Array, "padded w"], panel, width: int, mesh: Mesh) -> Int[Array, " b"]:
    """The columns of the next panel; those that were taken are zero, and come last."""
    key = jax.random.fold_in(jax.random.key(0), panel)
    sketch = jax.random.normal(key, (width + OVERSAMPLED, len(left)), left.dtype)
    sketch = spread(sketch, mesh, PartitionSpec(None, AXIS)) @ left
    return jax.lax.linalg.lu(sketch.T)[2][:width].astype(jnp.int32)


def _tall_skinny(A: Float[Array, "padded b"], mesh: Mesh) -> tuple[Float[Array, "padded b"], Float[Array, "b b"]]:
    """Q and R of a matrix with few columns, of which each device factors its own rows."""

    def on_one(rows):
        q, r = jnp.linalg.qr(rows)
        count, width = r.shape
        triangles = jax.lax.all_gather(r, AXIS).reshape(-1, width)
        among, r = jnp.linalg.qr(triangles)
        return q @ jax.lax.dynamic_slice_in_dim(among, jax.lax.axis_index(AXIS) * count, count), r

    by_rows = PartitionSpec(AXIS)
    return jax.shard_map(on_one, mesh=mesh, in_specs=by_rows, out_specs=(by_rows, PartitionSpec()), check_vma=False)(A)


def _by_rows(array, mesh: Mesh):
    return spread(array, mesh, PartitionSpec(AXIS))


def _rows(array, panel, width: int):
    return jax.lax.dynamic_slice_in_dim(array, panel * width, width, axis=0)


def _masked(kept, b):
    return jnp.where(jnp.expand_dims(kept, tuple(range(1, b.ndim))), b, 0)
