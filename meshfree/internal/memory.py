"""The memory that this process can have, in bytes: that of the machine, within the limits of the process and of its
control groups; inf on a platform that does not say.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 2.0**62  # what groups of the first version have in place of no limit, and more


class _Limit(NamedTuple):
    most: float
    used: float


def installed() -> float:
    """All the memory that this process can have at most."""
    try:
        machine = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        machine = float("inf")
    return min([machine, *(limit.most for limit in _limits())])


def available() -> float:
    """What this process can still get; all that it can have where it is not Linux."""
    limits = list(_limits())
    free = 1024 * _fields(PROC / "meminfo").get("MemAvailable:", float("inf"))
    return max(0.0, min([installed(), free, *(limit.most - limit.used for limit in limits)]))


def peak() -> float:
    """The most that this process has had so far; NaN where it is not told."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024
    return float(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _limits() -> Iterator[_Limit]:
    yield from _of_process()
    for line in _text(PROC / "self/cgroup").splitlines():
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            yield from _of_groups(CGROUPS, group, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _of_groups(CGROUPS / "memory", group, *names)


def _of_process() -> Iterator[_Limit]:
    """What `ulimit -v` and `ulimit -d` set."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = _fields(PROC / "self/status")
    for which, field in ((resource.RLIMIT_AS, "VmSize:"), (resource.RLIMIT_DATA, "VmData:")):
        soft, _ = resource.getrlimit(which)
        if soft != resource.RLIM_INFINITY:
            yield _Limit(float(soft), 1024 * used.get(field, 0.0))


def _of_groups(root: Path, group: str, most: str, used: str, cache: str) -> Iterator[_Limit]:
    """The limits of a control group and of all that it is in; a container sees its own as the root.

    Files that the kernel keeps in memory and lets go on demand do not count as used.
    """
    folder = root / group.lstrip("/")
    for one in (folder, *folder.parents):
        limit = _number(_text(one / most))
        if limit is not None and limit < _UNLIMITED:
            kept = _fields(one / "memory.stat").get(cache, 0.0)
            yield _Limit(limit, max((_number(_text(one / used)) or 0.0) - kept, 0.0))
        if one == root:
            return


def _text(path: Path) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def _number(text: str) -> float | None:
    """The number in a file of one; None for `max`, or where there is none."""
    try:
        return float(text)
    except ValueError:
        return None


def _fields(path: Path) -> dict[str, float]:
    """Names and numbers of a file with one of each in every line."""
    words = (line.split() for line in _text(path).splitlines())
    found = ((word[0], _number(word[1])) for word in words if len(word) > 1)
    return {name: value for name, value in found if value is not None}
