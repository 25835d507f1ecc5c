"""Manufactured solutions: an equation changed by a source such that a chosen function solves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .components import Function, WithComponents
from .evolving import at_time
from .operators import Field
from .parameter import takes_parameter
from .problem import Residual


class Manufactured(eqx.Module):
    """residual(u, x, …) − residual(exact, x, …)."""

    residual: Residual
    exact: Callable
    has_parameter: bool = eqx.field(static=True)

    def __call__(self, u: Field, x: Float[Array, " d"], *args: Any) -> Float[Array, "..."]:
        exact = at_time(self.exact, args[-1]) if self.has_parameter else _field(self.exact)
        value, source = self.residual(u, x, *args), self.residual(exact, x, *args)
        if jnp.shape(value) != jnp.shape(source):
            raise ValueError(
                f"the residual of u has shape {jnp.shape(value)} and that of exact {jnp.shape(source)}; exact(x) must "
                "have the shape of u(x), () for one field and (fields,) for several: check exact, and Problem(fields=)"
            )
        return value - source

    def takes_parameter(self) -> bool:
        """Whether it is the residual of a problem with a parameter."""
        return self.has_parameter


def _field(exact: Callable) -> Field:
    return exact if isinstance(exact, WithComponents) else Function(exact)


def manufactured(residual: Any, exact: Any) -> Manufactured:
    """The residual that `exact` makes vanish: residual(u, x) − residual(exact, x), the source that makes it a solution.

    On a surface `exact` must be constant along the normals, as u is: a function of the nearest point, such as
    lambda x: g(x / jnp.linalg.norm(x)) on the unit sphere.

    - `residual`: any residual, `(u, x)` of the interior, `(u, x, n)` of a boundary part, or with further arguments: a
      condition too, `mf.manufactured(mf.neumann(), exact)` is ∂u/∂n = ∂exact/∂n
    - `exact`: the solution, a function of one point, (d,) -> () or (fields,), as smooth as the residual asks of u; of
      (x, t) where the residual has a parameter, with `time_derivative` its derivative by t

    The second term is a constant in u: an affine residual stays affine, and a local space asks for no more derivatives.
    It is a pytree: leaves of `residual` and `exact`, where these are pytrees, are its leaves, and may change without
    recompilation. JAX differentiates `exact` at every point in each evaluation; where that is a long series, a source
    in closed form is cheaper.

    Raises TypeError for a residual or an exact solution that is no callable, and, where it is evaluated, ValueError for
    values of different shapes.

        def cubic(u, x):
            return -mf.laplacian(u)(x) + u(x) ** 3

        def exact(x):
            return jnp.sin(x[0]) * x[1]

        problem = mf.Problem(
            mf.Box(), interior=mf.manufactured(cubic, exact), boundary=mf.dirichlet(exact), exact=exact
        )
    """
    if not callable(residual):
        raise TypeError(f"residual must be a callable, residual(u, x) or residual(u, x, n); got {residual!r}")
    if not callable(exact):
        raise TypeError(
            f"exact must be a function of one point, exact(x); got {exact!r}. "
            f"For a constant solution use lambda x: jnp.full((), {exact!r})"
        )
    return Manufactured(residual, exact, bool(takes_parameter(exact, ("x",))))
