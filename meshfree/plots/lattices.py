"""Points evenly spread over a rectangle: where functions are evaluated to be drawn."""

import numpy as np

VERTICES = 16_000  # of the triangles that paint a plane domain, or a section of a body


def lattice(lower: np.ndarray, upper: np.ndarray, count: float) -> np.ndarray:
    """About `count` points, evenly spread over a rectangle with its edges."""
    return np.stack(np.meshgrid(*ticks(lower, upper, count)), axis=-1).reshape(-1, 2)


def ticks(lower: np.ndarray, upper: np.ndarray, count: float) -> list[np.ndarray]:
    """The coordinates along each side of a rectangle of a lattice of about `count` points, at least three."""
    h = np.sqrt(np.prod(upper - lower) / count)
    return [np.linspace(a, b, max(round((b - a) / h), 2) + 1) for a, b in zip(lower, upper, strict=True)]
