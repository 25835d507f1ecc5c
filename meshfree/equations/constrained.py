"""Equations with conditions on means over the domain, and with the multipliers that these bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..internal.tracing import AnyArray, Scalar, is_traced, module_of
from ..linalg.bordered import bordered
from ..spaces.base import Space
from .conditions import MEAN, Group, is_inside
from .inner_corners import is_balanced, shares_of
from .system import Collocated, Matrix, System, center_and_extent, point_weights


class Constrained(Collocated):
    """The equations of a system, and below them those of means:

        r = ⎡ r(c)                      ⎤
            ⎣ weight (constant + row c) ⎦

    The weight is that of all other rows together, so that least squares fulfil means as they do nothing else.
    """

    system: Collocated
    means: Any  # `Means`, which are known above
    weight: Scalar
    space: Space
    fields: int = eqx.field(static=True)
    groups: list[Group]
    row_weights: Mapping[str, Float[AnyArray, " c"]]
    magnitude: Scalar

    @classmethod
    def of(cls, system: Collocated, means: Any) -> Constrained:
        weight = system.magnitude * np.sqrt(sum(len(group.points) for group in system.groups))
        known = {name: getattr(system, name) for name in ("space", "fields", "groups", "row_weights", "magnitude")}
        return cls(system=system, means=means, weight=weight, **known)

    @property
    def is_sparse(self):
        return self.system.is_sparse

    @property
    def side_rows(self):
        return self.system.side_rows + len(self.means.constant)

    def residual(self, coefficients):
        return self.with_means(self.system.residual(coefficients), coefficients)

    def linearised(self, coefficients):
        residual, matrix = self.system.linearised(coefficients)
        return self.with_means(residual, coefficients), self.bordered(matrix)

    def is_affine(self, coefficients):
        return self.system.is_affine(coefficients)

    def at_points(self, coefficients):
        return self.system.at_points(coefficients)

    def elsewhere(self, points, coefficients):
        return self.system.elsewhere(points, coefficients)

    def per_part(self, residual):
        array, count = module_of(residual, self.means.constant), len(self.means.constant)
        size = array.sqrt(array.mean((residual[len(residual) - count :] / self.weight) ** 2))
        return {**self.system.per_part(residual[: len(residual) - count]), MEAN: size}

    def on_polynomials(self, coefficients, affine):
        found = self.system.on_polynomials(coefficients, affine)
        if found is None:
            return None
        array = module_of(found, self.means.constants)
        center, extent = center_and_extent(self.system._points)
        axes = np.array(self.free_axes, dtype=int)
        ones = self.means.constants[:, None]
        coordinates = (self.means.coordinates[:, axes] - center[axes][None, :, None] * ones) / extent
        rows = array.concatenate([ones, coordinates], axis=1)
        return array.concatenate([found, self.weight * rows.reshape(len(rows), -1)])

    def typical_size(self, coefficients):
        return self.system.typical_size(coefficients)

    def values_matrix(self):
        return self.system.values_matrix()

    def check_finite(self, coefficients):
        self.system.check_finite(coefficients)

    def assembled(self, coefficients):
        residual, matrix, affine = self.system.assembled(coefficients)
        return self.with_means(residual, coefficients), self.bordered(matrix), affine

    def bordered(self, matrix: Matrix, columns: Float[AnyArray, "rows p"] | None = None) -> Matrix:
        """The matrix of the system with the rows of the means below, and columns of other unknowns on its right."""
        columns = np.zeros((matrix.shape[0], 0)) if columns is None else columns
        rows = self.weight * self.means.matrix
        return bordered(matrix, columns, rows, np.zeros((len(rows), columns.shape[1])))

    def multiplied(self) -> Multiplied | None:
        """With a multiplier for every mean, where the equations and conditions are as many as the unknowns; otherwise
        None, for least squares.

        It is added to the equation of its number where there are as many; otherwise to those that do not contain what
        the mean is of: to the divergence of a flow, and not to its momentum, for the mean of the pressure.
        """
        constants = self._constants()
        added = self._added_to(constants.shape[1])
        if len(constants) + self.system.side_rows != self.space.size * self.fields or added is None:
            return None
        columns = constants @ added
        side = np.zeros((self.system.side_rows, columns.shape[1]))
        return Multiplied(space=self.space, system=self, columns=module_of(columns).concatenate([columns, side]))

    def _added_to(self, equations: int) -> Float[np.ndarray, "c q"] | None:
        """Which multiplier is added to which equation of the interior; None where that is not clear."""
        count, containing = len(self.means.constant), self.means.containing
        if count == equations:
            return np.eye(count)
        others = np.flatnonzero(~containing) if containing is not None else np.arange(0)
        if len(others) == count:
            return np.eye(equations)[:, others]
        chosen = others if len(others) else np.arange(equations)
        return np.isin(np.arange(equations), chosen)[:, None].astype(float) if count == 1 else None

    def _constants(self) -> Float[AnyArray, "rows c"]:
        """The weighted rows of constants that are added to the equations of the interior, one to each."""
        array, inside = module_of(*self.row_weights.values()), len(self.row_weights["interior"])
        blocks = list[Any]()
        for group in self.groups:
            weights = point_weights(group, self.row_weights)
            if is_inside(group):
                block = weights[:, :, None] * np.eye(inside)[None]
            elif is_balanced(group):
                block = weights[:, :, None] * shares_of(group, weights.shape[1])
            else:
                block = np.zeros((*weights.shape, inside))
            blocks.append(block.reshape(-1, inside))
        return array.concatenate(blocks)

    def with_means(self, residual, coefficients):
        means = self.means
        values = self.weight * (means.constant + means.matrix @ coefficients.reshape(-1))
        return module_of(residual, values).concatenate([residual, values])


class Multiplied(System):
    """Constrained equations with a multiplier λ for each mean, a constant that is added to an equation of the interior:

        ⎡ A  B ⎤ ⎡ c ⎤
        ⎣ C  0 ⎦ ⎣ λ ⎦

    The coefficients are flat, those of u first.
    """

    space: Space
    system: Constrained
    columns: Float[AnyArray, "rows q"]

    @property
    def is_sparse(self):
        return self.system.is_sparse

    @property
    def side_rows(self):
        return self.system.side_rows

    def residual(self, coefficients):
        return self._with_multipliers(self.system.residual(self.field_of(coefficients)), coefficients)

    def linearised(self, coefficients):
        residual, matrix = self.system.system.linearised(self.field_of(coefficients))
        return self._stated(residual, matrix, coefficients)

    def assembled(self, coefficients):
        residual, matrix, affine = self.system.system.assembled(self.field_of(coefficients))
        return *self._stated(residual, matrix, coefficients), affine

    def is_affine(self, coefficients):
        return self.system.is_affine(self.field_of(coefficients))

    def per_part(self, residual):
        return self.system.per_part(residual)

    def typical_size(self, coefficients):
        return self.system.typical_size(self.field_of(coefficients))

    def on_polynomials(self, coefficients, affine):
        return self.system.on_polynomials(self.field_of(coefficients), affine)

    def values_matrix(self):
        return self.system.values_matrix()

    def check_finite(self, coefficients):
        self.system.check_finite(self.field_of(coefficients))

    def field_of(self, coefficients):
        fields = self.system.fields
        own = coefficients[: self.space.size * fields]
        return own.reshape(-1, fields) if fields > 1 else own

    def unknowns_of(self, coefficients):
        return module_of(coefficients).concatenate([coefficients.reshape(-1), np.zeros(self.columns.shape[1])])

    def told(self, unknowns):
        """The multipliers, a number or a list of them; arrays where they are traced."""
        found = unknowns[len(unknowns) - self.columns.shape[1] :]
        found = found[0] if found.size == 1 else found
        return found if is_traced(found) else np.asarray(found).tolist()

    def nested(self):
        return None

    def _stated(self, residual, matrix, coefficients):
        residual = self.system.with_means(residual, self.field_of(coefficients))
        return self._with_multipliers(residual, coefficients), self.system.bordered(matrix, self.columns)

    def _with_multipliers(self, residual, coefficients):
        count = self.columns.shape[1]
        values = self.columns @ coefficients[len(coefficients) - count :]
        array = module_of(residual, values)
        return residual + array.concatenate([values, np.zeros(count)])
