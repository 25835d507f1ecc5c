"""RBF-FD weights of the Laplacian against treverhines-rbf, in one run, alternating (extra `bench`).

    python scripts/bench_local.py              50 000 stencils in 2-D, 20 000 in 3-D: about two minutes on two cores
    python scripts/bench_local.py --share 0.1  a tenth of them

Both programs get the same nodes, kernel, polynomials and stencil sizes. `weights` starts from the stencils, `matrix`
from the nodes: neighbours, weights and a SciPy sparse matrix. `cold` is the first matrix of a fresh process, imports
aside, compilation included. The error is that of Δ(Π sin πxᵢ) at the nodes, relative L2. The first ratio carries a bar.

`whole`: Poisson's equation on the square by stencils of 30 and degree 4, both with Pardiso: ours from nothing, other
nodes each time, theirs from given nodes, which they would have to place first.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import jax
import numpy as np
import pypardiso
import scipy
from rbf.pde.fd import weight_matrix, weights
from reference import sines_problem
from timing import SQUARE, alternating, jittered

import meshfree as mf
from meshfree.pde.multi_indices import total_degree

jax.config.update("jax_enable_x64", True)

CASES = (  # dimensions, points a side, nodes of a stencil, degrees of kernel and polynomials, bar
    (2, 224, 30, 5, 4, 5.0),
    (2, 224, 12, 3, 2, 8.0),
    (3, 27, 60, 5, 3, None),
)
WHOLE = (0.0102, 0.00458)  # spacings


def programs(nodes: np.ndarray, size: int, kernel: int, degree: int) -> dict[str, Callable]:
    """The four tasks: either program's weights and matrix."""
    dim = nodes.shape[1]
    second = [tuple(row) for row in 2 * np.eye(dim, dtype=int)]
    theirs = {"phi": f"phs{kernel}", "order": degree}
    cloud = mf.Cloud(interior=nodes)
    space = mf.Stencils(mf.Polyharmonic(kernel), cloud, degree, size=size)
    stencils = nodes[space.stencils]
    indices = [tuple(alpha) for alpha in total_degree(dim, 2)]
    laplacian = np.array([float(alpha in second) for alpha in indices])
    functionals = np.broadcast_to(laplacian, (len(nodes), 1, len(laplacian)))
    return {
        "our weights": lambda: space.weights(nodes, space.stencils, functionals, 2),
        "their weights": lambda: weights(nodes, stencils, second, **theirs),
        "our matrix": lambda: mf.matrix(mf.Stencils(mf.Polyharmonic(kernel), cloud, degree, size=size), mf.laplacian),
        "their matrix": lambda: weight_matrix(nodes, nodes, size, second, **theirs),
    }


def whole(spacing: float) -> tuple[np.ndarray, dict[str, Callable]]:
    """Nodes, and the solution of −Δu = 2π² sin πx sin πy, u = 0 on the boundary, by either program."""
    problem = sines_problem(SQUARE)
    cloud, seeds = SQUARE.cloud(spacing), itertools.count(1)  # a process keeps the clouds that it has made
    nodes, inside = np.asarray(cloud.points), len(cloud["interior"])
    data = -2 * np.pi**2 * np.prod(np.sin(np.pi * nodes), axis=1)
    data[inside:] = 0.0

    def theirs():
        laplacian = weight_matrix(nodes[:inside], nodes, 30, [(2, 0), (0, 2)], phi="phs5", order=4)
        identity = scipy.sparse.eye_array(len(nodes), format="csr")[inside:]
        return pypardiso.spsolve(scipy.sparse.csr_matrix(scipy.sparse.vstack([laplacian, identity])), data)

    def ours():
        return mf.solve(problem, mf.Stencils(None, SQUARE.cloud(spacing, seed=next(seeds)), 4))

    return nodes, {"ours": ours, "theirs": theirs}


def error(matrix, nodes: np.ndarray) -> float:
    values = np.prod(np.sin(np.pi * nodes), axis=1)
    exact = -nodes.shape[1] * np.pi**2 * values
    return float(np.linalg.norm(matrix @ values - exact) / np.linalg.norm(exact))


def cold(which: str, *case: int) -> float:
    """Seconds of a program's first matrix in a process of its own, with empty caches."""
    code = f"import bench_local as b; b.first_matrix({which!r}, {case!r})"
    with tempfile.TemporaryDirectory() as empty:
        caches = {"JAX_COMPILATION_CACHE_DIR": "", "NUMBA_CACHE_DIR": empty}
        command = [sys.executable, "-c", code]
        folder = os.path.dirname(__file__)
        done = subprocess.run(command, env=os.environ | caches, cwd=folder, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def first_matrix(which: str, case: tuple[int, ...]) -> None:
    dim, across, size, kernel, degree = case
    task = programs(jittered(across, dim), size, kernel, degree)[which]
    began = time.perf_counter()
    task()
    print(time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the stencils")
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    print(f"jax {jax.__version__}, numpy {np.__version__}, scipy {scipy.__version__}; {os.cpu_count()} cores")
    print(f"median seconds of {arguments.repetitions}, alternating: meshfree / treverhines-rbf, and their ratio\n")
    print("| stencils        | weights             | bar | matrix              | cold              | errors          |")
    print("|-----------------|---------------------|-----|---------------------|-------------------|-----------------|")
    missed = 0
    for dim, across, size, kernel, degree, bar in CASES:
        across = round(across * arguments.share ** (1 / dim))
        nodes = jittered(across, dim)
        tasks = programs(nodes, size, kernel, degree)
        errors = [error(tasks[f"{whose} matrix"](), nodes) for whose in ("our", "their")]
        t = alternating(tasks, arguments.repetitions)
        first = [cold(f"{whose} matrix", dim, across, size, kernel, degree) for whose in ("our", "their")]
        ratio = t["their weights"] / t["our weights"]
        missed += bar is not None and ratio < bar
        verdict = "" if bar is None else f"{bar:.0f} {'yes' if ratio >= bar else 'NO'}"
        print(
            f"| {len(nodes)} × {size}, {dim}-D | {_pair(t['our weights'], t['their weights'])} | {verdict} "
            f"| {_pair(t['our matrix'], t['their matrix'])} | {_pair(*first)} | {errors[0]:.1e} {errors[1]:.1e} |",
            flush=True,
        )
    print("\n| nodes  | whole, ours with its nodes | errors          |")
    print("|--------|----------------------------|-----------------|")
    for spacing in WHOLE:
        nodes, tasks = whole(spacing / arguments.share**0.5)
        exact = np.prod(np.sin(np.pi * nodes), axis=1)
        size = np.linalg.norm(exact)
        u = tasks["ours"]()
        errors = [np.linalg.norm(values - exact) / size for values in (np.asarray(u(nodes)), tasks["theirs"]())]
        t = alternating(tasks, arguments.repetitions)
        print(
            f"| {len(nodes):>6} | {_pair(t['ours'], t['theirs']):<26} | {errors[0]:.1e} {errors[1]:.1e} |", flush=True
        )
    raise SystemExit(bool(missed))


def _pair(ours: float, theirs: float) -> str:
    return f"{ours:.3f} / {theirs:.3f}: {theirs / ours:.1f}"


if __name__ == "__main__":
    main()
