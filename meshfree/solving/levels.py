"""Solving level by level: each corrects the sum of the coarser ones, with the sparse matrix of its own functions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..equations.system import System
from ..internal.tracing import AnyArray, Scalar, is_traced
from ..linalg.sparse_rows import SparseRows
from ..spaces.base import Space
from .newton import newton
from .off_nodes import off_nodes


class Correction(System):
    """The equations of a space for its last level, the coefficients of the coarser ones given.

        [ A₀ A₁ … Aₗ ] (c₀, c₁, …, cₗ) = b   becomes   Aₗ cₗ = b − A₀ c₀ − … − Aₗ₋₁ cₗ₋₁,

    or its like in Newton's method; the rows are those at the points of cloud l.
    """

    space: Space
    system: System
    coarser: Float[AnyArray, "n *f"]
    entries: int = eqx.field(static=True)  # of the last level in every row

    @property
    def is_sparse(self):
        return True

    @property
    def side_rows(self):
        return self.system.side_rows

    def residual(self, coefficients):
        return self.system.residual(self._with_coarser(coefficients))

    def linearised(self, coefficients):
        residual, matrix = self.system.linearised(self._with_coarser(coefficients))
        own, first = slice(-self.entries, None), self.coarser.size
        return residual, SparseRows(matrix.values[:, own], matrix.columns[:, own] - first, matrix.width - first)

    def is_affine(self, coefficients):
        return self.system.is_affine(self._with_coarser(coefficients))

    def per_part(self, residual):
        return self.system.per_part(residual)

    def typical_size(self, coefficients):
        return self.system.typical_size(self._with_coarser(coefficients))

    def size_of_terms(self, coefficients: Float[AnyArray, "n *f"]) -> Scalar:
        """‖Σⱼ |Aᵢⱼ cⱼ|‖, which the rounding of the residual is relative to, coarser levels included."""
        everything = self._with_coarser(coefficients)
        _, matrix = self.system.linearised(everything)
        return jnp.linalg.norm(abs(matrix) @ jnp.abs(jnp.ravel(everything)))

    def _with_coarser(self, coefficients):
        return jnp.concatenate([self.coarser, coefficients])


def solve_by_levels(
    levels: tuple[Space, ...], systems: Iterable[System], start: Float[AnyArray, "p *f"], solver: str
) -> tuple[Float[Array, "n *f"], dict[str, Any]]:
    """The coefficients, and what `newton` and `off_nodes` say of them: level by level, or at once for but one.

    `systems`: the equations of each level, at its points. `start`: for the first level.
    """
    if len(levels) == 1:
        (system,) = systems
        coefficients, stats = newton(system, start, solver)
        return coefficients, stats | off_nodes(system, coefficients, stats.pop("data"))
    coefficients, found = jnp.asarray(start[:0]), list[dict[str, Any]]()
    for level, system in zip(levels, systems, strict=True):
        entries = level.local_basis.layers[-1].own_columns.shape[1] * start[0].size  # type: ignore[union-attr]
        correction = Correction(level, system, coefficients, entries)
        first = start if not found else jnp.zeros((level.size - len(coefficients), *start.shape[1:]))
        # the first residual is small on the finer levels, what it is the sum of is not
        reference = None if not found or correction.is_affine(first) else correction.size_of_terms(first)
        own, stats = newton(correction, first, solver, reference)
        found.append(_of_level(stats, level, correction, first))
        coefficients = jnp.concatenate([coefficients, own])
    data = found[0]["data"]  # what is left of it is small on the finer levels
    for stats in found:
        del stats["data"]
    return coefficients, _of_all(found) | off_nodes(system, coefficients, data)


def _of_level(stats, space: Space, system: Correction, start) -> dict[str, Any]:
    """The statistics of a level, its sparsity, and the residual of the coarser levels at its points."""
    before = system.per_part(system.residual(start))
    if is_traced(space, before):
        return {**stats, "residual_before": before}
    return {
        **stats,
        **space.sparsity(space.cloud.points),
        "residual_before": {part: float(value) for part, value in before.items()},
    }


def _of_all(levels: list[dict[str, Any]]) -> dict[str, Any]:
    """Those of the finest level, with the sums over all of what adds up, and each level's own under `levels`."""
    summed = {name: sum(level[name] for level in levels) for name in ("unknowns", "rows", "steps", "rank")}
    seconds = {phase: sum(level["seconds"][phase] for level in levels) for phase in levels[0]["seconds"]}
    flags = {name: reduce(and_, (level[name] for level in levels)) for name in ("converged", "unique")}
    return {**levels[-1], **summed, **flags, "seconds": seconds, "levels": levels}
