"""Where dense linear algebra runs: on JAX's default device, `jax.default_device` and JAX_PLATFORMS included, or spread
over several devices, of several processes too.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from . import memory
from .plain import Text
from .tracing import is_traced

HOST = Text("cpu")
AXIS = "devices"  # of a mesh, along which rows are spread


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


def mesh_over(asked: int | Sequence[jax.Device] | None) -> Mesh | None:
    """The devices that share the work: so many of JAX's, or these; by default all accelerators where there are several
    and `jax.default_device` names none. None: the default device does it alone.

    ValueError for more than there are, none, one twice, and where a process has none of them.
    """
    there = jax.devices()
    if asked is None:
        chosen: Any = jax.config.jax_default_device  # type: ignore[attr-defined]
        asked = 1 if on_host() or isinstance(chosen, jax.Device) else len(there)
    if isinstance(asked, int):
        if not 1 <= asked <= len(there):
            raise ValueError(
                f"devices must be from 1 to {len(there)}, as many as JAX has here ({_listed(there)}); got {asked}. A "
                "CPU is made several by XLA_FLAGS=--xla_force_host_platform_device_count=4, set before JAX starts"
            )
        if asked == 1:
            return None
        asked = there[:asked]
    found = list(asked)
    if not found or len(set(found)) < len(found):
        raise ValueError(f"devices must be different devices of JAX, at least one; got {_listed(found) or 'none'}")
    if jax.process_index() not in {device.process_index for device in found}:
        raise ValueError(
            f"process {jax.process_index()} of {jax.process_count()} has none of the devices {_listed(found)}, and "
            "every process must have a share: name some of each, or all, jax.devices()"
        )
    return None if found == [default_device()] else Mesh(np.array(found), (AXIS,))


def spread(array: Any, mesh: Mesh, places: PartitionSpec) -> Any:
    """The array with its axes on the devices as `places` says; in a compiled program that is promised."""
    sharding = NamedSharding(mesh, places)
    if is_traced(array) or isinstance(array, jax.Array):
        return jax.lax.with_sharding_constraint(array, sharding)
    array = np.asarray(array)
    return jax.make_array_from_callback(array.shape, sharding, lambda place: array[place])  # each process its own part


def map_over(function: Callable[[Any], Any], batch: Any, mesh: Mesh) -> Any:
    """`function` of every entry of a batch, the leading axis of its leaves, each device at work on its share, an entry
    at a time; to be compiled. `gathered` has what comes out, the last entry once more where shares would be unequal.
    """
    lacking = -len(jax.tree.leaves(batch)[0]) % mesh.size

    def padded(leaf):
        return jnp.pad(leaf, [(0, lacking), *[(0, 0)] * (leaf.ndim - 1)], mode="edge")

    # `shard_map`, as devices whose loops the compiler shares out wait for one another; and no `vmap`, as LAPACK for
    # several matrices wants the threads that run the devices of a CPU, and waits for them: both hung [m]
    places = PartitionSpec(AXIS)
    shares = jax.shard_map(
        lambda share: jax.lax.map(function, share), mesh=mesh, in_specs=places, out_specs=places, check_vma=False
    )
    return shares(jax.tree.map(padded, batch))


def gathered(tree: Any, mesh: Mesh) -> Any:
    """Arrays that are spread over devices as NumPy's, of other processes too."""
    if jax.process_count() > 1:
        tree = _everywhere(tree, mesh)
    return jax.tree.map(np.asarray, tree)


@functools.partial(jax.jit, static_argnums=1)
def _everywhere(tree: Any, mesh: Mesh) -> Any:
    return jax.tree.map(lambda leaf: spread(leaf, mesh, PartitionSpec()), tree)


def mesh_name(mesh: Mesh) -> Text:
    """As `4 × cpu`, or `8 × cuda (NVIDIA H100) in 2 processes`."""
    devices = mesh.devices.ravel()
    kinds = sorted({_kind(device) for device in devices})
    processes = len({device.process_index for device in devices})
    return Text(f"{devices.size} × {', '.join(kinds)}" + f" in {processes} processes" * (processes > 1))


def mesh_memory(mesh: Mesh) -> float:
    """The bytes that all devices have together; CPUs of one process have one memory between them."""
    devices = mesh.devices.ravel().tolist()
    if devices[0].platform == "cpu":
        return memory.installed() * len({device.process_index for device in devices})
    own = [device for device in devices if device.process_index == jax.process_index()]
    least = min(float((device.memory_stats() or {}).get("bytes_limit", math.inf)) for device in own)
    return least * len(devices)


def _kind(device: Any) -> str:
    return HOST if device.platform == "cpu" else f"{str(device).partition(':')[0]} ({device.device_kind})"


def _listed(devices: Sequence[jax.Device]) -> str:
    return ", ".join(map(str, devices))
