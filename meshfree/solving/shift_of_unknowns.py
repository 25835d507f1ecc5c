"""How far the discretisation moves unknown numbers, by one step in another space."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..internal.tracing import as_jax
from ..linalg.factor import factor
from ..spaces.base import Space
from .newton import ConvergenceError
from .off_nodes import extrapolated
from .solution import Solution


def shift_of_unknowns(
    u: Solution, by_name: Callable, elsewhere: Any, residuals: Callable[[Solution], tuple[float, float]] | None
) -> dict[str, Any]:
    """`shift_of_unknowns` by name, of the sizes of the unknown numbers: an estimate of what their discretisation error
    is, which has no part in `std_of_unknowns`. Warns where it is larger than that.

    It is a step of Gauss-Newton from the numbers of u in `Space.compared()`, where `elsewhere` are the equations
    (`Projected`). Of a coarser space it is multiplied by what `estimate_error` multiplies differences by, from the
    `residuals` of u and of the solution there. NaN where that space has no solution.
    """
    values = np.concatenate([np.ravel(value) for value in u.unknowns.values()])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the other space
            residual, matrix = elsewhere.linearised(values)
            change = np.abs(np.asarray(factor(matrix, "qr").solve(residual)))
            if residuals is not None:
                v = Solution(elsewhere.space, as_jax(elsewhere.solution(values).coefficients), {})
                change = extrapolated(1.0, residuals(v)) * change
    except (ValueError, ConvergenceError, MemoryError):
        change = np.full(len(values), np.nan)
    shifts = by_name(change)
    if "std_of_unknowns" in u.stats:
        _warn(shifts, u.std_of_unknowns, elsewhere.space)
    return {"shift_of_unknowns": shifts}


def _warn(shifts: dict[str, Any], deviations: dict[str, Any], space: Space) -> None:
    for name, shift in shifts.items():
        worst = int(np.argmax(np.ravel(shift) / np.ravel(deviations[name])))
        moved, deviation = float(np.ravel(shift)[worst]), float(np.ravel(deviations[name])[worst])
        if moved > deviation:
            place = f"[{worst}]" * (np.ndim(shift) > 0)
            warnings.warn(
                f"the discretisation moves the unknown {name}{place} by about {moved:.1e}, and its standard deviation, "
                f"{deviation:.1e}, is that of the noise alone (compared with {space.describe()}): use more nodes or a "
                "higher degree, or take the larger of the two",
                stacklevel=8,  # of who calls `solve`, which is decorated
            )
