"""Files that are written whole or not at all, and NPZ files of plain arrays."""

import codecs
import contextlib
import math
import os
import re
import secrets
import stat
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from .memory import available

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_SPECIAL = {
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a FIFO (named pipe)",
    stat.S_IFSOCK: "a socket",
}
_MARKS = {  # UTF-32 first: its mark begins as that of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_AS_OBJECTS = 8  # times the size of a text: its numbers as Python objects
_SMALL = 2**26  # bytes: what a file may unpack to, however small it is
_PACKED = 100  # times: what a larger file may unpack to; coordinates shrink by a tenth, zeros to a thousandth


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path to write to; what is there at the end takes the place of `path`, and not before.

    It lies beside `path` and is flushed to the disk first: whatever goes wrong, the old file or the new one is there,
    and whole. The new file has the mode of the old one. Of a symbolic link, the file that it points to is replaced. Of
    a file with other hard links only this name, with a warning: what the others name stays as it was.

    Raises as `check_target`, and OSError with the name of the file for what the disk refuses.
    """
    check_target(path)
    target = Path(os.path.realpath(path))
    with _errors_name(path, target.parent):
        mode = _mode_to_keep(target)
        _remove_abandoned(target)
        temporary, lock = _new_temporary(target, 0o666 if mode is None else 0o600)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            if mode is not None:
                temporary.chmod(mode)
            check_target(path)  # again: what stands there now may have come meanwhile
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
            if lock is not None:
                os.close(lock)


def check_target(path: str | os.PathLike) -> Path:
    """The path, if a file can be written there: ask before a long computation, not after it.

    Raises FileNotFoundError for a missing folder, NotADirectoryError, IsADirectoryError, PermissionError where the
    file or its folder cannot be written, and FileExistsError for what is no regular file: a device, a FIFO, a socket.
    """
    path = Path(path)
    folder = Path(os.path.realpath(path)).parent
    if not folder.exists():
        raise FileNotFoundError(
            f"there is no folder {_folder_of(path, folder)} to write {path.name} in; create it first"
        )
    if not folder.is_dir():
        raise NotADirectoryError(f"{_folder_of(path, folder)} is no folder; give another path for {path.name}")
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        kind = None
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    if kind not in (None, stat.S_IFREG):
        raise FileExistsError(
            f"{path} is {_SPECIAL.get(kind, 'no regular file')}, which saving would replace; give the name of a file"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"the folder {_folder_of(path, folder)} of {path.name} cannot be written")
    if kind is not None and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} is write-protected; give another name, or make it writable")
    return path


def check_path(path: str | os.PathLike, suffixes: Sequence[str] = (".npz",)) -> Path:
    """The path of a solution, if a file can be written there: ask before a long computation, not after it.

    Raises ValueError for another extension, and as `check_target`.
    """
    path = Path(path)
    check_extension(path, suffixes, "solutions")
    return check_target(path)


def check_extension(path: Path, suffixes: Sequence[str], what: str) -> str:
    """The extension in lower case; ValueError that lists those in which `what` ("clouds") is kept, for another one."""
    extension = path.suffix.lower()
    if extension not in suffixes:
        raise ValueError(f"{what} are kept in {', '.join(suffixes)} files; got {str(path)!r}: rename the file")
    return extension


def _folder_of(path: Path, folder: Path) -> Path:
    """A folder as the message shows it: as it was given, where the path is no link to elsewhere."""
    return folder if path.is_symlink() else path.parent


# ------------------------------------------------------------------------------------------------ temporaries


def _mode_to_keep(target: Path) -> int | None:
    """The mode of the file that stands there; a warning where it has other names."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return None
    if old.st_nlink > 1:
        warnings.warn(
            f"{target} has {old.st_nlink} names (hard links); only this one gets the new content, the others keep the "
            "old one. To change them all, save under another name and copy that over it",
            stacklevel=2,
        )
    return stat.S_IMODE(old.st_mode)


def _new_temporary(target: Path, mode: int) -> tuple[Path, int | None]:
    """An empty file that nobody else has, and its locked descriptor: who holds the lock is still writing.

    Without one on Windows, where no open file is renamed.
    """
    while True:
        unique = f"{os.getpid()}-{threading.get_ident()}-{secrets.token_hex(8)}"
        temporary = target.with_name(f"{_prefix(target)}{unique}.tmp")
        lock = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
        if fcntl is None:
            os.close(lock)
            return temporary, None
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        if temporary.exists():  # else another save took it for abandoned before it was locked
            return temporary, lock
        os.close(lock)


def _remove_abandoned(target: Path) -> None:
    """Remove temporaries of this target that nobody writes any more: their programs were killed."""
    if fcntl is None:
        return
    ours = re.compile(re.escape(_prefix(target)) + r"\d+-\d+-[0-9a-f]{16}\.tmp")
    with os.scandir(target.parent) as entries:
        found = [entry.path for entry in entries if ours.fullmatch(entry.name)]
    for path in found:
        with contextlib.suppress(OSError):  # locked: it is being written; or gone
            number = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)
            finally:
                os.close(number)


def _prefix(target: Path) -> str:
    """What the names of a target's temporaries begin with; cut off, as file systems allow 255 bytes."""
    return f".{target.name[:40]}."


@contextlib.contextmanager
def _errors_name(path: Path, folder: Path) -> Iterator[None]:
    """Errors of the system inside that name no file, or a temporary in the folder, name the path."""
    try:
        yield
    except OSError as error:
        named = error.filename
        ours = named is None or (isinstance(named, str | bytes | os.PathLike) and _is_temporary(named, folder))
        if error.errno is None or not ours:
            raise
        raise OSError(error.errno, f"{error.strerror or os.strerror(error.errno)}, while writing", str(path)) from error


def _is_temporary(name: str | bytes | os.PathLike, folder: Path) -> bool:
    path = Path(os.fsdecode(name))
    return path.parent == folder and path.suffix == ".tmp"


# -------------------------------------------------------------------------------------------------------- text


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark; without the mark.

    Raises ValueError that says what to do for another encoding, MemoryError for a text that does not fit.
    """
    size = path.stat().st_size
    if size * _AS_OBJECTS > available():
        raise MemoryError(f"{path} has {size / 2**30:.3g} GiB of text, too much for the memory that is free")
    content = path.read_bytes()
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: the byte {content[error.start]:#04x} is not {encoding.upper()}; save the file as "
            "UTF-8 (in a spreadsheet 'CSV UTF-8', in an editor 'save with encoding'; iconv -f latin1 -t utf8)"
        ) from None


# -------------------------------------------------------------------------------------------------------- NPZ


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
    """The arrays of an NPZ file by name. What they need is known, and found to be there, before memory is taken.

    Raises FileNotFoundError, ValueError for a file that is damaged, has pickles or unpacks to a hundred times its size,
    and MemoryError for one that needs more memory than there is.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path} (looked in {path.resolve().parent})")
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_sizes(path, archive.infolist(), path.stat().st_size)
                return {_name_of(member): _array_in(archive, member) for member in archive.infolist()}
        except MemoryError as error:
            raise MemoryError(f"{path} needs more memory than there is: {error}") from error
        except Exception as error:  # what is damaged shows as an error of any kind: of zlib, the tokenizer, NumPy
            reason = str(error) or type(error).__name__
            raise ValueError(f"{path} is not an NPZ file of plain arrays, or is damaged: {reason}") from error


def _check_sizes(path: Path, members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Whether what the members claim to hold can come out of a file of this size, and fits into memory."""
    unpacked, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if packed > size:
        raise ValueError(f"its members are said to take {packed} bytes, and it has {size}")
    if len({_name_of(member) for member in members}) < len(members):
        raise ValueError("two arrays in it have one name")
    if unpacked > max(_SMALL, _PACKED * size):
        raise ValueError(
            f"it has {size} bytes and is said to unpack to {unpacked / 2**30:.3g} GiB, more than {_PACKED} times as "
            "much; if that is so, write it without compression (np.savez)"
        )
    if unpacked > available():
        raise MemoryError(f"{unpacked / 2**30:.3g} GiB for its arrays, and {available() / 2**30:.3g} GiB are free")


def _name_of(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _array_in(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """The array in a member, whose header agrees with the member's size."""
    with archive.open(member) as entry:
        version = np.lib.format.read_magic(entry)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(entry)
        needed = math.prod(shape) * dtype.itemsize
        there = member.file_size - entry.tell()
        if dtype.hasobject:
            raise ValueError(f"{_name_of(member)} holds Python objects (pickles)")
        if min(shape, default=0) < 0 or needed != there:
            raise ValueError(f"{_name_of(member)} is said to be {dtype} of shape {shape}, and has {there} bytes")
    with archive.open(member) as entry:
        return np.lib.format.read_array(entry, allow_pickle=False)
