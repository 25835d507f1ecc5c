"""Clouds made before in this process, found again by what they are made from."""

import collections
import dataclasses
import threading
from typing import Any

import jax
import numpy as np

from .cloud import Cloud
from .spacing import Spacing

MOST_NODES = 200_000  # in all clouds that are kept: some 10 MB

_kept: collections.OrderedDict[tuple, Cloud] = collections.OrderedDict()
_lock = threading.Lock()


def key_of(domain: Any, spacing: Spacing, seed: Any, cluster: float, interior: str) -> tuple | None:
    """What the nodes of a cloud follow from; None where that may change: functions may read what they like."""
    if spacing.constant is None or type(seed) is bool or not isinstance(seed, int | np.integer):
        return None
    return (domain, spacing.constant, int(seed), float(cluster), interior) if _of_values(domain) else None


def found(key: tuple | None) -> Cloud | None:
    """The cloud kept under that key, its arrays copied: whoever writes into them changes no other cloud."""
    with _lock:
        if key is None or key not in _kept:
            return None
        _kept.move_to_end(key)
        return jax.tree.map(np.copy, _kept[key])


def keep(key: tuple | None, cloud: Cloud) -> None:
    """Keep a copy of a cloud under a key, the latest ones up to `MOST_NODES`."""
    if key is None or len(cloud) > MOST_NODES:
        return
    with _lock:
        _kept[key] = jax.tree.map(np.copy, cloud)
        _kept.move_to_end(key)
        while sum(map(len, _kept.values())) > MOST_NODES:
            _kept.popitem(last=False)


def _of_values(value: Any) -> bool:
    """Whether a shape of this package is made of numbers and names alone."""
    if isinstance(value, tuple):
        return all(map(_of_values, value))
    if isinstance(value, np.ndarray):
        return not value.flags.writeable
    if dataclasses.is_dataclass(value) and type(value).__module__.partition(".")[0] == __name__.partition(".")[0]:
        return all(_of_values(getattr(value, field.name)) for field in dataclasses.fields(value))
    return value is None or isinstance(value, str | int | float)
