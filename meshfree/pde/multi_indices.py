"""Monomials of total degree, and the index sets of product bases."""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

LEAST = 4  # the degree of the short axes of a long box
ROUND_OFF = 1e-12


@functools.cache
def total_degree(dim: int, degree: int) -> Int[np.ndarray, "q d"]:
    """All multi-indices of `dim` non-negative numbers with sum ≤ degree, by rising sum: binom(degree + dim, dim)."""
    return _sorted((index for index in _all_indices(dim, degree) if sum(index) <= degree), dim)


@functools.cache
def total_degrees(degrees: tuple[int, ...]) -> Int[np.ndarray, "q d"]:
    """All multi-indices with Σ iₖ/degreesₖ ≤ 1: `total_degree` with a degree of its own for every axis."""
    return _sorted((index for index in _up_to(degrees) if sum(_shares(index, degrees)) <= 1), len(degrees))


@functools.cache
def hyperbolic_crosses(degrees: tuple[int, ...]) -> Int[np.ndarray, "q d"]:
    """All multi-indices with Π(1 + n iₖ/degreesₖ) ≤ 1 + n, n the mean of `mean_degree`: the cross on unlike axes."""
    n = mean_degree(degrees)
    most = (1 + n) * (1 + ROUND_OFF)
    crossed = (index for index in _up_to(degrees) if math.prod(1 + n * s for s in _shares(index, degrees)) <= most)
    return _sorted(crossed, len(degrees))


def mean_degree(degrees: tuple[int, ...]) -> float:
    """The geometric mean: as many functions belong to that degree on every axis."""
    return math.prod(max(n, 1) for n in degrees) ** (1 / len(degrees))


def degrees_on_box(degree: int, sides: Float[np.ndarray, " d"]) -> tuple[int, ...]:
    """A degree for every axis in proportion to the sides of a box, with the mean `degree`, and none below LEAST."""
    least, free = min(degree, LEAST), np.ones(len(sides), dtype=bool)
    degrees = np.full(len(sides), float(least))
    while free.any():
        left = degree ** len(sides) / least ** np.sum(~free)
        shares = sides / np.exp(np.mean(np.log(sides[free]))) * left ** (1 / np.sum(free))
        if not np.any(free & (shares < least)):
            degrees[free] = shares[free]
            break
        free &= shares >= least
    return tuple(int(n) for n in np.round(degrees))


@functools.cache
def hyperbolic_cross(dim: int, degree: int) -> Int[np.ndarray, "q d"]:
    """All multi-indices with Π(iₖ + 1) ≤ degree + 1: the mixed terms thinned out, for three dimensions and more."""

    def product_below(budget: int, axes: int):
        if axes == 0:
            yield ()
            return
        for first in range(budget):
            for rest in product_below(budget // (first + 1), axes - 1):
                yield first, *rest

    return _sorted(product_below(degree + 1, dim), dim)


def monomials(x: Float[Array, " d"], exponents: Int[np.ndarray, "q d"]) -> Float[Array, " q"]:
    """xⁱ for every row i of `exponents`: (d,), (q, d) -> (q,). Integer powers, so every derivative is exact."""
    powers = [jnp.stack([x[axis] ** int(e) for e in range(exponents.max(initial=0) + 1)]) for axis in range(x.size)]
    product = jnp.ones(len(exponents), x.dtype)
    for axis, table in enumerate(powers):
        product = product * table[exponents[:, axis]]
    return product


def _all_indices(dim: int, degree: int):
    return itertools.product(range(degree + 1), repeat=dim)


def _up_to(degrees: tuple[int, ...]):
    return itertools.product(*(range(n + 1) for n in degrees))


def _shares(index: tuple[int, ...], degrees: tuple[int, ...]) -> list[Fraction]:
    """Of every axis' degree the share that an index takes, exact."""
    return [Fraction(i, max(n, 1)) for i, n in zip(index, degrees, strict=True)]


def _sorted(indices, dim: int) -> Int[np.ndarray, "q d"]:
    return np.array(sorted(indices, key=lambda index: (sum(index), index)), dtype=int).reshape(-1, dim)
