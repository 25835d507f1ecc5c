"""What a tuning step costs: against its loss alone, and its loss against its two parts written by hand.

    python scripts/bench_tune.py          N = 320 nodes, 1000 check points
    OPENBLAS_NUM_THREADS=1 python scripts/bench_tune.py

The step is the value and gradient of `losses.residual` by the kernel's scale. The parts are one solve (assembly,
factorisation, substitution) and one evaluation of the residual on the check points. All are jitted and take turns.
"""

import argparse
import os
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from timing import SQUARE, alternating, cloud_of

import meshfree as mf
from meshfree.equations.assemble import assemble
from meshfree.equations.system import System
from meshfree.internal.watched import key_of_static
from meshfree.linalg.factor import factor
from meshfree.run.command_line import configure_jax
from meshfree.tuning.tune import _value_and_gradient, kernel_scale

configure_jax()

KERNELS = {"Gaussian": mf.Gaussian(0.3), "Matern(3.5)": mf.Matern(3.5, 0.5)}
STEP_BAR = 3.0  # evaluations of the loss in one step
LOSS_BAR = 1.5  # times the two parts by hand in one loss


def poisson() -> mf.Problem:
    def load(x):
        return 2 * jnp.pi**2 * jnp.prod(jnp.sin(jnp.pi * x))

    return mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x) + load(x), boundary=mf.dirichlet(0.0))


@eqx.filter_jit
def solved(system: System, solver: str):
    """The first part by hand: assembly, factorisation, substitution."""
    residual, matrix = system.linearised(jnp.zeros(system.space.size))
    return -factor(matrix, solver).solve(residual)


@eqx.filter_jit
def judged(on_check: System, coefficients):
    """The second part by hand: the residual on the check points, and its logarithm."""
    values = on_check.at_points(coefficients)
    return 0.5 * jnp.log(jnp.mean(values**2))


def tasks_of(problem: mf.Problem, space, check: mf.Cloud, solver: str) -> dict[str, Callable]:
    loss = mf.losses.residual(problem, check, solver=solver)
    moving, fixed = eqx.partition(space, lambda leaf: leaf is space.kernel.raw_scale)

    @eqx.filter_jit
    def value(moving):
        return loss(eqx.combine(moving, fixed))

    moving = jax.tree.map(jnp.asarray, moving)
    scale, reads = jnp.asarray(space.kernel.raw_scale), key_of_static(space)
    at_nodes, on_check = assemble(problem, space, space.cloud), assemble(problem, space, check)
    return {
        "step": lambda: _value_and_gradient(scale, loss, space, kernel_scale, None, reads),
        "loss": lambda: value(moving),
        "by hand": lambda: judged(on_check, solved(at_nodes, solver)),
        "solve": lambda: solved(at_nodes, solver),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=320, help="nodes")
    parser.add_argument("--check", type=int, default=1000, help="check points")
    parser.add_argument("--repetitions", type=int, default=21)
    arguments = parser.parse_args()
    print(f"jax {jax.__version__}, equinox {eqx.__version__}, numpy {np.__version__}; ", end="")
    print(f"{os.cpu_count()} cores, OPENBLAS_NUM_THREADS={os.environ.get('OPENBLAS_NUM_THREADS', 'unset')}")
    print(f"{arguments.n} nodes, {arguments.check} check points, median of {arguments.repetitions}, milliseconds\n")
    print("| kernel, solver    | step  | loss  | by hand | its solve | step/loss      | loss/by hand      |")
    print("|-------------------|-------|-------|---------|-----------|----------------|-------------------|")
    problem, cloud, check = poisson(), cloud_of(arguments.n, 0), cloud_of(arguments.check, 1)
    missed = 0
    for name, kernel in KERNELS.items():
        for solver in ("lu", "qr", "auto"):
            t = alternating(
                tasks_of(problem, mf.Collocation(kernel, cloud), check, solver), arguments.repetitions, unmeasured=2
            )
            step, loss = t["step"] / t["loss"], t["loss"] / t["by hand"]
            missed += (step > STEP_BAR) + (loss > LOSS_BAR)
            ms = {task: 1e3 * seconds for task, seconds in t.items()}
            print(f"| {name + ', ' + solver:<17} | {ms['step']:>5.1f} | {ms['loss']:>5.1f} ", end="")
            print(f"| {ms['by hand']:>7.1f} | {ms['solve']:>9.1f} ", end="")
            print(
                f"| {step:>10.2f} {_mark(step, STEP_BAR):<3} | {loss:>13.2f} {_mark(loss, LOSS_BAR):<3} |",
                flush=True,
            )
    raise SystemExit(bool(missed))


def _mark(ratio: float, bar: float) -> str:
    return "NO" if ratio > bar else "yes"


if __name__ == "__main__":
    main()
