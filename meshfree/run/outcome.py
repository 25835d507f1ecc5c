"""What a study of a problem finds."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..pde.problem import Problem
from ..solving.branch import Branch
from ..solving.modes import Modes
from ..solving.solution import Solution
from ..solving.trajectory import Trajectory
from ..tuning.tune import History


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A solved problem: what was found, how good it is, and how long it took."""

    problem: Problem
    solution: Solution | Trajectory | Modes | Branch
    history: History | None
    error: (
        float | None
    )  # relative L2 at independent points, without a domain at the nodes; None: nothing to compare with
    residual: float | None  # root mean square off the nodes; None without a domain to take points from
    seconds: float
    stopped: bool = False  # by Ctrl-C, in tuning or time, before a finer resolution, or before a tolerance is reached

    @property
    def final(self) -> Solution:
        """The solution; in time and of a branch the last one, as for the error and the residual; of modes the first."""
        if isinstance(self.solution, Modes | Branch):
            return self.solution[0 if isinstance(self.solution, Modes) else -1]
        return self.solution.final if isinstance(self.solution, Trajectory) else self.solution

    @property
    def errors(self) -> list[float]:
        """Of eigenvalues and folds that are known, relative to these, or to the least that is not 0."""
        if not isinstance(self.solution, Modes | Branch):
            return []
        found = self.solution.values if isinstance(self.solution, Modes) else self.solution.folds
        known = np.asarray(self.problem.exact_parameters[: len(found)])
        if not len(known):
            return []
        sizes = np.abs(known)
        sizes = np.maximum(sizes, np.min(sizes[sizes > 0], initial=1.0))
        return (np.abs(np.asarray(found)[: len(known)] - known) / sizes).tolist()


def observed_order(coarse: tuple[float, float], fine: tuple[float, float]) -> float:
    """log(error ratio)/log(spacing ratio) of two (spacing, error) pairs; NaN where no error is left to compare."""
    if not (coarse[1] > 0 and fine[1] > 0 and coarse[0] != fine[0]):
        return math.nan
    return math.log(coarse[1] / fine[1]) / math.log(coarse[0] / fine[0])
