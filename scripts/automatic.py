"""What `mf.solve(problem, tol=)` makes of every predefined problem: the space, the estimate, and the true error.

    python scripts/automatic.py                    all problems at 1e-4 and 1e-8 (some ten minutes)
    python scripts/automatic.py 1e-6 lshape cubic  one tolerance, some problems

Seconds are those of one run with the programs of an earlier one on disk. Errors are relative L2 at 2000 independent
points. At the end: how many rungs have an estimate within 0.3 and 5 of the true error (more than 1 counts as 1: no
estimate is larger), and what was called reached and was not.
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np

import meshfree as mf
from meshfree.run.command_line import configure_jax, load_script
from meshfree.solving import automatic

PROBLEMS = Path(__file__).parents[1] / "problems"
ROUND_OFF = 1e-13  # no estimate is judged by an error below


class Judged(automatic.Ladder):
    """A ladder that keeps the true error of every rung beside its estimate."""

    pairs: list[tuple[float, float]] = []

    def _judged(self, *args):
        rung = super()._judged(*args)
        if self.problem.exact is not None:
            self.pairs.append((rung.estimate, mf.error(self.problem, rung.solution)))
        return rung


def solved(problem: mf.Problem, tol: float) -> tuple[mf.Solution, float]:
    """The solution and its seconds."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it was not reached is a column
        u = mf.solve(problem, tol=tol, progress=False)
    return u, time.perf_counter() - began


def short(space: mf.Eigenbasis | mf.Stencils) -> str:
    if isinstance(space, mf.Stencils):
        return f"stencils of degree {space.degree}"
    return f"eigenfunctions of degree {space.degree}, scale {float(space.kernel.scale):g}"


def table(tol: float, chosen: list[str]) -> list[str]:
    """Prints a row a problem; returns those that were called reached and were not."""
    print(f"\n| {tol:g} | space | unknowns | estimate | error | reached | seconds |\n|---|---|---|---|---|---|---|")
    wrong, reached, most = [], 0, 0.0
    for path in sorted(PROBLEMS.glob("*.py")):
        if path.stem == "poisson_million" or (chosen and path.stem not in chosen):
            continue  # that one is poisson_square
        problem = load_script(path).problem()
        if problem.has_parameter or problem.data:
            continue  # these take a space
        u, seconds = solved(problem, tol)
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
    wrong = [f"{name} at {tol:g}" for tol in tolerances for name in table(tol, chosen)]
    # an estimate of 1 says that nothing is resolved, and so does any error that large
    ratios = np.array([estimate / min(error, 1.0) for estimate, error in Judged.pairs if error > ROUND_OFF])
    near = np.mean((ratios >= 0.3) & (ratios <= 5))
    print(f"\nestimate over error of {len(ratios)} rungs: within 0.3 and 5 {near:.0%}, median {np.median(ratios):.2f}")
    print(f"called reached and were not: {', '.join(wrong) or 'none'}")


if __name__ == "__main__":
    main()
