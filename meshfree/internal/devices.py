"""Where dense linear algebra runs: on JAX's default device, `jax.default_device` and JAX_PLATFORMS included."""

from __future__ import annotations

import math
from typing import Any

import jax

from .plain import Text

HOST = Text("cpu")


def default_device() -> jax.Device:
    """The device that JAX computes on unless told otherwise."""
    chosen: Any = jax.config.jax_default_device  # type: ignore[attr-defined]
    if chosen is None or isinstance(chosen, str):
        return jax.local_devices(backend=chosen)[0]
    return chosen


def on_host() -> bool:
    """Whether that is the CPU: NumPy and LAPACK do the work then, and elsewhere nothing dense passes through them."""
    return default_device().platform == "cpu"


def device_name() -> Text:
    """`cpu`, or another device with its kind, as `cuda:0 (NVIDIA H100)`."""
    if on_host():
        return HOST
    device = default_device()
    return Text(f"{device} ({device.device_kind})")


def device_memory() -> float:
    """The bytes that JAX may have on the device; inf where that is not known."""
    told = default_device().memory_stats() or {}
    return float(told.get("bytes_limit", math.inf))
