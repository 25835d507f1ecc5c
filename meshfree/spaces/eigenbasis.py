"""The Gaussian's Mercer eigenfunctions: its space without the cancellation of its translates.

Fasshauer & McCourt, Stable evaluation of Gaussian radial basis function interpolants, SIAM J. Sci. Comput. 34 (2012)
A737-A762, doi 10.1137/110824784, section 3.
"""

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int

from ..geometry.cloud import Cloud
from ..geometry.periods import repeating
from ..internal.expected import NUMBER, NUMBERS, expects
from ..internal.tracing import is_traced
from ..kernels import Gaussian, Kernel
from ..pde.multi_indices import (
    degrees_on_box,
    hyperbolic_cross,
    hyperbolic_crosses,
    mean_degree,
    total_degree,
    total_degrees,
)
from .base import GlobalSpace, moves_kernel_only

_DEGREE = NUMBERS._replace(phrase="an integer of at least 0, or one for every axis,")
ROWS_PER_FUNCTION = 2  # where nothing else is asked for
MOST_FUNCTIONS = 10**6  # a matrix of as many columns is beyond every memory


class Eigenbasis(GlobalSpace):
    """Products over the dimensions of φₙ(t) = e^(−δ²t²) hₙ(αβt), n up to `degree`.

    t is x with the domain's bounding box mapped to [−1, 1]^d; ε = 1/scale is measured there, β = (1 + (2ε/α)²)^¼,
    δ² = α²(β² − 1)/2, and hₙ are the Hermite polynomials divided by √(2ⁿ n!). `truncation="total"` keeps the products
    of total degree up to `degree`, binom(degree + d, d) of them; `"hyperbolic"` keeps Π(nₖ + 1) ≤ degree + 1.

    `degree=(40, 12)` gives every axis its own: Σ nₖ/degreeₖ ≤ 1 then, and α grows along an axis like √degreeₖ, as the
    functions' reach does. One number stands for a box of equal sides; on another it becomes a degree for every axis,
    in proportion to the sides and with about as many functions: `.degree` tells.

    Along an axis on which the domain is periodic they are 1, cos kθ and sin kθ, θ = πt, whatever the scale and alpha;
    both of frequency k count as degree 2k, so that there are as many up to a degree as Hermite functions: `degree=20`
    goes up to k = 10, and an odd degree means the even one below. With every function its translates along the axis
    are in the space. Along it nodes need no clustering.

    Solve by least squares, on a cloud of 1.2 to 4 points per function that clusters at the boundary. Good values:
    scale 0.5 to 2, degree 16 to 30 in two dimensions, alpha 2 (not trained). Raises TypeError for another kernel,
    ValueError for points without extent along an axis.
    """

    kernel: Gaussian
    cloud: Cloud
    center: np.ndarray
    half_width: np.ndarray
    degree: int | tuple[int, ...] = eqx.field(static=True)  # one number: the same along every axis
    alpha: float = eqx.field(static=True)
    truncation: str = eqx.field(static=True)

    @expects(kernel=Kernel, cloud=Cloud, degree=_DEGREE, alpha=NUMBER, truncation=str)
    def __init__(
        self,
        kernel: Kernel,
        cloud: Cloud,
        degree: int | Sequence[int] = 20,
        *,
        alpha: float = 2.0,
        truncation: str = "total",
    ):
        if not isinstance(kernel, Gaussian):
            raise TypeError(f"Eigenbasis is that of the Gaussian; got {kernel.describe()}. Other kernels: Collocation")
        if not alpha > 0:
            raise ValueError(f"alpha must be positive; got {alpha}")
        if truncation not in ("total", "hyperbolic"):
            raise ValueError(f"truncation is {truncation!r}; it is 'total' or 'hyperbolic'")
        self.kernel, self.cloud = kernel, cloud
        self.alpha, self.truncation = float(alpha), truncation
        lower, upper = bounding_box(cloud)
        self.center, self.half_width = (lower + upper) / 2, (upper - lower) / 2
        self.degree = _checked_degree(degree, self.half_width)
        self.check_dimension(kernel)

    @property
    def size(self) -> int:
        return len(self._indices)

    def on(self, cloud):
        degrees = self.degree if isinstance(self.degree, tuple) else (self.degree,) * self.cloud.dim
        return Eigenbasis(self.kernel, cloud, degrees, alpha=self.alpha, truncation=self.truncation)

    @property
    def local_basis(self) -> None:
        return None

    def compared(self):
        """Of two degrees less, or a tenth, on the same cloud; in a cross of half of them, as its tips hardly matter."""
        degrees, share = np.broadcast_to(self.degree, self.cloud.dim), 0.1 if self.truncation == "total" else 0.5
        lower = degrees - np.maximum(2, np.round(share * degrees).astype(int))
        if lower.min() < 1:
            return None
        return False, Eigenbasis(self.kernel, self.cloud, lower.tolist(), alpha=self.alpha, truncation=self.truncation)

    def nested(self):
        """Those of two degrees less along the axis of the lowest degree, and along the others in proportion."""
        degrees = np.broadcast_to(self.degree, self.cloud.dim)
        if degrees.min() <= 2:
            return None
        shares = np.sum(self._degrees_of(self._indices) / degrees, axis=1)  # 1 at the highest degree of each axis
        return np.flatnonzero(shares <= 1 - 2 / degrees.min() + 1e-9)

    def describe(self):
        cross = f" in a {self.truncation} cross" * (self.truncation == "hyperbolic")
        return f"Eigenbasis of degree {self.degree}{cross}, {self.kernel!r}"

    def basis(self, x):
        return _product(self._factors(self._tables(self._position(x))))

    def basis_laplacian(self, x):
        """Δ Πₖ φₙₖ = Σₖ φ″ₙₖ Π_(l≠k) φₙₗ. The tables of different axes are independent: one jvp serves them all."""
        position = self._position(x)
        along = jnp.ones_like(position)

        def values_and_slopes(t):
            return jax.jvp(self._tables, (t,), (along,))

        (values, _), (_, curvatures) = jax.jvp(values_and_slopes, (position,), (along,))
        values = self._factors(values)
        curvatures = self._factors(curvatures / jnp.asarray(self.half_width, x.dtype)[:, None] ** 2)
        return sum(_product([*values[:k], curvatures[k], *values[k + 1 :]]) for k in range(x.size))

    def side_conditions(self):
        return np.zeros((0, self.size))

    def rows(self, X, functionals, order):
        return self._rows(X, functionals, order, np.logaddexp(0, np.asarray(self.kernel.raw_scale)))

    def rows_along(self, X, functionals, order, direction):
        """By a complex step: Im f(s + iη ds)/η, exact to rounding (Squire & Trapp, SIAM Review 40 (1998) 110-112)."""
        if not moves_kernel_only(direction):
            return None
        raw, step = np.asarray(self.kernel.raw_scale), 1e-100
        scale = np.logaddexp(0, raw) + 1j * step * np.asarray(direction.kernel.raw_scale) / (1 + np.exp(-raw))
        return self._rows(X, functionals, order, scale).imag / step

    def _rows(self, X, functionals, order: int, scale):
        tables, indices = self._derivative_tables(X, order, scale), self._indices
        found = np.zeros((len(X), functionals.shape[1], len(indices)), scale.dtype)
        for position, alpha in enumerate(total_degree(X.shape[1], order)):
            factors = functionals[:, :, position]
            if not factors.any():
                continue
            product = _product([tables[axis][k][:, indices[:, axis]] for axis, k in enumerate(alpha)])
            for row in np.flatnonzero(factors.any(axis=0)):
                found[:, row] += factors[:, row, None] * product
        return found

    def _derivative_tables(self, X, order: int, scale) -> list[list[Inexact[np.ndarray, "m p"]]]:
        """The derivatives by x up to `order` of φ₀ … φ_degree along every axis, by the rule of `hermite`."""
        half_width, position = np.asarray(self.half_width), (X - self.center) / self.half_width
        degrees = np.broadcast_to(self.degree, X.shape[1])
        # no axis needs more than its own degree, but for the cross
        delta_squared, growth = self._widths(half_width, scale, np)
        tables = []
        for axis, t in enumerate(position.T):
            if self._is_periodic[axis]:
                waves = [_fourier_table(int(degrees[axis]), k, np.pi * t) for k in range(order + 1)]
                tables.append([table * (np.pi / half_width[axis]) ** k for k, table in enumerate(waves)])
                continue
            values = _hermite_table(int(degrees[axis]), -delta_squared[axis] * t**2, growth[axis] * t)
            lowering = growth[axis] * np.sqrt(2 * np.arange(1, values.shape[1]))
            along = [values]
            for k in range(order):  # of (−2δ²t φ + αβ φ↓), φ↓ₙ = √(2n) φₙ₋₁
                slope = t[:, None] * along[-1] + (k * along[-2] if k else 0.0)
                slope *= -2 * delta_squared[axis]
                slope[:, 1:] += lowering * along[-1][:, :-1]
                along.append(slope)
            tables.append([table / half_width[axis] ** k for k, table in enumerate(along)])
        return tables

    @property
    def _indices(self):
        total = self.truncation == "total"
        if isinstance(self.degree, tuple):
            indices = (total_degrees if total else hyperbolic_crosses)(self.degree)
        else:
            indices = (total_degree if total else hyperbolic_cross)(self.cloud.dim, self.degree)
        return indices[self._is_within(indices)] if self._is_periodic.any() else indices

    @property
    def _is_periodic(self) -> Bool[np.ndarray, " d"]:
        """Of every axis whether its functions are waves."""
        return np.isin(np.arange(self.cloud.dim), repeating(self.cloud.periods))

    def _degrees_of(self, indices: Int[np.ndarray, "n d"]) -> Int[np.ndarray, "n d"]:
        """The degrees that functions count as along every axis: cosines of odd numbers as the sines that follow."""
        return np.where(self._is_periodic, 2 * ((indices + 1) // 2), indices)

    def _is_within(self, indices: Int[np.ndarray, "n d"]) -> Bool[np.ndarray, " n"]:
        """Which functions belong to the space by these degrees, all others being dropped from a larger set."""
        degrees = np.maximum(np.broadcast_to(self.degree, self.cloud.dim), 1)
        shares = self._degrees_of(indices) / degrees
        if self.truncation == "total":
            return shares.sum(axis=1) <= 1 + 1e-12
        mean = mean_degree(tuple(degrees.tolist()))
        return np.prod(1 + mean * shares, axis=1) <= (1 + mean) * (1 + 1e-12)

    def _position(self, x):
        """x with the bounding box mapped to [−1, 1]^d."""
        return (x - jnp.asarray(self.center, x.dtype)) / jnp.asarray(self.half_width, x.dtype)

    def _tables(self, position):
        """φ₀ … φ_degree along every axis, up to the highest degree: (d,) -> (d, degree + 1)."""
        delta_squared, growth = self._widths(position, self.kernel.scale.astype(position.dtype), jnp)
        highest, periodic = int(np.max(self.degree)), self._is_periodic
        if periodic.all():
            return jax.vmap(lambda t: _fourier(highest, jnp.pi * t))(position)
        tables = jax.vmap(lambda log_weight, t: hermite(highest, log_weight, t))(
            -delta_squared * position**2, growth * position
        )
        if not periodic.any():
            return tables
        return jnp.where(periodic[:, None], jax.vmap(lambda t: _fourier(highest, jnp.pi * t))(position), tables)

    def _widths(self, position, scale, array):
        """δ² and αβ along every axis, each (d,); `array`: the module, numpy or jax.numpy."""
        epsilon = array.broadcast_to(1 / scale, position.shape)
        alpha: Any = self.alpha
        if isinstance(self.degree, tuple):
            alpha = self.alpha * np.sqrt(np.maximum(self.degree, 1) / mean_degree(self.degree)).astype(position.dtype)
        beta = (1 + (2 * epsilon / alpha) ** 2) ** 0.25
        return alpha**2 * (beta**2 - 1) / 2, alpha * beta

    def _factors(self, tables):
        """For every axis the factors of all n functions: d arrays of shape (n,)."""
        return [table[self._indices[:, axis]] for axis, table in enumerate(tables)]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def hermite(degree: int, log_weight: Float[Array, ""], t: Float[Array, ""]) -> Float[Array, " p"]:
    """e^w Hₙ(t)/√(2ⁿ n!), n = 0 … degree, w the log of the weight: (), () -> (degree + 1,).

    The three-term recurrence hₙ₊₁ = √(2/(n+1)) t hₙ − √(n/(n+1)) hₙ₋₁ starts from the weight, so that nothing
    overflows. The derivatives are of the family again, by w the functions themselves and h′ₙ = √(2n) hₙ₋₁: exact to
    any order, and never a second recurrence.
    """
    n = np.arange(degree)
    factors = jnp.asarray(np.stack([np.sqrt(2 / (n + 1)), np.sqrt(n / (n + 1))], axis=1), dtype=t.dtype)

    def step(pair, factor):
        previous, current = pair
        following = factor[0] * t * current - factor[1] * previous
        return (current, following), following

    first = jnp.exp(log_weight)
    _, rest = jax.lax.scan(step, (jnp.zeros_like(first), first), factors)
    return jnp.concatenate([first[None], rest])


@hermite.defjvp
def _hermite_jvp(degree, primals, tangents):
    values = hermite(degree, *primals)
    log_weight_dot, t_dot = tangents
    slopes = jnp.asarray(np.sqrt(2 * np.arange(1, degree + 1)), values.dtype) * values[:-1]
    return values, values * log_weight_dot + t_dot * jnp.concatenate([jnp.zeros_like(values[:1]), slopes])


def _hermite_table(degree: int, log_weight: Inexact[np.ndarray, " m"], t: Inexact[np.ndarray, " m"]):
    """`hermite` at many points, for NumPy: (m,), (m,) -> (m, degree + 1)."""
    values = np.empty((degree + 1, len(t)), t.dtype)
    values[0] = np.exp(log_weight)
    previous = np.zeros(len(t))
    for n in range(degree):
        values[n + 1] = np.sqrt(2 / (n + 1)) * t * values[n] - np.sqrt(n / (n + 1)) * previous
        previous = values[n]
    return values.T


def _fourier(degree: int, theta: Float[Array, ""]) -> Float[Array, " p"]:
    """1, cos θ, sin θ, cos 2θ, …: () -> (degree + 1,)."""
    n = np.arange(degree + 1)
    phases = jnp.asarray((n + 1) // 2, theta.dtype) * theta
    return jnp.where(n % 2 == 0, jnp.where(n == 0, 1, jnp.sin(phases)), jnp.cos(phases))


def _fourier_table(degree: int, order: int, theta: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m p"]:
    """The derivatives by θ of that order of `_fourier` at many points: (m,) -> (m, degree + 1)."""
    n = np.arange(degree + 1)
    frequency, quarters = (n + 1) // 2, order - ((n % 2 == 0) & (n > 0))  # sin φ is cos (φ − π/2)
    phases = frequency * theta[:, None]
    waves = np.where(quarters % 2 == 0, np.cos(phases), np.sin(phases))
    return frequency**order * np.where((quarters + 1) % 4 < 2, 1, -1) * waves


def _product(factors):
    return functools.reduce(operator.mul, factors)


def _checked_degree(degree: int | Sequence[int], half_width) -> int | tuple[int, ...]:
    """A degree for every axis, or one number where that is the same for all."""
    given: tuple[Any, ...] = tuple(np.ravel(degree).tolist())
    if any(not isinstance(n, int | float) or not 0 <= n < math.inf or int(n) != n for n in given):
        raise ValueError(f"degree must be an integer of at least 0, or one for every axis; got {degree}")
    if np.ndim(degree) > 0 and len(given) != len(half_width):
        raise ValueError(f"degree has {len(given)} numbers; give one, or {len(half_width)}, one for every axis")
    degrees = tuple(int(n) for n in given)
    if not is_traced(half_width):
        if not np.all(half_width > 0):
            raise ValueError(
                f"the cloud's bounding box has the sides {(2 * half_width).tolist()}: the eigenbasis needs points that "
                "differ along every axis. Use Collocation, or coordinates along the line or plane of the points"
            )
        if np.ndim(degree) == 0:
            degrees = degrees_on_box(degrees[0], np.asarray(half_width))
    per_axis = degrees if len(degrees) > 1 else degrees * len(half_width)
    count = math.prod(n + 1 for n in per_axis) // math.factorial(len(per_axis))
    if count > MOST_FUNCTIONS:
        raise ValueError(f"degree {degree} makes some {count:.0e} functions, and their matrix is dense: lower it")
    return degrees if len(set(degrees)) > 1 else degrees[0]


def bounding_box(cloud: Cloud):
    """That of the domain, or of the points where there is no domain."""
    if cloud.domain is not None:
        return cloud.domain.bounds
    return np.min(cloud.points, axis=0), np.max(cloud.points, axis=0)
