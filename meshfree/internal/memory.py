"""The memory of this machine, in bytes; inf on a platform that does not say."""

import os


def installed() -> float:
    """All the memory that this machine has."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def available() -> float:
    """What this machine can still give; all that it has where it is not Linux."""
    try:
        with open("/proc/meminfo") as file:
            fields = dict(line.split(":") for line in file)
        return 1024 * float(fields["MemAvailable"].split()[0])
    except (OSError, KeyError):
        return installed()
