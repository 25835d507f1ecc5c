"""The picture of a spectrum: the eigenvalues in the complex plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from .style import ACCENT, COLORS, GREY, LEGEND, new_figure, open_frame

WIDTH, HEIGHT = 5.6, 3.6  # inches


def plot_spectrum(spectrum: Any) -> Any:
    """The eigenvalues, those of functions that the nodes do not resolve hollow, right of the axis what grows."""
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    open_frame(axes)
    axes.axvline(0.0, color=GREY, lw=0.8)
    grows = spectrum.values.real > 0
    for resolved, words in ((True, "resolved by the nodes"), (False, "not resolved")):
        chosen = np.asarray(spectrum.resolved) == resolved
        for growing, color in ((False, COLORS[0]), (True, ACCENT)):
            some = spectrum.values[chosen & (grows == growing)]
            if len(some):
                label = f"{words}, growing" if growing else words
                face = color if resolved else "none"
                axes.plot(some.real, some.imag, "o", ms=4, mec=color, mfc=face, ls="none", label=label)
    axes.set_xlabel("Re λ")
    axes.set_ylabel("Im λ")
    axes.legend(**LEGEND)
    return figure
