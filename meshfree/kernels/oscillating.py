"""Kernels that oscillate, for solutions that do: with given wave numbers, or with a given period.

Frequencies are angular wave numbers, in radians per unit of length: cos 94x has frequency 94. The cosine is multiplied
out beside its envelope, and never taken into a complex argument of it: a Gaussian of such is the exponential of
(frequency · scale/2)² times too small, and underflows at a frequency of 100 and a scale of 1.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..internal.expected import NUMBERS, Kind, expects
from ..internal.printing import concrete, shown
from .families import Gaussian
from .functionals import Functional
from .kernel import Kernel, Leaf, Wrapped, initial_scale, one_floating_type, positive, unconstrained

AUTO = "auto"


def _frequency(value: Any) -> Any:
    return value if isinstance(value, str) and value == AUTO else NUMBERS.read(value)


_FREQUENCY = Kind("a wave number, an array of them, or of wave vectors (q, d), or 'auto'", _frequency)


class Cosine(Kernel):
    """cos(ω·(x − y)), ω a wave number on the line, in d dimensions a wave vector (d,).

    Positive semi-definite of rank 2: a factor of other kernels, as in `mf.Cosine(100.0) * mf.Gaussian(1.0)`. Trainable
    are the length of ω, which is positive, and its direction. Raises ValueError for ω = 0, and where it is evaluated
    for points of another dimension.
    """

    raw_frequency: Float[Leaf, ""]
    direction: Float[Leaf, " d"] | None

    @expects(frequency=NUMBERS)
    def __init__(self, frequency: ArrayLike):
        if np.ndim(frequency) > 1:
            raise ValueError(
                f"frequency must be one wave number, or one wave vector (d,); got shape {np.shape(frequency)}. "
                "For several use mf.SpectralMixture"
            )
        self.raw_frequency, self.direction = _length_and_direction(frequency, np.ndim(frequency) == 1)

    @property
    def frequency(self) -> Float[Array, "*d"]:
        """ω, () or (d,)."""
        return _wave_vectors(self.raw_frequency, self.direction)

    @property
    def smoothness(self) -> float:
        return math.inf

    @property
    def scalable(self):
        return False

    def eval(self, x, y):
        return jnp.cos(self._phase(x, y)[1])

    def laplacian(self, x, y):
        omega, phase = self._phase(x, y)
        return -_dot(omega, omega) * jnp.cos(phase)

    def pair_beside(self, other, f, x, g, y):
        omega, phase = self._phase(x, y)
        return _modulated(other, omega, phase, f, x, g, y)

    def _phase(self, x, y) -> tuple[Float[Array, " d"], Float[Array, ""]]:
        x, y = one_floating_type(x, y)
        omega = _fitting(self, self.frequency[None], x)[0]
        return omega, _dot(omega, x - y)

    def __repr__(self):
        return f"Cosine(frequency={_shown_frequency(self)})"


class SpectralMixture(Wrapped):
    """Σᵢ wᵢ cos(ωᵢ·(x − y)) φ(x, y): waves under one envelope, after Wilson & Adams, Gaussian process kernels for
    pattern discovery and extrapolation, ICML 28 (2013), equation 12.

    `frequency`: the ωᵢ, one number, (q,) on the line, or wave vectors (q, d). Theirs are products of cosines along the
    axes, cos(a δ₁) cos(b δ₂), which are the two waves (a, b) and (a, −b) here. φ is `Gaussian(scale)`, or any `kernel`
    that is given, with a scale of its own. `weights`: the wᵢ, by default 1/q each. Trainable are the lengths of the ωᵢ
    and the weights, which are positive, the directions of the ωᵢ, and φ.

    A function is as smooth for it as its factor beside the waves is for φ, and may oscillate with other frequencies up
    to 6/scale away. Parts of a solution that do not oscillate, as boundary values bring in, need a kernel of their own:
    `SpectralMixture(...) + mf.Gaussian(1.0)`.

    `frequency="auto"`: `mf.solve(problem, space)` and `mf.tune(problem, space)` read the frequencies off the residual
    of u = 0 at the interior nodes, up to π/spacing (`solving.frequencies`), and the space of what they return has them;
    all else refuses to evaluate it, with ValueError.

    Raises ValueError for frequencies and weights that are not positive, for both a scale and a kernel, and where it is
    evaluated for points of another dimension.
    """

    raw_frequency: Float[Leaf, " q"] | None  # None: to be found
    direction: Float[Leaf, "q d"] | None
    raw_weights: Float[Leaf, " q"] | None

    @expects(frequency=_FREQUENCY, scale=NUMBERS, kernel=Kernel, weights=NUMBERS)
    def __init__(
        self,
        frequency: ArrayLike | str,
        scale: ArrayLike | None = None,
        *,
        kernel: Kernel | None = None,
        weights: ArrayLike | None = None,
    ):
        if scale is not None and kernel is not None:
            raise ValueError(f"scale= is that of a Gaussian, and the kernel {kernel.describe()} has its own: drop one")
        self.kernel = Gaussian(1.0 if scale is None else scale) if kernel is None else kernel
        if isinstance(frequency, str):
            if weights is not None:
                raise ValueError(
                    "weights= belong to frequencies, and frequency='auto' does not tell how many there are"
                )
            self.raw_frequency = self.direction = self.raw_weights = None
            return
        if np.ndim(frequency) > 2 or np.size(frequency) == 0:
            raise ValueError(
                f"frequency must be one wave number, (q,) of them, or wave vectors (q, d); got shape "
                f"{np.shape(frequency)}"
            )
        array = jnp if isinstance(frequency, jax.core.Tracer) else np
        self.raw_frequency, self.direction = _length_and_direction(array.atleast_1d(frequency), np.ndim(frequency) == 2)
        count = np.shape(self.raw_frequency)
        if weights is not None and np.shape(weights) != count:
            raise ValueError(f"weights must be one for each of the {count[0]} frequencies; got {np.shape(weights)}")
        self.raw_weights = unconstrained(np.full(count, 1 / count[0]) if weights is None else weights, "weights")

    @property
    def frequency(self) -> Float[Array, "q *d"]:
        """The ωᵢ, (q,) or (q, d); ValueError where they are yet to be found."""
        return _wave_vectors(self._found(self.raw_frequency), self.direction)

    @property
    def weights(self) -> Float[Array, " q"]:
        """The wᵢ, (q,)."""
        return positive(self._found(self.raw_weights))

    @property
    def raw_scale(self) -> Any:
        """That of the envelope, if it has one: what `tune` moves by default."""
        envelope: Any = self.kernel
        return envelope.raw_scale

    @property
    def is_open(self):
        return self.raw_frequency is None or super().is_open

    def at_frequencies(self, frequency: ArrayLike) -> SpectralMixture:
        """The same envelope over these frequencies, (q,) or (q, d), of equal weights."""
        return SpectralMixture(frequency, kernel=self.kernel)

    @property
    def tail(self):
        return -1 if self.kernel.tail == -1 else None

    @property
    def scalable(self):
        return False

    def eval(self, x, y):
        waves = [weight * jnp.cos(_dot(omega, delta)) for weight, omega, delta in self._waves(x, y)]
        return functools.reduce(operator.add, waves) * self.kernel.eval(x, y)

    def laplacian(self, x, y):
        """Σᵢ wᵢ [cosᵢ (Δφ − |ωᵢ|² φ) − 2 sinᵢ ωᵢ·∇φ]."""
        x, y = one_floating_type(x, y)
        bent = self.kernel.laplacian(x, y)
        value, slope = jax.value_and_grad(self.kernel.eval)(x, y)
        terms = [
            weight
            * (
                jnp.cos(_dot(omega, delta)) * (bent - _dot(omega, omega) * value)
                - 2 * jnp.sin(_dot(omega, delta)) * _dot(omega, slope)
            )
            for weight, omega, delta in self._waves(x, y)
        ]
        return functools.reduce(operator.add, terms)

    def pair(self, f, x, g, y):
        terms = [
            weight * _modulated(self.kernel, omega, _dot(omega, delta), f, x, g, y)
            for weight, omega, delta in self._waves(x, y)
        ]
        return functools.reduce(operator.add, terms)

    def _waves(self, x, y) -> list[tuple[Float[Array, ""], Float[Array, " d"], Float[Array, " d"]]]:
        """Of every wave its weight and wave vector, and x − y."""
        x, y = one_floating_type(x, y)
        omegas, weights = _fitting(self, self.frequency, x), self.weights.astype(x.dtype)
        return [(weights[i], omegas[i], x - y) for i in range(len(omegas))]

    def _found(self, leaf: Leaf | None) -> Leaf:
        if leaf is None:
            raise ValueError(
                "frequency='auto' is found from a problem, by mf.solve(problem, space) and mf.tune(problem, space), "
                "whose solution and space have it: give numbers here, SpectralMixture(frequency=[94.0, 106.0])"
            )
        return leaf

    def __repr__(self):
        parts = [f"frequency={repr(AUTO) if self.raw_frequency is None else _shown_frequency(self)}"]
        if isinstance(self.kernel, Gaussian):
            parts.append(repr(self.kernel).removeprefix("Gaussian(").removesuffix(")"))
        else:
            parts.append(f"kernel={self.kernel!r}")
        raw = None if self.raw_weights is None else concrete(self.raw_weights)
        if raw is not None and raw.dtype.kind == "f":
            weights = np.logaddexp(0, raw)
            if not np.allclose(weights, 1 / max(weights.size, 1), rtol=1e-6):
                parts.append(f"weights={shown(weights)}")
        return f"SpectralMixture({', '.join(parts)})"


class Periodic(Kernel):
    """exp(−2 Σᵢ sin²(π(xᵢ − yᵢ)/periodᵢ)/scaleᵢ²), a product over the axes (MacKay, Introduction to Gaussian processes,
    1998, equation 47; Rasmussen & Williams 2006, equation 4.31): a Gaussian of the chord, every axis wound up to a
    circle.

    `period` and `scale`: one number, or one per dimension; both are positive and trainable. The scale is a pure number:
    at small ones the kernel is a Gaussian of scale period · scale/(√2 π), repeated. All its combinations have the
    period: no boundary conditions hold them together. Raises ValueError for what is not positive.
    """

    raw_period: Float[Leaf, "*d"]
    raw_scale: Float[Leaf, "*d"]

    @expects(period=NUMBERS, scale=NUMBERS)
    def __init__(self, period: ArrayLike, scale: ArrayLike = 1.0, *, key: Array | None = None):
        if np.ndim(period) > 1:
            raise ValueError(f"period must be one number, or one per dimension; got shape {np.shape(period)}")
        self.raw_period = unconstrained(period, "period")
        self.raw_scale = initial_scale(scale, key)

    @property
    def period(self) -> Float[Array, "*d"]:
        return positive(self.raw_period)

    @property
    def scale(self) -> Float[Array, "*d"]:
        return positive(self.raw_scale)

    @property
    def smoothness(self) -> float:
        return math.inf

    @property
    def scalable(self):
        return False

    def eval(self, x, y):
        _, half, inverse_scale = self._angles(x, y)
        terms = (jnp.sin(half) * inverse_scale) ** 2
        return jnp.exp(-2 * functools.reduce(operator.add, list(terms)))

    def laplacian(self, x, y):
        """k Σᵢ (gᵢ′² + gᵢ″), k = exp Σᵢ gᵢ."""
        turn, half, inverse_scale = self._angles(x, y)
        slopes, bends = -jnp.sin(2 * half) * inverse_scale**2 * turn, -jnp.cos(2 * half) * (inverse_scale * turn) ** 2
        return self.eval(x, y) * functools.reduce(operator.add, list(slopes**2 + bends))

    def _angles(self, x, y) -> tuple[Float[Array, " d"], Float[Array, " d"], Float[Array, " d"]]:
        """2π/period, π(x − y)/period and 1/scale, along every axis."""
        x, y = one_floating_type(x, y)
        for name, parameter in (("period", self.raw_period), ("scale", self.raw_scale)):
            if np.shape(parameter) not in ((), x.shape):
                raise ValueError(
                    f"{self.describe()} has {np.shape(parameter)[0]} {name}s and the points {x.size} coordinates"
                )
        turn, inverse_scale = 2 * math.pi / self.period.astype(x.dtype), 1 / self.scale.astype(x.dtype)
        along = jnp.broadcast_to(turn, x.shape)
        return along, 0.5 * along * (x - y), jnp.broadcast_to(inverse_scale, x.shape)


def _modulated(kernel: Kernel, omega, phase, f: Functional, x, g: Functional, y) -> Float[Array, ""]:
    """f_x g_y [cos(ω·(x − y)) k(x, y)], the real part of e^(iω·(x − y)) f̃_x g̃_y k with f̃ of ∇ + iω and g̃ of ∇ − iω."""
    (f_real, f_imag), (g_real, g_imag) = _shifted(f, omega), _shifted(g, -omega)
    if f_imag is None or g_imag is None:
        crossed = [kernel.pair(a, x, b, y) for a, b in ((f_imag, g_real), (f_real, g_imag)) if a and b]
        even = kernel.pair(f_real, x, g_real, y)
    else:
        crossed = [kernel.pair(f_real, x, g_imag, y), kernel.pair(f_imag, x, g_real, y)]
        even = kernel.pair(f_real, x, g_real, y) - kernel.pair(f_imag, x, g_imag, y)
    found = jnp.cos(phase) * even
    return found - jnp.sin(phase) * functools.reduce(operator.add, crossed) if crossed else found


def _shifted(f: Functional, omega) -> tuple[Functional, Functional | None]:
    """The real and the imaginary part of f with ∇ + iω in place of ∇; no imaginary one of a value."""
    if f.slope is None:
        return f, None
    if f.bend is None:
        return f, Functional(_dot(f.slope, omega))
    twisted = [_dot(f.bend[i], omega) for i in range(omega.size)]
    bent = functools.reduce(operator.add, [twisted[i] * omega[i] for i in range(omega.size)])
    return Functional(f.value - bent, f.slope, f.bend), Functional(_dot(f.slope, omega), 2 * jnp.stack(twisted))


def _length_and_direction(frequency: Any, is_vector: bool) -> tuple[Leaf, Leaf | None]:
    """The leaves behind wave numbers (*q,), or wave vectors (*q, d): raw lengths, and unit vectors or None."""
    if not is_vector:
        return unconstrained(frequency, "frequency"), None
    array = jnp if isinstance(frequency, jax.core.Tracer) else np
    vectors = array.asarray(frequency, dtype=float)
    lengths = array.sqrt(array.sum(vectors**2, axis=-1))
    return unconstrained(lengths, "the length of a wave vector"), vectors / lengths[..., None]


def _wave_vectors(raw_frequency: Leaf, direction: Leaf | None) -> Float[Array, "*q_d"]:
    lengths = positive(raw_frequency)
    return lengths if direction is None else lengths[..., None] * jnp.asarray(direction)


def _fitting(kernel: Kernel, omegas: Float[Array, "q *d"], x: Float[Array, " d"]) -> Float[Array, "q d"]:
    """Wave vectors in the type of a point, which on the line may be numbers; ValueError for another dimension."""
    vectors = omegas[:, None] if omegas.ndim == 1 else omegas
    if x.shape != vectors.shape[1:]:
        has = "wave numbers, for points of the line" if omegas.ndim == 1 else f"wave vectors ({vectors.shape[1]},)"
        raise ValueError(
            f"{kernel.describe()} has {has}, and the points have {x.size} coordinates: give wave vectors ({x.size},)"
        )
    return vectors.astype(x.dtype)


def _dot(a: Float[Array, " d"], b: Float[Array, " d"]) -> Float[Array, ""]:
    """a·b, written out: see `radial.total`."""
    return functools.reduce(operator.add, [a[i] * b[i] for i in range(a.size)])


def _shown_frequency(kernel: Any) -> str:
    """Without JAX, which under jit would trace it."""
    raw, direction = kernel.raw_frequency, kernel.direction
    lengths = concrete(raw)
    if lengths is None or lengths.dtype.kind != "f":
        return shown(raw)
    if direction is None:
        return shown(np.logaddexp(0, lengths))
    along = concrete(direction)
    return shown(direction if along is None else np.logaddexp(0, lengths)[..., None] * along)
