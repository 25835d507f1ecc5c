"""Solving level by level: each corrects the sum of the coarser ones, with the sparse matrix of its own functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..internal.tracing import is_traced
from ..linalg.sparse_rows import SparseRows
from ..spaces import Multilevel
from ..spaces.compact_translates import coupling
from .newton import solution_of
from .solution import Solution


class Correction(eqx.Module):
    """The equations of a space for its last level, the coefficients of the coarser ones given: a system to solve.

        [ A₀ A₁ … Aₗ ] (c₀, c₁, …, cₗ) = b   becomes   Aₗ cₗ = b − A₀ c₀ − … − Aₗ₋₁ cₗ₋₁,

    or its like in Newton's method; the rows are those at the points of cloud l.
    """

    system: Any
    coarser: Float[Array, "n *f"]
    entries: int = eqx.field(static=True)  # of the last level in every row

    is_sparse = True

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

    def size_of_terms(self, coefficients: Float[Array, "n *f"]) -> Float[Array, ""]:
        """‖Σⱼ |Aᵢⱼ cⱼ|‖, which the rounding of the residual is relative to, coarser levels included."""
        everything = self._with_coarser(coefficients)
        _, matrix = self.system.linearised(everything)
        return jnp.linalg.norm(abs(matrix) @ jnp.abs(jnp.ravel(everything)))

    def _with_coarser(self, coefficients):
        return jnp.concatenate([self.coarser, coefficients])


def solved_by_levels(
    space: Multilevel, start: Float[Array, "n *f"], solver: str, system_of: Callable[[Multilevel], Any]
) -> Solution:
    """The solution, level by level. `start`: for the first level; `system_of(space)`: the equations at its points."""
    coefficients, found = start[:0], []
    for count, cloud in enumerate(space.clouds, 1):
        level = space.coarsest(count)
        fields = start[0].size
        system = Correction(system_of(level), coefficients, level.columns[-1][-1].shape[1] * fields)
        first = start if count == 1 else jnp.zeros((len(cloud), *start.shape[1:]))
        # the first residual is small on the finer levels, what it is the sum of is not
        reference = None if count == 1 or system.is_affine(first) else system.size_of_terms(first)
        solved = solution_of(system, level, first, solver, reference)
        found.append(_of_level(solved.stats, level, system, first))
        coefficients = jnp.concatenate([coefficients, solved.coefficients])
    return Solution(space, coefficients, _of_all(found))


def _of_level(stats, space: Multilevel, system: Correction, start) -> dict[str, Any]:
    """The statistics of a level, its sparsity, and the residual of the coarser levels at its points."""
    before = system.per_part(system.residual(start))
    if is_traced(space, before):
        return {**stats, "residual_before": before}
    finest = space.levels[-1]
    return {
        **stats,
        **coupling(finest.kernel, finest.centers, space.cloud.points),
        "residual_before": {part: float(value) for part, value in before.items()},
    }


def _of_all(levels: list[dict[str, Any]]) -> dict[str, Any]:
    """Those of the finest level, with the sums over all of what adds up, and each level's own under `levels`."""
    summed = {name: sum(level[name] for level in levels) for name in ("unknowns", "rows", "steps", "rank")}
    seconds = {phase: sum(level["seconds"][phase] for level in levels) for phase in levels[0]["seconds"]}
    return {**levels[-1], **summed, "seconds": seconds, "levels": levels}
