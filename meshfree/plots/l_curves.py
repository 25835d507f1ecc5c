"""The picture of an L-curve: the size of a term over the misfit of the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from .style import ACCENT, COLORS, GREY, LEGEND, new_figure, open_frame

WIDTH, HEIGHT = 5.0, 4.0  # inches
NAMED = 5  # weights that are written beside the curve


def plot_l_curve(curve: Any) -> Any:
    """The curve on logarithmic axes, some weights beside it, and the corner."""
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    open_frame(axes)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.plot(curve.misfits, curve.sizes, "o-", color=COLORS[0], lw=1.6, ms=4.5, mfc="white", mew=1.1)
    corner = curve.corner
    label = f"corner, weight {curve.weights[corner]:.2g}"
    axes.plot(curve.misfits[corner], curve.sizes[corner], "o", ms=7, color=ACCENT, label=label, zorder=3)
    if curve.discrepancy is not None:
        label = f"misfit of the stated noise, weight {curve.discrepancy:.2g}"
        axes.axvline(1.0, color=GREY, lw=0.9, ls="--", label=label)
    for place in np.unique(np.linspace(0, len(curve.weights) - 1, NAMED).astype(int)):
        style = {"xytext": (6, 5), "textcoords": "offset points", "fontsize": 8, "color": GREY}
        axes.annotate(f"{curve.weights[place]:.3g}", (curve.misfits[place], curve.sizes[place]), **style)
    axes.set_xlabel("misfit of the data, standard deviations")
    axes.set_ylabel(f"size of {curve.term}")
    axes.legend(**LEGEND)
    return figure
