"""The parameter of a problem, the last argument of all its callables: time, an eigenvalue, a branch's parameter.

`residual(u, x, t)`, `residual(u, x, n, t)`, values `g(x, t)`, `exact(x, t)`. Where it is time, u carries its rate,
which `time_derivative` reads.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp

from ..internal.expected import FIELD, expects
from ..internal.printing import shown
from .operators import Field


@runtime_checkable
class HasRate(Protocol):
    """A field that knows its rate of change in time."""

    @property
    def rate(self) -> Field:
        """∂u/∂t, a function of one point."""


@expects(u=FIELD)
def time_derivative(u: Field) -> Field:
    """∂u/∂t at fixed x: of the shape of u(x), a field like any other, as in `laplacian(time_derivative(u))`.

    For the u of a residual in `evolve`, and for `u.at(t)` of what `evolve` returns. Raises ValueError for any other
    function: rates are known of u itself and its components, not of what was made of it, and of first order only.
    """
    if isinstance(u, HasRate):
        return u.rate
    raise ValueError(
        "time_derivative takes u itself, in a residual of a problem that mf.evolve solves, or u.at(t) of what it has "
        "found. Outside of these no rate is known. For the rate of what is made of u apply the operator to the rate: "
        "laplacian(time_derivative(u)), time_derivative(u)(x)[0]; for a second derivative in time make u_t a field of "
        "its own: fields=2"
    )


class At(eqx.Module):
    """A callable of a problem with the parameter given: a function of the other arguments."""

    function: Callable
    parameter: Any

    def __call__(self, *args: Any) -> Any:
        return self.function(*args, self.parameter)

    def takes_parameter(self) -> bool:
        """No longer."""
        return False

    def __repr__(self) -> str:
        return f"{shown(self.function)} at {shown(self.parameter)}"


class ParameterDerivative(eqx.Module):
    """The derivative of a callable of a problem by its parameter, of some order, at one value of it."""

    function: Callable
    parameter: Any
    order: int = eqx.field(static=True)

    def __call__(self, *args: Any) -> Any:
        def differentiated(order: int) -> Callable:
            if order == 0:
                return lambda s: self.function(*args, s)
            lower = differentiated(order - 1)
            return lambda s: jax.jvp(lower, (s,), (jnp.ones_like(s),))[1]

        return differentiated(self.order)(self.parameter)

    def takes_parameter(self) -> bool:
        """No longer."""
        return False


def takes_parameter(function: Callable, arguments: tuple[str, ...]) -> bool | None:
    """Whether a callable of a problem needs a parameter after these arguments; None where it may have one or not.

    One with a default, as in `lambda u, x, k=k`, is no parameter. TypeError, with the reason, for a callable that can
    be called neither way.
    """
    if hasattr(function, "takes_parameter"):
        return function.takes_parameter()
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return None  # as of functions that are not written in Python
    try:
        signature.bind(*arguments)
    except TypeError:
        try:
            signature.bind(*arguments, "t")
        except TypeError:
            signature.bind(*arguments)  # the error says what the shorter call lacks
        return True
    return None if any(one.kind is one.VAR_POSITIONAL for one in signature.parameters.values()) else False
