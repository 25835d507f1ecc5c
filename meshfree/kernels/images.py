"""Kernels summed over the images of a point: those of functions that repeat."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..internal.tracing import is_traced
from .families import Gaussian
from .kernel import Kernel, Scaled, Sum, one_floating_type
from .oscillating import Periodic

WIDENED = 1.25  # times the reach of the kernel that images are summed up to: as far as tuning may widen it
MOST_IMAGES = 1000  # of a point
SAME = 1e-10  # relative difference of periods that are equal


class Repeated(Kernel):
    """Σₘ k(x, y + m∘L), the images of y up to `images` periods on either side of that nearest to x.

    `periods`: L, infinite along axes that do not repeat. A `Periodic` kernel, of that very period, is taken as it is,
    and a Gaussian's sum is a product over the axes. NaN where the kernel reaches further than the images that are
    summed, as after tuning: what is left out is below 1e-17 otherwise.
    """

    kernel: Kernel
    periods: tuple[float, ...] = eqx.field(static=True)
    images: tuple[int, ...] = eqx.field(static=True)

    @property
    def smoothness(self) -> float:
        return self.kernel.smoothness

    @property
    def support(self):
        return self.kernel.support

    @property
    def tail(self):
        return self.kernel.tail

    def eval(self, x, y):
        x, y = one_floating_type(x, y)
        return self._summed(self.kernel, "eval", x, self._nearest(x, y))

    def laplacian(self, x, y):
        x, y = one_floating_type(x, y)
        return self._summed(self.kernel, "laplacian", x, self._nearest(x, y))

    def _nearest(self, x, y) -> Float[Array, " d"]:
        """The image of y nearest to x."""
        lengths = jnp.asarray([length if math.isfinite(length) else 0.0 for length in self.periods], x.dtype)
        return y + lengths * jnp.round((x - y) / jnp.where(lengths > 0, lengths, 1))

    def _summed(self, kernel: Kernel, what: str, x, y) -> Float[Array, ""]:
        if isinstance(kernel, Sum):
            return self._summed(kernel.left, what, x, y) + self._summed(kernel.right, what, x, y)
        if isinstance(kernel, Scaled):
            value = self._summed(kernel.kernel, what, x, y)
            return kernel.amplitude.astype(value.dtype) * value
        of_pair = getattr(kernel, what)
        if isinstance(kernel, Periodic):
            return of_pair(x, y)
        if isinstance(kernel, Gaussian):
            found = self._of_gaussian(kernel, what, x, y)
        else:
            shifts = jnp.asarray(list(itertools.product(*(self._shifts(axis) for axis in range(x.size)))), x.dtype)
            each = jax.vmap(lambda shift: of_pair(x, y + shift))(shifts) if len(shifts) > 1 else of_pair(x, y)[None]
            found = jnp.sum(each)
        return jnp.where(self._suffices(kernel, x.dtype), found, jnp.nan)

    def _of_gaussian(self, kernel: Gaussian, what: str, x, y) -> Float[Array, ""]:
        """Πₖ Sₖ, Sₖ = Σ e^(−t²) over the images along an axis, t = δ/scale; or Σₖ Sₖ″ Π_(l≠k) Sₗ."""
        inverse = jnp.broadcast_to(1 / kernel.scale.astype(x.dtype), x.shape)
        sums, bends = [], []
        for axis in range(x.size):
            t = (x[axis] - y[axis] - jnp.asarray(self._shifts(axis), x.dtype)) * inverse[axis]
            each = jnp.exp(-(t**2))
            sums.append(jnp.sum(each))
            bends.append(jnp.sum((4 * t**2 - 2) * each) * inverse[axis] ** 2)
        if what == "eval":
            return _product(sums)
        return functools.reduce(operator.add, [_product([*sums[:k], bends[k], *sums[k + 1 :]]) for k in range(x.size)])

    def _shifts(self, axis: int) -> list[float]:
        count = self.images[axis]
        return [turn * self.periods[axis] for turn in range(-count, count + 1)] if count else [0.0]

    def _suffices(self, kernel: Kernel, dtype) -> Any:
        """Whether all images that the kernel reaches are summed; the next is half a period nearer than its turns."""
        summed = [
            (count + 0.5) * length for count, length in zip(self.images, self.periods, strict=True) if length < math.inf
        ]
        return jnp.asarray(reach_of(kernel), dtype) <= min(summed) * (1 + SAME)


def _product(factors: list) -> Any:
    return functools.reduce(operator.mul, factors)


def images_for(kernel: Kernel, periods: Float[np.ndarray, " d"], reach: float | None = None) -> tuple[int, ...]:
    """How many images on either side, along each axis, a kernel is summed over, and some more for tuning.

    `reach`: the distance that it may be widened to. Raises ValueError, with the remedy, for a kernel that does not
    decay, for a `Periodic` one of other periods, and for more images than are worth it.
    """
    _check_periods(kernel, periods)
    if is_traced(kernel):
        raise ValueError(
            "the images that a kernel is summed over on a periodic domain are counted when the space is made: make it "
            "outside of jit and grad, and change its kernel with mf.tune or eqx.tree_at"
        )
    farthest = WIDENED * float(_reach_of_parts(kernel)) if reach is None else reach
    if not math.isfinite(farthest):
        raise ValueError(
            f"{kernel.describe()} does not decay, so that its images on a periodic domain cannot be summed: use "
            f"mf.Periodic({_shown(periods)}), a kernel that decays as Gaussian, Matern and Wendland do, or another "
            "space, mf.Stencils or mf.Eigenbasis"
        )
    images = tuple(math.ceil(farthest / length + 0.5) - 1 if length < math.inf else 0 for length in periods)
    count = math.prod(2 * n + 1 for n in images)
    if count > MOST_IMAGES and not isinstance(kernel, Gaussian):
        raise ValueError(
            f"{kernel!r} reaches {farthest:.3g} far, over {count} images of every point on a domain of period "
            f"{_shown(periods)}: use a smaller scale, mf.Gaussian, mf.Periodic({_shown(periods)}) or mf.Eigenbasis"
        )
    return images


def reach_of(kernel: Kernel) -> Any:
    """The distance beyond which a kernel is less than 1e-17 of what it is at 0."""
    return kernel.reach


def _reach_of_parts(kernel: Kernel) -> Any:
    """The farthest of the summands', but those that repeat by themselves."""
    if isinstance(kernel, Sum):
        return max(_reach_of_parts(kernel.left), _reach_of_parts(kernel.right))
    if isinstance(kernel, Scaled):
        return _reach_of_parts(kernel.kernel)
    return 0.0 if isinstance(kernel, Periodic) else float(kernel.reach)


def _check_periods(kernel: Kernel, periods: Float[np.ndarray, " d"]) -> None:
    for part in kernel._parts():
        _check_periods(part, periods)
    if isinstance(kernel, Periodic) and not is_traced(kernel):
        axes = np.isfinite(periods)
        own = np.broadcast_to(np.asarray(kernel.period), periods.shape)
        if np.any(np.abs(own[axes] - periods[axes]) > SAME * periods[axes]):
            raise ValueError(
                f"{kernel!r} has another period than the domain, {_shown(periods)}: use mf.Periodic({_shown(periods)})"
            )


def _shown(periods: Float[np.ndarray, " d"]) -> str:
    lengths = [float(length) for length in periods]
    return f"{lengths[0]:g}" if len(set(lengths)) == 1 else "(" + ", ".join(f"{length:g}" for length in lengths) + ")"
