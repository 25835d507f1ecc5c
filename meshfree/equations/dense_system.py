"""The dense collocation equations: a problem's residuals on a cloud as functions of a space's coefficients.

A row of the matrix is the gradient of one residual at one point with respect to the coefficients. That one line
serves linear and nonlinear equations, scalar and vector fields, every boundary condition and every space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..internal.batching import map_in_blocks
from ..internal.tracing import AnyArray
from ..pde.linearity import depends_on_input
from ..spaces.base import GlobalSpace
from .conditions import Group, Zero
from .system import Collocated


class DenseSystem(Collocated):
    """The equations of a problem in a global space: a dense matrix."""

    space: GlobalSpace
    fields: int = eqx.field(static=True)
    groups: list[Group]
    row_weights: Mapping[str, Float[AnyArray, " c"]]
    magnitude: Float[Array, ""]  # of the interior operator; the weight of the side conditions

    @property
    def is_sparse(self):
        return False

    @property
    def side_rows(self):
        return len(self.space.side_conditions()) * self.fields

    @eqx.filter_jit
    def at_points(self, coefficients):
        return self._of(self.space.function(coefficients))

    def elsewhere(self, points, coefficients):
        return self._elsewhere(points, self.space.function(coefficients))

    @eqx.filter_jit
    def _elsewhere(self, points, u):
        inside, weight = self.groups[0].residual, self.row_weights["interior"]
        at = jnp.zeros_like(points[0])
        return map_in_blocks(lambda x: weight * jnp.atleast_1d(inside(u, x, at)), points, self.space.size)

    def residual(self, coefficients):
        return jnp.concatenate([self.at_points(coefficients), jnp.ravel(self.side @ coefficients)])

    def linearised(self, coefficients):
        values, matrices = [], []
        for group in self.groups:
            value, matrix = self._mapped(group, self.rows_at(group, coefficients))
            values.append(value.reshape(-1))
            matrices.append(matrix.reshape(-1, coefficients.size))
        if self.side.size:
            fields = 1 if coefficients.ndim == 1 else coefficients.shape[1]
            values.append(jnp.ravel(self.side @ coefficients))
            matrices.append(jnp.kron(self.side, jnp.eye(fields)))
        matrix = jnp.concatenate(matrices)
        if self.is_affine(coefficients):  # r(c) = r(0) + A c: the values above are not computed then
            at_zero = jnp.pad(self._of(Zero(self.fields)), (0, self.side_rows))
            return at_zero + matrix @ jnp.ravel(coefficients), matrix
        return jnp.concatenate(values), matrix

    def is_affine(self, coefficients):
        """Read off the traced program at one point a group."""

        def matrices(c):
            return [
                self.rows_at(g, c)(jnp.asarray(g.points[0]), jnp.asarray(g.normals[0]), self.weight_of(g)[0])[1]
                for g in self.groups
            ]

        return not depends_on_input(matrices, coefficients)

    def _of(self, u: Callable) -> Float[Array, " rows"]:
        """The weighted residuals of any function u, side conditions left out."""
        blocks = [self._mapped(group, self.residual_at(group, u)) for group in self.groups]
        return jnp.concatenate([jnp.ravel(block) for block in blocks])

    @property
    def side(self) -> Float[AnyArray, "q n"]:
        """The rows of the side conditions of one field, weighted."""
        return self.magnitude * self.space.side_conditions()

    def residual_at(self, group: Group, u: Callable) -> Callable:
        """The weighted residual of a function u at one point, its normal and its weights: -> (c,)."""
        return lambda x, n, weight: weight * jnp.atleast_1d(group.residual(u, x, n))

    def rows_at(self, group: Group, coefficients: Float[AnyArray, "n *f"]) -> Callable:
        """The same of the function with these coefficients, with its derivatives by them: -> (c,), (c, n, *f)."""

        def rows(x, n, weight):
            def value_of(c):
                return self.residual_at(group, self.space.function(c))(x, n, weight)

            value, pull = jax.vjp(value_of, coefficients)
            return value, jax.vmap(lambda e: pull(e)[0])(jnp.eye(len(value)))

        return rows

    def _mapped(self, group: Group, function: Callable):
        return map_in_blocks(
            lambda at: function(*at), (group.points, group.normals, self.weight_of(group)), self.space.size
        )
