"""The derivative of u and of unknown numbers beside it: the implicit function theorem on both together."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..internal.tracing import as_jax, without_derivative
from ..linalg.bordered import bordered
from ..linalg.factor import factor
from .derivative import differentiable, without_value
from .solution import Solution


def differentiated(u: Solution, known: Any, traced: Any, solver: str) -> tuple[Float[Array, "n *f"], dict[str, Any]]:
    """The coefficients of u and its statistics, with the derivatives of c and θ by all that is traced in the equations
    `traced` (`WithUnknowns`), which are `known` in numbers: those of the minimum of |r(c, θ)|², of which the matrix is
    ⎡A  ∂r/∂θ⎤.

    Standard deviations and all else in the statistics have no derivative; where that of a deviation is asked for it is
    NaN.
    """
    c = np.asarray(u.coefficients)
    values = np.concatenate([np.ravel(value) for value in u.unknowns.values()])
    n, p = c.size, len(values)

    def residual_of(z):
        return traced.at(z[n:]).residual(z[:n].reshape(c.shape))

    z = jnp.concatenate([jnp.asarray(c).reshape(-1), jnp.asarray(values)])
    residual_of = eqx.filter_closure_convert(residual_of, z)
    system = known.at(values)
    columns = known.columns(system, c, values)
    matrix = bordered(system.linearised(c)[1], columns, np.zeros((0, n)), np.zeros((0, p)))
    square = matrix.shape[0] == matrix.shape[1]
    factored = factor(as_jax(matrix) if isinstance(matrix, np.ndarray) else matrix, solver, traced=True)
    z = differentiable(residual_of, without_derivative(residual_of), z, factored, square, affine=False)
    stats = {**u.stats, "unknown_numbers": known.by_name(z[n:])}
    if "std_of_unknowns" in stats:
        undefined = without_value(jnp.sum(z))
        stats["std_of_unknowns"] = {name: value + undefined for name, value in u.std_of_unknowns.items()}
        stats["covariance_of_unknowns"] = u.covariance_of_unknowns + undefined
    return z[:n].reshape(c.shape), stats
