"""Monomials of total degree, and the index sets of product bases."""

from __future__ import annotations

import functools
import itertools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


@functools.cache
def total_degree(dim: int, degree: int) -> Int[np.ndarray, "q d"]:
    """All multi-indices of `dim` non-negative numbers with sum ≤ degree, by rising sum: binom(degree + dim, dim)."""
    return _sorted((index for index in _all_indices(dim, degree) if sum(index) <= degree), dim)


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


def _sorted(indices, dim: int) -> Int[np.ndarray, "q d"]:
    return np.array(sorted(indices, key=lambda index: (sum(index), index)), dtype=int).reshape(-1, dim)
