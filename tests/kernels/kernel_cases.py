"""The table of all kernels, each beside its textbook formula in mpmath: the oracle of every kernel test.

Nothing here uses the library's profiles: Matern kernels are Bessel functions, Wendland functions repeated integrals,
and derivatives are differences of the formula along a line, in 60 digits, so that not even the chain rule is shared.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import jax
import jax.numpy as jnp
import mpmath
import numpy as np

import meshfree as mf

MATERN = [p + 0.5 for p in range(12)]
PER_DIMENSION = np.array([0.6, 1.7, 1.1])

# |x − y|/scale: the centre, near it, generic distances, and across the edge of a support of radius 1
DISTANCES = (0.0, 1e-12, 1e-8, 1e-5, 1e-3, 0.1, 0.7, 1.6, 3.0, 0.999, 1 - 1e-9, 1.0, 1.001)


@dataclass(frozen=True, eq=False)
class Case:
    """A kernel with kernel(x, y) = formula(|(x − y)/scale|)."""

    name: str
    make: Callable[[int], mf.Kernel]  # of the dimension of space
    formula: Callable[[mpmath.mpf], mpmath.mpf]
    scale: float | np.ndarray = 1.0
    dims: tuple[int, ...] = (1, 2, 3)  # where its derivatives are tested: one is enough for the like of another kernel

    def __repr__(self):
        return self.name

    def lengths(self, dim: int) -> np.ndarray:
        """The scale of every axis."""
        return np.broadcast_to(self.scale, (3,))[:dim]

    @functools.cached_property
    def smoothness(self) -> float:
        return self.make(1).smoothness

    @functools.cache  # noqa: B019
    def along_line(self, distance: float, cosine: float) -> list[mpmath.mpf]:
        """dⁿ/dtⁿ, n = 0 ... 4, of formula(|q e + t v|) at t = 0; e, v unit vectors with e·v = cosine.

        At the centre these are the limits, for the orders that the kernel has.
        """

        def on_line(t):
            return self.formula(mpmath.sqrt(q * q + 2 * q * c * t + t * t))

        with mpmath.workdps(60):
            q, c = mpmath.mpf(distance), mpmath.mpf(cosine)
            return list(mpmath.diffs(on_line, 0, 4))


def gaussian(r):
    return mpmath.exp(-r * r)


def quadric(beta):
    return lambda r: (1 + r * r) ** beta


def rational_quadratic(alpha):
    return lambda r: (1 + r * r / (2 * mpmath.mpf(alpha))) ** (-mpmath.mpf(alpha))


def matern(nu):
    """2^(1−ν)/Γ(ν) zᵛ K_ν(z), z = √(2ν) r (Rasmussen & Williams 2006, eq. 4.14)."""

    def formula(r):
        z = mpmath.sqrt(2 * mpmath.mpf(nu)) * r
        return mpmath.mpf(2) ** (1 - nu) / mpmath.gamma(nu) * z**nu * mpmath.besselk(nu, z) if z else mpmath.mpf(1)

    return formula


def wendland(smoothness, dim):
    """Iᵏ (1 − r)₊ˡ over its value at 0; l = ⌊dim/2⌋ + k + 1, (I f)(r) = ∫ᵣ¹ t f(t) dt (Wendland 1995, eq. 3)."""
    k = smoothness // 2
    ell = dim // 2 + k + 1
    powers = [Fraction((-1) ** j * math.comb(ell, j)) for j in range(ell + 1)]
    for _ in range(k):
        antiderivative = [Fraction(0), Fraction(0), *(c / (j + 2) for j, c in enumerate(powers))]
        powers = [sum(antiderivative), *(-c for c in antiderivative[1:])]

    def formula(r):
        with mpmath.extradps(80):  # cancels like (1 − r)^(l + k) at the edge
            exact = [mpmath.mpf(c.numerator) / c.denominator for c in powers]
            return sum(c * r**j for j, c in enumerate(exact)) / exact[0] if r < 1 else mpmath.mpf(0)

    return formula


def polyharmonic(degree):
    if degree % 2:
        return lambda r: r**degree
    return lambda r: r**degree * mpmath.log(r) if r else mpmath.mpf(0)


RADIAL = [
    Case("Gaussian", lambda d: mf.Gaussian(0.7), gaussian, 0.7),
    Case("Multiquadric", lambda d: mf.Multiquadric(1.3), quadric(mpmath.mpf("0.5")), 1.3, (2,)),
    Case("InverseMultiquadric", lambda d: mf.InverseMultiquadric(0.8), quadric(mpmath.mpf("-0.5")), 0.8),
    Case("InverseQuadratic", lambda d: mf.InverseQuadratic(1.1), quadric(-1), 1.1, (2,)),
    Case("RationalQuadratic-0.6", lambda d: mf.RationalQuadratic(0.6, 0.9), rational_quadratic(0.6), 0.9),
    Case("RationalQuadratic-2.5", lambda d: mf.RationalQuadratic(2.5, 1.4), rational_quadratic(2.5), 1.4, (2,)),
    *(
        Case(f"Matern-{nu}", lambda d, nu=nu: mf.Matern(nu, 1.2), matern(nu), 1.2, (1, 2, 3) if nu < 3 else (2,))
        for nu in MATERN
    ),
    *(
        Case(f"Wendland-C{s}-{n}d", lambda d, s=s, n=n: mf.Wendland(s, n, 2.5), wendland(s, n), 2.5, dims)
        for n, dims in ((1, (1,)), (3, (1, 2, 3)), (5, (3,)))
        for s in (0, 2, 4, 6)
    ),
    *(
        Case(f"Polyharmonic-{m}", lambda d, m=m: mf.Polyharmonic(m), polyharmonic(m), 1.0, (1, 2, 3) if m < 6 else (2,))
        for m in range(1, 8)
    ),
    Case("Gaussian-per-axis", lambda d: mf.Gaussian(PER_DIMENSION[:d]), gaussian, PER_DIMENSION),
    Case("Matern-2.5-per-axis", lambda d: mf.Matern(2.5, PER_DIMENSION[:d]), matern(2.5), PER_DIMENSION),
    Case("Wendland-C4-per-axis", lambda d: mf.Wendland(4, 3, PER_DIMENSION[:d]), wendland(4, 3), PER_DIMENSION),
]

COMPOSED = [
    Case(
        "Sum",
        lambda d: mf.Gaussian(0.7) + mf.Matern(2.5),
        lambda r: gaussian(r / mpmath.mpf(0.7)) + matern(2.5)(r),
        dims=(2,),
    ),
    Case(
        "Product",
        lambda d: mf.Wendland(6, 3, 1.0) * mf.Polyharmonic(5),
        lambda r: wendland(6, 3)(r) * r**5,
        dims=(2,),
    ),
    Case("Scaled", lambda d: 2.5 * mf.Matern(3.5, 1.2), lambda r: 2.5 * matern(3.5)(r), 1.2, dims=(2,)),
    Case(
        "Nested",
        lambda d: 0.5 * (mf.InverseQuadratic(1.0) * mf.Wendland(4, 3, 1.0) + 2.0 * mf.Multiquadric(2.0)),
        lambda r: 0.5 * (wendland(4, 3)(r) / (1 + r * r) + 2 * mpmath.sqrt(1 + r * r / 4)),
        dims=(2,),
    ),
]

KERNELS = RADIAL + COMPOSED


def in_dimensions(cases):
    """Every case in every dimension in which it is tested."""
    return [(case, dim) for case in cases for dim in case.dims]


def with_derivatives(f, order):
    """t -> (f, f′, ..., f^(order))(t), by nested forward differentiation."""
    if order == 0:
        return lambda t: (f(t),)

    def extended(t):
        values, slopes = jax.jvp(with_derivatives(f, order - 1), (t,), (jnp.ones_like(t),))
        return *values, slopes[-1]

    return extended


def uncompiled(f, *rows):
    """The leaves of f mapped over the rows, one operation after the other: compiling it takes ten times longer."""
    traced = jax.make_jaxpr(jax.vmap(f))(*rows)
    return jax.core.eval_jaxpr(traced.jaxpr, traced.consts, *rows)
