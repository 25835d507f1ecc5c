"""The picture of a tuning run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float, PyTree

from ..internal.expected import PATH, Kind, expects
from ..kernels.kernel import positive
from .style import ACCENT, COLORS, LEGEND, PathLike, checked_path, finish, plain_ticks, scientific, stacked_panels

if TYPE_CHECKING:
    import matplotlib.figure


def _of_tune(history: Any) -> Any:
    if not hasattr(history, "loss"):
        raise TypeError
    return history


_HISTORY = Kind("a History, the second of what mf.tune returns,", _of_tune)


@expects(history=_HISTORY, path=PATH, title=str, name=str)
def plot_history(
    history: Any,
    path: PathLike = None,
    *,
    title: str | None = None,
    name: str = "scale",
    logarithmic: bool = True,
) -> matplotlib.figure.Figure:
    """A tuning run: the loss and the tuned numbers at every step, the best iterate marked, the values of a scan before
    step 0; of a search for one number, the loss over that number.

    - `history`: what `tune` returns; its parameters are read as raw leaves, and the positive numbers behind them are
      drawn
    - `logarithmic`: the loss is a natural logarithm, as those of `mf.losses` are, and exp(loss) is drawn; False draws
      the loss itself
    - `name`: the word for the tuned numbers

    Raises ValueError where no loss is finite, and for another extension.
    """
    path = checked_path(path)
    loss = np.asarray(history.loss, dtype=float)
    if not np.isfinite(loss).any():
        raise ValueError("no loss of this history is finite: there is nothing to draw")
    best = int(np.nanargmin(np.where(np.isfinite(loss), loss, np.nan)))
    scales = _scales(history.parameters, len(loss))
    if getattr(history, "searched", False) and scales.shape[1] == 1:
        figure, (axes,) = stacked_panels(5.6, [3.0])
        _draw_search(axes, scales[:, 0], np.exp(loss) if logarithmic else loss, logarithmic, name, best)
        return finish(figure, title, path)
    figure, (top, below) = stacked_panels(5.6, [2.2, 1.9])
    at = _Steps(loss, getattr(history, "scanned", 0))
    _draw_loss(top, np.exp(loss) if logarithmic else loss, logarithmic, best, at)
    _draw_scales(below, scales, name, best, at)
    return finish(figure, title, path)


def _draw_search(axes, scales: np.ndarray, loss: np.ndarray, logarithmic: bool, name: str, best: int) -> None:
    order = np.argsort(scales)
    axes.plot(scales[order], loss[order], "o-", color=COLORS[0], lw=1.2, ms=4)
    axes.set_xscale("log")
    plain_ticks(axes.xaxis, scales)
    if logarithmic:
        axes.set_yscale("log")
        plain_ticks(axes.yaxis, loss)
    axes.set(xlabel=name, ylabel="residual" if logarithmic else "loss")
    label = f"best of {len(loss)}: {scientific(loss[best])} at {scales[best]:.3g}"
    axes.plot(scales[best], loss[best], "o", ms=6.5, color=ACCENT, mec="white", mew=0.8, zorder=4, label=label)
    axes.legend(**LEGEND)


class _Steps:
    """Where the entries of a history are drawn: those of a scan, before 0, and the best of them at 0."""

    def __init__(self, loss: np.ndarray, scanned: int):
        self.before = np.arange(scanned + 1 if scanned else 0)
        start = [int(np.nanargmin(loss[self.before]))] if scanned else []
        self.path = np.array([*start, *range(len(self.before), len(loss))])

    def draw(self, axes, values: np.ndarray, label: str | None, color) -> None:
        axes.plot(np.arange(len(self.path)), values[self.path], color=color, lw=1.6, label=label)
        if len(self.before):
            axes.plot(self.before - len(self.before), values[self.before], "o", color=color, ms=3)

    def step(self, best: int) -> int:
        return int(np.flatnonzero(self.path == best)[0])


def _draw_loss(axes, loss: np.ndarray, logarithmic: bool, best: int, at: _Steps) -> None:
    at.draw(axes, loss, None, COLORS[0])
    if logarithmic:
        axes.set_yscale("log")
        plain_ticks(axes.yaxis, loss)
    axes.set_ylabel("residual" if logarithmic else "loss")
    step = at.step(best)
    _mark_best(axes, step, loss[best : best + 1], f"best: {scientific(loss[best])} at step {step}")
    axes.legend(**LEGEND)


def _draw_scales(axes, scales: np.ndarray, name: str, best: int, at: _Steps) -> None:
    for k, column in enumerate(scales.T):
        label = f"{name}$_{{{k + 1}}}$" if 1 < scales.shape[1] <= len(COLORS) else None
        at.draw(axes, column, label, COLORS[k % len(COLORS)])
    if np.nanmin(scales) > 0 and np.nanmax(scales) > 10 * np.nanmin(scales):
        axes.set_yscale("log")
        plain_ticks(axes.yaxis, scales)
    axes.set_ylabel(name)
    axes.set_xlabel("step" + ", a scan before 0" * bool(len(at.before)))
    axes.xaxis.get_major_locator().set_params(integer=True)
    _mark_best(axes, at.step(best), scales[best])
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**LEGEND)


def _mark_best(axes, best: int, values: np.ndarray, label: str | None = None) -> None:
    axes.axvline(best, color=ACCENT, lw=0.8, alpha=0.6, zorder=0)
    style = {"ms": 5.5, "color": ACCENT, "mec": "white", "mew": 0.8, "zorder": 4}
    axes.plot(np.full(len(values), best), values, "o", label=label, **style)


def _scales(parameters: PyTree, steps: int) -> Float[np.ndarray, "steps k"]:
    """The positive numbers behind the leaves of a pytree, whose first axis are the steps, side by side."""
    leaves = [np.asarray(positive(leaf), dtype=float).reshape(steps, -1) for leaf in jax.tree.leaves(parameters)]
    return np.concatenate(leaves, axis=1)
