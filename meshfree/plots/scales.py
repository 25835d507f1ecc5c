"""How numbers become colours: scales for values and for errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

BANDS = 96  # of colour
SEQUENTIAL, DIVERGING, ERRORS = "viridis", "RdBu_r", "magma"  # dark where the error is small
UNKNOWN = np.array([200, 200, 200], np.uint8)  # where values are not finite


class Scale(NamedTuple):
    """How numbers become colours: from `low` to `high`, with lines and ticks at `marks`.

    Errors are shown by their absolute value. A `log` scale is one of decimal logarithms, and so are `low`, `high` and
    `marks`.
    """

    low: float
    high: float
    marks: np.ndarray
    colors: str
    log: bool = False

    def heights(self, values: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """What is painted: finite values brought into the range, NaN for the others.

        Errors keep their signs, to pass through zero between two vertices; their height is that above `low`.
        """
        values = np.where(np.isfinite(values), values, np.nan)
        if self.log:
            above = np.log10(np.abs(values) + 1e-300) - self.low
            return np.sign(values) * np.clip(above, 0, self.high - self.low)
        return np.clip(values, -self.high if self.colors == ERRORS else self.low, self.high)

    def rgb(self, values: Float[np.ndarray, " m"]) -> UInt8[np.ndarray, "m 3"]:
        """The colour of each value; grey where it is not finite."""
        from matplotlib import colormaps

        heights = self.heights(values)
        above = np.abs(heights) if self.colors == ERRORS else heights - self.low
        fractions = above / (self.high - self.low)
        colors = np.asarray(colormaps[self.colors](np.nan_to_num(fractions), bytes=True))[:, :3]
        return np.where(np.isfinite(fractions)[:, None], colors, UNKNOWN)

    def bands(self) -> tuple[np.ndarray, np.ndarray]:
        """Levels and the colours between them, mirrored at zero for errors."""
        from matplotlib import colormaps

        colors = colormaps[self.colors]((np.arange(BANDS) + 0.5) / BANDS)
        if self.colors != ERRORS:
            return np.linspace(self.low, self.high, BANDS + 1), colors
        levels = np.linspace(-1, 1, 2 * BANDS + 1) * (self.high - self.low)
        return levels, np.concatenate([colors[::-1], colors])


def value_scale(values: np.ndarray) -> Scale:
    """The scale of a function's values; diverging from zero where values of both signs are about as large."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    diverging = low < 0 < high and 0.5 < -low / high < 2
    if diverging:
        low, high = -max(-low, high), max(-low, high)
    if high - low <= 1e-10 * max(abs(low), abs(high)):
        pad = 1e-3 * max(abs(low), 1e-3)
        low, high = low - pad, high + pad
    return Scale(low, high, _round_marks(low, high), DIVERGING if diverging else SEQUENTIAL)


def error_scale(errors: np.ndarray) -> Scale:
    """The scale of errors; logarithmic where most span more than a decade, down to four decades below the largest."""
    errors = np.abs(errors[np.isfinite(errors)])
    positive = errors[errors > 0]
    if not positive.size:
        return Scale(0.0, 1e-16, np.array([0.0]), ERRORS)
    high = float(positive.max())
    low = max(float(np.quantile(positive, 0.1)), 1e-4 * high)
    if high < 10 * low:
        return Scale(0.0, high, _round_marks(0.0, high), ERRORS)
    low, high = np.floor(np.log10(low)), np.log10(high)
    return Scale(float(low), float(high), np.arange(low, high + 1e-9), ERRORS, log=True)


def _round_marks(low: float, high: float) -> np.ndarray:
    """Round numbers between two."""
    from matplotlib.ticker import MaxNLocator

    marks = np.asarray(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    slack = 1e-9 * (high - low)
    return marks[(marks >= low - slack) & (marks <= high + slack)]
