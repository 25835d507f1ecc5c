"""The words and numbers on the pictures, in mathematical type."""

from collections.abc import Sequence

import numpy as np


def italic(word: str) -> str:
    """A single letter in italics, a longer word as it is."""
    return f"${word}$" if len(word) == 1 else word


def errors_of(names: Sequence[str]) -> list[str]:
    """The names of the fields' absolute errors."""
    return [f"|{name} − exact|" for name in names]


def largest(errors: np.ndarray) -> str:
    """The largest finite error in words."""
    return f"max {scientific(np.abs(errors[np.isfinite(errors)]).max())}"


def scientific(value: float) -> str:
    """1.2 × 10⁻⁵ in mathematical type."""
    if not np.isfinite(value) or value == 0 or 1e-2 <= abs(value) < 1e3:
        return f"{value:.3g}"
    digits, power = f"{value:.1e}".split("e")
    return rf"${digits} \times 10^{{{int(power)}}}$"
