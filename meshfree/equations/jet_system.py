"""The equations of a problem in a space through the jets of u.

At a point x a residual depends on u through a few derivatives Dᵅu(x) only: its jet. So a row of the matrix is the
gradient of the residual by the jet, times those derivatives of the basis functions that matter at x: of a local space a
few, of a global one all. For an affine equation the gradient is known beforehand.

The values of a residual and their gradient come from one program, on blocks of points of one size. It knows nothing of
the space, so that another space, spacing or degree compiles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..geometry.cloud import Cloud
from ..internal.batching import in_padded_blocks
from ..internal.remembered import remembered
from ..internal.tracing import AnyArray, is_traced, module_of
from ..internal.watched import watch
from ..linalg.sparse_rows import SparseRows, stacked
from ..pde.jets import Jet, derivatives_at, jet_at, needed_order
from ..pde.linearity import depends_on_input
from ..pde.multi_indices import total_degree
from ..pde.problem import Problem, Residual
from ..spaces.base import GlobalSpace, Space
from .conditions import Group, Interior, Zero, check_residual
from .row_weights import measured_weights, sample_of, size_on_waves, weights_by_size
from .system import Collocated, center_and_extent, point_weights

BLOCK, LARGE_BLOCK = 512, 16_384  # points that a program is compiled for
MANY = 100_000  # points from which on the large blocks are used
KEPT = 2**27  # entries of derivatives of all basis functions up to which they are kept from step to step


class Derivatives(eqx.Module):
    """The derivatives of a space's functions at points: those of the functions `columns`, or of all of them."""

    space: Space
    points: Float[AnyArray, "m d"]
    columns: Int[AnyArray, "m k"] | None  # None: all, in their order

    def weights(self, functionals: Float[AnyArray, "m r J"], order: int) -> Any:
        """The weights of linear functionals in the coefficients, (m, r, k)."""
        basis = self.space.local_basis
        if basis is None:
            return self.space.rows(self.points, functionals, order)  # type: ignore[attr-defined]
        assert self.columns is not None
        return basis.weights(self.points, self.columns, functionals, order)

    def matrix(self, weights: Float[AnyArray, "m c k *f"], fields: int) -> Any:
        """(m, c, k, *f) as rows of the matrix: unknown j of field i is column f·j + i."""
        m, c, k = weights.shape[:3]
        if self.columns is None:
            return weights.reshape(m * c, k * fields)
        return sparse_rows(weights, self.columns, self.space.size, fields)


class Affine(eqx.Module):
    """The rows of a group whose residual is affine in u: r = `constant` + `matrix` c."""

    constant: Float[AnyArray, " rows"]
    matrix: Any
    gradient: Float[AnyArray, "m c f J"]  # with the row weights, by the jets

    def values(self, coefficients):
        return self.constant + self.matrix @ coefficients.reshape(-1)

    def linearised(self, coefficients):
        return self.values(coefficients), self.matrix

    def gradient_at(self, coefficients):
        return self.gradient


class Nonlinear(eqx.Module):
    """The rows of a group through the jets of u; `units` are the weights of every derivative, where they are few."""

    group: Group
    row_weights: Float[AnyArray, "m c"]
    derivatives: Derivatives
    units: Float[AnyArray, "m J k"] | None
    order: int = eqx.field(static=True)
    fields: int = eqx.field(static=True)

    def values(self, coefficients):
        return self._at(coefficients)[0].reshape(-1)

    def linearised(self, coefficients):
        values, gradient = self._at(coefficients)  # (m, c), (m, c, f, J)
        if self.units is None or self.derivatives.columns is None:
            weights = _of_functionals(self.derivatives, gradient, self.order, self.fields)
        else:
            weights = module_of(gradient).einsum("mcfj,mjk->mckf", gradient, self.units)
        return values.reshape(-1), self.derivatives.matrix(weights, self.fields)

    def gradient_at(self, coefficients):
        return self._at(coefficients)[1]

    def _at(self, coefficients):
        values, gradient = at_jets(self.group, self._jets_of(coefficients), self.order)
        weights = self.row_weights
        return weights * values, weights[:, :, None, None] * gradient

    def _jets_of(self, coefficients):
        if self.units is None:
            return _jets_in_blocks(self.derivatives, coefficients, self.order)
        return _jets(self.units, self.derivatives.columns, coefficients)


class JetSystem(Collocated):
    """The equations of a problem in a space whose functions' derivatives are known: a matrix sparse as the space is."""

    space: Space
    fields: int = eqx.field(static=True)
    groups: list[Group]
    row_weights: Mapping[str, Float[AnyArray, " c"]]
    blocks: list[Affine | Nonlinear]
    side: Float[AnyArray, "q n"]

    @property
    def is_sparse(self):
        return self.space.local_basis is not None

    @property
    def side_rows(self):
        return len(self.side) * self.fields

    def at_points(self, coefficients):
        values = [block.values(coefficients) for block in self.blocks]
        return module_of(*values).concatenate(values)

    def residual(self, coefficients):
        values = self.at_points(coefficients)
        if not len(self.side):
            return values
        return module_of(values).concatenate([values, (self.side @ coefficients).reshape(-1)])

    def linearised(self, coefficients):
        values, matrices = zip(*[block.linearised(coefficients) for block in self.blocks], strict=True)
        array = module_of(*values)
        if self.is_sparse:
            return array.concatenate(values), stacked(list(matrices))
        if len(self.side):
            values = (*values, (self.side @ coefficients).reshape(-1))
            matrices = (*matrices, array.kron(self.side, array.eye(self.fields)))
        return array.concatenate(values), array.concatenate(matrices)

    def is_affine(self, coefficients):
        return all(isinstance(block, Affine) for block in self.blocks)

    def elsewhere(self, points, coefficients):
        inside, weight = self.groups[0].residual, self.row_weights["interior"]
        group = Group((), inside, points, np.zeros_like(points))
        order, _ = _facts(group, self.fields)
        jets = _jets_in_blocks(_derivatives(self.space, points), np.asarray(coefficients), order)
        return weight * at_jets(group, jets, order)[0]

    def on_polynomials(self, coefficients, affine):
        """By the gradients, which know the derivatives of 1 and of xₖ."""
        gradients = [block.gradient_at(coefficients) for block in self.blocks]
        array = module_of(*gradients)
        points = array.concatenate([group.points for group in self.groups])
        center, extent = center_and_extent(points)
        found = []
        for group, gradient in zip(self.groups, gradients, strict=True):
            values = [gradient[..., 0]]  # of u = 1
            for axis in range(points.shape[1]):
                at = (group.points[:, axis] - center[axis]) / extent
                value = at[:, None, None] * gradient[..., 0]
                if gradient.shape[3] > 1:
                    # the indices of total_degree(d, 1) are 0, then e_d, ..., e_1
                    value = value + gradient[..., points.shape[1] - axis] / extent
                values.append(value)
            columns = array.stack(values, axis=2)  # (m, c, d + 1, f)
            found.append(columns.reshape(columns.shape[0] * columns.shape[1], -1))
        return array.concatenate(found)

    def typical_size(self, coefficients):
        inside, gradient = self.groups[0], self.blocks[0].gradient_at(coefficients)
        array, sample = module_of(gradient), sample_of(inside.points)
        _, extent = center_and_extent(self._points)
        sizes = size_on_waves(gradient[sample], extent / np.pi, inside.points.shape[1], array)
        return array.sqrt(array.mean(sizes**2))

    def values_matrix(self):
        return None if is_traced(self) else values_matrix(self.space)

    def assembled(self, coefficients):
        return *self.linearised(coefficients), self.is_affine(coefficients)

    @property
    def _points(self):
        points = [group.points for group in self.groups]
        return module_of(*points).concatenate(points)


class _Part(NamedTuple):
    """A group, and what is known of its residual before the rows are made."""

    group: Group
    order: int
    affine: bool
    values: Any  # of u = 0, (m, c), where affine
    gradient: Any  # by the jets, (m, c, f, J): at all points where affine, otherwise at some


def jet_system(
    problem: Problem,
    space: Space,
    points: Cloud | None,
    groups: list[Group],
    given: Callable[[Mapping], dict],
    around: Callable | None,
) -> JetSystem | None:
    """The equations at the points of a cloud, or the space's own; everything that needs a small solve is done here.

    `given`: adds the user's weights to the measured ones. None for a global space where the residual is not local, as
    one that uses u at another point than x, or reads something traced; ValueError for that in a local space.
    """
    cloud = space.cloud if points is None else points
    is_local = space.local_basis is not None
    for group in groups:
        check_residual(group, problem.fields)
    parts = []
    for group in groups:
        part = _part(group, problem.fields, around, is_local)
        if part is None:
            return None
        parts.append(part)
    row_weights, magnitude = _weights_of(parts, problem.fields, space.cloud.spacing, around)
    row_weights = given(row_weights)
    places = [np.concatenate([cloud.parts[name] for name, _ in group.parts]) for group in groups]
    # two conditions on a part fix the nodes outside, too; otherwise the equation on the boundary does
    ghosts = tuple(part for part in space.parts_with_ghosts if len(row_weights.get(part, ())) < 2 * problem.fields)
    if ghosts:
        names = tuple((f"interior at {part}", len(cloud[part])) for part in ghosts)
        at = module_of(cloud.points).concatenate([cloud[part] for part in ghosts])
        group = Group(names, Interior(watch(problem.interior)), at, module_of(at).zeros_like(at))
        part = _part(group, problem.fields, around, is_local)
        assert part is not None  # as the interior is local
        groups, parts = [*groups, group], [*parts, part]
        places.append(np.concatenate([cloud.parts[part] for part in ghosts]))
        row_weights = row_weights | {name: row_weights["interior"] for name, _ in names}
    columns = _derivatives(space, cloud.points, own=points is None).columns

    def columns_at(place):
        return None if columns is None else columns[place]

    blocks = [
        _block(part, point_weights(part.group, row_weights), space, columns_at(place), problem.fields)
        for part, place in zip(parts, places, strict=True)
    ]
    side = np.zeros((0, space.size)) if is_local else magnitude * space.side_conditions()  # type: ignore[attr-defined]
    return JetSystem(
        space=space, fields=problem.fields, groups=groups, row_weights=row_weights, blocks=blocks, side=side
    )


def at_jets(group: Group, jets, order: int) -> tuple[Any, Any]:
    """The residual of a group at its points for jets of u (m, J, *f), (m, c), and its gradient, (m, c, f, J)."""
    at, residual = (group.points, group.normals, jets), group.residual
    if is_traced(residual, at):
        return _at_jets(residual, tuple(map(jnp.asarray, at)), order, is_traced(group.points))
    size = LARGE_BLOCK if len(jets) >= MANY else BLOCK
    found = in_padded_blocks(lambda *block: _at_jets(residual, block, order, False), at, size, known=False)
    # a residual that has closed over something traced is found out by what it returns
    return _at_jets(residual, tuple(map(jnp.asarray, at)), order, False) if found is None else found


@eqx.filter_jit
def _at_jets(residual, at: tuple, order: int, moves: bool):
    def at_one(x, n, D):
        def value_of(D):
            return jnp.atleast_1d(residual(jet_at(x, D, order, moves), x, n))

        value, pull = jax.vjp(value_of, D)
        gradient = jax.vmap(lambda e: pull(e)[0])(jnp.eye(len(value)))  # (c, J, *f)
        return value, jnp.moveaxis(gradient.reshape(*gradient.shape[:2], -1), 1, 2)

    return jax.vmap(at_one)(*at)


def _facts(group: Group, fields: int) -> tuple[int, bool]:
    """The order of the derivatives that a residual uses, and whether it is affine in u."""
    return remembered(_read_facts, group.residual, group.points.shape[1], fields)


def _read_facts(residual: Residual, dim: int, fields: int) -> tuple[int, bool]:
    order = needed_order(lambda u, x: residual(u, x, jnp.zeros_like(x)), dim, fields)
    point = jax.ShapeDtypeStruct((dim,), jnp.result_type(float))

    def gradient(D, x, n):
        return jax.jacrev(lambda D: jnp.atleast_1d(residual(Jet(x, D, order), x, n)))(D)

    return order, not depends_on_input(gradient, _no_jets(1, dim, order, fields)[0], known=(point, point))


def _no_jets(count: int, dim: int, order: int, fields: int) -> Float[np.ndarray, "m J *f"]:
    """The jets of u = 0."""
    return np.zeros((count, len(total_degree(dim, order)), *([] if fields == 1 else [fields])))


def _part(group: Group, fields: int, around: Callable | None, is_local: bool) -> _Part | None:
    """None for a residual that is not local, or reads something traced, in a global space."""
    try:
        order, affine = _facts(group, fields)
    except Exception:
        if is_local:
            raise
        return None  # the general path says what is wrong, if anything is
    sample = slice(None) if affine else sample_of(group.points)
    some = Group((), group.residual, group.points[sample], group.normals[sample])
    jets = _no_jets(len(some.points), some.points.shape[1], order, fields)
    if around is not None and not affine:
        jets = _jets_of_function(around, some.points, order)
    values, gradient = at_jets(some, jets, order)
    if is_traced(values, gradient):
        return _Part(group, order, affine, values, gradient) if is_local else None
    if not (np.all(np.isfinite(values)) and np.all(np.isfinite(gradient))):
        elsewhere = _elsewhere(group, fields, order)
        if elsewhere is not None:
            if is_local:
                raise ValueError(_not_local(group, elsewhere))
            return None
    return _Part(group, order, affine, values, gradient)


@eqx.filter_jit
def _jets_of_function(function: Callable, points, order: int):
    return jax.vmap(lambda x: derivatives_at(lambda y: function(y), x, order))(jnp.asarray(points))


def _weights_of(parts: list[_Part], fields: int, spacing, around) -> tuple[dict[str, Any], Any]:
    """The measured row weights of every part, and the size of the interior operator: see `assemble`."""
    if is_traced(spacing, around, [(part.group, part.gradient) for part in parts]):
        return measured_weights([part.group for part in parts], fields, spacing, around)
    sizes = dict[str, Any]()
    for part in parts:
        sampled = part.gradient[sample_of(part.group.points)] if part.affine else part.gradient
        size = size_on_waves(sampled, float(spacing), part.group.points.shape[1], np)
        sizes |= {name: size for name, _ in part.group.parts}
    return weights_by_size(sizes, np)


def _block(part: _Part, row_weights, space: Space, columns, fields: int) -> Affine | Nonlinear:
    group, order = part.group, part.order
    derivatives = Derivatives(space, group.points, columns)
    if part.affine:
        gradient = row_weights[:, :, None, None] * part.gradient
        weights = _of_functionals(derivatives, gradient, order, fields)
        return Affine((row_weights * part.values).reshape(-1), derivatives.matrix(weights, fields), gradient)
    count, functions = len(total_degree(group.points.shape[1], order)), space.size if columns is None else 0
    few = len(group.points) * count * functions <= KEPT
    units = derivatives.weights(_units(len(group.points), count), order) if few else None
    return Nonlinear(group, row_weights, derivatives, units, order, fields)


def _units(count: int, derivatives: int) -> Float[np.ndarray, "m J J"]:
    return np.broadcast_to(np.eye(derivatives), (count, derivatives, derivatives))


def _of_functionals(derivatives: Derivatives, gradient, order: int, fields: int):
    """The weights (m, c, k, *f) of functionals (m, c, f, J), those of all fields asked for at once."""
    m, c, f, J = gradient.shape
    found = derivatives.weights(gradient.reshape(m, c * f, J), order)
    found = found.reshape(m, c, f, found.shape[-1])
    return found[:, :, 0] if fields == 1 else found.swapaxes(2, 3)


def _derivatives(space: Space, points, own: bool = False) -> Derivatives:
    """At the points of the space's own cloud, or others."""
    basis = space.local_basis
    columns = None if basis is None else basis.own_columns if own else basis.columns_at(points)
    return Derivatives(space, points, columns)


def derivatives_at_nodes(space: Space) -> Derivatives:
    """Those at the points of the space's own cloud."""
    return _derivatives(space, space.cloud.points, own=True)


def values_matrix(space: Space) -> Any:
    """The values of the basis functions at the points of the space's cloud, (m, n), an array or sparse rows."""
    derivatives = derivatives_at_nodes(space)
    return derivatives.matrix(derivatives.weights(np.ones((len(derivatives.points), 1, 1)), 0), 1)


def has_rows(space: GlobalSpace) -> bool:
    """Whether a global space knows the derivatives of its functions on the host, without a program for their number."""
    X = np.asarray(space.cloud.points[:1])
    return jax.default_backend() == "cpu" and space.rows(X, np.ones((1, 1, 1)), 0) is not None


def _jets(units, columns, coefficients):
    """(m, J, k), (m, k), (n, *f) -> (m, J, *f)."""
    if columns is None:
        return units @ coefficients
    array = module_of(units, coefficients)
    return array.einsum("mjk,mk...->mj...", units, coefficients[columns])


def _jets_in_blocks(derivatives: Derivatives, coefficients, order: int):
    """The jets of the function with these coefficients, some points at a time."""
    points, columns = derivatives.points, derivatives.columns
    count = len(total_degree(points.shape[1], order))
    size = max(KEPT // 8 // (count * (len(coefficients) if columns is None else columns.shape[1])), 1)
    found = []
    for start in range(0, len(points), size):
        place = slice(start, start + size)
        some = Derivatives(derivatives.space, points[place], None if columns is None else columns[place])
        found.append(_jets(some.weights(_units(len(some.points), count), order), some.columns, coefficients))
    return np.concatenate(found)


def operator_weights(operator: Callable, space: Space, X, own: bool = False):
    """The weights (m, c, k) of a linear operator's components at points, those of the space where `own`, their columns.

    None for a global space whose rows are not known, or where the operator is not local.
    """
    derivatives = _derivatives(space, X, own)
    group = Group((), Applied(watch(operator)), X, np.zeros_like(X))
    part = _part(group, 1, None, space.local_basis is not None)
    if part is None or is_traced(part.gradient):
        return None
    weights = _of_functionals(derivatives, part.gradient, part.order, 1)
    return None if weights is None else (weights, derivatives.columns)


class Applied(eqx.Module):
    """A linear operator on u as a residual."""

    operator: Callable

    def __call__(self, u, x, n):
        return jnp.ravel(self.operator(u)(x))


def _elsewhere(group: Group, fields: int, order: int) -> Float[np.ndarray, " d"] | None:
    """A point x at which a residual uses u at another point, where a jet is NaN; None where there is none."""
    jets = jnp.asarray(_no_jets(1, group.points.shape[1], order, fields)[0])
    by_jet, by_function = map(
        np.asarray, _of_zero(group.residual, group.points, group.normals, Zero(fields), jets, order)
    )
    found = np.flatnonzero(np.any(np.isnan(by_jet) & np.isfinite(by_function), axis=1))
    return None if len(found) == 0 else np.append(found[0], group.points[found[0]])


@eqx.filter_jit
def _of_zero(residual, points, normals, zero_function, jets, order: int):
    """The residual of u = 0 at every point, (m, c), by its jet and by the function itself."""

    def at_one(x, n):
        functions = Jet(x, jets, order), zero_function
        return tuple(jnp.atleast_1d(residual(u, x, n)) for u in functions)

    return jax.vmap(at_one)(jnp.asarray(points), jnp.asarray(normals))


def _not_local(group: Group, elsewhere) -> str:
    names = [name for name, count in group.parts for _ in range(count)]
    what = f"residual of {names[int(elsewhere[0])]!r}" if names else "operator"
    point = ", ".join(f"{coordinate:.6g}" for coordinate in elsewhere[1:])
    return (
        f"the {what} is not local: at x = ({point}) it uses u at another point than x. A local space has u and its "
        "derivatives at x only; use a global one, Collocation or Eigenbasis"
    )


def sparse_rows(weights, columns, size: int, fields: int) -> SparseRows:
    """(m, c, k, *f) as rows of the matrix: unknown j of field i is column f·j + i."""
    array = module_of(weights, columns)
    m, c, k = weights.shape[:3]
    placed = array.asarray(columns)[:, None, :, None] * fields + array.arange(fields, dtype=np.int32)[None, None, None]
    placed = array.broadcast_to(placed, (m, c, k, fields))
    return SparseRows(weights.reshape(m * c, k * fields), placed.reshape(m * c, k * fields), size * fields)
