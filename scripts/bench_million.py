"""B10: Poisson's equation on 40 000 to a million nodes by stencils of degree 4: seconds by phase, memory, growth.

    python scripts/bench_million.py              40 401, 103 041, 321 489 and 1 002 001 nodes: some three minutes
    python scripts/bench_million.py 201 321      so many nodes a side

Every size runs in a process of its own, on a jittered grid, each program twice and the second run is reported. The
whole is `mf.Stencils` and `mf.solve`, from the nodes to the solution. The bare parts, timed after it in the same
process, are SciPy's k-d tree query, the batched weights of given stencils, and the sparse solver's own factorisation
and solve. Bars: the whole within 1.2 times the bare parts, 8 GB at a million nodes, growth exponent 1.15 from 10⁵ on.
"""

import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from scipy.spatial import cKDTree
from timing import jittered

import meshfree as mf
from meshfree.equations.assemble import assemble
from meshfree.linalg.sparse_solvers import SOLVERS
from meshfree.run.command_line import configure_jax

ACROSS = (201, 321, 567, 1001)
SIZE, DEGREE = 30, 4
BARS = {"whole / parts": 1.2, "GB": 8.0, "exponent": 1.15}


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1] / 2)


PROBLEM = mf.Problem(
    mf.Box((0.0, 0.0), (1.0, 1.0)),
    interior=lambda u, x: mf.laplacian(u)(x) + 1.25 * jnp.pi**2 * exact(x),
    boundary=mf.dirichlet(exact),
    exact=exact,
)


def clock(task: Callable) -> tuple[float, Any]:
    began = time.perf_counter()
    result = jax.block_until_ready(task())
    return time.perf_counter() - began, result


def cloud_of(across: int) -> mf.Cloud:
    nodes = jittered(across)
    inside = np.all((nodes > 0) & (nodes < 1), axis=1)
    boundary = nodes[~inside]
    outward = np.where(boundary == 0, -1.0, np.where(boundary == 1, 1.0, 0.0))
    normals = outward / np.linalg.norm(outward, axis=1, keepdims=True)
    return mf.Cloud(interior=nodes[inside], boundary=(boundary, normals))


def measured(across: int) -> dict[str, Any]:
    """One size: the phases of the whole, its memory and error, then the bare parts."""
    cloud = cloud_of(across)
    u = mf.solve(PROBLEM, mf.Stencils(None, cloud, DEGREE, size=SIZE))  # compiles
    neighbours, space = clock(lambda: mf.Stencils(None, cloud, DEGREE, size=SIZE))
    solving, u = clock(lambda: mf.solve(PROBLEM, space))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    times = {"neighbours": neighbours, "assembly": u.stats["seconds"]["assembly"], "solve": u.stats["seconds"]["solve"]}
    parts = bare_parts(cloud, space)
    return {
        "nodes": len(cloud),
        "phases": times | {"whole": neighbours + solving},
        "parts": parts,
        "GB": memory,
        "error": mf.error(PROBLEM, u),
        "solver": parts.pop("solver"),
    }


def bare_parts(cloud: mf.Cloud, space: mf.Stencils) -> dict[str, Any]:
    nodes = np.asarray(cloud.points)
    query, _ = clock(lambda: cKDTree(nodes).query(nodes, SIZE, workers=-1))
    inside = len(cloud["interior"])
    laplacian = np.broadcast_to([0.0, 0.0, 0.0, 1.0, 0.0, 1.0], (inside, 1, 6))
    weights, _ = clock(lambda: space.weights(nodes[:inside], space.stencils[:inside], laplacian, 2))
    residual, rows = assemble(PROBLEM, space).linearised(jnp.zeros(space.size))
    matrix, solver = rows.to_scipy(), mf.solve(PROBLEM, space).stats.get("solver", "pardiso")
    scaled = scipy.sparse.csr_array(scipy.sparse.diags_array(1 / abs(matrix).max(axis=1).toarray()) @ matrix)
    scaled.sort_indices()
    right = np.asarray(residual)[:, None]
    solve, _ = clock(lambda: SOLVERS[solver](scaled).solve(right))
    return {"query": query, "weights": weights, "solver's own": solve, "solver": solver}


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(int(sys.argv[2]))))
        return
    across = [int(argument) for argument in sys.argv[1:]] or ACROSS
    print(
        f"jax {jax.__version__}, numpy {np.__version__}, scipy {scipy.__version__}; {os.cpu_count()} cores; seconds\n"
    )
    print("| nodes   | neighbours | assembly | solve | whole | query + weights + solver    | ratio | GB   | error   |")
    print("|---------|------------|----------|-------|-------|-----------------------------|-------|------|---------|")
    rows = []
    for n in across:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(n)], stdout=subprocess.PIPE, text=True, check=True
        )
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(line(rows[-1]), flush=True)
    raise SystemExit(judged(rows))


def line(row: dict[str, Any]) -> str:
    t, parts = row["phases"], row["parts"]
    bare = " + ".join(f"{seconds:.2f}" for seconds in parts.values())
    return (
        f"| {row['nodes']:>7} | {t['neighbours']:>10.2f} | {t['assembly']:>8.2f} | {t['solve']:>5.2f} "
        f"| {t['whole']:>5.2f} | {bare} {row['solver']:>8} | {t['whole'] / sum(parts.values()):>5.2f} "
        f"| {row['GB']:>4.1f} | {row['error']:.1e} |"
    )


def judged(rows: list[dict[str, Any]]) -> int:
    """Prints what carries a bar; the number of missed ones."""
    last = rows[-1]
    base = min(rows, key=lambda row: abs(math.log(row["nodes"] / 1e5)))
    found = {"whole / parts": last["phases"]["whole"] / sum(last["parts"].values()), "GB": last["GB"]}
    if base is not last:
        growth = math.log(last["phases"]["whole"] / base["phases"]["whole"])
        found["exponent"] = growth / math.log(last["nodes"] / base["nodes"])
    for name, value in found.items():
        print(f"{name}: {value:.2f}, bar {BARS[name]} {'met' if value <= BARS[name] else 'MISSED'}")
    return sum(value > BARS[name] for name, value in found.items())


if __name__ == "__main__":
    configure_jax()
    main()
