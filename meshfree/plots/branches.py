"""The picture of a branch of solutions: a norm over the parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from .style import ACCENT, COLORS, LEGEND, new_figure, open_frame

WIDTH, HEIGHT = 5.6, 3.8  # inches
SAMPLES = 500  # of the curve


def plot_branch(branch: Any) -> Any:
    """The root mean square of u over the nodes at every point, with the folds marked."""
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    open_frame(axes)
    axes.plot(*_curve(branch), "-", color=COLORS[0], lw=1.6)
    axes.plot(branch.parameters, branch.norms, "o", ms=3.5, mfc="white", mec=COLORS[0], mew=0.9)
    for place in branch.turns:
        value = branch.parameters[place]
        axes.plot(value, branch.norms[place], "o", ms=6, color=ACCENT, label=f"fold at {value:.8g}")
    if branch.turns:
        axes.legend(**LEGEND)
    axes.set_xlabel("parameter")
    axes.set_ylabel("root mean square of u")
    return figure


def _curve(branch: Any) -> np.ndarray:
    """A smooth curve through the points, over its length in units of the axes."""
    from scipy.interpolate import CubicSpline

    points = np.stack([branch.parameters, branch.norms])
    sides = np.maximum(np.ptp(points, axis=1, keepdims=True), 1e-300)
    lengths = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(points / sides, axis=1), axis=0)))
    if len(lengths) < 3 or not np.all(np.diff(lengths) > 0):
        return points
    return CubicSpline(lengths, points, axis=1)(np.linspace(0.0, lengths[-1], SAMPLES))
