"""How large a residual's operator is, measured on plane waves, and the row weights that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ..internal.tracing import module_of
from ..pde.jets import HIGHEST
from ..pde.multi_indices import total_degree
from ..pde.problem import linearise
from .conditions import Group, Zero, check_residual, is_inside, sample_of

WAVES = 8  # directions of the plane waves that measure an operator's size
SURER = 0.1  # of the rows of the equation, that those of the surest data are


@eqx.filter_jit
def measured_weights(
    groups: list[Group], fields: int, spacing: Any, around: Callable | None
) -> tuple[dict[str, Float[Array, " c"]], Float[Array, ""]]:
    """The weight of each part's components, data among them, and the size of the interior operator: see `assemble`."""
    sizes: dict[str, Array] = {}
    of_data: dict[str, Array] = {}
    for group in groups:
        check_residual(group, fields)
        waves = extent_of(groups) / jnp.pi if group.is_data else spacing
        size = operator_size(group, fields, waves, around)
        (of_data if group.is_data else sizes).update({name: size for name, _ in group.parts})
    weights, magnitude = weights_by_size(sizes, jnp)
    if of_data:
        inside = next(group for group in groups if is_inside(group))
        on_long_waves = operator_size(inside, fields, extent_of(groups) / jnp.pi, around)
        weights |= weights_of_data(weights["interior"] * on_long_waves, of_data, magnitude)
    return weights, magnitude


def extent_of(groups: list[Group]) -> Any:
    """The diagonal of the bounding box of their points."""
    array = module_of(*(group.points for group in groups))
    points = array.concatenate([group.points for group in groups])
    return array.linalg.norm(array.max(points, axis=0) - array.min(points, axis=0))


def weights_by_size(sizes: dict[str, Any], array: ModuleType) -> tuple[dict[str, Any], Any]:
    """The weights that make the components of all parts as large as the interior, and the size of that."""

    def usable(size):
        return array.isfinite(size) & (size > 0)

    magnitude = array.sqrt(array.mean(sizes.get("interior", array.ones(1)) ** 2))
    magnitude = array.where(usable(magnitude), magnitude, 1.0)
    return {name: magnitude / array.where(usable(size), size, 1.0) for name, size in sizes.items()}, magnitude


def weights_of_data(inside: Any, sizes: Mapping[str, Any], magnitude: Any) -> dict[str, Any]:
    """One weight for all data, of which the rows are over their noise: see `mf.Data`.

    `inside`: the sizes of the weighted components of the interior on waves as long as the cloud, `sizes` those of the
    data's rows; `magnitude`: in place of the first where it is zero or not finite, as where u = 0 is critical.
    """
    array = module_of(inside, magnitude, *sizes.values())
    long_waves = array.sqrt(array.mean(inside**2))
    long_waves = array.where(array.isfinite(long_waves) & (long_waves > 0), long_waves, magnitude)
    surest = array.max(array.concatenate(list(sizes.values())))
    weight = SURER * long_waves / array.where(array.isfinite(surest) & (surest > 0), surest, 1.0)
    return {name: array.broadcast_to(weight, size.shape) for name, size in sizes.items()}


def size_on_waves(gradient: Float[Any, "m c f J"], spacing: Any, dim: int, array: ModuleType) -> Float[Any, " c"]:
    """What `operator_size` measures, from the gradients by the jets: those of plane waves are known."""
    order = next(order for order in range(HIGHEST + 1) if len(total_degree(dim, order)) == gradient.shape[3])
    exponents = total_degree(dim, order)
    degrees = exponents.sum(axis=1)
    along = np.prod(_directions(dim)[:, None, :] ** exponents, axis=2)  # (W, J)
    # the derivatives of cos(t − phase) at t = 0, without the factor 1/spacing
    turning = np.round(np.stack([np.cos(degrees * np.pi / 2), np.sin(degrees * np.pi / 2)]))  # (phases, J)
    powers = (array.asarray(spacing) ** -degrees.astype(float))[None, None]
    jets = turning[None] * along[:, None] * powers  # (W, phases, J)
    values = array.einsum("mcfj,wpj->mwfpc", gradient, jets)
    return array.sqrt(array.sum(array.mean(values**2, axis=(0, 1)), axis=(0, 1)))


def symbols(gradient: Float[Any, "m c f J"], wavenumber: float, dim: int) -> Complex[np.ndarray, "m W c f"]:
    """What functionals make of plane waves exp(iκ·x) of one wavenumber, in several directions, at x = 0."""
    order = next(order for order in range(HIGHEST + 1) if len(total_degree(dim, order)) == gradient.shape[3])
    exponents = total_degree(dim, order)
    along = np.prod(_directions(dim)[:, None, :] ** exponents, axis=2)  # (W, J)
    return np.einsum("mcfj,wj->mwcf", gradient, along * (1j * wavenumber) ** exponents.sum(axis=1))


def _directions(dim: int) -> Float[np.ndarray, "W d"]:
    drawn = np.random.default_rng(0).standard_normal((WAVES, dim))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def operator_size(group: Group, fields: int, spacing: Any, around: Callable | None) -> Float[Array, " c"]:
    """The root mean square of the linearised residual's components over plane waves, points and fields: (c,)."""
    u = around if around is not None else Zero(fields)
    sample, directions = sample_of(group.points), jnp.asarray(_directions(group.points.shape[1]))
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
