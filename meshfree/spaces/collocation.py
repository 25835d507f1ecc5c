"""Translates of one kernel to a cloud's points, with an optional polynomial tail (Kansa 1990; Fasshauer 2007)."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from ..geometry.cloud import Cloud
from ..internal.descriptions import IN_OLDER_FILES
from ..internal.expected import INTEGER, NUMBER, NUMBERS, expects
from ..internal.tracing import is_traced
from ..kernels import Kernel
from ..kernels.images import Repeated, images_for
from ..pde.multi_indices import monomials, total_degree
from ..pde.operators import laplacian
from .base import GlobalSpace, moves_kernel_only
from .compact_translates import Translates, coupling, few_columns
from .kernel_rows import combined, on_translates, values
from .nearest_fits import NearestFits
from .polynomial_tail import Tail, tail_over, warn_of_low_degree

_CENTERS = NUMBERS._replace(phrase="points, an array (n, d),")


class Collocation(GlobalSpace):
    """u(x) = Σⱼ cⱼ k(x, yⱼ) + Σᵢ bᵢ pᵢ(x), yⱼ the centers, pᵢ all monomials up to `degree` (−1: no tail).

    With a tail, Σⱼ cⱼ pᵢ(yⱼ) = 0 closes the system; pᵢ is taken about the cloud's middle in units of its extent, so
    that neither origin nor unit of length matter (`polynomial_tail.Tail`). The centers are the cloud's points unless
    given; they and the kernel's parameters are trainable. Translates of smooth kernels need nodes that cluster at the
    boundary (`domain.cloud(..., cluster=1)`) and reach their best accuracy far beyond condition 1e16, with pivoted QR.

    A kernel of compact support that holds few centers, at most a fifth of them, makes sparse equations; `reach`, 1.25
    times the support by default, is then how far tuning may widen it (a loss beyond is not finite).

    On a periodic domain the translates of a kernel that decays, as Gaussian, Matern and Wendland do, are summed over
    their images, and of those that do not only `mf.Periodic` of the domain's period serves; a tail is of degree 0.
    `reach` is then how far the kernel may be widened, 1.25 times as far as it reaches by default.

    Raises ValueError for centers that do not determine the polynomials: too few, or on a line. Warns of a tail below
    the degree that the kernel needs, ⌊m/2⌋ for `Polyharmonic(m)` and 0 for `Multiquadric`.
    """

    kernel: Kernel
    cloud: Cloud
    centers: Float[Array, "n d"]
    columns: Int[np.ndarray | Array, "m k"] | None  # of the local basis, at the cloud's points
    degree: int = eqx.field(static=True)
    images: tuple[int, ...] | None = eqx.field(static=True, metadata={IN_OLDER_FILES: None})  # None: nothing repeats
    tail: Tail | None = eqx.field(metadata={IN_OLDER_FILES: None})  # None: none, or monomials in x itself

    @expects(kernel=Kernel, cloud=Cloud, degree=INTEGER, centers=_CENTERS, reach=NUMBER)
    def __init__(
        self,
        kernel: Kernel,
        cloud: Cloud,
        *,
        degree: int = -1,
        centers: ArrayLike | None = None,
        reach: float | None = None,
    ):
        if degree < -1:
            raise ValueError(f"degree is that of the polynomial tail, an integer, -1 for none; got {degree}")
        self.kernel, self.cloud, self.degree = kernel, cloud, degree
        chosen: Any = cloud.points if centers is None else centers
        self.centers = chosen
        if jnp.ndim(self.centers) != 2 or jnp.shape(self.centers)[1] != cloud.dim:
            raise ValueError(f"centers must have shape (n, {cloud.dim}); got {jnp.shape(self.centers)}")
        self.check_dimension(kernel)
        warn_of_low_degree(kernel, self.degree)
        self.images = None if cloud.periods is None else images_for(kernel, cloud.periods, reach)
        if self.images is not None and self.degree > 0:
            raise ValueError(
                f"polynomials of degree {self.degree} are not periodic, and the domain is: use degree=0 or no tail"
            )
        self.columns = None if self.degree >= 0 else few_columns(kernel, cloud, self.centers, reach)
        self.tail = tail_over(kernel, cloud.points, self.centers, self.degree) if self.degree >= 0 else None

    @property
    def size(self) -> int:
        return len(self.centers) + len(self._exponents)

    def on(self, cloud):
        """The centers are the points of the new cloud."""
        return Collocation(self.kernel, cloud, degree=self.degree)

    def of_nearest(self, points, smoothing, count):
        if self.images is not None:
            return None
        return NearestFits.of(self.kernel, self.cloud, points, smoothing, self.degree, count)

    @property
    def local_basis(self):
        periods = None if self.cloud.periods is None else tuple(self.cloud.periods.tolist())
        return None if self.columns is None else Translates(self._repeated, self.centers, self.columns, periods)

    @property
    def _repeated(self) -> Kernel:
        """The kernel, summed over images where the domain repeats."""
        return self._summed_over_images(self.kernel)

    def _summed_over_images(self, kernel: Kernel) -> Kernel:
        if self.images is None or self.cloud.periods is None:
            return kernel
        return Repeated(kernel, tuple(self.cloud.periods.tolist()), self.images)

    @property
    def is_compact(self) -> bool:
        """Whether the kernel is zero beyond a known distance."""
        return not is_traced(self.kernel) and bool(np.isfinite(self.kernel.support))

    def sparsity(self, X):
        return coupling(self.kernel, self.centers, X, self.cloud.periods) if self.is_compact else {}

    def nested(self):
        """Two of three translates, spread evenly, and the polynomials."""
        count = len(self.centers)
        kept = np.random.default_rng(0).permutation(count)[: 2 * count // 3]
        return np.concatenate([np.sort(kept), np.arange(count, self.size)])

    @property
    def translated_to(self):
        return self.centers

    def describe(self):
        tail = f" + polynomials of degree {self.degree}" * (self.degree >= 0)
        return f"Collocation{tail}, {self.kernel!r}"

    def basis(self, x):
        kernel = self._repeated
        translates = jax.vmap(lambda y: kernel.eval(x, y))(jnp.asarray(self.centers))
        return self._with_tail(translates, self._polynomials, x)

    def basis_laplacian(self, x):
        kernel = self._repeated
        translates = jax.vmap(lambda y: kernel.laplacian(x, y))(jnp.asarray(self.centers))
        return self._with_tail(translates, laplacian(self._polynomials), x)

    def side_conditions(self):
        if not is_traced(self):
            if self.degree < 0:
                return np.zeros((0, self.size))
            moments = self._tail.derivatives(np.asarray(self.centers), 0)[:, 0].T
            return np.pad(moments, ((0, 0), (0, len(self._exponents))))
        moments = jax.vmap(self._polynomials)(jnp.asarray(self.centers)).T
        return jnp.pad(moments, ((0, 0), (0, len(self._exponents))))

    def rows(self, X, functionals, order):
        centers = np.asarray(self.centers)
        if functionals.shape[1:] == (1, 1):
            found = values(self._repeated, X, centers, self.size)
            found[:, len(centers) :] = self._of_tail(X)
            return (found if np.all(functionals == 1) else found * functionals[:, 0])[:, None]
        translates = on_translates(self._repeated, X, centers, functionals, order)
        if self.degree < 0:
            return translates
        return np.concatenate([translates, functionals @ self._tail.derivatives(X, order)], axis=2)

    def rows_along(self, X, functionals, order, direction):
        if not moves_kernel_only(direction):
            return None
        moving = self._summed_over_images(direction.kernel)
        translates = on_translates(self._repeated, X, np.asarray(self.centers), functionals, order, moving)
        return np.pad(translates, ((0, 0), (0, 0), (0, len(self._exponents))))

    def values(self, X, coefficients):
        centers = np.asarray(self.centers)
        of_each = coefficients.reshape(self.size, -1)
        found = combined(self._repeated, X, centers, of_each[: len(centers)])
        found += self._of_tail(X) @ of_each[len(centers) :]
        return found.reshape(len(X), *coefficients.shape[1:])

    def _of_tail(self, X) -> Float[np.ndarray, "m q"]:
        return self._tail.derivatives(X, 0)[:, 0] if self.degree >= 0 else np.zeros((len(X), 0))

    @property
    def _tail(self) -> Tail:
        dim = self.cloud.dim
        return Tail(np.zeros(dim), np.ones(dim), np.ones(()), self.degree) if self.tail is None else self.tail

    @property
    def _exponents(self):
        return total_degree(self.cloud.dim, self.degree)

    def _polynomials(self, x):
        return monomials(x, self._exponents) if self.tail is None else self.tail(x)

    def _with_tail(self, translates, tail, x):
        return jnp.concatenate([translates, tail(x)]) if self.degree >= 0 else translates
