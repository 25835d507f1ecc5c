"""Files of one thing in a folder beside it, with names that no earlier ones have: both are whole until one goes."""

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path


def new_names(folder: Path, count: int) -> tuple[list[str], list[str]]:
    """Names for the files of a new series, and those of the files that earlier ones have in the folder."""
    pattern = re.compile(re.escape(folder.name) + r"-(\d+)_\d+\.vtu")
    found = {name: pattern.fullmatch(name) for name in os.listdir(folder)}
    taken = {match[1] for match in found.values() if match}
    number = next(n for n in range(1, len(taken) + 2) if str(n) not in taken)
    width = max(len(str(count - 1)), 4)
    return [f"{folder.name}-{number}_{i:0{width}}.vtu" for i in range(count)], [name for name in found if found[name]]


def remove(folder: Path, names: Sequence[str]) -> None:
    """Remove files of a folder."""
    for name in names:
        with contextlib.suppress(OSError):  # it stays, as where another program shows it
            (folder / name).unlink()
