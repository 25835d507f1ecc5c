"""What a study of a problem finds."""

from __future__ import annotations

import dataclasses
import math

from ..pde.problem import Problem
from ..solving.solution import Solution
from ..solving.trajectory import Trajectory
from ..tuning.tune import History


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A solved problem: what was found, how good it is, and how long it took."""

    problem: Problem
    solution: Solution | Trajectory
    history: History | None
    error: (
        float | None
    )  # relative L2 at independent points, without a domain at the nodes; None: nothing to compare with
    residual: float | None  # root mean square off the nodes; None without a domain to take points from
    seconds: float
    stopped: bool = False  # by Ctrl-C, in tuning or time, before a finer resolution, or before a tolerance is reached

    @property
    def final(self) -> Solution:
        """The solution; in time, at the last one, as are the error and the residual."""
        return self.solution.final if isinstance(self.solution, Trajectory) else self.solution


def observed_order(coarse: tuple[float, float], fine: tuple[float, float]) -> float:
    """log(error ratio)/log(spacing ratio) of two (spacing, error) pairs; NaN where no error is left to compare."""
    if not (coarse[1] > 0 and fine[1] > 0 and coarse[0] != fine[0]):
        return math.nan
    return math.log(coarse[1] / fine[1]) / math.log(coarse[0] / fine[0])
