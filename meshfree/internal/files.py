"""Files that are written whole or not at all, and NPZ files of plain arrays."""

import contextlib
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np


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


def check_path(path: str | os.PathLike, suffixes: Sequence[str] = (".npz",)) -> Path:
    """The path of a solution, if a file can be written there: ask before a long computation, not after it.

    Raises ValueError for another extension, IsADirectoryError, and FileNotFoundError for a missing folder.
    """
    path = Path(path)
    check_extension(path, suffixes, "solutions")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} in; create it first")
    return path


def check_extension(path: Path, suffixes: Sequence[str], what: str) -> str:
    """The extension in lower case; ValueError that lists those in which `what` ("clouds") is kept, for another one."""
    extension = path.suffix.lower()
    if extension not in suffixes:
        raise ValueError(f"{what} are kept in {', '.join(suffixes)} files; got {str(path)!r}: rename the file")
    return extension


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an uncompressed NPZ file of these arrays, under any names; a failed write leaves an old file as it was.

    Not by np.savez: here the same arrays make the same bytes, and its keywords (`file`) are names like others.
    """
    with replaced(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, not now
            with archive.open(member, "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an NPZ file by name; FileNotFoundError, or ValueError for a file that is damaged or has pickles."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path} (looked in {path.resolve().parent})")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not an NPZ file of plain arrays, or is damaged: {error}") from error
