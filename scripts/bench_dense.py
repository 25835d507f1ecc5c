"""Assembly and LU of a dense collocation matrix against LAPACK's LU of the same matrix, in one run, alternating.

    python scripts/bench_dense.py                     N = 4000, about a minute on two cores
    python scripts/bench_dense.py --n 1000            a smaller one
    OPENBLAS_NUM_THREADS=1 python scripts/bench_dense.py

The equation is Poisson's on the unit square, on translates of the Gaussian and of Matern(3.5). LAPACK's LU is
`scipy.linalg.lu_factor` on a copy in column order; meshfree's share is assembly, from the points to the matrix, and
`meshfree.linalg.factor`. Everything is compiled before the clock starts. The first ratio carries a bar.
"""

import argparse
import os

import jax
import jax.numpy as jnp
import numpy as np
import scipy
import scipy.linalg
from timing import SQUARE, alternating, cloud_of

import meshfree as mf
from meshfree.equations.assemble import assemble
from meshfree.linalg.factor import factor
from meshfree.run.command_line import configure_jax

configure_jax()

KERNELS = {"Gaussian": mf.Gaussian(0.05), "Matern(3.5)": mf.Matern(3.5, 0.2)}
BAR = 1.4  # of assembly and factorisation together, in units of LAPACK's LU


def poisson() -> mf.Problem:
    return mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + jnp.sin(x[0]),
        boundary=mf.dirichlet(0.0),
    )


def measured(kernel: mf.Kernel, cloud: mf.Cloud, repetitions: int) -> dict[str, float]:
    space = mf.Collocation(kernel, cloud)
    system, start = assemble(poisson(), space, cloud), jnp.zeros(len(cloud))
    matrix = system.assembled(start)[1]
    column_order = np.asfortranarray(matrix)

    def lapack():
        return scipy.linalg.lu_factor(column_order, overwrite_a=False, check_finite=False)

    def assembly():
        return system.assembled(start)[:2]

    def both():
        return factor(system.assembled(start)[1], "lu")

    def factorisation():
        return factor(matrix, "lu")

    tasks = {"lapack": lapack, "both": both, "assembly": assembly, "factor": factorisation}
    return alternating(tasks, repetitions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=4000, help="nodes")
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    print(f"jax {jax.__version__}, scipy {scipy.__version__}, numpy {np.__version__}; ", end="")
    print(f"{os.cpu_count()} cores, OPENBLAS_NUM_THREADS={os.environ.get('OPENBLAS_NUM_THREADS', 'unset')}")
    print(f"N = {arguments.n}, median of {arguments.repetitions}, seconds\n")
    print("| kernel      | LAPACK LU | assembly + factor | assembly | factor | ratio | bar | met |")
    print("|-------------|-----------|-------------------|----------|--------|-------|-----|-----|")
    cloud, missed = cloud_of(arguments.n), 0
    for name, kernel in KERNELS.items():
        t = measured(kernel, cloud, arguments.repetitions)
        ratio = t["both"] / t["lapack"]
        missed += ratio > BAR
        print(
            f"| {name:<11} | {t['lapack']:>9.3f} | {t['both']:>17.3f} | {t['assembly']:>8.3f} | {t['factor']:>6.3f} "
            f"| {ratio:>5.2f} | {BAR} | {'NO' if ratio > BAR else 'yes'} |",
            flush=True,
        )
    raise SystemExit(bool(missed))


if __name__ == "__main__":
    main()
