"""What methods of time stepping know of the equations F(t, c, ċ) = 0, and what they hand back.

c are the coefficients of a function in a space, flat, ċ their rates. Rows in which no rate occurs, such as boundary
conditions, are algebraic: together with the others they are a differential-algebraic equation of index 1 (Brenan,
Campbell & Petzold, Numerical Solution of Initial-Value Problems in DAEs, 1996). There may be more rows than unknowns:
then every solve is one of least squares.
"""

from __future__ import annotations

import abc
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float


class Step(NamedTuple):
    """An accepted step: where it ends, and of which order the method was."""

    time: float
    coefficients: Float[np.ndarray, " n"]
    rates: Float[np.ndarray, " n"]
    order: int


@runtime_checkable
class Factor(Protocol):
    """A factored matrix, on the host."""

    def solve(self, b: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " n"]:
        """The x with A x = b, or the best one in least squares."""


class Evolution(abc.ABC):
    """The equations F(t, c, ċ) = 0 as the steppers see them; everything is on the host."""

    is_linear: bool  # F is affine in c and ċ, so that its matrices do not depend on them
    is_constant: bool  # neither do they depend on t
    is_autonomous: bool = False  # F does not depend on t

    @property
    @abc.abstractmethod
    def differential(self) -> Bool[np.ndarray, " rows"]:
        """Which rows have a rate in them."""

    @abc.abstractmethod
    def residual(
        self, t: float, c: Float[np.ndarray, " n"], rates: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " rows"]:
        """F(t, c, ċ); not finite where it is not defined."""

    @abc.abstractmethod
    def factored(self, t: float, c: Float[np.ndarray, " n"], rates: Float[np.ndarray, " n"], alpha: float) -> Factor:
        """∂F/∂c + α ∂F/∂ċ there, factored; ValueError where it is singular."""

    @abc.abstractmethod
    def linear_part(self, t: float, c: Float[np.ndarray, " n"], alpha: float) -> tuple[Any, Any, Factor]:
        """M = ∂F/∂ċ and K = ∂F/∂c at (t, c, ċ = 0), for products with vectors by @, and K + α M factored; ValueError
        where F is not affine in ċ. K may lack what is not stiff for steps of size 1/α.
        """

    @abc.abstractmethod
    def projected(self, t: float, c: Float[np.ndarray, " n"], right: Float[np.ndarray, " rows"]) -> Any:
        """The c near the given one at which ∂F/∂ċ c = `right` on differential rows and F(t, c, 0) = 0 on the others."""

    @abc.abstractmethod
    def rates(
        self, t: float, c: Float[np.ndarray, " n"], at_rest: Float[np.ndarray, " rows"] | None = None
    ) -> Float[np.ndarray, " n"]:
        """ċ such that F = 0 on the differential rows, and dF/dt = 0 along it on the others; c fulfils these.

        `at_rest`: F(t, c, 0), where it is known.
        """

    def settled(self, c: Float[np.ndarray, "k n"]) -> Float[np.ndarray, "k n"]:
        """The same functions, by coefficients that do not drift in directions that the last factor has left out."""
        return c

    def whole_size(self, change: Float[np.ndarray, " n"], c: Float[np.ndarray, " n"]) -> float:
        """As `size`, but with algebraic unknowns: Newton's method is judged by it."""
        return self.size(change, c)

    @abc.abstractmethod
    def size(self, change: Float[np.ndarray, " n"], c: Float[np.ndarray, " n"]) -> float:
        """Of a change of c, relative to c: the root mean square of the values of the differential unknowns.

        Of the field in which it is largest. Never of coefficients, boundary values or ghosts. 0 for no change, also of
        c = 0, of which any other change is infinite.
        """


class SteppingError(RuntimeError):
    """A method could not go on: `time` is where."""

    def __init__(self, message: str, time: float):
        super().__init__(message)
        self.time = time
