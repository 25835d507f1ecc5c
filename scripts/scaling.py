"""Several processes by PETSc, measured on the processes at hand, and what a fitted model expects of many.

    python scripts/scaling.py                                 250 000 nodes a process on 1 and 2 processes, 3 rounds
    python scripts/scaling.py --nodes 1000000 --rounds 2      strong scaling and the best solver at a million nodes
    python scripts/scaling.py --nodes 20000 --processes 1 2 4 --rounds 1

It needs mpiexec and the extra `petsc`. The problem is B10, Poisson's equation on the square by stencils of degree 4.
Every run is a program of its own, which has solved a small case before; the runs of a round follow each other and
rounds repeat them, so that what else the machine does hits all of them. The medians are printed.

PETSc's processes are started by mpiexec and bound to a core each, with one thread; the best solver on one process is
started without and has the whole machine.

- strong: the same `--nodes` on 1, 2, … processes, by default options (GMRES(100) and additive Schwarz, one level), by
  two levels and more (`TWO_LEVEL`), and on one process by the best solver that is installed (`solver="auto"`)
- weak: `--nodes` on one process, twice as many on two, …, by `TWO_LEVEL`, as with one level iterations grow
- iterations of one level by the number of subdomains, 1 to 64 on one process (`-pc_asm_blocks`), and by nodes

The model, N nodes on p processes, s stencil nodes:

    T = k N + a N/p + i (b N/p + 2 (α + 8 β h) + 2 α log₂ p) + 8 β g N,     h = 4 √(s N/p) values of the halo
    M = m₀ + m₁ N/p + 8 g N                                                 bytes of each process
    i = i₁ N^c p^d with one level; with two and more as measured, whatever N and p

k (the cloud, which every process makes), a (neighbours and weights), b (an iteration with its part of setting up, one
for each kind of preconditioner) and m₁ are medians of the runs, c and d are fitted to their iterations; m₀ is what a
process has after the small case.

Assumed, and not measured here: latency α and time per byte β of a network (`--latency`, `--bandwidth`); g = 20 whole
vectors are kept, and gathered, in a solve: nodes, their tree, numbers, coefficients and residuals, which each process
has of all nodes; subdomains are squares; each process has the memory bandwidth that it has here; the coarse problem of
two levels costs nothing. What comes out is an expectation of a first attempt, no measurement.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

import meshfree as mf
from meshfree.internal.memory import peak
from meshfree.internal.processes import processes
from meshfree.run.command_line import configure_jax

TWO_LEVEL = (
    "-pc_type gamg -pc_gamg_aggressive_coarsening 0 -mg_levels_ksp_type richardson -mg_levels_ksp_max_it 1 "
    "-mg_levels_pc_type bjacobi -mg_levels_sub_pc_type ilu"
)
WARM = 12_000  # nodes a process of the case that compiles all programs, as from 9000 on that of the elimination
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SUBDOMAINS = (1, 4, 16, 64)
STENCIL, GATHERED = 30, 20
HEAD = """\
| solver              | procs | nodes    | cloud   | weights | solve   | whole   | iterations | MB     | GB    | error |
|---------------------|-------|----------|---------|---------|---------|---------|------------|--------|-------|-------|"""
PREDICTED = ((10**8, 256), (10**8, 4096), (10**9, 4096), (10**9, 65536))


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1] / 2)


PROBLEM = mf.Problem(
    mf.Box(),
    interior=lambda u, x: mf.laplacian(u)(x) + 1.25 * jnp.pi**2 * exact(x),
    boundary=mf.dirichlet(exact),
    exact=exact,
)


def measured(nodes: int, solver: str, options: str) -> dict[str, Any]:
    """One run, in this process and those beside it: the seconds of each phase, and what they took."""
    of, base = {}, 0.0
    for count in (WARM * processes().size, nodes):
        base, began = peak(), time.perf_counter()
        cloud = PROBLEM.domain.cloud((1.05 / count) ** 0.5)
        placed = time.perf_counter()
        before = processes().iterations, processes().sent
        u = mf.solve(PROBLEM, mf.Stencils(None, cloud), solver=solver, petsc=options)
        whole = time.perf_counter() - placed
        solve = u.stats["seconds"]["solve"]
        of = {"nodes": len(cloud), "cloud": placed - began, "weights": whole - solve, "solve": solve}
    of |= {"iterations": processes().iterations - before[0], "sent": processes().sent - before[1]}
    of |= {"memory": peak(), "base": base}
    return of | {"whole": of["cloud"] + of["weights"] + of["solve"], "error": mf.error(PROBLEM, u)}


def run(nodes: int, count: int, solver: str = "petsc", options: str = "") -> dict[str, Any]:
    """One run as a program of its own on so many processes; the slowest's seconds and the largest memory."""
    command, environment = [sys.executable, __file__, "--one", str(nodes), solver, options], dict(os.environ)
    for name in THREADS:
        environment.pop(name, None)
    if solver == "petsc":
        mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
        if mpiexec is None:
            raise SystemExit("there is no mpiexec: see scripts/docs/how_to/many_processes.md")
        command, environment = [mpiexec, "-n", str(count), *command], environment | dict.fromkeys(THREADS, "1")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    each = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(each) == count, done.stdout
    return {name: max(one[name] for one in each) for name in each[0]} | {"processes": count}


def median(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def shown(name: str, row: dict[str, Any]) -> str:
    seconds = " | ".join(f"{row[phase]:>7.2f}" for phase in ("cloud", "weights", "solve", "whole"))
    return (
        f"| {name:<19} | {row['processes']:>5.0f} | {row['nodes']:>8.0f} | {seconds} | {row['iterations']:>10.0f} "
        f"| {row['sent'] / 1e6:>6.1f} | {row['memory'] / 1e9:>5.2f} | {row['error']:.0e} |"
    )


def fitted(rows: list[dict[str, Any]]) -> dict[str, float]:
    """k, a, m₀ and m₁."""

    def middle(found: Callable[[dict[str, Any]], float]) -> float:
        return statistics.median(found(row) for row in rows)

    return {
        "k": middle(lambda row: row["cloud"] / row["nodes"]),
        "a": middle(lambda row: row["weights"] * row["processes"] / row["nodes"]),
        "m0": middle(lambda row: row["base"]),
        "m1": middle(
            lambda row: (row["memory"] - row["base"] - 8 * GATHERED * row["nodes"]) * row["processes"] / row["nodes"]
        ),
    }


def of_iteration(rows: list[dict[str, Any]]) -> float:
    """b: seconds of an iteration for a node of the process."""
    return statistics.median(row["solve"] * row["processes"] / (row["iterations"] * row["nodes"]) for row in rows)


def power(x: list[float], y: list[float]) -> float:
    """The exponent of y ~ x^e."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0]) if len(set(x)) > 1 else 0.0


def expected(model: dict[str, float], b: float, nodes: int, count: int, steps: float, flags: argparse.Namespace):
    """T and M."""
    share, alpha, beta = nodes / count, flags.latency, 1 / flags.bandwidth
    halo = 4 * math.sqrt(STENCIL * share)
    step = b * share + 2 * (alpha + 8 * beta * halo) + 2 * alpha * math.log2(count)
    seconds = model["k"] * nodes + model["a"] * share + steps * step + 8 * beta * GATHERED * nodes
    return seconds, model["m0"] + model["m1"] * share + 8 * GATHERED * nodes


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        if sys.argv[3] == "petsc" and hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {cores[processes().rank % len(cores)]})
        configure_jax()
        sys.stdout.write(json.dumps(measured(int(sys.argv[2]), sys.argv[3], sys.argv[4])) + "\n")
        return
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--nodes", type=int, default=250_000)
    given.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    given.add_argument("--rounds", type=int, default=3)
    given.add_argument("--latency", type=float, default=2e-6, help="seconds of a message")
    given.add_argument("--bandwidth", type=float, default=10e9, help="bytes a second between two processes")
    flags = given.parse_args()
    one_level, two_level = "one level", "two levels and more"
    plans = [("best on one process", flags.nodes, 1, "auto", "")]
    plans += [(one_level, flags.nodes, count, "petsc", "") for count in flags.processes]
    plans += [(two_level, flags.nodes, count, "petsc", TWO_LEVEL) for count in flags.processes]
    plans += [("weak, two levels", flags.nodes * p, p, "petsc", TWO_LEVEL) for p in flags.processes if p > 1]
    found: list[list[dict[str, Any]]] = [[] for _ in plans]
    for _ in range(flags.rounds):
        for rows, (_, *plan) in zip(found, plans, strict=True):
            rows.append(run(*plan))
    rows = [(name, median(rounds)) for rounds, (name, *_) in zip(found, plans, strict=True)]
    print(f"{os.cpu_count()} cores; seconds, medians of {flags.rounds}; MB sent by and GB of the process with most\n")
    print(HEAD)
    print("\n".join(shown(name, row) for name, row in rows))
    judge(rows, flags)
    model(rows, flags)


def judge(rows: list[tuple[str, dict[str, Any]]], flags: argparse.Namespace) -> None:
    """Prints what carries a bar."""
    best, many = rows[0][1], max(flags.processes)
    if many == 1:
        return
    together = {name: row for name, row in rows if row["processes"] == many and not name.startswith("weak")}
    alone = {name: row for name, row in rows if row["processes"] == 1}
    weak = next(row for name, row in rows if name.startswith("weak") and row["processes"] == many)
    print()
    for name, row in together.items():
        print(
            f"{name}, {many} processes over the best on one: {row['whole'] / best['whole']:.2f} of its seconds, bar 1"
        )
        print(f"{name}, memory of each over that of one: {row['memory'] / alone[name]['memory']:.2f}, bar 0.6")
    print(f"weak scaling, 1 to {many} processes: {weak['whole'] / alone['two levels and more']['whole']:.2f}, bar 1.3")


def model(rows: list[tuple[str, dict[str, Any]]], flags: argparse.Namespace) -> None:
    """Prints how iterations grow, the fitted model and what it expects."""
    by_blocks = [run(flags.nodes // 4, 1, "petsc", f"-pc_asm_blocks {blocks}")["iterations"] for blocks in SUBDOMAINS]
    by_nodes = [run(nodes, 1)["iterations"] for nodes in (flags.nodes // 16, flags.nodes // 4, flags.nodes)]
    d = power(list(SUBDOMAINS), by_blocks)
    c = power([1, 4, 16], by_nodes)
    first = by_nodes[-1] / flags.nodes**c
    found = fitted([row for name, row in rows if not name.startswith("best")])
    one_level = of_iteration([row for name, row in rows if name == "one level"])
    two_level = of_iteration([row for name, row in rows if "two" in name])
    multilevel = statistics.median(row["iterations"] for name, row in rows if "two" in name)
    told = ", ".join(f"{blocks}: {count}" for blocks, count in zip(SUBDOMAINS, by_blocks, strict=True))
    print(f"\niterations of one level at {flags.nodes // 4} nodes by subdomains: {told}; as p^{d:.2f}")
    print(f"at {flags.nodes // 16}, {flags.nodes // 4} and {flags.nodes} nodes: {by_nodes}; as N^{c:.2f}")
    print(f"with two levels and more: {multilevel:.0f}, here whatever the nodes and processes")
    print(
        f"k {found['k'] * 1e6:.2f} and a {found['a'] * 1e6:.1f} µs a node; b {one_level * 1e9:.0f} ns with one level,"
    )
    print(
        f"{two_level * 1e9:.0f} with two and more; m₀ {found['m0'] / 1e9:.2f} GB, m₁ {found['m1']:.0f} bytes a node\n"
    )
    print("| nodes | processes | one level: iterations, seconds | two levels and more: iterations, seconds | GB each |")
    print("|---|---|---|---|---|")
    for nodes, count in PREDICTED:
        steps = first * nodes**c * count**d
        one, memory = expected(found, one_level, nodes, count, steps, flags)
        two, _ = expected(found, two_level, nodes, count, multilevel, flags)
        print(f"| {nodes:.0e} | {count} | {steps:.0f}, {one:.0f} | {multilevel:.0f}, {two:.0f} | {memory / 1e9:.1f} |")


if __name__ == "__main__":
    main()
