"""Translates of one kernel of compact support on several levels, coarse and wide to fine and narrow.

Floater & Iske, J. Comput. Appl. Math. 73 (1996) 65-78, for interpolation; for collocation Fasshauer & Jerome, Adv.
Comput. Math. 11 (1999) 1-27, and Farrell & Wendland, SIAM J. Numer. Anal. 51 (2013), doi 10.1137/120899108.

Supports in proportion to the spacing keep the rows as full on all levels, but a row must hold enough centers: with too
few the error ceases to fall, as Fasshauer & Jerome saw, and Farrell & Wendland let the supports shrink more slowly.
Measured on Δu = f, u = sin πx sin πy, Wendland C⁴, supports of 4, 6 and 8 spacings: relative errors, coarse to fine.

| centers a row, at most | nodes: 33 | 99      | 330     | 1193    | 4516    | 17551   | one level: 1193 | 4516    |
|------------------------|-----------|---------|---------|---------|---------|---------|-----------------|---------|
| 56                     | 1.3e-1    | 3.3e-2  | 1.4e-2  | 8.3e-3  | 6.7e-3  | 6.4e-3  | 5.2e-1          | 8.0e-1  |
| 120                    | 3.8e-2    | 1.2e-2  | 3.8e-3  | 1.2e-3  | 4.6e-4  | 2.7e-4  | 6.6e-2          | 2.0e-1  |
| 209                    | 2.1e-2    | 6.4e-3  | 1.8e-3  | 4.7e-4  | 1.2e-4  | 3.9e-5  | 1.3e-2          | 3.5e-2  |
| 321, with shrink = 0.8 | 3.8e-2    | 1.1e-2  | 3.1e-3  | 7.7e-4  | 1.7e-4  |         |                 |         |

Going through the levels again, or least squares on more points a level, made it worse: neither is offered.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from ..geometry.cloud import Cloud
from ..geometry.periods import Periods
from ..internal.descriptions import IN_OLDER_FILES
from ..internal.expected import NUMBER, Kind, expects
from ..internal.tracing import is_traced
from ..kernels import Kernel, Stretched
from ..kernels.images import Repeated, images_for
from .base import GlobalSpace, LocalBasis
from .compact_translates import Translates, checked_reach, coupling, width_within
from .neighbours import nearest


def _several(clouds: Any) -> tuple[Cloud, ...]:
    found = (clouds,) if isinstance(clouds, Cloud) else tuple(clouds)
    if not all(isinstance(cloud, Cloud) for cloud in found):
        raise TypeError
    return found


_CLOUDS = Kind("a Cloud, or several of them, coarsest first,", _several)


class Multilevel(GlobalSpace):
    """u(x) = Σₗ Σⱼ cₗⱼ k((x − yₗⱼ)/ρₗ), yₗⱼ the points of cloud l, ρₗ = (hₗ/h₀)^shrink, hₗ the spacing of that cloud.

    The kernel's scale is that of the first level. `solve` and `interpolate` go through the levels: each makes the
    residual of the sum so far vanish at its own points, with its own sparse matrix only. The clouds need not be nested.

    With `shrink=1` a row holds as many centers on all levels; the error then falls by a factor a level that depends on
    how many these are. A smaller `shrink` keeps the finer supports wider, and their rows hold more.

    Good values: spacings halved from level to level, and a first support that holds some 200 centers on the finer
    levels, 8 spacings in two dimensions and 4 to 5 in three; `shrink` 0.8 where that is not enough. `reach`, 1.25 times
    the first support by default, is how far tuning may widen it.

    Raises ValueError for a kernel without compact support, or not `scalable`, and for clouds that are none, do not
    become finer, or differ in dimension or in the names of their parts.
    """

    kernel: Kernel
    cloud: Cloud  # the finest
    coarser: tuple[Cloud, ...]
    columns: tuple[tuple[Int[np.ndarray | Array, "m k"], ...], ...]  # [l][j]: of level j ≤ l at the points of cloud l
    shrink: float = eqx.field(static=True)
    images: tuple[tuple[int, ...], ...] | None = eqx.field(static=True, metadata={IN_OLDER_FILES: None})  # by level

    @expects(kernel=Kernel, clouds=_CLOUDS, shrink=NUMBER, reach=NUMBER)
    def __init__(
        self,
        kernel: Kernel,
        clouds: Cloud | Iterable[Cloud],
        *,
        shrink: float = 1.0,
        reach: float | None = None,
    ):
        *coarser, self.cloud = _checked_clouds(clouds)  # a tuple by now
        self.kernel, self.coarser, self.shrink = kernel, tuple(coarser), float(shrink)
        if not 0 < shrink <= 1:
            raise ValueError(f"shrink is the power of the spacing that the supports follow, in (0, 1]; got {shrink}")
        if is_traced(kernel, self.clouds):
            raise ValueError(
                "Multilevel looks for neighbours when it is made: make it outside of jit and grad, "
                "and change its kernel with mf.tune or eqx.tree_at"
            )
        if not np.isfinite(kernel.support):
            raise ValueError(f"Multilevel needs a kernel of compact support, as Wendland; got {kernel.describe()}")
        self.check_dimension(kernel)
        self.check_scalable(kernel)
        reaches = [checked_reach(kernel, reach) * float(factor) for factor in self.factors]
        points = [np.asarray(cloud.points) for cloud in self.clouds]
        periods = self.cloud.periods
        self.images = None if periods is None else tuple(images_for(kernel, periods, one) for one in reaches)
        self.columns = tuple(
            tuple(_columns(points[j], points[level], reaches[j], periods) for j in range(level + 1))
            for level in range(len(points))
        )

    @property
    def clouds(self) -> tuple[Cloud, ...]:
        """The clouds of all levels, coarse to fine."""
        return (*self.coarser, self.cloud)

    @property
    def factors(self):
        """ρₗ, the supports of the levels in those of the first."""
        array = jnp if is_traced(self.clouds) else np
        return [array.asarray((cloud.spacing / self.clouds[0].spacing) ** self.shrink) for cloud in self.clouds]

    @property
    def size(self) -> int:
        return sum(map(len, self.clouds))

    def on(self, cloud):
        """With the cloud as the finest level, below those that are there."""
        return Multilevel(self.kernel, (*self.clouds, cloud), shrink=self.shrink)

    @property
    def local_basis(self) -> Layers:
        sizes = [len(cloud) for cloud in self.clouds]
        return Layers(self.translates, tuple(int(start) for start in np.cumsum([0, *sizes[:-1]])))

    @property
    def translates(self) -> tuple[Translates, ...]:
        """The translates on each level."""
        kernels: list[Kernel] = [Stretched(self.kernel, rho) for rho in self.factors]
        periods = None if self.cloud.periods is None else tuple(self.cloud.periods.tolist())
        if periods is not None and self.images is not None:
            kernels = [Repeated(kernel, periods, count) for kernel, count in zip(kernels, self.images, strict=False)]
        each = zip(kernels, self.clouds, self.columns[-1], strict=True)
        return tuple(Translates(kernel, cloud.points, columns, periods) for kernel, cloud, columns in each)

    def levels(self):
        return tuple(self.coarsest(count) for count in range(1, len(self.clouds) + 1))

    def coarsest(self, count: int) -> Multilevel:
        """The space of the first `count` levels."""
        kept = (self.clouds[count - 1], self.clouds[: count - 1], self.columns[:count])
        return eqx.tree_at(lambda s: (s.cloud, s.coarser, s.columns), self, kept)

    def sparsity(self, X):
        finest = self.translates[-1]
        return coupling(finest.kernel, finest.centers, X, self.cloud.periods)

    def describe(self):
        return f"Multilevel of {len(self.clouds)} levels, {self.kernel!r}"

    def basis(self, x):
        return self._of_all_translates(lambda kernel, y: kernel.eval(x, y))

    def basis_laplacian(self, x):
        return self._of_all_translates(lambda kernel, y: kernel.laplacian(x, y))

    def side_conditions(self):
        return jnp.zeros((0, self.size))

    def _of_all_translates(self, value: Callable):
        levels = [(level.kernel, jnp.asarray(level.centers)) for level in self.translates]
        return jnp.concatenate([jax.vmap(functools.partial(value, kernel))(centers) for kernel, centers in levels])


def _columns(centers: np.ndarray, X: np.ndarray, reach: float, periods: Periods) -> np.ndarray:
    return np.asarray(nearest(centers, X, width_within(centers, X, reach, periods), periods))


def _checked_clouds(clouds: Any) -> tuple[Cloud, ...]:
    """The clouds; ValueError unless there are some, alike but finer and finer."""
    if not clouds:
        raise ValueError("Multilevel needs at least one cloud; got none")
    first = clouds[0]
    for cloud in clouds[1:]:
        if cloud.dim != first.dim:
            raise ValueError(f"the clouds of all levels are of one dimension; got {[c.dim for c in clouds]}")
        if set(cloud.parts) != set(first.parts):
            raise ValueError(
                f"the clouds of all levels have the same parts; got {sorted(first.parts)} and {sorted(cloud.parts)}"
            )
    spacings = [float(cloud.spacing) for cloud in clouds]
    if not all(coarse > fine for coarse, fine in itertools.pairwise([math.inf, *spacings])):
        shown = ", ".join(f"{spacing:.4g}" for spacing in spacings)
        raise ValueError(f"the clouds go from coarse to fine; their spacings are {shown}: sort them, coarsest first")
    return clouds


class Layers(LocalBasis):
    """The functions of all `layers`, those of layer i from column `starts[i]` on: a point has some of each."""

    layers: tuple[LocalBasis, ...]
    starts: tuple[int, ...] = eqx.field(static=True)

    @property
    def own_columns(self):
        return self._joined([layer.own_columns for layer in self.layers])

    def columns_at(self, X):
        return self._joined([layer.columns_at(X) for layer in self.layers])

    def weights(self, X, columns, functionals, order):
        parts = [
            layer.weights(X, own - start, functionals, order)
            for layer, own, start in zip(self.layers, self._parted(columns), self.starts, strict=True)
        ]
        return _concatenated(parts)

    def _joined(self, found):
        return _concatenated([columns + start for columns, start in zip(found, self.starts, strict=True)])

    def _parted(self, columns):
        """The columns of each layer; traced ones are as many as at the points of its own cloud."""
        if is_traced(columns):
            widths = [layer.own_columns.shape[1] for layer in self.layers]
            return jnp.split(columns, np.cumsum(widths[:-1]), axis=1)
        return np.split(columns, np.searchsorted(self._layer_of(columns[0]), np.arange(1, len(self.starts))), axis=1)

    def _layer_of(self, columns):
        return np.searchsorted(self.starts, columns, side="right") - 1


def _concatenated(parts):
    return (jnp if is_traced(parts) else np).concatenate(parts, axis=-1)
