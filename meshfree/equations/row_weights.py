"""How large a residual's operator is, measured on plane waves, and the row weights that follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..pde.problem import linearise
from .conditions import Group, Zero, check_residual

WAVES = 8  # directions of the plane waves that measure an operator's size
SAMPLE = 64  # points of a part at which they are measured


@eqx.filter_jit
def measured_weights(
    groups: list[Group], fields: int, spacing: Any, around: Callable | None
) -> tuple[dict[str, Float[Array, " c"]], Float[Array, ""]]:
    """The weight of each part's components, and the size of the interior operator: see `assemble`."""
    sizes: dict[str, Array] = {}
    for group in groups:
        check_residual(group, fields)
        size = operator_size(group, fields, spacing, around)
        sizes |= {name: size for name, _ in group.parts}
    magnitude = jnp.sqrt(jnp.mean(sizes.get("interior", jnp.ones(1)) ** 2))
    magnitude = jnp.where(_usable(magnitude), magnitude, 1.0)
    weights = {name: magnitude / jnp.where(_usable(size), size, 1.0) for name, size in sizes.items()}
    return weights, magnitude


def _usable(size):
    return jnp.isfinite(size) & (size > 0)


def operator_size(group: Group, fields: int, spacing: Any, around: Callable | None) -> Float[Array, " c"]:
    """The root mean square of the linearised residual's components over plane waves, points and fields: (c,)."""
    u = around if around is not None else Zero(fields)
    sample = slice(None, None, max(len(group.points) // SAMPLE, 1))
    drawn = np.random.default_rng(0).standard_normal((WAVES, group.points.shape[1]))
    directions = jnp.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
    units = jnp.eye(fields) if fields > 1 else jnp.ones((1,))

    def size(x, n, direction, unit, phase):
        def wave(y):
            return unit * jnp.cos(jnp.dot(direction, y - x) / spacing - phase)

        return jnp.atleast_1d(linearise(lambda v: group.residual(v, x, n), u, wave))

    axes = [
        (None, None, None, None, 0),
        (None, None, None, 0, None),
        (None, None, 0, None, None),
        (0, 0, None, None, None),
    ]
    for axis in axes:
        size = jax.vmap(size, in_axes=axis)
    phases = jnp.array([0.0, jnp.pi / 2])  # cosine and sine at the point itself: the modulus of the complex wave
    values = size(group.points[sample], group.normals[sample], directions, units, phases)
    return jnp.sqrt(jnp.sum(jnp.mean(values**2, axis=(0, 1)), axis=(0, 1)))
