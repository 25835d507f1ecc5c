"""Frames of a picture of which a few artists change: only these are drawn anew, on what was drawn once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from .style import INK, TITLE_ROOM

FILM_DPI = 100
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")  # plain text is drawn faster than mathematical type


class Film:
    """A figure whose artists `moving`, from below to above, `show(i)` brings into frame i; `words` are written above.

    The layout is found once, for the words of the last frame, and kept.
    """

    def __init__(self, figure: Any, moving: Sequence[Any], show: Callable[[int], None], words: Sequence[str]):
        self.figure, self._show, self._words = figure, show, words
        figure.set_dpi(FILM_DPI)
        figure.set_figheight(figure.get_figheight() + TITLE_ROOM)
        self._clock = figure.suptitle(words[-1], fontsize=11, color=INK)
        self._moving = [*moving, self._clock]
        self._background: Any = None

    def frame(self, i: int) -> UInt8[np.ndarray, "h w 3"]:
        """The pixels of frame i, their numbers even, as some films want."""
        canvas = self.figure.canvas
        if self._background is None:
            self._prepare()
        canvas.restore_region(self._background)
        self._show(i)
        self._clock.set_text(self._words[i])
        renderer = canvas.get_renderer()
        for artist in self._moving:
            artist.draw(renderer)
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        height, width = (side - side % 2 for side in pixels.shape[:2])
        return pixels[:height, :width].copy()

    def finish(self) -> Any:
        """The figure, with the last frame, as any other."""
        self._show(len(self._words) - 1)
        for artist in self._moving:
            artist.set_animated(False)
        return self.figure

    def _prepare(self) -> None:
        self._show(len(self._words) - 1)
        for _ in range(2):  # once, words may still be cut off
            self.figure.get_layout_engine().execute(self.figure)
        self.figure.set_layout_engine("none")
        for artist in self._moving:
            artist.set_animated(True)
        self.figure.canvas.draw()
        self._background = self.figure.canvas.copy_from_bbox(self.figure.bbox)


def time_words(times: Float[np.ndarray, " k"]) -> list[str]:
    """As in `t = 0.25`, with as many decimals for all as they have, or as show their distances."""
    largest = float(np.max(np.abs(times)))
    power = 0 if largest == 0 or 1e-3 <= largest < 1e6 else int(np.floor(np.log10(largest)))
    scaled = times / 10.0**power
    step = float(np.min(np.diff(scaled), initial=np.max(np.abs(scaled)) or 1.0))
    enough = max(int(np.ceil(-np.log10(step) - 1e-9)), 0)
    whole = (d for d in range(enough + 2) if np.all(np.abs(np.round(scaled, d) - scaled) <= 1e-6 * step))
    decimals = next(whole, enough + 1)
    factor = f" × 10{str(power).translate(_RAISED)}" if power else ""
    return [f"t = {value:.{decimals}f}{factor}".replace("-", "−") for value in scaled + 0.0]
