"""Functions of one point, evaluated at many in double precision, and their gradients."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

_BATCH = 1024
_STEP = 1e-3  # of central differences, in units of the scale: rounding and truncation both near 1e-12
_WEIGHTS = ((1, 2 / 3), (2, -1 / 12))  # of fourth order


class Pointwise:
    """f on one point -> f on many, by vmap where f traces and by a loop where it does not.

    In float64, whether x64 is switched on in JAX or not. `check` is given every value, an array, and raises for one of
    a wrong shape; what f itself raises is raised.
    """

    def __init__(self, function: Callable, check: Callable[[tuple[int, ...]], None]):
        def checked(x):
            value = jnp.asarray(function(x))
            check(value.shape)
            return value

        self._function, self._check = function, check
        self._vmapped = jax.jit(jax.vmap(checked))
        self._traceable = True

    def __call__(self, X: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "n ..."]:
        """The values at points (n, d), or at numbers (n,)."""
        with jax.enable_x64(True):
            # Whatever the tracer trips over (NumPy calls, `if x[0] < 1`) is legitimate in a plain function.
            if self._traceable and len(X):
                try:
                    return self._in_batches(X)
                except Exception:
                    self._traceable = False
            return np.array([self._one(x) for x in X], dtype=np.float64)

    def _in_batches(self, X: np.ndarray) -> np.ndarray:
        # One batch size, so that the function is compiled once.
        padded = np.concatenate([X, np.repeat(X[:1], -len(X) % _BATCH, axis=0)])
        found = [np.asarray(self._vmapped(batch)) for batch in padded.reshape(-1, _BATCH, *X.shape[1:])]
        return np.concatenate(found)[: len(X)].astype(np.float64)

    def _one(self, x: Any) -> np.ndarray:
        value = np.asarray(self._function(x), dtype=np.float64)
        self._check(value.shape)
        return value


class PointwiseGradient:
    """The function f of one point (d,), a number, and ∇f, in float64 at many points at once.

    f may be written with `jax.numpy`, then its gradient is exact, or with NumPy, then the gradient is by central
    differences of fourth order, good to about 1e-11 where f varies over lengths of `scale`. `owner`: the shape whose
    function it is, which the messages of errors name.
    """

    def __init__(self, function: Callable, owner: str, scale: float = 1.0):
        self._owner = owner
        self._values = Pointwise(function, functools.partial(_check_number, owner))
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
                f"{self._owner}: function(x) returned {f[i]:g} at x = {tuple(X[i].tolist())}; expected a finite "
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


def _check_number(owner: str, shape: tuple[int, ...]) -> None:
    if shape != ():
        raise ValueError(f"{owner}: function(x) must return a number for x of shape (d,), got shape {shape}")
