"""Case C2 beside kolesky, sparse Cholesky for Gaussian processes (Chen, Owhadi & Schäfer, Math. Comp. 94 (2025)).

    python scripts/bench_kolesky.py
    python scripts/bench_kolesky.py --checkout ~/PDEs-GP-KoleskySolver     or KOLESKY=~/PDEs-GP-KoleskySolver

−Δu + u³ = f on the unit square, u = Σ_{k≤600} sin kπx sin kπy/k⁶, Dirichlet. Our clock runs from nothing to the
coefficients, nodes included, the first round unmeasured; the error is relative L2, at 2000 random points and at the
nodes. The solver by kolesky is in no package index (PyPI's kolesky is the factorisation alone): its authors' program is
github.com/yifanc96/PDEs-GP-KoleskySolver, in Julia, and `julia --project=CHECKOUT -e 'using Pkg; Pkg.instantiate()'`
installs what it needs. Given a checkout, its `main_NonLinElliptic2d.jl` runs with its own settings, and says its
seconds (of the second solve, without its nodes) and its error at its nodes, which is made relative here. Without one
its row holds what was measured before, on two cores.
"""

import argparse
import math
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from reference import rough_cubic_problem
from timing import SQUARE, alternating

import meshfree as mf
from meshfree.run.command_line import configure_jax

configure_jax()

H, DEGREE = 0.02, 22
PROGRAM = "main_NonLinElliptic2d.jl"


class Row(NamedTuple):
    """One line of the table; NaN is not known."""

    program: str
    unknowns: int
    seconds: float
    off_nodes: float
    at_nodes: float

    def __str__(self) -> str:
        off, at = ("" if math.isnan(e) else f"{e:.1e}" for e in (self.off_nodes, self.at_nodes))
        return f"| {self.program:<36} | {self.unknowns or '':>8} | {self.seconds:>7.2f} | {off:<9} | {at:<8} |"


# beside ours in one run, on two cores, November 2026
BEFORE = Row(f"kolesky, h = {H}, measured before", 0, 6.8, math.nan, 3.8e-5)


def stencils(problem: mf.Problem) -> mf.Solution:
    return mf.solve(problem, mf.Stencils(None, SQUARE.cloud(H), 4))


def eigenfunctions(problem: mf.Problem) -> mf.Solution:
    cloud = SQUARE.cloud(math.sqrt(1 / (2 * math.comb(DEGREE + 2, 2))), cluster=1.0)
    return mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), cloud, DEGREE))


def ours(repetitions: int) -> list[Row]:
    problem = rough_cubic_problem()
    programs = {
        f"stencils of degree 4, h = {H}": lambda: stencils(problem),
        f"eigenfunctions of degree {DEGREE}": lambda: eigenfunctions(problem),
    }
    solutions = {name: program() for name, program in programs.items()}
    seconds = alternating({name: lambda f=f: f().coefficients for name, f in programs.items()}, repetitions)
    return [
        Row(name, u.coefficients.size, seconds[name], mf.error(problem, u), mf.error(problem, u, u.space.cloud.points))
        for name, u in solutions.items()
    ]


def kolesky(checkout: Path) -> Row:
    command = ["julia", f"--project={checkout}", str(checkout / PROGRAM), "--h", str(H)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    told = done.stdout + done.stderr
    seconds, error = (_number(told, name) for name in ("time", "L2 accuracy: pCG method"))
    grid = np.stack(np.meshgrid(*[np.arange(H, 1 - H / 2, H)] * 2), axis=-1).reshape(-1, 2)
    exact = jax.vmap(rough_cubic_problem().exact)(grid)
    return Row(f"kolesky, h = {H}", len(grid), seconds, math.nan, error / float(np.sqrt(np.mean(exact**2))))


def _number(text: str, name: str) -> float:
    found = re.search(rf"\[{re.escape(name)}\]\s*([-+.\deE]+)", text)
    if found is None:
        raise SystemExit(f"{PROGRAM} does not print [{name}]: it is of another version than this script knows")
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", default=os.environ.get("KOLESKY"), help=f"the folder of {PROGRAM}")
    parser.add_argument("--repetitions", type=int, default=3)
    chosen = parser.parse_args()
    checkout = Path(chosen.checkout).expanduser() if chosen.checkout else None
    if checkout and not (checkout / PROGRAM).is_file():
        parser.error(f"no {PROGRAM} in {checkout}: give the folder of a checkout of PDEs-GP-KoleskySolver")
    print(f"jax {jax.__version__}, numpy {np.__version__}; {os.cpu_count()} cores, median of {chosen.repetitions}\n")
    print("| program                              | unknowns | seconds | off nodes | at nodes |")
    print("|--------------------------------------|----------|---------|-----------|----------|")
    for row in ours(chosen.repetitions):
        print(row)
    print(kolesky(checkout) if checkout else BEFORE)


if __name__ == "__main__":
    main()
