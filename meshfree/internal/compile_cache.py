"""Compiled programs: the folder that keeps them, and JAX's, released before they take all memory of a process."""

import contextlib
import ctypes
import functools
import os
import threading
from collections import Counter
from collections.abc import Hashable
from pathlib import Path

import jax

_PROGRAM = "/jax/core/compile/backend_compile_duration"  # the event of one more program
_OFTEN = 100  # programs, of some 40 maps each, before the maps are counted again
_SHARE = 0.5  # of the maps that a process may have
_GROWTH = 200 * 2**20  # bytes by which the process may grow through the programs of different problems
_FEW = 15  # programs that are not worth it


def cache_folder(name: str) -> Path:
    """Where compiled programs of one kind are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshfree" / name


def release_programs(problem: Hashable = None) -> None:
    """Clear JAX's caches where compiled programs take half of the memory maps that a process may have, or let it grow.

    JAX keeps every program, some 5 MB each, and what it needs next it compiles again. Without this LLVM stops the
    process with a segmentation fault at vm.max_map_count, 65 530 by default: after some seventy solves of different
    problems. `problem`: what stands for the problem that is solved now; one that comes again was released too early.
    """
    _released.look(problem)
    programs = _programs()
    if programs.total() >= _OFTEN:
        programs.clear()
        used, most = _memory_maps()
        if used > _SHARE * most:
            jax.clear_caches()


class _Released:
    """When programs are released for the memory that they take: as another problem comes, and twice as late each time
    that one comes again whose programs were released.
    """

    def __init__(self) -> None:
        self.allowed, self.least = _GROWTH, 0  # bytes: of growth, and of the process when it was smallest
        self.compiled = 0  # programs since the last release
        self.before: set[int] = set()  # problems that were solved before it
        self.since: set[int] = set()
        self.in_turn = threading.Lock()

    def look(self, problem: Hashable) -> None:
        with self.in_turn:
            size, number = _resident(), hash(problem)
            self.least = min(self.least, size) or size
            if number in self.since:
                return
            if number in self.before:
                self.before.remove(number)
                self.allowed *= 2
            if self.compiled >= _FEW and size > self.least + self.allowed:
                jax.clear_caches()
                _return_memory()
                self.before, self.since, self.compiled, self.least = self.before | self.since, set(), 0, _resident()
            self.since.add(number)


_released = _Released()


def _resident() -> int:
    """Bytes of memory of this process; 0 where it is not known."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _return_memory() -> None:
    """Give back to the system what was freed: glibc keeps it."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


@functools.cache
def _programs() -> Counter:
    """How many programs were compiled, counted from the first call on."""
    programs: Counter = Counter()

    def count(event: str, duration_secs: float, **_) -> None:
        if event == _PROGRAM:
            programs[event] += 1
            _released.compiled += 1

    jax.monitoring.register_event_duration_secs_listener(count)
    return programs


def _memory_maps() -> tuple[int, float]:
    """How many this process has and may have; elsewhere than on Linux, none and any number."""
    try:
        most = Path("/proc/sys/vm/max_map_count").read_text()
        return Path("/proc/self/maps").read_bytes().count(b"\n"), int(most)
    except OSError:
        return 0, float("inf")
