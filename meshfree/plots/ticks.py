"""Where the ticks of coordinates stand, what is written at them, and how the axis then is labelled."""

import re
from typing import Any, NamedTuple

import numpy as np

FONT = 8  # of the numbers, in typographic points
DIGIT, LINE = 0.66 * FONT / 72, 1.3 * FONT / 72  # inches: the width of a digit, the height of a line
MOST = 5  # intervals
STEPS = [1, 2, 2.5, 5, 10]
FULL, FAR_FULL = 6, 7  # characters of a number that is written in full; where the origin is far away
FAR = 20  # extents: so far away, the origin is
ROUNDING = 1e-3  # of the axis: digits below this are not written


class Ticks(NamedTuple):
    """Where ticks stand, the numbers at them, and the axis's label: what the numbers are."""

    at: np.ndarray
    texts: list[str]
    label: str

    @property
    def stacked(self) -> str:
        """The label on lines of its own for what is taken off and what divides, where there is little room."""
        return re.sub(r" ([−+/] )", r"\n\1", self.label)

    def apply(self, axis: Any) -> None:
        """Put the ticks and the label on an axis of Matplotlib."""
        axis.set_ticks(self.at, labels=self.texts)
        axis.set_label_text(self.label)


def ticks_between(low: float, high: float, inches: float, label: str, *, upright: bool = False) -> Ticks:
    """Round numbers from `low` to `high`, an axis `inches` long, that have room beside one another.

    The numbers are written in full where they are short. Otherwise a round number is taken off them, or a power of ten
    divides them, and the label says so: x − 500000, x / 10⁶. `upright`: the numbers are above one another.
    """
    wanted = int(np.clip(1.7 * inches, 1, MOST))
    choices = [_round_numbers(low, high, count) for count in (*range(wanted, 0, -1), *range(wanted + 1, 10))]
    choices = [at for at in choices if len(at)] or [np.array([(low + high) / 2])]
    unit = inches / (high - low)
    for at in choices:
        for ticks in _writings(at, low, high, label):
            if len(at) > 1 and _has_room(unit * at, ticks.texts, upright):
                return ticks
    return _writings(choices[0][len(choices[0]) // 2 :][:1], low, high, label)[0]


def _round_numbers(low: float, high: float, count: int) -> np.ndarray:
    from matplotlib.ticker import MaxNLocator

    at = np.asarray(MaxNLocator(count, steps=STEPS).tick_values(low, high))
    slack = 1e-6 * (high - low)
    return at[(at >= low - slack) & (at <= high + slack)]


def _writings(at: np.ndarray, low: float, high: float, label: str) -> list[Ticks]:
    """The same ticks with their numbers in full, unless these are long, and shortened."""
    span = high - low
    far = max(abs(low), abs(high)) > FAR * span
    full, short = _numbers(at, span), _shortened(at, low, high, label)
    longest = max(len(text.lstrip("−")) for text in full)
    return [Ticks(at, full, label), short] if longest <= (FAR_FULL if far else FULL) else [short]


def _shortened(at: np.ndarray, low: float, high: float, label: str) -> Ticks:
    span, off = high - low, 0.0
    if max(abs(low), abs(high)) > FAR * span:
        round_to = 10.0 ** np.ceil(np.log10(span))
        off = float(np.floor((low + 1e-6 * span) / round_to) * round_to)
        label = f"{label} {'+' if off < 0 else '−'} {_numbers(np.array([abs(off)]), span)[0]}"
    largest = float(np.max(np.abs(np.array([low, high]) - off)))
    power = 0 if 1e-2 <= largest < 1e5 else 3 * int(np.floor(np.log10(largest) / 3))
    if power:
        label = f"({label})" if off else label
        label = f"{label} / $10^{{{power}}}$"
    return Ticks(at, _numbers((at - off) / 10.0**power, span / 10.0**power), label)


def _numbers(values: np.ndarray, span: float) -> list[str]:
    """Numbers with as many decimals as they need to be told apart on a stretch of length `span`."""
    slack = ROUNDING * span
    decimals = next((d for d in range(16) if np.all(np.abs(np.round(values, d) - values) <= slack)), 16)
    texts = [f"{value:.{decimals}f}" for value in np.round(values, decimals) + 0.0]
    return [(text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−") for text in texts]


def _has_room(positions: np.ndarray, texts: list[str], upright: bool) -> bool:
    widths = DIGIT * np.array([len(text) - 0.5 * text.count(".") for text in texts])
    needed = LINE if upright else (widths[1:] + widths[:-1]) / 2 + 1.2 * DIGIT
    return bool(np.all(np.diff(positions) >= needed))
