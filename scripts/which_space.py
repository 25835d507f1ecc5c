"""The same problems in different spaces: errors beside unknowns and seconds, for the page "Which space?".

python scripts/which_space.py; seconds are those of the processor, of a second solve, when programs are compiled.
Errors are relative L2 at 2000 independent points. No scale is chosen with the exact solution: it is 2 throughout, of
eigenfunctions on the box mapped to [−1, 1]^d.
"""

import time
import warnings
from pathlib import Path

import jax.numpy as jnp

import meshfree as mf
from meshfree.run.command_line import configure_jax, load_script

PROBLEMS = Path(__file__).parents[1] / "problems"
CASES = {  # problem, spacing of clustered nodes, of even ones, degree of eigenfunctions
    "cubic": ("smooth, on a square", 0.04, 0.02, 30),
    "flower": ("smooth, on a curved shape", 0.06, 0.03, 24),
    "helmholtz": ("oscillating", 0.04, 0.02, 28),
    "interior_peak": ("a narrow peak", 0.04, 0.015, 30),
    "reentrant_corner": ("an inner corner", 0.06, 0.03, 20),
    "poisson_ball": ("smooth, in space", 0.16, 0.1, 14),
}


def spaces(name: str, problem: mf.Problem):
    _, clustered, even, degree = CASES[name]
    domain = problem.domain
    near, flat = domain.cloud(clustered, cluster=1.0), domain.cloud(even)
    few = domain.cloud(clustered * 1.4, cluster=1.0)
    yield "`Eigenbasis`", mf.Eigenbasis(mf.Gaussian(2.0), near, degree)
    yield "`Collocation`, Matérn 5.5", mf.Collocation(mf.Matern(5.5, 2.0), few)
    yield "`Stencils`, degree 4", mf.Stencils(mf.Polyharmonic(5), flat, degree=4)
    if domain.dim == 2:
        yield "`Stencils`, degree 6", mf.Stencils(mf.Polyharmonic(7), flat, degree=6)
        widths = [even * 4, even * 2, even]
        clouds = [domain.cloud(width) for width in widths]
        yield "`Multilevel`, Wendland C4", mf.Multilevel(mf.Wendland(4, dim=2, scale=8 * widths[0]), clouds)
    if name == "reentrant_corner":
        graded = domain.cloud(lambda x: jnp.clip(0.3 * jnp.linalg.norm(x), 0.002, even * 1.4))
        yield "`Stencils`, degree 4, graded", mf.Stencils(mf.Polyharmonic(5), graded, degree=4)
        yield (
            "`Enriched`, its first singular function",
            mf.Enriched(mf.Eigenbasis(mf.Gaussian(2.0), near, degree), [problem.exact]),
        )


def main() -> None:
    configure_jax()
    warnings.simplefilter("ignore")  # of coarse nodes, which errors tell here
    print("| solution | space | unknowns | error | seconds |\n|---|---|---|---|---|")
    for name, (kind, *_) in CASES.items():
        problem = load_script(PROBLEMS / f"{name}.py").problem()
        for label, space in spaces(name, problem):
            try:
                mf.solve(problem, space)
                began = time.process_time()
                u = mf.solve(problem, space)
                seconds = time.process_time() - began
                told = f"{u.stats['unknowns']} | {mf.error(problem, u):.0e} | {seconds:.2f}"
            except (ValueError, RuntimeError) as reason:
                told = f"{space.size} | {type(reason).__name__} | "
            print(f"| {kind} (`{name}`) | {label} | {told} |", flush=True)


if __name__ == "__main__":
    main()
