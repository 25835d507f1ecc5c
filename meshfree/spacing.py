"""The wanted distance between nodes, as a number or as a function of the point."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float

_BATCH = 1024


class Spacing:
    """The wanted nearest-neighbour distance h, evaluated at many points at once.

    `spacing` is a positive number, or a function from one point `(d,)` to a positive number. Such a
    function may be written with NumPy or with `jax.numpy`: it is batched by `jax.vmap` where that works
    and called point by point where it does not. `constant` is the number, or None for a function.

    A `Spacing` is taken as it is. Raises ValueError when a spacing is not positive and finite, TypeError when it is
    neither a number nor callable.
    """

    constant: float | None
    _function: Callable[[np.ndarray], np.ndarray]

    def __init__(self, spacing):
        if isinstance(spacing, Spacing):
            self.constant, self._function = spacing.constant, spacing._function
        elif callable(spacing):
            self.constant = None
            self._function = _Batched(spacing)
        else:
            self.constant = _positive_number(spacing)

    @classmethod
    def of_many(cls, function: Callable[[np.ndarray], np.ndarray]) -> "Spacing":
        """From a function of many points, (n, d) -> (n,)."""
        spacing = cls(function)
        spacing._function = function
        return spacing

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


def _positive_number(spacing) -> float:
    try:
        h = float(spacing)
    except (TypeError, ValueError):
        raise TypeError(f"spacing must be a positive number or a function of x, got {type(spacing).__name__}") from None
    if not (np.isfinite(h) and h > 0):
        raise ValueError(f"spacing must be positive and finite, got {h:g}")
    return h


class _Batched:
    """f on one point -> f on many, by vmap where f traces and by a loop where it does not."""

    def __init__(self, function: Callable):
        self._function = function
        self._vmapped = jax.jit(jax.vmap(lambda x: _scalar(function(x))))
        self._traceable = True

    def __call__(self, X: np.ndarray) -> np.ndarray:
        # Whatever the tracer trips over (NumPy calls, `if x[0] < 1`) is legitimate in a plain function.
        if self._traceable and len(X):
            try:
                return self._in_batches(X)
            except Exception:
                self._traceable = False
        return np.array([float(_scalar(self._function(x))) for x in X], dtype=np.float64)

    def _in_batches(self, X: np.ndarray) -> np.ndarray:
        # One batch size, so that the function is compiled once.
        padded = np.concatenate([X, np.repeat(X[:1], -len(X) % _BATCH, axis=0)])
        h = [np.asarray(self._vmapped(batch)) for batch in padded.reshape(-1, _BATCH, X.shape[1])]
        return np.concatenate(h)[: len(X)].astype(np.float64)


def _scalar(h):
    if np.shape(h) != ():
        raise ValueError(f"spacing(x) must return a number for x of shape (d,), got shape {np.shape(h)}")
    return h
