"""A function of one point as one of many, with its gradient: what bounds an implicit shape where it is zero."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float

from meshfree.internal.pointwise import Pointwise

_STEP = 1e-3  # of central differences, in units of the scale: rounding and truncation both near 1e-12
_WEIGHTS = ((1, 2 / 3), (2, -1 / 12))  # of fourth order


class Implicit:
    """The function f of one point (d,), in float64 at many points at once, and ∇f.

    f may be written with `jax.numpy`, then its gradient is exact, or with NumPy, then the gradient is by central
    differences of fourth order, good to about 1e-11 where f varies over lengths of `scale`.
    """

    def __init__(self, function: Callable, scale: float = 1.0):
        self._values = Pointwise(function, _check_scalar)
        self._gradients = Pointwise(jax.grad(function), lambda shape: None)
        self._differentiable = True
        self._step = _STEP * scale

    def values(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """f at the points; ValueError where f is no number, NaN or infinite."""
        f = self._values(X)
        wrong = np.flatnonzero(~np.isfinite(f))
        if len(wrong):
            i = wrong[0]
            raise ValueError(
                f"SignedDistance: function(x) returned {f[i]:g} at x = {tuple(X[i].tolist())}; expected a finite "
                "number everywhere within the bounds, negative inside"
            )
        return f

    def gradients(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """∇f at the points; not finite where f has none, as at the tip of a cone."""
        if self._differentiable and len(X):
            # NumPy's functions refuse tracers.
            try:
                return self._gradients(X)
            except Exception:
                self._differentiable = False
        steps = self._step * np.eye(X.shape[1])
        slopes = [
            sum(w * (self.values(X + k * step) - self.values(X - k * step)) for k, w in _WEIGHTS) for step in steps
        ]
        return np.stack(slopes, axis=1) / self._step


def _check_scalar(shape: tuple[int, ...]) -> None:
    if shape != ():
        raise ValueError(f"SignedDistance: function(x) must return a number for x of shape (d,), got shape {shape}")
