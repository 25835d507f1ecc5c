"""Several local bases as one: sums of a function from each."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..internal.tracing import is_traced
from .base import LocalBasis


class Layers(LocalBasis):
    """The functions of all `layers`, those of layer i from column `starts[i]` on: a point has some of each."""

    layers: tuple[LocalBasis, ...]
    starts: tuple[int, ...] = eqx.field(static=True)

    @property
    def own_columns(self):
        return self._joined([layer.own_columns for layer in self.layers])

    def columns_at(self, X):
        return self._joined([layer.columns_at(X) for layer in self.layers])

    def weights(self, X, columns, functionals, order):
        parts = [
            layer.weights(X, own - start, functionals, order)
            for layer, own, start in zip(self.layers, self._parted(columns), self.starts, strict=True)
        ]
        return _concatenated(parts)

    def _joined(self, found):
        return _concatenated([columns + start for columns, start in zip(found, self.starts, strict=True)])

    def _parted(self, columns):
        """The columns of each layer; traced ones are as many as at the points of its own cloud."""
        if is_traced(columns):
            widths = [layer.own_columns.shape[1] for layer in self.layers]
            return jnp.split(columns, np.cumsum(widths[:-1]), axis=1)
        return np.split(columns, np.searchsorted(self._layer_of(columns[0]), np.arange(1, len(self.starts))), axis=1)

    def _layer_of(self, columns):
        return np.searchsorted(self.starts, columns, side="right") - 1


def _concatenated(parts):
    return (jnp if is_traced(parts) else np).concatenate(parts, axis=-1)
