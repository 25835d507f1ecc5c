"""The matrix of equations that are the same for each of several fields, and its factor: one field's alone are kept."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from jaxtyping import Float

from .interface import Factor


class Repeated(eqx.Module):
    """A ⊗ I: row i of field j is row f·i + j, and so are the columns."""

    matrix: Float[np.ndarray, "m n"]
    fields: int = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, int]:
        m, n = self.matrix.shape
        return m * self.fields, n * self.fields

    def __matmul__(self, b: Float[np.ndarray, "p *k"]) -> Float[np.ndarray, "q *k"]:
        return _each(lambda c: self.matrix @ c, b, self.fields)


class RepeatedFactor(Factor):
    """The factor of a `Repeated` matrix by that of one field."""

    one: Factor
    fields: int = eqx.field(static=True)

    def solve(self, b):
        return _each(self.one.solve, b, self.fields)

    def solve_transposed(self, b):
        return _each(self.one.solve_transposed, b, self.fields)

    def solve_normal(self, b):
        return _each(self.one.solve_normal, b, self.fields)

    def rank(self):
        return self.one.rank() * self.fields

    def condition(self):
        return self.one.condition()


def _each(function, b, fields: int):
    """A function of columns on every field's part of b (n·f,) or (n·f, k)."""
    found = function(b.reshape(len(b) // fields, -1))
    return found.reshape(len(found) * fields, *b.shape[1:])
