"""Functions of one point, evaluated at many in double precision."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

_BATCH = 1024


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
