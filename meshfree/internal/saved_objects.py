"""Our own objects as NPZ files: plain arrays, and two texts in JSON.

The text `parameters` describes the object (see `descriptions`), `settings` how it came about; all else are arrays.
Whatever reads NPZ and JSON reads these files.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from .descriptions import Describer, Restorer, names
from .files import check_path, read_arrays, write_arrays

VERSION = 1  # of the format; a change that older versions of meshfree cannot read raises it

_OBJECT, _SETTINGS = "parameters", "settings"


class Contents(NamedTuple):
    """What a file holds: the object, the arrays that were written beside it, and the settings."""

    tree: Any
    arrays: dict[str, np.ndarray]
    settings: dict[str, Any]


def save_npz(path: str | os.PathLike, tree: Any, *, settings: Mapping[str, Any] | None = None, **arrays) -> None:
    """Write an object of ours to an NPZ file, with `arrays` and `settings` beside it for other programs.

    The object is an instance of one of meshfree's classes, or of a subclass of one, whose fields hold arrays, numbers,
    strings, None, such instances again, or tuples, lists and mappings of these. It comes back bit for bit. Settings
    are for information: of what JSON does not know, the text is kept. A failed write leaves an old file as it was.

    Raises ValueError for another extension, FileNotFoundError for a missing folder, and TypeError for anything else
    in a field, naming it: a function, an instance of another library's class, a traced array.
    """
    path = check_path(path)
    texts = {_OBJECT, _SETTINGS}
    if texts & arrays.keys():
        raise ValueError(f"an array cannot be named {names(texts & arrays.keys())}: the file has a text of that name")
    describer = Describer(reserved=texts | arrays.keys())
    description = {"meshfree": VERSION, "object": describer.describe(tree)}
    beside = {name: np.asarray(array) for name, array in arrays.items()}
    written = {
        _OBJECT: np.array(json.dumps(description, allow_nan=False)),
        _SETTINGS: np.array(json.dumps(dict(settings or {}), default=_plain)),
    }
    write_arrays(path, beside | written | describer.arrays)


def load_npz(path: str | os.PathLike, kind: type = object) -> Contents:
    """Read a file that `save_npz` wrote; `kind` is the class that the object must have.

    Raises FileNotFoundError, MemoryError, and ValueError for what is no such file, is damaged, was written by a newer
    version of meshfree, names a class that this program does not have, or holds an object with fields of other types,
    shapes or numbers than its class has.
    """
    path = Path(path)
    arrays = read_arrays(path)
    if not {_OBJECT, _SETTINGS} <= arrays.keys():
        raise ValueError(f"{path} was not written by meshfree: no texts {_OBJECT}, {_SETTINGS} in {names(arrays)}")
    description, settings = _parsed(path, arrays.pop(_OBJECT)), _parsed(path, arrays.pop(_SETTINGS))
    version = description.get("meshfree")
    if version != VERSION:
        raise ValueError(f"{path} has format {version!r}, and this meshfree reads {VERSION}: install a newer meshfree")
    restorer = Restorer(arrays)
    try:
        tree = restorer.restore(description.get("object"))
    except MemoryError:
        raise
    except Exception as error:  # a damaged object shows as an error of any kind
        raise ValueError(f"{path} cannot be read: {str(error) or type(error).__name__}") from error
    if not isinstance(tree, kind):
        raise ValueError(f"{path} holds a {type(tree).__name__}, not a {kind.__name__}")
    return Contents(tree, {name: arrays[name] for name in arrays if name not in restorer.used}, settings)


def _parsed(path: Path, text: np.ndarray) -> dict[str, Any]:
    try:
        parsed = json.loads(str(text))
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise ValueError(f"{path} was not written by meshfree: a text in it is no JSON object")
    return parsed


def _plain(value: Any) -> Any:
    """A setting that JSON does not know: an array as a list, anything else as its text."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic | jax.Array) else str(value)
