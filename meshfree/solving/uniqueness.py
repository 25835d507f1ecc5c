"""Whether a solution is the only one, judged on functions: a basis that is merely ill-conditioned has one, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..equations.system import Matrix, System
from ..internal.batching import map_in_blocks
from ..linalg.interface import Factor

WELL_CONDITIONED = 1e5  # below it a unique solution is beyond doubt
NO_RESPONSE = 5e-4  # of the typical response of the equations to a function: less, and it is as good as free
NOT_UNIQUE = 1e-2  # a random function is recovered from its own data to this share, unless the problem is singular

SINGULAR_HINT = (
    "is there a condition that fixes the solution on some part of the boundary, and none twice? "
    "With solver='lu', use solver='qr'"
)


def check_unique(
    system: System, matrix: Matrix, factored: Factor, coefficients: Float[Array, "n *f"], stats: Mapping[str, Any]
) -> None:
    """ValueError where some function hardly changes the equations, unless the factor has refused that itself."""
    if factored.refuses_singular:
        return
    if stats["rank"] == stats["unknowns"] and stats["condition"] <= WELL_CONDITIONED:
        return
    missed, response = map(float, _signs(system, matrix, factored, coefficients))
    if not (missed < NOT_UNIQUE and response > NO_RESPONSE):
        raise ValueError(
            f"the system is singular: rank {stats['rank']} of {stats['unknowns']} unknowns; a random function is "
            f"recovered from its own data to {missed:.0e}, and some function changes the equations by only "
            f"{response:.0e} of what is typical ({SINGULAR_HINT})"
        )


@eqx.filter_jit
def _signs(system: System, matrix: Matrix, factored: Factor, coefficients):
    """Two signs of a problem without a unique solution, which a basis that is merely ill-conditioned does not show,
    since its null vectors are null functions: how far a random function is from what its own data give back, and
    ‖A c‖/‖u‖ over its typical size for the function that the equations see least, by inverse iteration.
    """
    points = jnp.asarray(system.space.cloud.points)

    def values(c):
        return map_in_blocks(system.space.function(c), points, system.space.size)

    c = jax.random.normal(jax.random.key(0), coefficients.shape)
    recovered = factored.solve(matrix @ jnp.ravel(c)).reshape(c.shape)
    missed = jnp.linalg.norm(values(c - recovered)) / jnp.linalg.norm(values(c))
    for _ in range(2):
        u, pull = jax.vjp(values, c / jnp.linalg.norm(c))
        c = factored.solve_normal(jnp.ravel(pull(u)[0])).reshape(c.shape)
    response = _rms(matrix @ jnp.ravel(c)) / _rms(values(c))
    return missed, response / system.typical_size(coefficients)


def _rms(values):
    return jnp.sqrt(jnp.mean(values**2))
