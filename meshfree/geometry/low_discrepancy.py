"""Points that fill the unit cube more evenly than random ones, as `scipy.stats.qmc` gives them, bit for bit.

That module takes a quarter of a second to import, and nothing else here needs it.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

OF_RULE = 2**17  # points of a rule of integration in the bounding box
_PRIMES = (2, 3, 5, 7)
_BITS = 30  # of Sobol's coordinates


class Halton:
    """Halton's sequence in up to four dimensions, its digits scrambled by random permutations (Owen 2017)."""

    def __init__(self, dim: int, rng: np.random.Generator):
        own = rng.spawn(1)[0]
        self._permutations = [_permutations(base, own) for base in _PRIMES[:dim]]
        self._drawn = 0

    def random(self, n: int) -> Float[np.ndarray, "n d"]:
        """The next n points."""
        index = np.arange(self._drawn, self._drawn + n)
        self._drawn += n
        return np.stack([_radical_inverse(index, places) for places in self._permutations], axis=1)


def _permutations(base: int, rng: np.random.Generator) -> np.ndarray:
    """One permutation of the digits for every place that float64 holds."""
    permutations = np.repeat(np.arange(base)[None], math.ceil(54 / math.log2(base)) - 1, axis=0)
    for permutation in permutations:
        rng.shuffle(permutation)
    return permutations


def _radical_inverse(index: np.ndarray, permutations: np.ndarray) -> np.ndarray:
    """Σ πₖ(dₖ) b⁻ᵏ⁻¹ over the digits dₖ of the indices in base b."""
    base = permutations.shape[1]
    total, place = np.zeros(len(index)), 1 / base
    for permutation in permutations:
        total += permutation[index % base] * place
        index, place = index // base, place / base
    return total


def sobol(n: int, dim: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
    """The first n points, a power of 2, of Sobol's sequence in up to three dimensions, scrambled (Matoušek 1998)."""
    rng = np.random.default_rng(seed).spawn(1)[0]
    shift = rng.integers(2, size=(dim, _BITS), dtype=np.uint32).astype(int) @ 2 ** np.arange(_BITS)
    mixed = rng.integers(2, size=(dim, _BITS, _BITS), dtype=np.uint32).astype(int)
    mixed = np.tril(mixed, -1) + np.eye(_BITS, dtype=int)
    steps = 2 ** np.arange(_BITS)[::-1] @ (mixed @ _directions(dim) % 2)
    X = np.empty((n, dim), dtype=int)
    X[0], drawn = shift, 1
    while drawn < n:  # in Gray's order the second half is the first one backwards, moved
        X[drawn : 2 * drawn] = X[drawn - 1 :: -1] ^ steps[:, drawn.bit_length() - 1]
        drawn *= 2
    return X * 0.5**_BITS


def _directions(dim: int) -> np.ndarray:
    """The binary digits of Sobol's direction numbers, one number a column (Joe & Kuo 2008): (dim, 30, 30)."""
    m = np.ones((3, _BITS), dtype=int)
    m[2, 1] = 3
    for j in range(1, _BITS):
        m[1, j] = m[1, j - 1] ^ 2 * m[1, j - 1]
        if j > 1:
            m[2, j] = m[2, j - 2] ^ 4 * m[2, j - 2] ^ 2 * m[2, j - 1]
    numbers = m[:dim] << np.arange(_BITS)[::-1]
    return numbers[:, None] >> np.arange(_BITS)[::-1, None] & 1


def sobol_rule(
    lower: Float[np.ndarray, " d"], upper: Float[np.ndarray, " d"], contains: Callable
) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, " m"]]:
    """The points of Sobol's sequence in a box that a shape contains, with equal weights, for integrals over it."""
    X = lower + sobol(OF_RULE, len(lower)) * (upper - lower)
    inside = contains(X)
    return X[inside], np.full(np.sum(inside), np.prod(upper - lower) / OF_RULE)
