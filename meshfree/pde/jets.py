"""Functions known by their derivatives at one point, which is all that a differential equation asks of u there.

With the derivatives Dᵅu(x), |α| ≤ q, as the unknowns, a residual of order q at x is a function of a few numbers, and
its gradient says which combination of derivatives the equation means: what a local space needs to build its rows.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float, Int

from .components import WithComponents
from .multi_indices import total_degree
from .operators import derivative

HIGHEST = 8  # the order of derivatives up to which a residual is tried


class BeyondJetError(Exception):
    """A derivative of higher order than a jet carries was asked for."""


class Jet(WithComponents):
    """A function near `point` by its derivatives Dᵅu(point), α the rows of `total_degree(d, order)`: (J,) or (J, f).

    It is evaluated and differentiated at `point` only; elsewhere its value is NaN.
    """

    point: Float[Array, " d"]
    derivatives: Float[Array, "J *f"]
    order: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, "*f"]:
        return jnp.tensordot(_monomials(self.order, x - self.point), self.derivatives, axes=1)

    @property
    def components(self):
        return 0 if self.derivatives.ndim == 1 else self.derivatives.shape[1]

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "*f"]:
        """Δu, which may be differentiated `order` − 2 times more."""
        if self.order < 2:
            raise BeyondJetError
        second = [self.derivatives[indices] for indices in _twice_raised(self.point.size, self.order)]
        derivatives = functools.reduce(jnp.add, second)
        return Jet(self.point, derivatives, self.order - 2)(x)


def jet_at(x: Float[Array, " d"], derivatives: Float[Array, "J *f"], order: int, moves: bool) -> Jet:
    """The jet at x. Where the point `moves`, as derivatives are taken by its place, it has zeros of one order more: its
    own change meets that of the place where it is asked for, and only their difference, which is none, meets those.
    """
    if not moves:
        return Jet(x, derivatives, order)
    more = len(total_degree(x.size, order + 1)) - len(derivatives)
    padding = [(0, more)] + [(0, 0)] * (derivatives.ndim - 1)
    return Jet(x, jnp.pad(derivatives, padding), order + 1)


def needed_order(value_of: Callable, dim: int, fields: int = 1) -> int:
    """The order of the highest derivative of u in `value_of(u, x)`, found by tracing it with longer and longer jets.

    Raises ValueError beyond order `HIGHEST`.
    """
    shape = () if fields == 1 else (fields,)
    point = jax.ShapeDtypeStruct((dim,), jnp.result_type(float))
    for order in range(HIGHEST + 1):
        derivatives = jax.ShapeDtypeStruct((len(total_degree(dim, order)), *shape), point.dtype)
        try:
            jax.eval_shape(lambda D, x: value_of(Jet(x, D, order), x), derivatives, point)  # noqa: B023
        except BeyondJetError:
            continue
        return order
    raise ValueError(f"the residual asks for derivatives beyond order {HIGHEST}, which local spaces do not have")


def derivatives_at(function: Callable, x: Float[Array, " d"], order: int) -> Float[Array, "J *out"]:
    """Dᵅ of `function` at x for |α| ≤ order, in the order of `total_degree`: (d,) -> (J, …)."""
    derived = {(0,) * x.size: function}
    for alpha in map(tuple, total_degree(x.size, order)[1:].tolist()):
        axis = next(axis for axis, times in enumerate(alpha) if times)
        below = tuple(times - (axis == other) for other, times in enumerate(alpha))
        derived[alpha] = derivative(derived[below], axis)
    return jnp.stack([function(x) for function in derived.values()])


def monomial_derivatives(x: Float[Array, " d"], exponents: Int[np.ndarray, "q d"], order: int) -> Float[Array, "J q"]:
    """Dᵅ xᵝ for |α| ≤ order and every row β of `exponents`, in closed form: (d,) -> (J, q)."""
    highest = int(exponents.max(initial=0))
    tables = []
    for axis in range(x.size):
        powers = jnp.stack([x[axis] ** p for p in range(highest + 1)])
        tables.append([_falling_powers(powers, times) for times in range(order + 1)])
    rows = [
        functools.reduce(jnp.multiply, [tables[axis][times][exponents[:, axis]] for axis, times in enumerate(alpha)])
        for alpha in total_degree(x.size, order)
    ]
    return jnp.stack(rows)


def _falling_powers(powers, times: int):
    """d^times/dt^times of tᵖ, p = 0, 1, …: p(p−1)…(p−times+1) t^(p−times)."""
    factors = np.array([math.perm(p, times) for p in range(len(powers))], dtype=float)
    shifted = jnp.concatenate([jnp.zeros(min(times, len(powers))), powers[: max(len(powers) - times, 0)]])
    return jnp.asarray(factors, powers.dtype) * shifted


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _monomials(order: int, offset: Float[Array, " d"]) -> Float[Array, " J"]:
    """offsetᵅ/α! for |α| ≤ order at offset 0, where it is (1, 0, …, 0); NaN elsewhere. Its derivatives are exact."""
    first = np.zeros(len(total_degree(offset.size, order)))
    first[0] = 1.0
    return jnp.where(jnp.all(offset == 0), jnp.asarray(first, offset.dtype), jnp.nan)


def _monomials_jvp(order, primals, tangents):
    (offset,), (offset_dot,) = primals, tangents
    value = _monomials(order, offset)
    if isinstance(offset_dot, SymbolicZero):
        return value, jnp.zeros_like(value)
    if order == 0:
        raise BeyondJetError
    lower = jnp.append(_monomials(order - 1, offset), 0.0)
    slopes = [lower[_lowered(offset.size, order, axis)] for axis in range(offset.size)]
    return value, sum(offset_dot[axis] * slope for axis, slope in enumerate(slopes))


_monomials.defjvp(_monomials_jvp, symbolic_zeros=True)


@functools.cache
def _positions(dim: int, order: int) -> dict[tuple[int, ...], int]:
    return {tuple(alpha): i for i, alpha in enumerate(total_degree(dim, order).tolist())}


@functools.cache
def _lowered(dim: int, order: int, axis: int) -> Int[np.ndarray, " J"]:
    """For every α of the order the position of α − e_axis among those of the order below; its length where αₐ = 0."""
    below = _positions(dim, order - 1)
    step = np.eye(dim, dtype=int)[axis]
    return np.array([below.get(tuple((alpha - step).tolist()), len(below)) for alpha in total_degree(dim, order)])


@functools.cache
def _twice_raised(dim: int, order: int) -> list[Int[np.ndarray, " J"]]:
    """For each axis the positions of β + 2e_axis, β running over order − 2."""
    at = _positions(dim, order)
    steps = 2 * np.eye(dim, dtype=int)
    return [np.array([at[tuple((b + step).tolist())] for b in total_degree(dim, order - 2)]) for step in steps]
