"""Translates of one kernel to a cloud's points, with an optional polynomial tail (Kansa 1990; Fasshauer 2007)."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..clouds import Cloud
from ..kernels import Kernel
from ..operators import laplacian
from ..polynomials import monomials, total_degree
from .base import Space


class Collocation(Space):
    """u(x) = Σⱼ cⱼ k(x, yⱼ) + Σᵢ bᵢ pᵢ(x), yⱼ the centres, pᵢ all monomials up to `degree` (−1: no tail).

    With a tail, Σⱼ cⱼ pᵢ(yⱼ) = 0 closes the system. The centres are the cloud's points unless given; they and the
    kernel's parameters are trainable. Translates of smooth kernels need nodes that cluster at the boundary
    (`domain.cloud(..., cluster=1)`) and reach their best accuracy far beyond condition 1e16, with pivoted QR.
    """

    kernel: Kernel
    cloud: Cloud
    centers: Float[Array, "n d"]
    degree: int = eqx.field(static=True)

    def __init__(self, kernel: Kernel, cloud: Cloud, *, degree: int = -1, centers: ArrayLike | None = None):
        if degree < -1 or int(degree) != degree:
            raise ValueError(f"degree is that of the polynomial tail, a whole number, -1 for none; got {degree}")
        self.kernel, self.cloud, self.degree = kernel, cloud, int(degree)
        chosen: Any = cloud.points if centers is None else centers
        self.centers = chosen
        if jnp.ndim(self.centers) != 2 or jnp.shape(self.centers)[1] != cloud.dim:
            raise ValueError(f"centers must have shape (n, {cloud.dim}); got {jnp.shape(self.centers)}")
        self.check_dimension(kernel)

    @property
    def size(self) -> int:
        return len(self.centers) + len(self._exponents)

    def basis(self, x):
        translates = jax.vmap(lambda y: self.kernel.eval(x, y))(jnp.asarray(self.centers))
        return self._with_tail(translates, self._polynomials, x)

    def basis_laplacian(self, x):
        translates = jax.vmap(lambda y: self.kernel.laplacian(x, y))(jnp.asarray(self.centers))
        return self._with_tail(translates, laplacian(self._polynomials), x)

    def side_conditions(self):
        moments = jax.vmap(self._polynomials)(jnp.asarray(self.centers)).T
        return jnp.pad(moments, ((0, 0), (0, len(self._exponents))))

    @property
    def _exponents(self):
        return total_degree(self.cloud.dim, self.degree)

    def _polynomials(self, x):
        return monomials(x, self._exponents)

    def _with_tail(self, translates, tail, x):
        return jnp.concatenate([translates, tail(x)]) if self.degree >= 0 else translates
