"""The picture of a tuning run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .output import PathLike, checked_path, finished
from .style import ACCENT, COLORS, LEGEND, plain_ticks, stacked
from .words import scientific

if TYPE_CHECKING:
    import matplotlib.figure


def plot_history(
    history: Any,
    path: PathLike = None,
    *,
    title: str | None = None,
    name: str = "scale",
    logarithmic: bool = True,
) -> matplotlib.figure.Figure:
    """A tuning run: the loss and the tuned numbers at every step, the best iterate marked.

    - `history`: what `tune` returns
    - `logarithmic`: the loss is a natural logarithm, as `mf.losses.residual` and `leave_one_out` are, and
      exp(loss) is drawn; False draws the loss itself
    - `name`: what `history.scale` is

    Raises ValueError where no loss is finite.
    """
    path = checked_path(path)
    loss = np.asarray(history.loss, dtype=float)
    if not np.isfinite(loss).any():
        raise ValueError("no loss of this history is finite: there is nothing to draw")
    steps, best = np.arange(len(loss)), int(np.nanargmin(np.where(np.isfinite(loss), loss, np.nan)))
    shown = np.exp(loss) if logarithmic else loss
    figure, (top, below) = stacked(5.6, [2.2, 1.9])
    top.plot(steps, shown, color=COLORS[0], lw=1.6)
    if logarithmic:
        top.set_yscale("log")
        plain_ticks(top.yaxis, shown)
    top.set_ylabel("residual" if logarithmic else "loss")
    scale = _columns(history.scale, len(loss))
    for k, column in enumerate(scale.T):
        label = f"{name}$_{{{k + 1}}}$" if 1 < scale.shape[1] <= len(COLORS) else None
        below.plot(steps, column, color=COLORS[k % len(COLORS)], lw=1.6, label=label)
    if np.nanmin(scale) > 0 and np.nanmax(scale) > 10 * np.nanmin(scale):
        below.set_yscale("log")
        plain_ticks(below.yaxis, scale)
    below.set_ylabel(name)
    below.set_xlabel("step")
    for axes, columns in ((top, shown[:, None]), (below, scale)):
        axes.axvline(best, color=ACCENT, lw=0.8, alpha=0.6, zorder=0)
        marks = np.full(scale.shape[1] if axes is below else 1, best)
        axes.plot(marks, columns[best], "o", ms=5.5, color=ACCENT, mec="white", mew=0.8, zorder=4)
    top.lines[-1].set_label(f"best: {scientific(shown[best])} at step {best}")
    top.legend(**LEGEND)
    if below.get_legend_handles_labels()[0]:
        below.legend(**LEGEND)
    return finished(figure, title, path)


def _columns(tree: Any, steps: int) -> np.ndarray:
    """The leaves of a pytree, their first axis the steps, side by side: (steps, k)."""
    leaves = [np.asarray(leaf, dtype=float).reshape(steps, -1) for leaf in jax.tree.leaves(tree)]
    return np.concatenate(leaves, axis=1)
