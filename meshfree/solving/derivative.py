"""The derivative of a solution by anything its equations depend on (the implicit function theorem)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..internal.tracing import AnyArray
from ..linalg.interface import Factor

MAX_SWEEPS = 50  # of Richardson's iteration


def differentiable(
    residual_of: Callable,
    fixed_residual_of: Callable,
    c: Float[AnyArray, "n *f"],
    factored: Factor,
    square: bool,
    affine: bool,
) -> Float[Array, "n *f"]:
    """The solution c with its derivative, to first order, in forward and reverse mode.

    `residual_of(c)` is the residual as a function of everything it depends on, `fixed_residual_of` the same with
    all but c stopped, `factored` the matrix A = dr/dc at the solution.

    Square: dc = −A⁻¹ dr. Least squares: dc = −(I + N S)⁻¹ (A⁺ dr + N dAᵀ r) with N = (AᵀA)⁻¹ and S = Σ rᵢ∇²rᵢ, which
    is zero for a linear problem (the implicit function theorem on Aᵀr = 0).
    """
    residual = residual_of(c)
    fixed = jax.lax.stop_gradient(residual)
    change = factored.solve(residual - fixed)
    if not square:
        normal = _normal_residual(residual_of, c, fixed)
        change = change + factored.solve_normal(normal - jax.lax.stop_gradient(normal))
        if not affine:
            change = _with_curvature(fixed_residual_of, c, fixed, factored, change)
    return jnp.asarray(c) - change.reshape(c.shape)


def _normal_residual(residual_of, c, fixed):
    """Aᵀr with r fixed: its derivative is dAᵀ r."""
    return jnp.ravel(jax.vjp(residual_of, c)[1](fixed)[0])


def _with_curvature(residual_of, c, fixed, factored: Factor, b):
    """(I + N S)⁻¹ b by Richardson's iteration, which converges where Gauss-Newton does."""

    def curvature(v):
        return jax.jvp(lambda c: _normal_residual(residual_of, c, fixed), (c,), (v.reshape(c.shape),))[1]

    def richardson(step, b):
        def running(carry):
            x, change, count = carry
            return (change > 1e-12 * jnp.linalg.norm(x)) & (count < MAX_SWEEPS)

        def body(carry):
            x, _, count = carry
            following = b - step(x)
            return following, jnp.linalg.norm(following - x), count + 1

        return jax.lax.while_loop(running, body, (b, jnp.array(jnp.inf), jnp.array(0)))[0]

    def forward(v):
        return factored.solve_normal(curvature(v))

    def adjoint(v):
        return curvature(factored.solve_normal(v))

    return jax.lax.custom_linear_solve(
        lambda v: v + forward(v),
        b,
        lambda _, b: richardson(forward, b),
        lambda _, b: richardson(adjoint, b),
    )
