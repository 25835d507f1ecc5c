"""The derivative of a solution that several processes find together, in reverse mode: one adjoint solve of them all."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..equations.distributed_system import Distributed
from ..internal.processes import Processes
from ..internal.tracing import AnyArray, is_traced, without_derivative
from ..linalg.factor import factor
from .derivative import of_first_order
from .newton import newton


def solve_shared(
    assembled: Callable[[], Distributed], start: Float[AnyArray, "n *f"], solver: str
) -> tuple[Float[Array, "n *f"], dict[str, Any]]:
    """The coefficients that solve the equations, differentiable by what is traced in them, and the statistics.

    With the cotangent c̄ of the coefficients, which all processes have, Aᵀλ = c̄; each process pulls its own rows' part
    of −λ back to what they depend on, and the sum over the processes is what each of them gets.

    ValueError under jit, where the values are not known that processes talk about; JAX's TypeError in forward mode.
    """
    residual_of = eqx.filter_closure_convert(lambda c: assembled().own.residual(c), start)
    linearised_of = eqx.filter_closure_convert(lambda c: assembled().own.linearised(c), start)
    held = without_derivative((residual_of, linearised_of))
    system = assembled()
    system = dataclasses.replace(system, own=without_derivative(system.own), held=held)
    if is_traced(system, start):
        raise ValueError("several processes solve, and differentiate, outside of jit and vmap: drop them, use jax.grad")
    c, stats = newton(system, start, solver)
    processes = system.layout.processes
    of_all = jax.tree.map(lambda leaf: _of_all(processes, leaf) if is_traced(leaf) else leaf, residual_of)
    change = _change(_Solution(system, np.asarray(c), solver), of_all(jnp.asarray(c)))
    return of_first_order(c - change.reshape(c.shape)), stats


class _Solution:
    """Where the adjoint is solved."""

    def __init__(self, system: Distributed, c: Float[np.ndarray, "n *f"], solver: str):
        self.system, self.c, self.solver = system, c, solver

    def pulled(self, cotangent: Any) -> np.ndarray:
        """A⁻ᵀ of it, at this process's rows."""
        adjoint = self._factor.solve_transposed(np.asarray(cotangent))
        return adjoint[self.system.layout.rows]

    @functools.cached_property
    def _factor(self) -> Any:
        return factor(self.system.linearised(self.c)[1], self.solver)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _change(solution: _Solution, residual: Float[Array, " m"]) -> Float[Array, " n"]:
    """A⁻¹ (r − r̄) for the residual r of this process's rows and its value r̄: 0, with the derivative of A⁻¹ r."""
    return jnp.zeros(solution.c.size)


_change.defvjp(
    lambda solution, residual: (_change(solution, residual), None),
    lambda solution, _, cotangent: (jnp.asarray(solution.pulled(cotangent)),),
)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _of_all(processes: Processes, leaf: Float[Array, "..."]) -> Float[Array, "..."]:
    """What all processes have: its cotangent is the sum of theirs."""
    return leaf


_of_all.defvjp(
    lambda processes, leaf: (leaf, None),
    lambda processes, _, cotangent: (jnp.asarray(processes.summed(np.asarray(cotangent))),),
)
