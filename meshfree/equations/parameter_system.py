"""The equations F(c, λ) = 0 of a problem with a parameter in a space, and their derivatives by both, on the host.

Rows, programs and all that is known of the space serve every value of λ, which is an input as time is in `time_system`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..geometry.cloud import Cloud
from ..internal.remembered import remembered
from ..internal.tracing import is_traced
from ..linalg.sparse_rows import stacked
from ..pde.problem import Problem
from ..spaces.base import Space
from .assemble import given_weights
from .basis_derivatives import Guess, values_matrix
from .conditions import AGAIN, matched, sample_of
from .jet_system import state
from .row_weights import size_on_waves, weights_by_size
from .time_system import Rows, Still, in_time, read_facts


class ParameterSystem:
    """The weighted equations at the points of a cloud, by default the space's own; coefficients are flat.

    The row weights are those of `assemble` at one value of the parameter, linearised around `start`, for all values.
    Raises ValueError where a residual is not local, or reads something that JAX traces.
    """

    def __init__(
        self,
        problem: Problem,
        space: Space,
        points: Cloud | None,
        weights: Mapping[str, ArrayLike] | None,
        value: float,
        start: Guess,
    ):
        self.space, self.fields = space, problem.fields
        self.shape = (space.size,) if problem.fields == 1 else (space.size, problem.fields)
        cloud = space.cloud if points is None else points
        if cloud.surface_normals is not None and not space.constant_along_normals:
            raise ValueError(
                f"the functions of {space.describe()} are not constant along the normals of a surface, and mf.trace "
                "does not make them so: use Stencils"
            )
        groups = matched(problem, cloud)
        still = [group._replace(residual=Still(group.residual, np.asarray(value, dtype=float))) for group in groups]
        stated = state(space, points, problem.fields, still, start, is_local=True)
        assert stated is not None  # an error tells of what is not local
        self._rows, sizes = [], dict[str, Any]()
        c, spacing, dim = np.asarray(start.coefficients), float(np.median(space.cloud.spacing)), space.cloud.dim
        for part, place in zip(stated.parts, stated.places, strict=True):
            group = in_time(part.group)
            at = group.points.shape[1], group.normals.shape[1]
            facts = remembered(read_facts, group.residual, *at, self.fields, part.order)
            rows = Rows(group, stated.derivatives[place], facts, self.fields)
            gradient = rows.gradients(value, c, np.zeros_like(c))[0]
            if is_traced(gradient):
                raise ValueError(
                    "mf.trace needs known numbers, and here JAX traces them: call it outside of jit and grad"
                )
            self._rows.append(rows)
            if not part.again:
                size = size_on_waves(gradient[sample_of(group.points)], spacing, dim, np)
                sizes |= {name: size for name, _ in group.parts}
        measured, magnitude = weights_by_size(sizes, np)
        known = {**measured, **given_weights(weights or {}, measured)}
        for part, rows in zip(stated.parts, self._rows, strict=True):
            each = [
                (known[name] if not part.again else AGAIN * known["interior"], count)
                for name, count in part.group.parts
            ]
            rows.weights = np.concatenate([np.broadcast_to(weight, (count, len(weight))) for weight, count in each])
        local = space.local_basis is not None
        self._side = np.zeros((0, space.size)) if local else magnitude * space.side_conditions()  # type: ignore[attr-defined]
        self._values: Any = values_matrix(space)

    @property
    def depends(self) -> bool:
        """Whether F depends on the parameter."""
        return any(rows.facts.driven or rows.facts.moving for rows in self._rows)

    def residual(self, c: Float[np.ndarray, " n"], value: float) -> Float[np.ndarray, " m"]:
        """F(c, λ)."""
        c = c.reshape(self.shape)
        with np.errstate(all="ignore"):  # what is not finite is seen by the step
            found = [rows.values(value, c, np.zeros_like(c)) for rows in self._rows]
        return np.concatenate([*map(np.ravel, found), np.ravel(self._side @ c)])

    def by_parameter(self, c: Float[np.ndarray, " n"], value: float) -> Float[np.ndarray, " m"]:
        """∂F/∂λ."""
        c = c.reshape(self.shape)
        found = [rows.slope(value, c, np.zeros_like(c)) for rows in self._rows]
        return np.concatenate([*map(np.ravel, found), np.zeros(len(self._side) * self.fields)])

    def matrix(self, c: Float[np.ndarray, " n"], value: float) -> Any:
        """∂F/∂c, an array or sparse rows."""
        c = c.reshape(self.shape)
        found = [rows.matrices(value, c, np.zeros_like(c))[0] for rows in self._rows]
        if self.space.local_basis is not None:
            return stacked(found)
        return np.concatenate([*found, np.kron(self._side, np.eye(self.fields))])

    def values(self, c: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
        """u at all nodes."""
        columns = c.reshape(self.space.size, -1)
        return np.stack([self._values @ column for column in columns.T], axis=1).ravel()

    def from_values(self, values: Float[np.ndarray, " m"]) -> Float[np.ndarray, " n"]:
        """The transpose of `values`."""
        columns = values.reshape(-1, self.fields)
        transposed = getattr(self._values, "transposed_times", lambda y: self._values.T @ y)
        return np.stack([transposed(column) for column in columns.T], axis=1).ravel()
