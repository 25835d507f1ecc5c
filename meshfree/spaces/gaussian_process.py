"""Functions by the covariances of a Gaussian process with the equations themselves: symmetric collocation.

Wu, Hermite-Birkhoff interpolation of scattered data by radial basis functions, Approx. Theory Appl. 8 (1992) 1-10;
Chen, Hosseini, Owhadi & Stuart, Solving and learning nonlinear PDEs with Gaussian processes, J. Comput. Phys. 447
(2021) 110668.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..geometry.cloud import Cloud
from ..internal.devices import on_host
from ..internal.expected import expects
from ..internal.tracing import AnyArray, as_jax, is_traced
from ..kernels import Kernel
from ..kernels.images import Repeated, images_for
from ..pde.components import WithComponents
from ..pde.multi_indices import total_degree
from .base import GlobalSpace
from .functional_rows import between, combined, order_of, scalar_pair

RISING = 2  # orders that a kernel has beyond those that equations of second and higher order need


class Observed(eqx.Module):
    """Functionals of u that are known, a row each: the linearised equations, as gradients by the jets of u.

    `noise`: the variance of what each row is said to be, 0 for equations that hold exactly.
    """

    points: Float[AnyArray, "n d"]
    gradient: Float[AnyArray, "n f J"]
    noise: Float[AnyArray, " n"]

    @property
    def fields(self) -> int:
        """f."""
        return self.gradient.shape[1]

    @property
    def order(self) -> int:
        """Of their highest derivative."""
        return order_of(self.gradient.shape[2], self.points.shape[1])


class GaussianProcess(GlobalSpace):
    """u ~ GP(0, a² k) given the equations at the points of a cloud: `mf.solve` returns the mean, with its posterior.

        u(x) = Σⱼ cⱼ Lⱼ k(x, ·),   Lᵢ Lⱼ k c = y,

    Lⱼ the linearised residuals, applied to the kernel's second argument; Gauss-Newton renews them for nonlinear
    problems (Chen et al., equation 3.9). One unknown for each equation, whatever their number: no condition is left
    out, none is too many, and what the equations leave open the process fills in. The amplitude a is found, see
    `Posterior`. Fields of several are independent, each with the kernel.

    The matrix is scaled to a unit diagonal and factored by Cholesky with a nugget of 1e-13, in `stats["nugget"]`, and
    more where that fails. Where the kernel is the truth's, `u.std` is the error; smooth ones at wide scales are the
    most accurate, as `mf.tune(problem, space)` finds.

    Raises ValueError for a kernel that is not positive definite, as Multiquadric and Polyharmonic, and, when a problem
    is solved, for one too rough: equations of order q from 2 on need derivatives of order 2q + 2.
    """

    kernel: Kernel
    cloud: Cloud
    images: tuple[int, ...] | None = eqx.field(static=True)
    observed: Observed | None  # bound by `mf.solve`; renewed by each

    @expects(kernel=Kernel, cloud=Cloud)
    def __init__(self, kernel: Kernel, cloud: Cloud):
        self.kernel, self.cloud, self.observed = kernel, cloud, None
        self.check_dimension(kernel)
        _check_definite(kernel)
        self.images = None if cloud.periods is None else images_for(kernel, cloud.periods)

    def given(self, observed: Observed | None) -> GaussianProcess:
        """The space with these functionals; the process itself with None."""
        return eqx.tree_at(lambda space: space.observed, self, observed, is_leaf=lambda leaf: leaf is None)

    @property
    def is_process(self):
        return True

    @property
    def size(self) -> int:
        return len(self.cloud) if self.observed is None else len(self.observed.points)

    @property
    def local_basis(self):
        return None

    def on(self, cloud):
        return GaussianProcess(self.kernel, cloud)

    def describe(self):
        return f"GaussianProcess, {self.kernel!r}"

    def side_conditions(self):
        return np.zeros((0, self.size))

    @property
    def repeated(self) -> Kernel:
        """The kernel, summed over images where the domain repeats."""
        if self.images is None or self.cloud.periods is None:
            return self.kernel
        return Repeated(self.kernel, tuple(self.cloud.periods.tolist()), self.images)

    @property
    def functionals(self) -> Observed:
        """What is observed; ValueError before `mf.solve`."""
        if self.observed is None:
            raise ValueError(
                "a GaussianProcess has functions only once mf.solve or mf.interpolate has given it equations or data: "
                "for matrices, eigenvalues and problems in time use mf.Collocation, mf.Eigenbasis or mf.Stencils"
            )
        return self.observed

    def check_order(self, order: int) -> None:
        """ValueError, with the reason, for a kernel that cannot carry equations of that order."""
        kernel = self.kernel
        if kernel.is_open:
            raise ValueError(f"{kernel.describe()} is open: give numbers for its frequencies")
        needed = 2 * order + (RISING if order >= 2 else 0)
        if kernel.smoothness < needed:
            raise ValueError(
                f"{kernel.describe()} has continuous derivatives up to order {kernel.smoothness}, and a Gaussian "
                f"process under equations of order {order} takes {needed}: it is differentiated {order} times in each "
                "argument"
                + (", and without two orders more the error is tens of times larger" * (order >= 2))
                + f". Use Matern({(needed + 1) / 2:g}) or smoother"
                + (", Wendland(6)" if needed <= 6 else "")
            )

    def covariances(self) -> Float[AnyArray, "n n"]:
        """Lᵢ Lⱼ k of what is observed."""
        at = self.functionals
        return between(self.repeated, at.points, at.gradient, at.points, at.gradient)

    def cross(self, X: Float[AnyArray, "m d"], F: Float[AnyArray, "m f J"]) -> Float[AnyArray, "m n"]:
        """The covariances of functionals at X with what is observed."""
        at = self.functionals
        return between(self.repeated, X, F, at.points, at.gradient)

    def jets(
        self, X: Float[AnyArray, "m d"], order: int, coefficients: Float[AnyArray, " n"]
    ) -> Float[AnyArray, "m J *f"]:
        """Dᵅu at points, α the rows of `total_degree(d, order)`."""
        at = self.functionals
        units = np.eye(len(total_degree(at.points.shape[1], order)))
        found = combined(self.repeated, X, units, at.points, at.gradient, coefficients)
        return found[:, :, 0] if at.fields == 1 else found

    def basis(self, x):
        at = self._of_one_field()
        one = jnp.ones(1, x.dtype)
        return jax.vmap(lambda y, g: scalar_pair(self.repeated, one, x, g[0], y))(*self._known(at))

    def basis_laplacian(self, x):
        at = self._of_one_field()
        bent = jnp.asarray(_laplacian(x.size))
        return jax.vmap(lambda y, g: scalar_pair(self.repeated, bent, x, g[0], y))(*self._known(at))

    def rows(self, X, functionals, order):
        at = self._of_one_field()
        m, r, count = functionals.shape
        F = functionals.reshape(m * r, 1, count)
        return between(self.repeated, np.repeat(X, r, axis=0), F, at.points, at.gradient).reshape(m, r, -1)

    @property
    def has_rows(self):
        return self.observed is not None and self.observed.fields == 1 and on_host()

    def function(self, coefficients):
        return Represented(self.given(self.functionals), coefficients)

    @staticmethod
    def _known(at: Observed):
        return jnp.asarray(at.points), jnp.asarray(at.gradient)

    def _of_one_field(self) -> Observed:
        at = self.functionals
        if at.fields > 1:
            raise ValueError(
                f"the functions of a GaussianProcess of {at.fields} fields are not the same for each: it has no matrix"
            )
        return at


def _check_definite(kernel: Kernel) -> None:
    if kernel.tail != -1:
        raise ValueError(
            f"{kernel.describe()} is not known to be positive definite, so that its covariances have no Cholesky "
            "factor: use Matern, Gaussian, InverseMultiquadric or Wendland(6); with Collocation it serves"
        )


class Represented(WithComponents):
    """u(x) = Σⱼ cⱼ Lⱼ k(x, ·) on one point, with one coefficient for all fields: (d,) -> () or (f,)."""

    space: GaussianProcess
    coefficients: Float[AnyArray, " n"]

    def __call__(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        if not is_traced(self, x):
            return self.at(np.asarray(x)[None])[0]
        return self._applied(jnp.ones(1, x.dtype), jnp.asarray(x))

    @property
    def components(self):
        fields = self.space.functionals.fields
        return 0 if fields == 1 else fields

    def laplacian(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        return self._applied(jnp.asarray(_laplacian(x.size)), jnp.asarray(x))

    def at(self, X: ArrayLike) -> Float[Array, "m *f"]:
        """u at many points: (m, d) -> (m,) or (m, f)."""
        X = jnp.asarray(X) if is_traced(X) else np.asarray(X)
        found: Any = self.space.jets(X, 0, self.coefficients)[:, 0]
        return found if is_traced(found) else as_jax(found)

    def _applied(self, functional, x):
        at, c = self.space.functionals, jnp.asarray(self.coefficients)
        kernel: Any = self.space.repeated

        def of_each(y, g):
            return jax.vmap(lambda gi: scalar_pair(kernel, functional, x, gi, y))(g)

        found = c @ jax.vmap(of_each)(jnp.asarray(at.points), jnp.asarray(at.gradient))
        return found[0] if at.fields == 1 else found


def _laplacian(dim: int) -> np.ndarray:
    """Δ by the jets of second order."""
    exponents = total_degree(dim, 2)
    return ((exponents == 2).any(axis=1)).astype(float)
