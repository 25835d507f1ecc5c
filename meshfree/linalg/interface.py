"""What every factored matrix answers, dense or sparse, known or traced."""

from __future__ import annotations

import abc
from typing import ClassVar

from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from ..internal.plain import Plain
from ..internal.tracing import AnyArray


class Factor(Plain):
    """A factored matrix A (m, n), m ≥ n. Right-hand sides are vectors or have one column each."""

    refuses_singular: ClassVar[bool] = False  # whether a singular matrix was an error already when it was factored
    runs_on_host: ClassVar[bool] = False  # whatever device JAX computes on

    @property
    def shared_by(self) -> Mesh | None:
        """The devices that its rows are spread over; None where one has it all."""
        return None

    @abc.abstractmethod
    def solve(self, b: Float[AnyArray, "m *k"]) -> Float[AnyArray, "n *k"]:
        """x with A x = b; for m > n, or a deficient rank, the least squares solution."""

    @abc.abstractmethod
    def solve_transposed(self, b: Float[AnyArray, "n *k"]) -> Float[AnyArray, "m *k"]:
        """y with Aᵀ y = b, the adjoint of `solve`."""

    def solve_normal(self, b: Float[AnyArray, "n *k"]) -> Float[AnyArray, "n *k"]:
        """x with AᵀA x = b."""
        return self.solve(self.solve_transposed(b))

    @abc.abstractmethod
    def rank(self) -> Int[Array, ""] | int:
        """The number of directions that are not round-off."""

    @abc.abstractmethod
    def condition(self) -> Float[Array, ""] | float:
        """An estimate of the condition number; NaN where its few solves would be felt."""
