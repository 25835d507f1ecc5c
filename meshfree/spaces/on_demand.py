"""Arrays whose rows are found when they are first asked for: of many processes each asks for a part of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np


class OnDemand:
    """An array (m, *k): `find` makes its rows at some places, (p,) -> (p, *k). As an array it is all of them."""

    def __init__(self, find: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], dtype: Any):
        self._find, self.shape, self.ndim = find, shape, len(shape)
        self._rows = np.empty(shape, dtype)  # memory is taken where something is written
        self._known = np.zeros(len(self), dtype=bool)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: Any) -> np.ndarray:
        wanted = np.zeros(len(self), dtype=bool)
        wanted[places] = True
        new = np.flatnonzero(wanted & ~self._known)
        if len(new):
            self._rows[new] = self._find(new)
            self._known[new] = True
        return self._rows[places]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self[:], dtype=dtype, copy=copy)


jax.tree_util.register_static(OnDemand)  # no leaf of a pytree, and equal to itself alone


def taken(array: Any, places: Any) -> np.ndarray:
    """Some rows of an array of any kind."""
    return array[places] if isinstance(array, OnDemand) else np.asarray(array)[places]
