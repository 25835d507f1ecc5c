"""Derivatives of products and quotients at a point, from those of their factors: Leibniz's rule.

A `list` or an array of the Dᵅ, |α| ≤ order, in the order of `total_degree(d, order)`, stands for a function; the
entries are numbers or arrays of either library.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
from jaxtyping import Int

from .multi_indices import total_degree


def product(f: Any, g: Any, dim: int, order: int) -> list[Any]:
    """Dᵅ(f g) = Σ_β binom(α, β) Dᵝf Dᵅ⁻ᵝg."""
    return [_sum([n * f[i] * g[j] for n, i, j in terms]) for terms in _leibniz(dim, order)]


def quotient(f: Any, g: Any, dim: int, order: int) -> list[Any]:
    """Dᵅ(f/g), by the rule for (f/g) g = f, solved for the derivative that is new."""
    found: list[Any] = []
    for alpha, terms in enumerate(_leibniz(dim, order)):
        known = [n * found[i] * g[j] for n, i, j in terms if i != alpha]
        found.append((f[alpha] - _sum(known)) / g[0] if known else f[alpha] / g[0])
    return found


@functools.cache
def raised(dim: int, order: int) -> Int[np.ndarray, "J d"]:
    """For every α of the order the positions of α + eᵢ, i = 1 … d, among those of the next."""
    at = _positions(dim, order + 1)
    return np.array([[at[tuple(row)] for row in alpha + np.eye(dim, dtype=int)] for alpha in total_degree(dim, order)])


@functools.cache
def _leibniz(dim: int, order: int) -> list[list[tuple[float, int, int]]]:
    """For every α the terms (binom(α, β), position of β, position of α − β)."""
    at = _positions(dim, order)
    return [
        [
            (float(math.prod(map(math.comb, alpha, beta))), at[beta], at[tuple(np.subtract(alpha, beta).tolist())])
            for beta in itertools.product(*(range(times + 1) for times in alpha))
        ]
        for alpha in at
    ]


@functools.cache
def _positions(dim: int, order: int) -> dict[tuple[int, ...], int]:
    return {tuple(alpha): i for i, alpha in enumerate(total_degree(dim, order).tolist())}


def _sum(terms: list[Any]) -> Any:
    return functools.reduce(lambda a, b: a + b, terms)
