"""The classical radial kernels. Each is its profile φ⁽ⁿ⁾(s), s = |(x − y)/scale|²/2 (Wendland 2005; Fasshauer 2007)."""

import functools
import math
from fractions import Fraction

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..internal.expected import INTEGER, NUMBER, expects
from .kernel import Leaf, half_integer, initial_scale, positive, unconstrained
from .radial import Radial, ScaledRadial, falling, horner, off_centre

NEGLIGIBLE = 1e-20  # of a kernel's value at 0: its derivatives decay a little later


class Gaussian(ScaledRadial):
    """exp(−r²), r = |x − y|/scale. Profile φ(s) = e^(−2s), φ⁽ⁿ⁾ = (−2)ⁿ e^(−2s).

    Good scales: 0.3 to 1 times the domain's width with clustered nodes, and as large as the solver bears. As of all
    kernels it is a length in the unit of the points, and ValueError is raised for one that is not positive and finite.
    """

    raw_scale: Float[Leaf, "*d"]

    def __init__(self, scale: ArrayLike = 1.0, *, key: Array | None = None):
        self.raw_scale = initial_scale(scale, key)

    @property
    def smoothness(self) -> float:
        return math.inf

    @property
    def reach(self):
        return jnp.max(self.scale) * math.sqrt(-math.log(NEGLIGIBLE))

    def profile(self, n, s):
        return (-2.0) ** n * jnp.exp(-2 * s)


class _Quadric(ScaledRadial):
    """(1 + r²)^β, r = |x − y|/scale. Profile φ⁽ⁿ⁾ = 2ⁿ β(β−1)…(β−n+1) (1 + 2s)^(β−n), 2β an integer."""

    beta: eqx.AbstractClassVar[float]

    @property
    def smoothness(self) -> float:
        return math.inf

    def profile(self, n, s):
        base, exponent = 1 + 2 * s, self.beta - n
        # an integer power and at most one square root: several times faster than a real power
        power = base ** math.floor(exponent) * (1 if exponent == math.floor(exponent) else jnp.sqrt(base))
        return 2.0**n * falling(self.beta, 1, n) * power


class Multiquadric(_Quadric):
    """√(1 + r²), r = |x − y|/scale (Hardy 1971); conditionally positive definite of order 1, up to sign."""

    raw_scale: Float[Leaf, "*d"]
    beta = 0.5

    @property
    def tail(self):
        return 0

    def __init__(self, scale: ArrayLike = 1.0, *, key: Array | None = None):
        self.raw_scale = initial_scale(scale, key)


class InverseMultiquadric(_Quadric):
    """1/√(1 + r²), r = |x − y|/scale; positive definite in every dimension (Wendland 2005, theorem 7.15)."""

    raw_scale: Float[Leaf, "*d"]
    beta = -0.5

    def __init__(self, scale: ArrayLike = 1.0, *, key: Array | None = None):
        self.raw_scale = initial_scale(scale, key)


class InverseQuadratic(_Quadric):
    """1/(1 + r²), r = |x − y|/scale; positive definite in every dimension (Wendland 2005, theorem 7.15)."""

    raw_scale: Float[Leaf, "*d"]
    beta = -1.0

    def __init__(self, scale: ArrayLike = 1.0, *, key: Array | None = None):
        self.raw_scale = initial_scale(scale, key)


class RationalQuadratic(ScaledRadial):
    """(1 + r²/(2α))^(−α), r = |x − y|/scale, α trainable (Rasmussen & Williams 2006, eq. 4.19).

    Profile φ⁽ⁿ⁾ = (−1)ⁿ α(α+1)…(α+n−1)/αⁿ (1 + s/α)^(−α−n).
    """

    raw_alpha: Float[Leaf, ""]
    raw_scale: Float[Leaf, "*d"]

    def __init__(self, alpha: ArrayLike = 1.0, scale: ArrayLike = 1.0, *, key: Array | None = None):
        if np.ndim(alpha) != 0:
            raise ValueError(f"alpha must be one number; got an array of shape {np.shape(alpha)}")
        self.raw_alpha = unconstrained(alpha, "alpha")
        self.raw_scale = initial_scale(scale, key)

    @property
    def alpha(self) -> Float[Array, ""]:
        return positive(self.raw_alpha)

    @property
    def smoothness(self) -> float:
        return math.inf

    def profile(self, n, s):
        alpha = self.alpha.astype(s.dtype)
        rising = math.prod((1 + i / alpha for i in range(n)), start=(-1.0) ** n)
        return rising * jnp.exp(-(alpha + n) * jnp.log1p(s / alpha))


class Matern(ScaledRadial):
    """e^(−z) θ_p(z)/θ_p(0), z = √(2ν) |x − y|/scale, ν = p + ½, θ_p the reverse Bessel polynomial.

    Profile φ⁽ⁿ⁾ = (−2ν)ⁿ e^(−z) θ_(p−n)(z)/θ_p(0); for n > p with the continuation θ_(−m)(z) = θ_(m−1)(z) z^(1−2m)
    (from K_(−μ) = K_μ). `nu` is 0.5, 1.5, ..., 11.5; derivatives up to order 2p = 2ν − 1 are continuous (Rasmussen &
    Williams 2006, eq. 4.16). ValueError for other values.
    """

    raw_scale: Float[Leaf, "*d"]
    nu: float = eqx.field(static=True)

    @expects(nu=NUMBER)
    def __init__(self, nu: float = 2.5, scale: ArrayLike = 1.0, *, key: Array | None = None):
        self.nu = half_integer(nu, 0.5, 11.5, "nu")
        self.raw_scale = initial_scale(scale, key)

    @property
    def smoothness(self) -> float:
        return int(2 * self.nu) - 1

    @property
    def reach(self):
        return jnp.max(self.scale) * (_matern_reach(int(self.nu - 0.5)) / math.sqrt(2 * self.nu))

    def profile(self, n, s):
        p = int(self.nu - 0.5)
        z = jnp.sqrt(4 * self.nu * s)
        factor = (-2 * self.nu) ** n / reverse_bessel(p)[0] * jnp.exp(-z)
        if n <= p:
            return factor * horner(reverse_bessel(p - n), z)
        power = 2 * (p - n) + 1
        return factor * off_centre(z, power, lambda z: horner(reverse_bessel(n - p - 1), z) * z**power)


class Wendland(ScaledRadial):
    """Wendland's ψ_(d,k)(r), r = |x − y|/scale: piecewise polynomial, C^(2k), zero for r ≥ 1, ψ(0) = 1.

    `smoothness` is 2k = 0, 2, 4 or 6; positive definite in dimensions up to `dim`, and refused beyond. The scale
    is the radius of the support. The profile follows d/ds ψ_(d,k) ∝ ψ_(d+2,k−1) exactly, in rational arithmetic
    (Wendland 2005, section 9.4).
    """

    raw_scale: Float[Leaf, "*d"]
    k: int = eqx.field(static=True)
    dim: int = eqx.field(static=True)

    @expects(smoothness=INTEGER, dim=INTEGER)
    def __init__(self, smoothness: int = 4, dim: int = 3, scale: ArrayLike = 1.0, *, key: Array | None = None):
        if smoothness not in (0, 2, 4, 6):
            raise ValueError(f"smoothness must be one of 0, 2, 4, 6; got {smoothness}")
        if dim < 1:
            raise ValueError(f"dim must be a positive integer; got {dim}")
        self.k, self.dim = smoothness // 2, dim
        self.raw_scale = initial_scale(scale, key)

    @property
    def smoothness(self) -> float:
        return 2 * self.k

    @property
    def support(self):
        return jnp.max(self.scale)

    def fixed_parameters(self):
        return {"smoothness": self.smoothness, "dim": self.dim}

    @property
    def max_dim(self) -> float:
        return self.dim

    def profile(self, n, s):
        exponent, lowest, coefficients = wendland_profile(self.dim, self.k, n)
        r = jnp.sqrt(2 * s)
        inside = jnp.maximum(1 - r, 0) ** exponent if exponent else (r < 1).astype(r.dtype)
        if lowest == 0:
            return inside * horner(coefficients, r)
        return inside * off_centre(r, lowest, lambda r: horner(coefficients, r) * r**lowest)


class Polyharmonic(Radial):
    """|x − y|^m for odd m = `degree`, |x − y|^m log |x − y| for even m (Duchon 1977); no scale.

    Profile r^(m−2n) (aₙ log r + bₙ): d/ds raises n. Conditionally positive definite of order ⌊m/2⌋ + 1, up to
    sign: give the space a polynomial tail of degree at least ⌊m/2⌋. Derivatives up to order m − 1 are continuous.
    """

    degree: int = eqx.field(static=True)

    @expects(degree=INTEGER)
    def __init__(self, degree: int = 3):
        if degree < 1:
            raise ValueError(f"degree must be a positive integer; got {degree}")
        self.degree = degree

    @property
    def smoothness(self) -> float:
        return self.degree - 1

    @property
    def tail(self):
        return self.degree // 2

    def profile(self, n, s):
        m, r = self.degree, jnp.sqrt(2 * s)
        power, constant, with_log = m - 2 * n, *_polyharmonic_factors(m, n)
        if m % 2 == 0 and (with_log or power <= 0):
            return off_centre(r, min(power, 0), lambda r: r**power * (with_log * jnp.log(r) + constant))
        return constant * (r**power if power >= 0 else off_centre(r, power, lambda r: r**power))


@functools.cache
def _matern_reach(p: int) -> float:
    """The z beyond which e^(−z) θ_p(z) is negligible beside θ_p(0)."""
    coefficients = reverse_bessel(p)
    z = 1.0
    while math.exp(-z) * sum(c * z**j for j, c in enumerate(coefficients)) > NEGLIGIBLE * coefficients[0]:
        z += 1.0
    return z


@functools.cache
def reverse_bessel(p: int) -> tuple[int, ...]:
    """Coefficients, lowest first, of θ_p(z) = Σⱼ (2p−j)!/(2^(p−j) j! (p−j)!) zʲ."""
    f = math.factorial
    return tuple(f(2 * p - j) // (2 ** (p - j) * f(j) * f(p - j)) for j in range(p + 1))


@functools.cache
def wendland_profile(dim: int, k: int, n: int) -> tuple[int, int, tuple[Fraction, ...]]:
    """φ⁽ⁿ⁾ of ψ_(dim,k) as (1 − r)₊^a · r^e · Σⱼ cⱼ rʲ: (a, e, c), exact.

    Each step is (1/r) d/dr [(1−r)^a P] = (1−r)^(a−1) [(1−r) P′ − a P]/r; keeping the factor (1−r)^a apart keeps
    the relative accuracy at the edge of the support. For n ≤ k the division by r is exact.
    """
    if n == 0:
        ell = dim // 2 + k + 1
        return ell + k, 0, _wendland_polynomial(ell, k)
    a, lowest, c = wendland_profile(dim, k, n - 1)
    powers = {lowest + j: cj for j, cj in enumerate(c)}
    derived: dict[int, Fraction] = {}
    for j, cj in powers.items():
        for power, term in ((j - 2, j * cj), (j - 1, -(j + a) * cj)) if a else ((j - 2, j * cj),):
            derived[power] = derived.get(power, Fraction(0)) + term
    nonzero = [power for power, term in derived.items() if term]
    if not nonzero:
        return 0, 0, (Fraction(0),)
    low, high = min(0, *nonzero), max(0, *nonzero)
    return max(a - 1, 0), low, tuple(derived.get(power, Fraction(0)) for power in range(low, high + 1))


def _wendland_polynomial(ell: int, k: int) -> tuple[Fraction, ...]:
    """The factor beside (1 − r)^(ℓ+k), lowest power first, 1 at r = 0 (Fasshauer 2007, Table 11.1)."""
    numerators = (
        (1,),
        (1, ell + 1),
        (3, 3 * ell + 6, ell**2 + 4 * ell + 3),
        (15, 15 * ell + 45, 6 * ell**2 + 36 * ell + 45, ell**3 + 9 * ell**2 + 23 * ell + 15),
    )[k]
    return tuple(Fraction(c, numerators[0]) for c in numerators)


@functools.cache
def _polyharmonic_factors(m: int, n: int) -> tuple[float, float]:
    """(bₙ, aₙ) of φ⁽ⁿ⁾ = r^(m−2n) (aₙ log r + bₙ); a stays 0 for odd m."""
    a, b = (1, 0) if m % 2 == 0 else (0, 1)
    for i in range(n):
        a, b = (m - 2 * i) * a, (m - 2 * i) * b + a
    return float(b), float(a)
