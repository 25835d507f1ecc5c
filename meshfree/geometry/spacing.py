"""The wanted distance between nodes, as a number or as a function of the point."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ..internal.expected import OF_A_POINT, came
from ..internal.pointwise import Pointwise
from .periods import Periods, repeating, wrapped

MOST_NODES = 20_000_000


def check_count(count: float) -> None:
    """ValueError for more nodes than are placed at once."""
    if not count <= MOST_NODES:
        raise ValueError(
            f"the spacing asks for about {count:.1e} nodes, more than the {MOST_NODES:.0e} that are placed at once; "
            "use a larger spacing"
        )


class Spacing:
    """The wanted nearest-neighbour distance h, evaluated at many points at once.

    `spacing` is a positive number, or a function from one point `(d,)` to a positive number. Such a
    function may be written with NumPy or with `jax.numpy`: it is batched by `jax.vmap` where that works
    and called point by point where it does not. `constant` is the number, or None for a function.

    `at`: points (k, d) near which the spacing may be fine in a spot too small to be found by sampling; or None.

    A `Spacing` is taken as it is. Raises ValueError when a spacing is not positive and finite, TypeError when it is
    neither a number nor callable.
    """

    constant: float | None
    at: Float[np.ndarray, "k d"] | None
    sampled: dict  # what `nodes.fine_spots` found, by region
    _function: Callable[[np.ndarray], np.ndarray]

    def __init__(self, spacing, at=None):
        self.at = at
        self.sampled = {}
        if isinstance(spacing, Spacing):
            self.constant, self._function = spacing.constant, spacing._function
            self.at = spacing.at if at is None else at
        elif callable(spacing):
            _check_function(spacing)
            self.constant = None
            self._function = Pointwise(spacing, _check_number)
        else:
            self.constant = _positive_number(spacing)

    @classmethod
    def of_many(cls, function: Callable[[np.ndarray], np.ndarray], at=None) -> "Spacing":
        """From a function of many points, (n, d) -> (n,)."""
        spacing = cls(function, at)
        spacing._function = function
        return spacing

    def repeated(self, lower: Float[np.ndarray, " d"], periods: Periods) -> "Spacing":
        """The spacing in the box from `lower` on, repeated beyond."""
        if self.constant is not None or not len(repeating(periods)):
            return self
        return Spacing.of_many(lambda X: self(wrapped(X, lower, periods)), self.at)

    def __call__(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """h at the points X."""
        if self.constant is not None:
            return np.full(len(X), self.constant)
        h = self._function(X)
        wrong = np.flatnonzero(~(np.isfinite(h) & (h > 0)))
        if len(wrong):
            i = wrong[0]
            raise ValueError(
                f"spacing(x) returned {h[i]:g} at x = {tuple(X[i].tolist())}; expected a positive, finite "
                "distance everywhere in the domain's bounding box"
            )
        return h


def _check_function(spacing) -> None:
    try:
        OF_A_POINT.read(spacing)
    except TypeError:
        raise TypeError(f"spacing must be a positive number or a function of x, got {came(spacing)}") from None


def _positive_number(spacing) -> float:
    try:
        if isinstance(spacing, str | bytes):
            raise TypeError
        h = float(spacing)
    except (TypeError, ValueError):
        raise TypeError(f"spacing must be a positive number or a function of x, got {came(spacing)}") from None
    if not (np.isfinite(h) and h > 0):
        raise ValueError(f"spacing must be positive and finite, got {h:g}")
    return h


def _check_number(shape: tuple[int, ...]) -> None:
    if shape != ():
        raise ValueError(f"spacing(x) must return a number for x of shape (d,), got shape {shape}")
