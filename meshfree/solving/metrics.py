"""How good a solution is: its error where the exact one is known, and its residual off the nodes."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ..equations.assemble import assemble
from ..geometry.cloud import Cloud
from ..internal.expected import NUMBERS, OF_A_POINT, expects
from ..internal.watched import settled, watch
from ..pde.problem import Problem
from .solution import Solution

SAMPLES = 2000
_POINTS = NUMBERS._replace(phrase="points, an array (m, d),")
SAMPLE_SEED = 20_000  # apart from the seeds that clouds are usually made with


@settled
@expects(problem=Problem, u=OF_A_POINT, X=_POINTS)
def error(problem: Problem, u: Callable, X: ArrayLike | None = None) -> float:
    """The relative L2 error √(Σ|u − exact|² / Σ|exact|²) of a function u over points X, (m, d).

    By default over 2000 random points of the problem's domain, independent of every node. Raises ValueError for a
    problem without an exact solution, and without a domain where X is not given.
    """
    if problem.exact is None:
        raise ValueError("the problem has no exact solution: give Problem(..., exact=), or judge by mf.residual_norm")
    X = jnp.asarray(_independent_points(problem, u) if X is None else X, dtype=float)
    if X.ndim == 1:
        X = X[:, None]
    exact, values = _values(watch(problem.exact), X), u(X) if isinstance(u, Solution) else _values(watch(u), X)
    if exact.shape != values.shape:
        raise ValueError(f"the exact solution has values of shape {exact.shape} and u of shape {values.shape}")
    return float(jnp.linalg.norm(values - exact) / jnp.linalg.norm(exact))


@settled
@expects(problem=Problem, u=Solution, cloud=Cloud)
def residual_norm(problem: Problem, u: Solution, cloud: Cloud) -> float:
    """The root mean square of all residuals at the points of `cloud`, with the row weights of `solve`.

    In units of the interior residual. Off the nodes (on a cloud that is not u's own) it follows the error.
    """
    system = assemble(problem, u.space, cloud)
    return float(jnp.sqrt(jnp.mean(system.at_points(u.coefficients) ** 2)))


@eqx.filter_jit
def _values(u: Callable, X):
    return jax.vmap(u)(X)


def _independent_points(problem: Problem, u: Callable) -> np.ndarray:
    domain = problem.domain
    if domain is None and isinstance(u, Solution):
        domain = u.space.cloud.domain
    if domain is None:
        raise ValueError("neither the problem nor the cloud has a domain to draw points from: give X=")
    return domain.sample(SAMPLES, seed=SAMPLE_SEED)
