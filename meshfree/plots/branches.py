"""The picture of a branch of solutions: a norm over the parameter."""

from __future__ import annotations

from typing import Any

from .style import ACCENT, COLORS, LEGEND, new_figure, open_frame

WIDTH, HEIGHT = 5.6, 3.8  # inches


def plot_branch(branch: Any) -> Any:
    """The root mean square of u over the nodes at every point, with the folds marked."""
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    open_frame(axes)
    axes.plot(branch.parameters, branch.norms, "-", color=COLORS[0], lw=1.6)
    axes.plot(branch.parameters, branch.norms, "o", ms=3.5, mfc="white", mec=COLORS[0], mew=0.9)
    for place in branch.turns:
        value = branch.parameters[place]
        axes.plot(value, branch.norms[place], "o", ms=6, color=ACCENT, label=f"fold at {value:.8g}")
    if branch.turns:
        axes.legend(**LEGEND)
    axes.set_xlabel("parameter")
    axes.set_ylabel("root mean square of u")
    return figure
