"""Compiled programs: the folder that keeps them, and JAX's, released before they take all memory maps of a process."""

import functools
import os
from collections import Counter
from pathlib import Path

import jax

_PROGRAM = "/jax/core/compile/backend_compile_duration"  # the event of one more program
_OFTEN = 100  # programs, of some 40 maps each, before the maps are counted again
_SHARE = 0.5  # of the maps that a process may have


def cache_folder(name: str) -> Path:
    """Where compiled programs of one kind are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshfree" / name


def release_programs() -> None:
    """Clear JAX's caches where compiled programs take half of the memory maps that a process may have.

    JAX keeps every program, and what it needs next it compiles again. Without this LLVM stops the process with a
    segmentation fault at vm.max_map_count, 65 530 by default: after some seventy solves of different problems.
    """
    programs = _programs()
    if programs.total() >= _OFTEN:
        programs.clear()
        used, most = _memory_maps()
        if used > _SHARE * most:
            jax.clear_caches()


@functools.cache
def _programs() -> Counter:
    """How many programs were compiled, counted from the first call on."""
    programs: Counter = Counter()

    def count(event: str, duration_secs: float, **_) -> None:
        if event == _PROGRAM:
            programs[event] += 1

    jax.monitoring.register_event_duration_secs_listener(count)
    return programs


def _memory_maps() -> tuple[int, float]:
    """How many this process has and may have; elsewhere than on Linux, none and any number."""
    try:
        most = Path("/proc/sys/vm/max_map_count").read_text()
        return Path("/proc/self/maps").read_bytes().count(b"\n"), int(most)
    except OSError:
        return 0, float("inf")
