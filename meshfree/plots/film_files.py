"""Movies as files: MP4 by ffmpeg where there is one, GIF by Pillow."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..internal.files import check_target, replaced

MOVIES = (".mp4", ".gif")
WHITE = 248  # of 255: colours of a palette that are white, which is a mean of light ones otherwise
LOOKED_AT = 12  # frames that the colours of a GIF are chosen by

Frames = Sequence[int]
Draw = Callable[[int], np.ndarray]


def movie_path(path: Path) -> Path:
    """Where a movie can be written: a GIF beside an MP4 file where there is no ffmpeg, with a warning.

    Raises as `check_target`.
    """
    if path.suffix.lower() == ".mp4" and ffmpeg() is None:
        path = path.with_suffix(".gif")
        warnings.warn(
            f"there is no ffmpeg to write an MP4 file with: {path} is written instead. Install ffmpeg, or "
            "pip install imageio-ffmpeg",
            stacklevel=4,
        )
    return check_target(path)


def ffmpeg() -> str | None:
    """The program ffmpeg: that of the system, or of the package imageio-ffmpeg; None where there is none."""
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        return importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None


def write_movie(path: Path, draw: Draw, count: int, fps: float, progress: bool | None) -> None:
    """Write `count` frames that `draw` makes, (h, w, 3) with h and w even; a failed write leaves an old file whole."""
    from tqdm import tqdm  # here, so that importing meshfree stays light

    write = _write_gif if path.suffix.lower() == ".gif" else _write_mp4
    disable = None if progress is None else not progress
    with replaced(path) as temporary, tqdm(desc="plot", total=count, disable=disable) as bar:

        def frames() -> Iterator[np.ndarray]:
            for i in range(count):
                yield draw(i)
                bar.update()

        write(temporary, frames(), draw, count, fps)


def _write_gif(path: Path, frames: Iterator[np.ndarray], draw: Draw, count: int, fps: float) -> None:
    """One palette for all frames, so that colours do not flicker."""
    from PIL import Image

    chosen = np.unique(np.linspace(0, count - 1, LOOKED_AT).astype(int))
    sample = Image.fromarray(np.concatenate([draw(int(i)) for i in chosen]))
    palette = sample.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    colors = np.asarray(palette.getpalette())
    nearly_white = colors.reshape(-1, 3).min(axis=1) >= WHITE
    palette.putpalette(np.where(np.repeat(nearly_white, 3), 255, colors).tolist())
    images = (Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE) for one in frames)
    options: dict[str, Any] = {"duration": 1000 / fps, "loop": 0, "optimize": False}
    next(images).save(path, format="GIF", save_all=True, append_images=images, **options)


def _write_mp4(path: Path, frames: Iterator[np.ndarray], draw: Draw, count: int, fps: float) -> None:
    """The frames go to ffmpeg as they are made. OSError with its own words where it fails."""
    program = ffmpeg()
    assert program is not None  # `movie_path` has seen to it
    first = next(frames)
    height, width = first.shape[:2]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-"]
    target = ["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4", str(path)]
    command = [program, "-y", "-loglevel", "error", *source, *target]
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(first.tobytes())
            for frame in frames:
                process.stdin.write(frame.tobytes())
            process.stdin.close()
        except BrokenPipeError:  # it has ended: its words tell why
            pass
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            said.seek(0)
            words = said.read().decode(errors="replace").strip().splitlines()
            raise OSError(f"ffmpeg could not write {path}: {words[-1] if words else f'status {process.returncode}'}")
