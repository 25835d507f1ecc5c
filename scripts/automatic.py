"""What `mf.solve(problem, tol=)` makes of every predefined problem: the space, the estimate, and the true error.

    python scripts/automatic.py                    all problems at 1e-4 and 1e-8 (some ten minutes)
    python scripts/automatic.py 1e-6 lshape cubic  one tolerance, some problems

Seconds are those of one run with the programs of an earlier one on disk. Errors are relative L2 at 2000 independent
points. At the end: how many rungs have an estimate within 0.3 and 5 of the true error (more than 1 counts as 1: no
estimate is larger), as `stats["ladder"]` has it in the end, and as it was when the rung was the last one; and what was
called reached and was not.
"""

import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

import meshfree as mf
from meshfree.run.command_line import configure_jax, load_script
from meshfree.solving import automatic

PROBLEMS = Path(__file__).parents[1] / "problems"
ROUND_OFF = 1e-13  # no estimate is judged by an error below


class Judged(automatic.Ladder):
    """A ladder that keeps its rungs as they were judged first."""

    first: list[automatic.Rung] = []

    def _judged(self, *args):
        self.first.append(super()._judged(*args))
        return self.first[-1]


class Estimate(NamedTuple):
    """Of a rung: as it was judged first, as the ladder has it in the end, and the true error."""

    first: float
    last: float
    error: float


def solved(problem: mf.Problem, tol: float) -> tuple[mf.Solution, float, list[Estimate]]:
    """The solution, its seconds, and the estimates."""
    Judged.first.clear()
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it was not reached is a column
        u = mf.solve(problem, tol=tol, progress=False)
    seconds = time.perf_counter() - began
    if problem.exact is None:
        return u, seconds, []
    pairs = zip(Judged.first, u.stats["ladder"], strict=True)
    return (
        u,
        seconds,
        [Estimate(rung.estimate, told["estimate"], mf.error(problem, rung.solution)) for rung, told in pairs],
    )


def short(space: mf.Eigenbasis | mf.Stencils) -> str:
    if isinstance(space, mf.Stencils):
        return f"stencils of degree {space.degree}"
    return f"eigenfunctions of degree {space.degree}, scale {float(space.kernel.scale):g}"


def table(tol: float, chosen: list[str], estimates: list[Estimate]) -> list[str]:
    """Prints a row a problem, and adds its estimates; returns those that were called reached and were not."""
    print(f"\n| {tol:g} | space | unknowns | estimate | error | reached | seconds |\n|---|---|---|---|---|---|---|")
    wrong, reached, most = [], 0, 0.0
    for path in sorted(PROBLEMS.glob("*.py")):
        if path.stem == "poisson_million" or (chosen and path.stem not in chosen):
            continue  # that one is poisson_square
        problem = load_script(path).problem()
        if problem.has_parameter or problem.data:
            continue  # these take a space
        u, seconds, judged = solved(problem, tol)
        estimates += judged
        error = mf.error(problem, u) if problem.exact is not None else float("nan")
        reached += u.stats["reached"]
        most = max(most, seconds if u.space.cloud.dim == 2 else 0.0)
        wrong += [path.stem] * (u.stats["reached"] and error > tol)
        told = f"{error:.0e}" if np.isfinite(error) else "not known"
        row = f"{short(u.space)} | {u.stats['unknowns']} | {u.stats['estimate']:.0e} | {told}"
        print(f"| {path.stem} | {row} | {'yes' if u.stats['reached'] else 'no'} | {seconds:.1f} |", flush=True)
    print(f"\n{reached} reached; the longest in two dimensions took {most:.1f} s")
    return wrong


def main() -> None:
    configure_jax()
    automatic.Ladder = Judged
    tolerances = [float(word) for word in sys.argv[1:] if word[0].isdigit()] or [1e-4, 1e-8]
    chosen = [word for word in sys.argv[1:] if not word[0].isdigit()]
    estimates: list[Estimate] = []
    wrong = [f"{name} at {tol:g}" for tol in tolerances for name in table(tol, chosen, estimates)]
    # an estimate of 1 says that nothing is resolved, and so does any error that large
    judged = np.array([(e.last, e.first) / np.minimum(e.error, 1) for e in estimates if e.error > ROUND_OFF])
    near = np.mean((judged >= 0.3) & (judged <= 5), axis=0)
    print(
        f"\nestimate over error of {len(judged)} rungs: within 0.3 and 5 {near[0]:.0%}, when first told {near[1]:.0%}"
    )
    print(f"median {np.median(judged[:, 0]):.2f}, {np.median(judged[:, 1]):.2f}")
    print(f"called reached and were not: {', '.join(wrong) or 'none'}")


if __name__ == "__main__":
    main()
