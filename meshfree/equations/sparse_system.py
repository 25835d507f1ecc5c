"""The sparse equations of a local space.

At a point x a residual depends on u through a few derivatives Dᵅu(x) only: its jet. So a row of the matrix is the
gradient of the residual by the jet, times the weights of those derivatives in the few basis functions that matter at x.
For an affine equation the gradient is known beforehand, and one weight per function is all that is made.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..geometry.cloud import Cloud
from ..internal.tracing import is_traced
from ..internal.watched import watch
from ..linalg.sparse_rows import SparseRows, stacked
from ..pde.jets import Jet, jet_at, needed_order
from ..pde.linearity import depends_on_input
from ..pde.multi_indices import total_degree
from ..pde.problem import Problem
from ..spaces.base import LocalBasis, Space
from .conditions import Group, Interior, Zero
from .system import Collocated, point_weights


class Affine(eqx.Module):
    """The rows of a group whose residual is affine in u: r = `constant` + Σ `stencil_weights` · c."""

    constant: Float[Array, "m c"]
    stencil_weights: Float[Array, "m c k *f"]
    columns: Int[Array, "m k"]

    @eqx.filter_jit
    def values(self, coefficients):
        return self.constant + _contracted(self.stencil_weights, coefficients[self.columns])

    def linearised(self, coefficients):
        return self.values(coefficients), self.stencil_weights


class Nonlinear(eqx.Module):
    """The rows of a group through the jets of u; `jets` are the stencil weights of all derivatives that are needed."""

    group: Group
    row_weights: Float[Array, "m c"]
    jets: Float[Array, "m J k"]
    columns: Int[Array, "m k"]
    order: int = eqx.field(static=True)
    moves: bool = eqx.field(static=True)  # whether the points are traced

    @eqx.filter_jit
    def values(self, coefficients):
        return jax.vmap(self._value)(
            self._jets_of(coefficients), self.group.points, self.group.normals, self.row_weights
        )

    @eqx.filter_jit
    def linearised(self, coefficients):
        def at_one(D, x, n, row_weights):
            value, pull = jax.vjp(lambda D: self._value(D, x, n, row_weights), D)
            return value, jax.vmap(lambda e: pull(e)[0])(jnp.eye(len(value)))

        at = (self._jets_of(coefficients), self.group.points, self.group.normals, self.row_weights)
        values, gradients = jax.vmap(at_one)(*at)  # (m, c), (m, c, J, *f)
        return values, jnp.einsum("mcj...,mjk->mck...", gradients, self.jets)

    def _jets_of(self, coefficients):
        return jnp.einsum("mjk,mk...->mj...", self.jets, coefficients[self.columns])

    def _value(self, D, x, n, row_weights):
        return _weighted(self.group, self.order, self.moves, D, x, n, row_weights)


class SparseSystem(Collocated):
    """The equations of a problem in a local space: a sparse matrix."""

    space: Space
    fields: int = eqx.field(static=True)
    groups: list[Group]
    row_weights: dict[str, Float[Array, " c"]]
    blocks: list[Affine | Nonlinear]

    @property
    def is_sparse(self):
        return True

    @property
    def side_rows(self):
        return 0

    @eqx.filter_jit
    def at_points(self, coefficients):
        return self.residual(coefficients)

    def residual(self, coefficients):
        return jnp.concatenate([jnp.ravel(block.values(coefficients)) for block in self.blocks])

    def linearised(self, coefficients):
        values, matrices = [], []
        for block in self.blocks:
            value, stencil_weights = block.linearised(coefficients)
            values.append(jnp.ravel(value))
            matrices.append(rows_of(stencil_weights, block.columns, coefficients))
        return jnp.concatenate(values), stacked(matrices)

    def is_affine(self, coefficients):
        return all(isinstance(block, Affine) for block in self.blocks)


def sparse_system(
    problem: Problem,
    space: Space,
    basis: LocalBasis,
    points: Cloud | None,
    groups: list[Group],
    row_weights: dict[str, Float[Array, " c"]],
) -> SparseSystem:
    """The equations at the points of a cloud, or the space's own; everything that needs a small solve is done here."""
    cloud = space.cloud if points is None else points
    columns = basis.own_columns if points is None else basis.columns_at(cloud.points)
    places = [np.concatenate([cloud.parts[name] for name, _ in group.parts]) for group in groups]
    # two conditions on a part fix the nodes outside, too; otherwise the equation on the boundary does
    ghosts = tuple(part for part in space.parts_with_ghosts if len(row_weights.get(part, ())) < 2 * problem.fields)
    if ghosts:
        parts = tuple((f"interior at {part}", len(cloud[part])) for part in ghosts)
        at = jnp.concatenate([jnp.asarray(cloud[part]) for part in ghosts])
        groups = [*groups, Group(parts, Interior(watch(problem.interior)), at, jnp.zeros_like(at))]
        places.append(np.concatenate([cloud.parts[part] for part in ghosts]))
        row_weights = row_weights | {name: row_weights["interior"] for name, _ in parts}
    blocks = [
        _block(basis, group, problem.fields, point_weights(group, row_weights), columns[place])
        for group, place in zip(groups, places, strict=True)
    ]
    return SparseSystem(space=space, fields=problem.fields, groups=groups, row_weights=row_weights, blocks=blocks)


def operator_weights(operator: Callable, basis: LocalBasis, X, columns=None):
    """The weights (m, c, k) of a linear operator's components at the points X, and their columns (m, k)."""
    dim, operator = X.shape[1], watch(operator)
    order = needed_order(lambda u, x: operator(u)(x), dim)
    columns = basis.columns_at(X) if columns is None else columns
    functionals = _functionals(operator, order, is_traced(X), jnp.asarray(X))
    if not _is_finite(functionals):
        group = Group((), lambda u, x, n: jnp.ravel(operator(u)(x)), jnp.asarray(X), jnp.asarray(X))
        _check_local(group, lambda x: jnp.zeros(()), jnp.zeros(len(total_degree(dim, order))), order)
    return jnp.asarray(basis.weights(X, columns, functionals, order)), jnp.asarray(columns)


@eqx.filter_jit
def _functionals(operator, order: int, moves: bool, X):
    def at_one(x):
        zero = jnp.zeros(len(total_degree(x.size, order)))
        return jax.jacrev(lambda D: jnp.ravel(operator(jet_at(x, D, order, moves))(x)))(zero)

    return jax.vmap(at_one)(X)


def _block(basis: LocalBasis, group: Group, fields: int, row_weights, columns) -> Affine | Nonlinear:
    dim, moves = group.points.shape[1], is_traced(group.points)
    order = needed_order(lambda u, x: group.residual(u, x, jnp.zeros_like(x)), dim, fields)
    count = len(total_degree(dim, order))
    zero = jnp.zeros((count,) if fields == 1 else (count, fields))

    def gradient(D):
        first = (jnp.asarray(group.points[0]), jnp.asarray(group.normals[0]), row_weights[0])
        return jax.jacrev(lambda D: _weighted(group, order, moves, D, *first))(D)

    if depends_on_input(gradient, zero):
        _check_local(group, Zero(fields), zero, order)
        units = np.broadcast_to(np.eye(count), (len(columns), count, count))
        jets = basis.weights(group.points, columns, units, order)
        return Nonlinear(group, row_weights, jnp.asarray(jets), jnp.asarray(columns), order, moves)
    constant, functionals = _affine_parts(group, Zero(fields), row_weights, zero, order, moves)
    if not _is_finite(functionals):
        _check_local(group, Zero(fields), zero, order)
    # for vector fields the functionals of all fields are asked for at once
    found = basis.weights(group.points, columns, functionals.reshape(len(columns), -1, count), order)
    stencil_weights = found.reshape(*functionals.shape[:3], columns.shape[1])
    stencil_weights = stencil_weights[:, :, 0] if fields == 1 else stencil_weights.swapaxes(2, 3)
    return Affine(constant, jnp.asarray(stencil_weights), jnp.asarray(columns))


@eqx.filter_jit
def _affine_parts(group: Group, zero_function, row_weights, zero, order: int, moves: bool):
    """The residual of u = 0, (m, c), and its gradient by the jet of every field, (m, c, f, J), at every point."""

    def at_one(x, n, row_weights):
        constant = row_weights * jnp.atleast_1d(group.residual(zero_function, x, n))
        gradient = jax.jacrev(lambda D: _weighted(group, order, moves, D, x, n, row_weights))(zero)
        return constant, gradient.reshape(*gradient.shape[:2], -1).swapaxes(1, 2)

    return jax.vmap(at_one)(group.points, group.normals, row_weights)


def _is_finite(values) -> bool:
    """Whether all values are finite, as far as they are known."""
    return is_traced(values) or bool(np.all(np.isfinite(values)))


def _check_local(group: Group, zero_function, zero, order: int) -> None:
    """ValueError for a residual, or an operator (no parts), that uses u at another point than x: a jet is NaN there."""
    if is_traced(group.points):
        return
    by_jet, by_function = _of_zero(group, zero_function, zero, order)
    if is_traced(by_jet, by_function):
        return
    elsewhere = np.flatnonzero(np.any(np.isnan(by_jet) & np.isfinite(by_function), axis=1))
    if len(elsewhere):
        names = [name for name, count in group.parts for _ in range(count)]
        what = f"residual of {names[elsewhere[0]]!r}" if len(names) else "operator"
        point = ", ".join(f"{coordinate:.6g}" for coordinate in group.points[elsewhere[0]])
        raise ValueError(
            f"the {what} is not local: at x = ({point}) it uses u at another point than x. A local space has u and its "
            "derivatives at x only; use a global one, Collocation or Eigenbasis"
        )


@eqx.filter_jit
def _of_zero(group: Group, zero_function, zero, order: int):
    """The residual of u = 0 at every point, (m, c), by its jet and by the function itself."""

    def at_one(x, n):
        functions = Jet(x, zero, order), zero_function
        return tuple(jnp.atleast_1d(group.residual(u, x, n)) for u in functions)

    return jax.vmap(at_one)(group.points, group.normals)


def _weighted(group: Group, order: int, moves: bool, D, x, n, row_weights):
    return row_weights * jnp.atleast_1d(group.residual(jet_at(x, D, order, moves), x, n))


def _contracted(stencil_weights, values):
    """Σ over functions and fields: (m, c, k, *f), (m, k, *f) -> (m, c)."""
    return (
        jnp.einsum("mck,mk->mc", stencil_weights, values)
        if values.ndim == 2
        else jnp.einsum("mckf,mkf->mc", stencil_weights, values)
    )


@eqx.filter_jit
def rows_of(stencil_weights, columns, coefficients) -> SparseRows:
    """(m, c, k, *f) as rows of the matrix: unknown j of field i is column f·j + i."""
    fields = 1 if coefficients.ndim == 1 else coefficients.shape[1]
    m, c, k = stencil_weights.shape[:3]
    placed = jnp.asarray(columns)[:, None, :, None] * fields + jnp.arange(fields, dtype=jnp.int32)[None, None, None, :]
    placed = jnp.broadcast_to(placed, (m, c, k, fields))
    return SparseRows(
        jnp.asarray(stencil_weights).reshape(m * c, k * fields), placed.reshape(m * c, k * fields), coefficients.size
    )
