"""Pictures as files: their formats, and the last step of every picture."""

from __future__ import annotations

import os
from pathlib import Path

from ..internal.files import replaced
from .style import DPI, INK

FORMATS = (".png", ".pdf", ".svg", ".jpg")

PathLike = str | os.PathLike | None


def checked_path(path: PathLike) -> Path | None:
    """The path, known to be of a supported format and in a folder that exists, before any work is done."""
    if path is None:
        return None
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"pictures are written as {', '.join(FORMATS)}; got {str(path)!r}: rename the file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent.resolve()} to write {path.name} in; create it first")
    return path


def finished(figure, title: str | None, path: Path | None):
    """The figure with its title, written whole or not at all."""
    if title is not None:
        figure.suptitle(title, fontsize=11, color=INK)
    if path is not None:
        with replaced(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=_dpi(path))
    return figure


def _dpi(path: Path) -> int:
    """Of pixels, or of the colours inside PDF and SVG files."""
    return 2 * DPI if path.suffix.lower() in (".pdf", ".svg") else DPI
