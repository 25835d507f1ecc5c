"""The equations of a problem in a space through the jets of u.

At a point x a residual depends on u through a few derivatives Dᵅu(x) only: its jet. So a row of the matrix is the
gradient of the residual by the jet, times those derivatives of the basis functions that matter at x: of a local space a
few, of a global one all. For an affine equation the gradient is known beforehand.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

from ..geometry.cloud import Cloud
from ..internal.plain import Plain
from ..internal.tracing import AnyArray, Scalar, is_traced, module_of, without_derivative
from ..internal.watched import watch
from ..linalg.sparse_rows import stacked
from ..pde.problem import Problem, Residual
from ..spaces.base import Space
from .basis_derivatives import BasisDerivatives, Guess, values_matrix
from .conditions import AGAIN, NORMALS, Group, Interior, check_residual, inside_at, match_conditions, sample_of
from .inner_corners import balanced
from .residual_jets import Part, at_jets, at_jets_along, facts_of, no_jets, part_of
from .row_weights import extent_of, measured_weights, size_on_waves, weights_by_size, weights_of_data
from .system import Collocated, center_and_extent, point_weights


class Affine(Plain):
    """The rows of a group whose residual is affine in u: r = `constant` + `matrix` c."""

    constant: Float[AnyArray, " rows"]
    matrix: Any
    gradient: Float[AnyArray, "m c f J"]  # with the row weights, by the jets
    derivatives: BasisDerivatives | None  # of global spaces
    order: int = eqx.field(static=True)
    fields: int = eqx.field(static=True)

    def values(self, coefficients):
        return self.constant + self.matrix @ coefficients.reshape(-1)

    def linearised(self, coefficients):
        return self.values(coefficients), self.matrix

    def gradient_at(self, coefficients):
        return self.gradient

    def along(self, coefficients, change, direction):
        values = self.matrix @ change.reshape(-1)
        if direction is None:
            return values, np.zeros_like(self.matrix)
        assert self.derivatives is not None
        derivatives = self.derivatives.along(direction)
        matrix = derivatives.matrix(derivatives.weights_of_gradient(self.gradient, self.order), self.fields)
        return values + matrix @ coefficients.reshape(-1), matrix


class Nonlinear(Plain):
    """The rows of a group through the jets of u; `units` are the weights of every derivative, where they are few."""

    group: Group
    row_weights: Float[AnyArray, "m c"]
    derivatives: BasisDerivatives
    units: Float[AnyArray, "m J k"] | None
    order: int = eqx.field(static=True)
    fields: int = eqx.field(static=True)

    def values(self, coefficients):
        return self._at(coefficients)[0].reshape(-1)

    def linearised(self, coefficients):
        values, gradient = self._at(coefficients)  # (m, c), (m, c, f, J)
        return values.reshape(-1), self._matrix(gradient)

    def gradient_at(self, coefficients):
        return self._at(coefficients)[1]

    def along(self, coefficients, change, direction):
        jets, moved = self._jets(coefficients), self._jets(change)
        space = None if direction is None else self._along(direction)
        if space is not None:
            moved = moved + space._jets(coefficients)
        gradient, values_along, gradient_along = at_jets_along(self.group, jets, moved, self.order)
        weight = self.row_weights[:, :, None, None]
        matrix = self._matrix(weight * gradient_along)
        if space is not None:
            matrix = matrix + space._matrix(weight * gradient)
        return (self.row_weights * values_along).reshape(-1), matrix

    def _along(self, direction) -> Nonlinear:
        """The same group with the derivatives of its basis functions along a direction of the space's leaves."""
        derivatives = self.derivatives.along(direction)
        units = derivatives.units(self.order)
        return Nonlinear(self.group, self.row_weights, derivatives, units, self.order, self.fields)

    def _at(self, coefficients):
        values, gradient = at_jets(self.group, self._jets(coefficients), self.order)
        return self.row_weights * values, self.row_weights[:, :, None, None] * gradient

    def _jets(self, coefficients):
        if self.units is None:
            return self.derivatives.jets(coefficients, self.order)
        return self.derivatives.combined(self.units, coefficients)

    def _matrix(self, gradient):
        if self.units is None:
            weights = self.derivatives.weights_of_gradient(gradient, self.order)
        elif self.derivatives.columns is None:
            m, c, fields, count = gradient.shape
            found = gradient.reshape(m, c * fields, count) @ self.units  # by BLAS, as the rows are long
            weights = found.reshape(m, c, fields, -1).swapaxes(2, 3)
        else:
            weights = module_of(gradient).einsum("mcfj,mjk->mckf", gradient, self.units)
        return self.derivatives.matrix(weights, self.fields)


class JetSystem(Collocated):
    """The equations of a problem in a space whose functions' derivatives are known: a matrix sparse as the space is."""

    space: Space
    fields: int = eqx.field(static=True)
    groups: list[Group]
    row_weights: Mapping[str, Float[AnyArray, " c"]]
    blocks: list[Affine | Nonlinear]
    places: list[Any]  # of each group's points in the cloud; None of data
    side: Float[AnyArray, "q n"]
    magnitude: Scalar  # of the interior operator

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

    def follows(self, direction):
        if self.is_sparse or is_traced(self):
            return False
        if direction is None:
            return True
        some = np.asarray(self.groups[0].points[:1])
        return self.space.rows_along(some, np.ones((1, 1, 1)), 0, direction) is not None  # type: ignore[attr-defined]

    def along(self, coefficients, change, direction):
        values, matrices = zip(*[block.along(coefficients, change, direction) for block in self.blocks], strict=True)
        side = (self.side @ change).reshape(-1)
        return np.concatenate([*values, side]), np.concatenate([*matrices, np.zeros((len(side), change.size))])

    def is_affine(self, coefficients):
        return all(isinstance(block, Affine) for block in self.blocks)

    def elsewhere(self, points, coefficients):
        found = residual_at(self.groups[0].residual, self.space, self.fields, points, coefficients)
        return self.row_weights["interior"] * found

    def on_polynomials(self, coefficients, affine):
        """By the gradients, which know the derivatives of 1 and of xₖ."""
        gradients = [block.gradient_at(coefficients) for block in self.blocks]
        array = module_of(*gradients)
        points = array.concatenate([group.points for group in self.groups])
        center, extent = center_and_extent(points)
        found = []
        for group, gradient in zip(self.groups, gradients, strict=True):
            values = [gradient[..., 0]]  # of u = 1
            for axis in self.free_axes:
                at = (group.points[:, axis] - center[axis]) / extent
                value = at[:, None, None] * gradient[..., 0]
                if gradient.shape[3] > 1:
                    # the indices of total_degree(d, 1) are 0, then e_d, ..., e_1
                    value = value + gradient[..., points.shape[1] - axis] / extent
                values.append(value)
            columns = array.stack(values, axis=2)  # (m, c, 1 + free axes, f)
            found.append(columns.reshape(columns.shape[0] * columns.shape[1], -1))
        return array.concatenate(found)

    def size_on_long_waves(self, coefficients, group):
        inside, gradient = self.groups[group], self.blocks[group].gradient_at(coefficients)
        array, sample = module_of(gradient), sample_of(inside.points)
        _, extent = center_and_extent(self._points)
        sizes = size_on_waves(gradient[sample], extent / np.pi, inside.points.shape[1], array)
        return array.sqrt(array.mean(sizes**2))

    def values_matrix(self):
        return None if is_traced(self) else values_matrix(self.space)

    def check_finite(self, coefficients):
        super().check_finite(coefficients)
        for group, block in zip(self.groups, self.blocks, strict=True):
            BasisDerivatives(self.space, group.points, None).check_finite(block.gradient_at(coefficients), block.order)

    def assembled(self, coefficients):
        return *self.linearised(coefficients), self.is_affine(coefficients)

    @property
    def _points(self):
        points = [group.points for group in self.groups]
        return module_of(*points).concatenate(points)


def jet_system(
    problem: Problem,
    space: Space,
    points: Cloud | None,
    groups: list[Group],
    given: Callable[[Mapping], dict],
    around: Guess | None,
    like: list[Group] | None = None,
) -> JetSystem | None:
    """The equations at the points of a cloud, or the space's own; everything that needs a small solve is done here.

    `given`: adds the user's weights to the measured ones. `like`: see `inner_corners.balanced`.
    None for a global space where the residual is not local, as one that uses u at another point than x, or reads
    something traced; ValueError for that in a local space.
    """
    stated = state(space, points, problem.fields, groups, around, space.local_basis is not None, like=like)
    if stated is None:
        return None
    shared, parts = space.partition is not None, stated.parts
    measured = [part for part in parts if not (part.again or part.group.is_data)]
    if shared:  # by the same points on every process
        measured = [_sampled(group, problem.fields, around) for group in groups]
    groups = [part.group for part in parts]
    row_weights, magnitude = _weights_of(measured, problem.fields, space.cloud.spacing, around)
    if any(part.group.is_data for part in parts):
        row_weights |= _weights_of_data(parts, row_weights, magnitude)
    row_weights = given(row_weights)
    names = [name for part in parts if part.again for name, _ in part.group.parts]
    row_weights = row_weights | dict.fromkeys(names, AGAIN * row_weights["interior"])
    blocks = [
        _block(
            part,
            point_weights(part.group, row_weights),
            stated.derivatives[place] if place is not None else BasisDerivatives.at(space, part.group.points),
            problem.fields,
        )
        for part, place in zip(parts, stated.places, strict=True)
    ]
    is_local = space.local_basis is not None
    side = np.zeros((0, space.size)) if is_local else magnitude * space.side_conditions()  # type: ignore[attr-defined]
    return JetSystem(
        space=space,
        fields=problem.fields,
        groups=groups,
        row_weights=row_weights,
        blocks=blocks,
        places=stated.places,
        side=side,
        magnitude=magnitude,
    )


def inside(problem: Problem, space: Space, points, coefficients) -> Float[np.ndarray, "m c"]:
    """The residual of the interior at points that need not be nodes, without row weights; it must be local."""
    return residual_at(Interior(watch(problem.interior)), space, problem.fields, points, coefficients)


class Terms(NamedTuple):
    """Equations at points, affine in u: their gradient by the jets of u, without row weights."""

    gradient: Float[np.ndarray, "m c f J"]
    order: int


def terms_of(group: Group, fields: int) -> Terms | None:
    """Of a residual that is local; None of another one, or of one that reads what is not known."""
    try:
        order = facts_of(group, fields).order
    except Exception:
        return None  # it asks for u at other points
    _, gradient = at_jets(group, no_jets(len(group.points), group.points.shape[1], order, fields), order)
    gradient = without_derivative(gradient)
    return None if is_traced(gradient) else Terms(np.asarray(gradient), order)


def residual_at(residual: Residual, space: Space, fields: int, points, coefficients) -> Float[np.ndarray, "m c"]:
    """A residual that asks for no normals, at points that need not be nodes."""
    group = Group((), residual, points, np.zeros_like(points))
    order = facts_of(group, fields).order
    jets = BasisDerivatives.at(space, points).jets(np.asarray(coefficients), order)
    return at_jets(group, jets, order)[0]


class Stated(NamedTuple):
    """The groups of equations that hold at the points of a cloud, those of the interior on the boundary included; of
    nodes that processes share those at this one's own.
    """

    parts: list[Part]
    places: list[Any]  # of their points in the cloud; None of data, which have points of their own
    derivatives: BasisDerivatives  # at the points of the cloud


def state(
    space: Space,
    points: Cloud | None,
    fields: int,
    groups: list[Group],
    around: Guess | None,
    is_local: bool,
    damped: bool = False,
    like: list[Group] | None = None,
) -> Stated | None:
    """What the rows are made of; None where a residual is not known to be local, and an error there if it `is_local`.

    `like`: see `inner_corners.balanced`.

    ValueError for residuals of a wrong shape.
    """
    cloud = space.cloud if points is None else points
    again = repeated_inside(groups, fields, space, cloud)
    if points is None and is_local:
        groups = balanced(space, groups, fields, around, like)
    parts, places = list[Part](), list[Any]()

    def add(group: Group, names: Iterable[str], again: bool = False) -> bool:
        of_parts = [] if group.is_data else [cloud.parts["interior" if name == NORMALS else name] for name in names]
        nodes = np.concatenate(of_parts) if of_parts else None
        if space.partition is not None and nodes is not None:
            own = space.partition.own[nodes]
            if not own.any():
                return True
            group, nodes = _own(group, own), nodes[own]
        part = part_of(group, fields, around, is_local)
        if part is None:
            return False
        parts.append(part._replace(again=again))
        places.append(nodes)
        return True

    if not all(add(group, [name for name, _ in group.parts]) for group in groups):
        return None
    if again:
        add(inside_at(groups, again, cloud), again, again=True)
    derivatives = BasisDerivatives.at_nodes(space) if points is None else BasisDerivatives.at(space, cloud.points)
    if not damped:  # a hyperviscosity is to damp, and need not converge
        space.warn_of_order(max(part.order for part in parts))
    return Stated(parts, places, derivatives)


def _own(group: Group, own: Bool[np.ndarray, " m"]) -> Group:
    """The equations of a group at some of its points."""
    ends = np.cumsum([0, *(count for _, count in group.parts)])
    counts = [int(own[start:stop].sum()) for start, stop in itertools.pairwise(ends)]
    parts = tuple((name, count) for (name, _), count in zip(group.parts, counts, strict=True))
    return Group(parts, group.residual, group.points[own], group.normals[own])


def _sampled(group: Group, fields: int, around: Guess | None) -> Part:
    """What is known of a residual at the points that its size is measured at."""
    sample = sample_of(group.points)
    found = part_of(group._replace(points=group.points[sample], normals=group.normals[sample]), fields, around, True)
    assert found is not None
    return found


def repeated_inside(groups: list[Group], fields: int, space: Space, cloud: Cloud) -> tuple[str, ...]:
    """The parts of the boundary at whose nodes the equation of the interior holds, too.

    They are those beyond which the space has nodes, which two conditions a field fix as well. And where there are fewer
    equations than unknowns otherwise, those with fewer conditions than fields: none for a pressure, say.
    """
    counts = {name: check_residual(group, fields) for group in groups for name, _ in group.parts}
    ghosts = tuple(part for part in space.parts_with_ghosts if counts.get(part, 0) < 2 * fields)
    rows = sum(counts.get(name, 0) * len(cloud[name]) for name in cloud.parts)
    rows += sum(counts["interior"] * len(cloud[name]) for name in ghosts)
    coarser = space.levels()[:-1]
    unknowns = (space.size - (coarser[-1].size if coarser else 0)) * fields
    if rows >= unknowns:
        return ghosts
    lacking = [part for part in ghosts if counts.get(part, 0) < fields]
    if lacking:
        raise ValueError(
            f"{', '.join(lacking)}: fewer conditions than the {fields} fields, and nodes beyond, where nothing fixes "
            "the other fields: leave these parts out of ghost="
        )
    return ghosts + tuple(part for part in cloud.parts if part not in ghosts and counts.get(part, 0) < fields)


def order_of(problem: Problem, cloud: Cloud) -> int:
    """Of the highest derivative in the equation of the interior."""
    return facts_of(match_conditions(problem, cloud)[0], problem.fields).order


def is_local(problem: Problem, cloud: Cloud) -> bool:
    """Whether the residuals use u and its derivatives at the point itself only, as local spaces need."""
    try:
        return all(part_of(group, problem.fields, None, True) is not None for group in match_conditions(problem, cloud))
    except Exception:
        return False


def _weights_of(parts: list[Part], fields: int, spacing, around) -> tuple[dict[str, Any], Any]:
    """The measured row weights of every part, and the size of the interior operator: see `assemble`."""
    if is_traced(spacing, around, [(part.group, part.gradient) for part in parts]):
        return measured_weights([part.group for part in parts], fields, spacing, around)
    sizes = dict[str, Any]()
    for part in parts:
        sampled = part.gradient[sample_of(part.group.points)] if part.affine else part.gradient
        size = size_on_waves(sampled, float(spacing), part.group.points.shape[1], np)
        sizes |= {name: size for name, _ in part.group.parts}
    return weights_by_size(sizes, np)


def _weights_of_data(parts: list[Part], row_weights: Mapping[str, Any], magnitude: Any) -> dict[str, Any]:
    """Of all data, from waves as long as the cloud: see `row_weights.weights_of_data`."""
    extent = extent_of([part.group for part in parts])

    def size(part):
        sampled = part.gradient[sample_of(part.group.points)] if part.affine else part.gradient
        return size_on_waves(sampled, extent / np.pi, part.group.points.shape[1], module_of(sampled, extent))

    sizes = {name: size(part) for part in parts if part.group.is_data for name, _ in part.group.parts}
    return weights_of_data(row_weights["interior"] * size(parts[0]), sizes, magnitude)


def _block(part: Part, row_weights, derivatives: BasisDerivatives, fields: int) -> Affine | Nonlinear:
    group, order = part.group, part.order
    if part.affine:
        gradient = row_weights[:, :, None, None] * part.gradient
        matrix = derivatives.matrix(derivatives.weights_of_gradient(gradient, order), fields)
        known = None if derivatives.columns is not None else derivatives  # of local spaces they would be much to hold
        return Affine((row_weights * part.values).reshape(-1), matrix, gradient, known, order, fields)
    return Nonlinear(group, row_weights, derivatives, derivatives.units(order), order, fields)
