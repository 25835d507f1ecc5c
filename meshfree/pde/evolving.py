"""Functions of one point that know how they change in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .components import Function, WithComponents
from .operators import Field, laplacian


class Evolving(WithComponents):
    """A function of one point with its rate."""

    function: Field
    rate: Field

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, "..."]:
        return self.function(x)

    @property
    def components(self):
        return getattr(self.function, "components", None)

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "..."]:
        """Δu, in closed form where the function has one."""
        return laplacian(self.function)(x)


def at_time(function: Callable, t: Any) -> Evolving:
    """A function of (x, t), such as an exact solution, at a time, with its rate."""

    def rate(x):
        time = jnp.asarray(t, dtype=float)
        return jax.jvp(lambda s: function(x, s), (time,), (jnp.ones_like(time),))[1]

    return Evolving(Function(lambda x: function(x, t)), rate)
