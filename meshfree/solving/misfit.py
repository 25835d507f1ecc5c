"""Whether the misfit of data is what their noise allows: a chi-square test."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import jax
import scipy.special

from ..internal.tracing import is_traced
from ..pde.data import Data

LEVEL = 1e-4  # the chance at which noise is no longer believed to explain a misfit: of as many sound problems one warns


class MisfitWarning(UserWarning):
    """Data are farther from a solution than their noise allows."""


def judged(data: Mapping[str, Data], residual: Mapping[str, Any]) -> dict[str, Any]:
    """`misfit`, the mean square of all misfits in standard deviations, and `misfit_chance`, that of one as large or
    larger by noise alone; empty without data. Warns of a chance below `LEVEL`.

    `residual`: the root mean square of each part's misfits. Where all rows of data have one weight, the sum of squares
    at the solution is at most that at the truth, which satisfies the equations, and that is distributed as chi-square
    with one degree of freedom for each value: in least squares because the whole sum is least at the solution, of a
    Gaussian process because each misfit varies less than the noise. So the chance is an upper bound.
    """
    if not data:
        return {}
    counts = {name: one.values.size for name, one in data.items()}
    total, square = sum(counts.values()), sum(count * residual[name] ** 2 for name, count in counts.items())
    if is_traced(square):
        return {"misfit": square / total, "misfit_chance": jax.scipy.special.gammaincc(total / 2, square / 2)}
    share, chance = float(square) / total, float(scipy.special.chdtrc(total, square))
    if chance < LEVEL:
        of_each = ", ".join(f"{name} {float(residual[name]):.3g}" for name in counts)
        warnings.warn(
            f"the data are farther from the solution than their noise allows: the mean square of {total} misfits is "
            f"{share:.3g} of the noise's, which has a chance of {chance:.0e} (by part, in standard deviations: "
            f"{of_each}). The noise is stated too small, the equation or its coefficients are not those of the data, "
            "or the space is too coarse: compare with a finer one",
            MisfitWarning,
            stacklevel=7,  # of who calls `solve`, which is decorated
        )
    return {"misfit": share, "misfit_chance": chance}
