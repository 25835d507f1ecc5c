"""The equations of a problem in which numbers are unknown, too: one system for every value of theirs."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..geometry.cloud import Cloud
from ..internal.batching import in_padded_blocks
from ..internal.tracing import AnyArray, is_traced
from ..pde.jets import jet_at
from ..pde.problem import Problem
from ..pde.unknown import Unknown, with_values
from ..spaces.base import Space
from .assemble import assemble
from .basis_derivatives import BasisDerivatives, Guess
from .conditions import AGAIN_AT, Group
from .jet_system import JetSystem
from .residual_jets import BLOCK, facts_of
from .system import Collocated, point_weights


class WithUnknowns:
    """r(c, θ) = 0 for the coefficients c of u and p unknown numbers θ, in a row; row weights are those of the start."""

    def __init__(
        self,
        problem: Problem,
        space: Space,
        points: Cloud | None,
        weights: Mapping[str, Any] | None,
        around: Guess | None,
        unknowns: Mapping[str, Unknown],
    ):
        self.problem, self.space, self.points, self.around, self.unknowns = problem, space, points, around, unknowns
        self.start = np.concatenate([np.asarray(one.value).reshape(-1) for one in unknowns.values()])
        self._weights = weights
        first = self.at(self.start)
        self._weights = {name: one for name, one in first.row_weights.items() if not name.startswith(AGAIN_AT)}

    def on(self, space: Space) -> WithUnknowns:
        """The same equations, with the same row weights, in another space."""
        found = copy.copy(self)
        found.space, found.around = space, None
        return found

    def at(self, values: Float[AnyArray, " p"]) -> Collocated:
        """The equations for known values of the unknowns."""
        problem = self.problem.with_unknowns(self.unknowns.values(), values)
        return assemble(problem, self.space, self.points, self._weights, self.around)

    def columns(self, system: Collocated, c: Float[np.ndarray, "n *f"], values: Float[np.ndarray, " p"]) -> Any:
        """∂r/∂θ, (rows, p), at coefficients and values that are those of the system."""
        inner = getattr(system, "system", system)  # of one with means, which unknowns have no part in
        if not isinstance(inner, JetSystem):
            found = jax.jacfwd(lambda theta: self.at(theta).residual(jnp.asarray(c)))(jnp.asarray(values))
            return np.asarray(found)
        found = [self._columns_of(group, inner, c, values) for group in inner.groups]
        return np.concatenate([*found, np.zeros((system.side_rows, len(values)))])

    def by_name(self, values: Float[AnyArray, " p"]) -> dict[str, Any]:
        """A float, or an array, for each unknown, of all of them in a row."""
        found, start = dict[str, Any](), 0
        for name, one in self.unknowns.items():
            stop = start + int(np.prod(one.shape))
            if is_traced(values):
                found[name] = values[start:stop].reshape(one.shape)
            else:
                found[name] = float(values[start]) if one.shape == () else np.reshape(values[start:stop], one.shape)
            start = stop
        return found

    def weight_of_data(self) -> float | None:
        """What the rows of all data are multiplied by, beside one over their noise; None without data."""
        name = next(iter(self.problem.data), None)
        return None if name is None or self._weights is None else float(np.asarray(self._weights[name]).flat[0])

    def _columns_of(self, group: Group, system: JetSystem, c, values) -> Float[np.ndarray, "rows p"]:
        order = facts_of(group, system.fields).order
        jets = BasisDerivatives.at(self.space, np.asarray(group.points)).jets(np.asarray(c), order)
        at = (np.asarray(group.points), np.asarray(group.normals), jets)
        found = in_padded_blocks(lambda *block: _by_unknowns(group.residual, values, block, order), at, BLOCK)
        weights = np.asarray(point_weights(group, system.row_weights))
        return (weights[:, :, None] * np.asarray(found)).reshape(-1, len(values))


@eqx.filter_jit
def _by_unknowns(residual, values, at, order: int) -> Float[Array, "m c p"]:
    def at_one(x, n, D):
        def value(theta):
            return jnp.atleast_1d(with_values(residual, theta)(jet_at(x, D, order, False), x, n))

        return jax.jacfwd(value)(values)

    return jax.vmap(at_one)(*at)
