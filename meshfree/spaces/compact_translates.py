"""Translates of a kernel of compact support as a local basis."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..geometry.cloud import Cloud
from ..geometry.periods import Periods, nearest_image
from ..internal.batching import in_padded_blocks
from ..internal.tracing import is_traced
from ..kernels import Kernel
from ..pde.jets import derivatives_at
from .base import LocalBasis
from .neighbours import counts_within, nearest

FILL = 0.2  # of the matrix, up to which a sparse one is the better
WIDENED = 1.25  # the default reach, in supports
POINTS = 512  # at which rows are made at a time, at most
BLOCK = 2**22  # entries with their derivatives that are made at a time


class Translates(LocalBasis):
    """Translates of a kernel of compact support: at any point the nearest, all that reach it among them."""

    kernel: Kernel
    centers: Float[np.ndarray | Array, "n d"]
    columns: Int[np.ndarray | Array, "m k"]
    periods: tuple[float, ...] | None = eqx.field(static=True, default=None)

    @property
    def own_columns(self):
        return self.columns

    def columns_at(self, X):
        width = self.columns.shape[1]
        if not is_traced(self, X):
            support = float(self.kernel.support)
            width = width_within(np.asarray(self.centers), np.asarray(X), support, self._lengths)
        return nearest(self.centers, X, width, self._lengths)

    @property
    def _lengths(self) -> Periods:
        return None if self.periods is None else np.array(self.periods)

    def weights(self, X, columns, functionals, order):
        if is_traced(self, X, columns, functionals):
            return _weights(self, jnp.asarray(X), columns, functionals, order)
        size = min(max(BLOCK // (columns.shape[1] * functionals.shape[2]), 1), POINTS)
        return in_padded_blocks(
            lambda X, columns, functionals: _weights(self, X, columns, functionals, order),
            (X, columns, functionals),
            size,
        )


@eqx.filter_jit
def _weights(basis: Translates, X, columns, functionals, order: int):
    def at_one(x, columns, functionals):
        centers = jnp.asarray(basis.centers)[columns]
        derivatives = derivatives_at(lambda y: jax.vmap(lambda z: basis.kernel.eval(y, z))(centers), x, order)
        # the farthest column tells whether the support holds more of them
        complete = jnp.sum(nearest_image(x - centers[-1], basis._lengths) ** 2) >= basis.kernel.support**2
        complete = complete | (len(columns) == len(basis.centers))
        return jnp.where(complete, functionals @ derivatives, jnp.nan)

    return jax.vmap(at_one)(X, columns, functionals)


def few_columns(kernel: Kernel, cloud: Cloud, centers, reach: float | None) -> np.ndarray | None:
    """The nearest centers of every point, all within reach among them; None where they are not few."""
    if is_traced(kernel, cloud, centers) or not np.isfinite(kernel.support):
        if reach is not None:
            raise ValueError(f"reach= is for kernels of compact support; got {kernel.describe()}")
        return None
    centers, points = np.asarray(centers), np.asarray(cloud.points)
    width = width_within(centers, points, checked_reach(kernel, reach), cloud.periods)
    return np.asarray(nearest(centers, points, width, cloud.periods)) if width <= FILL * len(centers) else None


def checked_reach(kernel: Kernel, reach: float | None) -> float:
    """The reach of a kernel of compact support, by default 1.25 supports; ValueError for less than one."""
    support = float(kernel.support)
    reach = WIDENED * support if reach is None else float(reach)
    if not reach >= support:
        raise ValueError(f"reach must be at least the support, {support:.4g}; got {reach:.4g}")
    return reach


def width_within(centers: np.ndarray, X: np.ndarray, distance: float, periods: Periods = None) -> int:
    """How many nearest centers hold all within the distance of any of the points, and the next, if there is one."""
    return min(int(np.max(counts_within(centers, X, distance, periods))) + 1, len(centers))


def coupling(kernel: Kernel, centers, X, periods: Periods = None) -> dict[str, float]:
    """What a compact support buys: how many centers a row sees in the mean, and the share of the matrix they fill."""
    support, centers = float(kernel.support), np.asarray(centers)
    seen = float(np.mean(counts_within(centers, np.asarray(X), support, periods)))
    return {"support": support, "centers_per_row": seen, "fill": seen / len(centers)}
