"""Files that are written whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path to write to; what is there at the end takes the place of `path`, and not before.

    It lies beside `path` and is flushed to the disk first: whatever goes wrong, the old file or the new one is there,
    and whole.
    """
    target = path.resolve()  # of a symbolic link, the file that it points to
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
