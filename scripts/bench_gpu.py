"""Dense equations and stencils' weights on an accelerator, beside the host of the same machine, in one run.

    python scripts/bench_gpu.py             the sizes of the table, where JAX finds an accelerator
    python scripts/bench_gpu.py --quick     small ones

Without an accelerator the small sizes run on the CPU. Steps: `assembly`, from the points to the matrix; `factor`, as
`solver="auto"` chooses; `solve`, a whole `mf.solve`, checks included; `tuning`, a loss off the nodes with its
derivative by the scale; `weights`, those of the Laplacian for stencils of 30 nodes and degree 4. Everything is compiled
before the clock starts, the devices take turns, and medians are printed, with the relative L2 error of the solution.
Bars are for one H100.
"""

import argparse
import contextlib
import math
import os
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree
from timing import SQUARE, alternating, cloud_of, jittered

import meshfree as mf
from meshfree.equations.assemble import assemble
from meshfree.internal.devices import device_name, on_host
from meshfree.linalg.factor import factor
from meshfree.pde.multi_indices import total_degree
from meshfree.run.command_line import configure_jax
from meshfree.spaces.base import Space
from meshfree.spaces.stencil_weights import LocalInterpolant, many_weights

configure_jax()

SIZES = {"translates": (1000, 3000, 6976), "eigenfunctions": (30, 70), "tuning": 1000, "stencils": 219}
QUICK = {"translates": (300, 600), "eigenfunctions": (12, 20), "tuning": 200, "stencils": 65}
BARS = {
    ("6976 translates", "solve"): 0.5,
    ("eigenfunctions of degree 70", "solve"): 0.1,
    ("47961 stencils", "weights"): 0.03,
}


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1] / 2)


def poisson() -> mf.Problem:
    """Case B1."""
    return mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + 1.25 * jnp.pi**2 * exact(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


def translates(n: int) -> Space:
    return mf.Collocation(mf.Matern(5.5, 1.0), cloud_of(n))


def eigenfunctions(degree: int) -> Space:
    functions = math.comb(degree + 2, 2)
    return mf.Eigenbasis(mf.Gaussian(3.0), SQUARE.cloud(math.sqrt(1 / (2 * functions)), cluster=1.0), degree)


def dense_steps(problem: mf.Problem, space: Space) -> dict[str, Callable]:
    def matrix():
        return assemble(problem, space).assembled(np.zeros(space.size))[1]

    known = matrix()
    return {
        "assembly": matrix,
        "factor": lambda: factor(known),
        "solve": lambda: mf.solve(problem, space).coefficients,
    }


def tuning_step(problem: mf.Problem, space: Space) -> Callable:
    loss = mf.losses.residual(problem, SQUARE.cloud(len(space.cloud) ** -0.5, seed=1))

    def of_scale(raw):
        return loss(eqx.tree_at(lambda space: space.kernel.raw_scale, space, raw))

    raw = np.asarray(space.kernel.raw_scale)
    step = jax.jit(lambda raw: jax.jvp(of_scale, (raw,), (jnp.ones(()),)))
    return lambda: step(raw)


def weights_step(side: int) -> Callable:
    nodes = jittered(side)
    columns = cKDTree(nodes).query(nodes, k=30)[1]
    laplacian = (total_degree(2, 2).max(axis=1) == 2).astype(float)
    functionals = np.broadcast_to(laplacian, (len(nodes), 1, len(laplacian)))
    local = LocalInterpolant(mf.Polyharmonic(5), 4)
    return lambda: many_weights(local, nodes, columns, nodes, functionals, 2)


def compare(case: str, steps_on: Callable[[], dict[str, Callable]], error: Callable | None, repetitions: int) -> None:
    """A line for every step: `steps_on` makes them while its device is the default one."""
    devices: dict[str, Any] = {device_name(): contextlib.nullcontext}
    if not on_host():
        devices["cpu"] = lambda: jax.default_device(jax.devices("cpu")[0])
    tasks, errors = {}, {}
    for name, context in devices.items():
        with context():
            for step, task in steps_on().items():
                tasks[step, name] = _within(context, task)
            errors[name] = error() if error else math.nan
    seconds = alternating({f"{step} {name}": task for (step, name), task in tasks.items()}, repetitions)
    for step in dict.fromkeys(step for step, _ in tasks):
        times = [seconds[f"{step} {name}"] for name in devices]
        columns = [f"{t:.4f}" for t in times] if len(times) == 2 else ["", f"{times[0]:.4f}"]
        ratio = f"{times[1] / times[0]:.1f}" if len(times) == 2 else ""
        shown = ", ".join(f"{e:.1e}" for e in errors.values()) if step == "solve" else ""
        print(
            f"| {case:<28} | {step:<8} | {columns[0]:>11} | {columns[1]:>8} | {ratio:>5} "
            f"| {BARS.get((case, step), ''):>4} | {shown:<16} |",
            flush=True,
        )


def _within(context: Callable, task: Callable) -> Callable:
    def run():
        with context():
            return jax.block_until_ready(task())

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--repetitions", type=int, default=3)
    chosen = parser.parse_args()
    sizes: dict[str, Any] = QUICK if chosen.quick or on_host() else SIZES
    print(f"jax {jax.__version__}, numpy {np.__version__}; {device_name()}, host of {os.cpu_count()} cores; seconds\n")
    print("| case                         | step     | accelerator | host     | ratio | bar  | errors           |")
    print("|------------------------------|----------|-------------|----------|-------|------|------------------|")
    problem = poisson()
    spaces = {f"{n} translates": translates(n) for n in sizes["translates"]}
    spaces |= {f"eigenfunctions of degree {n}": eigenfunctions(n) for n in sizes["eigenfunctions"]}
    for case, space in spaces.items():
        compare(
            case,
            lambda space=space: dense_steps(problem, space),
            lambda space=space: mf.error(problem, mf.solve(problem, space)),
            chosen.repetitions,
        )
    space = translates(sizes["tuning"])
    compare(f"{space.size} translates", lambda: {"tuning": tuning_step(problem, space)}, None, chosen.repetitions)
    stencils = sizes["stencils"]
    compare(f"{stencils**2} stencils", lambda: {"weights": weights_step(stencils)}, None, chosen.repetitions)


if __name__ == "__main__":
    main()
