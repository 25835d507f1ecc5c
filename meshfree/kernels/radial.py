"""Radial kernels: one profile, closed under differentiation, and the one rule that makes autodiff exact.

With t = (x − y)/scale and s = |t|²/2 a radial kernel is φ(s), and d/ds is (1/r) d/dr. Every classical family
maps into itself under it, in closed form and finite wherever the derivative exists. The chain rule in x is then
∂ᵢ φ⁽ⁿ⁾(s) = φ⁽ⁿ⁺¹⁾(s) tᵢ/scaleᵢ: no square root is ever differentiated, and coincident points need no special case.
"""

import abc
import functools
import itertools
import math
import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from .functionals import Functional
from .kernel import Kernel, Leaf, one_floating_type, positive


class Radial(Kernel):
    """A kernel φ(s), s = |(x − y)/scale|²/2. A family writes `profile`, and everything else follows."""

    @property
    def max_dim(self) -> float:
        """The highest dimension of space in which the kernel is (conditionally) positive definite."""
        return math.inf

    @abc.abstractmethod
    def profile(self, n: int, s: Float[Array, ""]) -> Float[Array, ""]:
        """φ⁽ⁿ⁾(s), the n-th derivative of the profile, at s ≥ 0: () -> ().

        Beyond the table, where φ⁽ⁿ⁾ is singular at s = 0, its continuation, and 0 at s = 0 itself: enough
        powers of x − y multiply it there for the product to vanish.
        """

    def eval(self, x, y):
        return ladder(0, 0, *self._separated(x, y))

    def laplacian(self, x, y):
        """Δₓφ = φ′ Σᵢ εᵢ² + φ″ Σᵢ εᵢ⁴(xᵢ − yᵢ)², ε = 1/scale."""
        shape, delta, inverse_scale = self._separated(x, y)
        _require(shape, 2)
        first, second = (ladder(2, n, shape, delta, inverse_scale) for n in (1, 2))
        squares = jnp.broadcast_to(inverse_scale**2, delta.shape)
        return first * total(squares) + second * total((squares * delta) ** 2)

    def pair(self, f, x, g, y):
        """By the profiles up to φ⁗: with A = diag(ε²), q = A(x − y) the derivatives of φ(s) by x − y are

            ∂ᵢ = φ′qᵢ,  ∂ᵢⱼ = φ″qᵢqⱼ + φ′Aᵢⱼ,  ∂ᵢⱼₖ = φ‴qᵢqⱼqₖ + φ″(Aᵢⱼqₖ + Aᵢₖqⱼ + Aⱼₖqᵢ),

        and so on; g changes the sign of its slope, as y is subtracted.
        """
        shape, delta, inverse_scale = self._separated(x, y)
        _require(shape, f.order + g.order)
        squares = jnp.broadcast_to(inverse_scale**2, delta.shape)
        terms = _pair_terms(f, g, squares, squares * delta)
        profiles = [ladder(f.order + g.order, n, shape, delta, inverse_scale) for n in range(len(terms))]
        return functools.reduce(operator.add, [a * b for a, b in zip(terms, profiles, strict=True)])

    def pair_of_jets(self, f, x, g, y):
        """Each ∂ᵞφ is Σₖ Πᵢ γᵢ!/(kᵢ! (γᵢ − 2kᵢ)! 2^kᵢ) Aᵢᵢ^kᵢ qᵢ^(γᵢ − 2kᵢ) φ⁽ⁿ⁾, n = |γ| − |k|, A and q of `pair`."""
        shape, delta, inverse_scale = self._separated(x, y)
        factors: dict[tuple[int, ...], Any] = {}
        for (alpha, a), (beta, b) in itertools.product(f.items(), g.items()):
            gamma = tuple(map(operator.add, alpha, beta))
            factors[gamma] = factors.get(gamma, 0.0) + (-1.0) ** sum(beta) * a * b
        order = max(map(sum, factors))
        _require(shape, order)
        squares = jnp.broadcast_to(inverse_scale**2, delta.shape)
        q = squares * delta
        terms: list[Any] = [0.0] * (order + 1)
        for gamma, factor in factors.items():
            for lowered in itertools.product(*(range(i // 2 + 1) for i in gamma)):
                product = factor
                for axis, (i, k) in enumerate(zip(gamma, lowered, strict=True)):
                    ways = math.factorial(i) // (math.factorial(k) * math.factorial(i - 2 * k) * 2**k)
                    product = product * ways * squares[axis] ** k * q[axis] ** (i - 2 * k)
                n = sum(gamma) - sum(lowered)
                terms[n] = terms[n] + product
        return functools.reduce(
            operator.add, [term * ladder(order, n, shape, delta, inverse_scale) for n, term in enumerate(terms)]
        )

    def _separated(self, x, y):
        """The kernel's shape (what `profile` may use: all but the scale), x − y, and 1/scale."""
        x, y = _pair(self, x, y)
        return self, x - y, jnp.ones((), x.dtype)


class ScaledRadial(Radial):
    """A radial kernel with a trainable scale, one number or one per dimension."""

    raw_scale: eqx.AbstractVar[Float[Leaf, "*d"]]

    @property
    def scale(self) -> Float[Array, "*d"]:
        return positive(self.raw_scale)

    def _separated(self, x, y):
        x, y = _pair(self, x, y)
        scale = self.scale.astype(x.dtype)
        if scale.ndim == 1 and scale.shape != x.shape:
            raise ValueError(f"{self.describe()} has {scale.size} scales and the points {x.size} coordinates")
        shape = eqx.tree_at(lambda kernel: kernel.raw_scale, self, None)
        return shape, x - y, 1 / scale


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def ladder(order: int, n: int, shape: Radial, delta: Float[Array, " d"], inverse_scale: Float[Array, "*d"]):
    """φ⁽ⁿ⁾ at s = |δ/scale|²/2, as it stands in a derivative of the given order by x: (d,), () or (d,) -> ().

    `order` and `n` are counted apart: a derivative by x raises both, one by the scale only n, so that a kernel
    at the limit of its smoothness can still be tuned.
    """
    return shape.profile(n, _half_square(delta, inverse_scale))


def _ladder_jvp(order, n, primals, tangents):
    shape, delta, inverse_scale = primals
    shape_dot, delta_dot, inverse_scale_dot = tangents
    terms = []
    if not isinstance(delta_dot, SymbolicZero):
        _require(shape, order + 1)
        slope = ladder(order + 1, n + 1, *primals)
        terms.append(slope * total(inverse_scale**2 * delta * delta_dot))
    if not isinstance(inverse_scale_dot, SymbolicZero):
        slope = ladder(order, n + 1, *primals)
        if inverse_scale.ndim == 0:
            terms.append(slope * total(delta**2) * inverse_scale * inverse_scale_dot)
        else:
            terms.append(slope * total(delta**2 * inverse_scale * inverse_scale_dot))
    if not all(isinstance(leaf, SymbolicZero) for leaf in jax.tree.leaves(shape_dot)):
        s = _half_square(delta, inverse_scale)
        shape_dot = jax.tree.map(lambda t: jnp.zeros(t.shape, t.dtype) if isinstance(t, SymbolicZero) else t, shape_dot)
        terms.append(jax.jvp(lambda form: form.profile(n, s), (shape,), (shape_dot,))[1])
    return ladder(order, n, *primals), sum(terms[1:], start=terms[0])


ladder.defjvp(_ladder_jvp, symbolic_zeros=True)


def _pair_terms(f: Functional, g: Functional, squares, q) -> list[Float[Array, ""]]:
    """What φ, φ′, … are multiplied by in f_x g_y φ; all sums are written out, as in `total`."""
    axes = range(q.size)
    terms: list[Any] = [0.0] * (f.order + g.order + 1)

    def add(n: int, term) -> None:
        terms[n] = terms[n] + term

    def parts(functional: Functional, sign: float):
        """b·q, qᵀHq, tr(AH) and Hq."""
        slope = None if functional.slope is None else sign * total(functional.slope * q)
        if functional.bend is None:
            return slope, None, None, None
        along = [total(functional.bend[i] * q) for i in axes]
        bent = functools.reduce(operator.add, [along[i] * q[i] for i in axes])
        trace = functools.reduce(operator.add, [functional.bend[i, i] * squares[i] for i in axes])
        return slope, bent, trace, along

    (b, bent, trace, along), (b_, bent_, trace_, along_) = parts(f, 1.0), parts(g, -1.0)
    add(0, f.value * g.value)
    for value, slope, bend, tr in ((f.value, b_, bent_, trace_), (g.value, b, bent, trace)):
        if slope is not None:
            add(1, value * slope)
        if bend is not None:
            add(2, value * bend)
            add(1, value * tr)
    if b is not None and b_ is not None:
        add(2, b * b_)
        add(1, -total(f.slope * squares * g.slope))
    # of a slope with the other's bend; g's slope has the other sign
    for one, slope, sign, bend, tr, Hq in ((f, b, 1.0, bent_, trace_, along_), (g, b_, -1.0, bent, trace, along)):
        if slope is not None and bend is not None:
            mixed = functools.reduce(operator.add, [one.slope[i] * squares[i] * Hq[i] for i in axes])
            add(3, slope * bend)
            add(2, slope * tr + 2 * sign * mixed)
    if bent is not None and bent_ is not None:
        crossed = functools.reduce(operator.add, [along[i] * squares[i] * along_[i] for i in axes])
        doubled = functools.reduce(
            operator.add, [f.bend[i, j] * g.bend[i, j] * squares[i] * squares[j] for i in axes for j in axes]
        )
        add(4, bent * bent_)
        add(3, trace * bent_ + trace_ * bent + 4 * crossed)
        add(2, trace * trace_ + 2 * doubled)
    return terms


def total(terms: Float[Array, " d"]) -> Float[Array, ""]:
    """Their sum, written out: a reduction over two or three coordinates costs eight times the rest [m]."""
    return functools.reduce(operator.add, [terms[i] for i in range(terms.size)])


def _half_square(delta, inverse_scale):
    return 0.5 * total((delta * inverse_scale) ** 2)


def _require(kernel: Kernel, order: int) -> None:
    if order > kernel.smoothness:
        raise ValueError(
            f"{kernel.describe()} has continuous derivatives up to order {kernel.smoothness}; a derivative of order "
            f"{order} was asked for: use a smoother kernel, or one derivative less"
        )


def _pair(kernel: Radial, x, y) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
    """Both points in one floating type; ValueError for anything but two points of a dimension the kernel has."""
    x, y = one_floating_type(x, y)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"eval takes two points of shape (d,); got {x.shape} and {y.shape}. Call kernel(X, Y) for sets of points"
        )
    if x.size > kernel.max_dim:
        raise ValueError(
            f"{kernel.describe()} is positive definite in up to {kernel.max_dim} dimensions, and the points have "
            f"{x.size} coordinates: give dim={x.size}"
        )
    return x, y


def off_centre(r: Float[Array, ""], power: int, value) -> Float[Array, ""]:
    """value(r), which grows like r^power, power ≤ 0; 0 where it would overflow.

    The powers of x − y beside it make the product vanish there.
    """
    away = r > jnp.finfo(r.dtype).tiny ** (1 / (2 - power))
    return jnp.where(away, value(jnp.where(away, r, 1)), 0)


def horner(coefficients, x):
    """c₀ + c₁x + c₂x² + … for Python numbers c."""
    result = jnp.full_like(x, float(coefficients[-1]))
    for c in reversed(coefficients[:-1]):
        result = result * x + float(c)
    return result


def falling(start: float, step: float, n: int) -> float:
    """start (start − step) (start − 2 step) …, n factors."""
    return math.prod(start - step * i for i in range(n))
