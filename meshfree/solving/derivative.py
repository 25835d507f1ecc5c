"""The derivative of a solution by anything its equations depend on (the implicit function theorem)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from ..equations.system import System
from ..internal.tracing import AnyArray
from ..linalg.interface import Factor

MAX_SWEEPS = 50  # of Richardson's iteration
CLOSE = 1e-12  # a step of it, relative to what it has found: the last one


class Solved(NamedTuple):
    """A solution with the equations linearised there, all of it known on the host."""

    coefficients: Float[np.ndarray, "n *f"]
    residual: Float[np.ndarray, " rows"]
    matrix: Float[np.ndarray, "rows unknowns"]
    factored: Factor
    affine: bool


@jax.custom_jvp
def of_first_order(c: Float[Array, "..."]) -> Float[Array, "..."]:
    """c itself; NotImplementedError for a second derivative of it, which would not be the right number."""
    return c


@of_first_order.defjvp
def _of_first_order_jvp(primals, tangents):
    # a factor beside every tangent that depends on c: to differentiate once more is to differentiate it
    return primals[0], tangents[0] * _one(primals[0])


@jax.custom_jvp
def _one(c):
    return jnp.ones((), c.dtype)


def _refuse(primals, tangents):
    if isinstance(tangents[0], SymbolicZero):
        return _one(*primals), jnp.zeros((), primals[0].dtype)
    raise NotImplementedError(
        "a solution has derivatives of first order only, and a second one was asked for, as by jax.hessian, grad of "
        "grad or jvp of grad through mf.solve or mf.interpolate: use differences of jax.grad, or the Gauss-Newton "
        "matrix J.T @ J with J = jax.jacobian of what is fitted"
    )


_one.defjvp(_refuse, symbolic_zeros=True)


def without_value(moved: Float[Array, ""]) -> Float[Array, ""]:
    """A number that is zero, and whose derivative is NaN wherever it is asked for."""

    def of(_, change):
        return jnp.where(change == 0, change, jnp.nan)  # in reverse, too: what is not asked for spoils nothing

    return jax.lax.custom_linear_solve(lambda x: x, moved, of, of)


def differentiable(
    residual_of: Callable,
    fixed_residual_of: Callable,
    c: Float[AnyArray, "n *f"],
    factored: Factor,
    square: bool,
    affine: bool,
) -> Float[Array, "n *f"]:
    """The solution c with its derivative, to first order, in forward and reverse mode; a second one is refused.

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
    return of_first_order(jnp.asarray(c) - change.reshape(c.shape))


def change_along(
    system: System, at: Solved, residual: Float[np.ndarray, " rows"], matrix: Float[np.ndarray, "rows unknowns"]
) -> Float[np.ndarray, "n *f"]:
    """dc of `differentiable` on the host, where `residual` and `matrix` are how the equations change at fixed c."""
    change = first = -at.factored.solve(residual)
    if at.matrix.shape[0] > at.matrix.shape[1]:
        change = first = first - at.factored.solve_normal(matrix.T @ at.residual)
        for _ in range(0 if at.affine else MAX_SWEEPS):
            _, curvature = system.along(at.coefficients, np.asarray(change).reshape(at.coefficients.shape), None)
            following = first - at.factored.solve_normal(curvature.T @ at.residual)
            moved, change = np.linalg.norm(following - change), following
            if moved <= CLOSE * np.linalg.norm(change):
                break
    return np.asarray(change).reshape(at.coefficients.shape)


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
            return (change > CLOSE * jnp.linalg.norm(x)) & (count < MAX_SWEEPS)

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
