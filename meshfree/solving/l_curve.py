"""The L-curve: what a term that asks the solution to be small costs in misfit, over the weight of the term.

Hansen & O'Leary, The use of the L-curve in the regularization of discrete ill-posed problems, SIAM J. Sci. Comput. 14
(1993) 1487-1503.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..internal.expected import NUMBERS, expects
from ..pde.problem import Problem
from ..spaces.base import Space
from .misfit import MisfitWarning
from .solution import Solution
from .solve import solve_in

FEWEST = 5  # weights that curvature is seen from


class LCurve(NamedTuple):
    """Solutions over the weight of one term: see `l_curve`.

    `misfits`: the root mean square of the other data's misfits, in standard deviations; `sizes`: that of the term,
    (of(u, x) − value)/noise with its own noise.
    """

    term: str
    weights: Float[np.ndarray, " w"]
    misfits: Float[np.ndarray, " w"]
    sizes: Float[np.ndarray, " w"]
    solutions: list[Solution]

    @property
    def corner(self) -> int:
        """Which weight is at the corner, where the curve of log size over log misfit is bent most.

        A heuristic: there more weight begins to cost misfit, and less lets the term grow. Curves need not have one, and
        it lies at too much smoothing where data are many (Vogel, Inverse Problems 12 (1996) 535-547). Where the noise
        is known the weight of `discrepancy` is founded better.
        """
        t, x, y = np.log(self.weights), np.log(self.misfits), np.log(self.sizes)
        dx, dy = np.gradient(x, t), np.gradient(y, t)
        bend = dx * np.gradient(dy, t) - np.gradient(dx, t) * dy
        curvature = bend / np.maximum(dx**2 + dy**2, np.finfo(float).tiny) ** 1.5
        return 1 + int(np.argmax(curvature[1:-1]))

    @property
    def discrepancy(self) -> float | None:
        """The weight at which the misfit is one standard deviation, as the stated noise has it (Morozov's principle);
        None: it is not among them.
        """
        above = np.flatnonzero(self.misfits >= 1)
        if len(above) in (0, len(self.misfits)) or above[0] == 0:
            return None
        two = slice(above[0] - 1, above[0] + 1)
        return float(np.exp(np.interp(0.0, np.log(self.misfits[two]), np.log(self.weights[two]))))


@expects(problem=Problem, space=Space, term=str, weights=NUMBERS)
def l_curve(
    problem: Problem,
    space: Space,
    term: str,
    weights: ArrayLike | None = None,
    *,
    progress: bool | None = None,
    **options: Any,
) -> LCurve:
    """Solve with the noise of one `mf.Data` divided by each of `weights`, as of a Tikhonov term, and tell what the
    others' misfit and the term's size are; `mf.plot` draws it, with the corner.

    `term`: the keyword of that Data, such as `prior`, in `Problem(..., prior=mf.Data(points, zeros, scale, of=...))`.
    `weights`: (w,), positive; by default 17 from 1e-2 to 1e2. `options` go to `mf.solve`. `progress`: a bar, by default
    where standard error is a terminal.

    Raises ValueError for a term that is no data of the problem, for no data beside it, and for fewer than five weights,
    or such that are not positive.
    """
    from tqdm import tqdm  # here, so that importing meshfree stays light

    chosen = np.logspace(-2, 2, 17) if weights is None else np.sort(np.asarray(weights, dtype=float).ravel())
    if term not in problem.data or len(problem.data) < 2:
        raise ValueError(
            f"term={term!r} must be one mf.Data of a problem that has others, too; its data: "
            f"{', '.join(problem.data) or 'none'}"
        )
    if len(chosen) < FEWEST or not np.all(np.isfinite(chosen) & (chosen > 0)):
        raise ValueError(f"weights must be at least {FEWEST} positive numbers; got {weights!r}")
    found, misfits, sizes = list[Solution](), list[float](), list[float]()
    for weight in tqdm(chosen, desc="l_curve", disable=None if progress is None else not progress):
        changed = eqx.tree_at(lambda p: p.data[term].noise, problem, problem.data[term].noise / weight)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MisfitWarning)  # most of the weights are wrong, and the curve shows it
            u = solve_in(changed, space, judged=False, **options)
        of_each = u.stats["residual"]
        counts = {name: one.values.size for name, one in problem.data.items() if name != term}
        squares = sum(count * float(of_each[name]) ** 2 for name, count in counts.items())
        found.append(u)
        misfits.append(float(np.sqrt(squares / sum(counts.values()))))
        sizes.append(float(of_each[term]) / float(weight))
    return LCurve(term, chosen, np.array(misfits), np.array(sizes), found)
