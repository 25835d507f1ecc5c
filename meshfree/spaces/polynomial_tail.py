"""The polynomials beside the translates of a kernel, and whether given centers determine them."""

from __future__ import annotations

import math
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..internal.tracing import is_traced
from ..kernels import Kernel
from ..pde.multi_indices import monomials, total_degree

SAMPLE = 16  # centers between which a kernel's size is measured
NOISE = 10 * np.finfo(float).eps  # of a coordinate: a direction of the polynomials that is no larger is not there


class Tail(eqx.Module):
    """height · ((x − origin)/extent)ⁱ for all multi-indices i up to `degree`: (d,) -> (q,).

    The cloud's bounding box is mapped to [−1, 1]^d, and `height` is the size of the kernel's values on it, so that the
    rows and columns of the polynomials are as large as the kernel's in every unit of length and about every origin.
    """

    origin: Float[np.ndarray | Array, " d"]
    extent: Float[np.ndarray | Array, " d"]
    height: Float[np.ndarray | Array, ""]
    degree: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, " q"]:
        origin, extent, height = (jnp.asarray(leaf, x.dtype) for leaf in (self.origin, self.extent, self.height))
        return height * monomials((x - origin) / extent, total_degree(x.size, self.degree))

    def derivatives(self, X: Float[np.ndarray, "m d"], order: int) -> Float[np.ndarray, "m J q"]:
        """Dᵅ at points, α the rows of `total_degree(d, order)`."""
        exponents, scaled = total_degree(X.shape[1], self.degree), (X - self.origin) / self.extent
        found = []
        for alpha in total_degree(X.shape[1], order):
            left = np.maximum(exponents - alpha, 0)
            factors = [math.prod(map(math.perm, map(int, beta), map(int, alpha))) for beta in exponents]
            found.append(np.prod(scaled[:, None, :] ** left, axis=2) * factors / np.prod(self.extent**alpha))
        return np.asarray(self.height) * np.stack(found, axis=1)


def tail_over(kernel: Kernel, points, centers, degree: int) -> Tail:
    """The polynomials up to `degree` over a cloud's points; ValueError for centers that do not determine them."""
    array = jnp if is_traced(points) else np
    points = array.asarray(points)
    lower, upper = array.min(points, axis=0), array.max(points, axis=0)
    extent = array.where(upper > lower, (upper - lower) / 2, 1.0)
    tail = Tail((lower + upper) / 2, extent, _size_of(kernel, centers), degree)
    if not is_traced(points, centers):
        _check_determined(tail, np.asarray(centers))
    return tail


def warn_of_low_degree(kernel: Kernel, degree: int) -> None:
    """A warning of polynomials below those that the kernel needs, unless there are none at all."""
    if kernel.tail is not None and -1 < degree < kernel.tail:
        warnings.warn(
            f"polynomials of degree {degree} beside {kernel.describe()}, which needs those of degree {kernel.tail}: "
            f"the system may be singular. Give degree={kernel.tail} or more",
            stacklevel=6,
        )


def _size_of(kernel: Kernel, centers):
    """The largest value of the kernel between some of the centers, a constant in every derivative; 1 where it is 0."""
    sample = centers[:: max(len(centers) // SAMPLE, 1)]
    values = jax.lax.stop_gradient(jnp.abs(kernel(sample, sample)))
    height = jnp.max(jnp.where(jnp.isfinite(values), values, 0.0))
    height = jnp.where(height > 0, height, 1.0)
    return height if is_traced(height) else np.asarray(height, dtype=float)


def _check_determined(tail: Tail, centers: Float[np.ndarray, "n d"]) -> None:
    dim, count = centers.shape[1], math.comb(tail.degree + centers.shape[1], tail.degree)
    of_what = f"polynomials of degree {tail.degree} in {dim} dimensions, {count} in number"
    if len(centers) < count:
        raise ValueError(
            f"{len(centers)} centers do not determine the {of_what}: give at least {count} centers, or a lower degree="
        )
    scaled = (centers - tail.origin) / tail.extent
    values = np.linalg.svd(np.prod(scaled[:, None, :] ** total_degree(dim, tail.degree), axis=2), compute_uv=False)
    rounding = NOISE * max(1.0, np.max(np.abs(centers) / tail.extent, initial=0.0))
    rank = int(np.sum(values > rounding * values[0]))
    if rank < count:
        raise ValueError(
            f"the {len(centers)} centers determine only {rank} of the {of_what}, as centers on a line, on a circle or "
            "on a coarse lattice do: give other centers, or a lower degree="
        )
