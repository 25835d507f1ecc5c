"""Error against seconds: RBF-FD stencils and eigenfunctions beside scikit-fem's P1, P2 and P4 elements (extra `bench`).

    python scripts/bench_fem.py --figure fem.png      about five minutes on two cores

−Δu = f with u = 0 on the boundary, on the unit square, the unit disk, the square with a disk cut out, and in the unit
cube and ball. The clock runs from nothing to the coefficients: nodes or mesh, assembly, solve; each size once before,
for what is compiled, and then in turn with all others, median of the repetitions. Every cloud has a seed of its own, as
a process keeps those that it has made. Sparse systems are solved with Pardiso, meshfree's small ones by SuperLU.
scikit-fem's meshes are its own (`init_sqsymmetric`, `init_circle`, `init_ball`, `init_tensor`), curved (quadratic) on
the disk, in the ball and at the hole. meshfree's error is relative L2 at 2000 random points, scikit-fem's by quadrature
of order 12, of order 6 in space, on its own mesh.

`cold`, for one size of every program on the square: the first solve of a fresh process whose caches on disk (JAX's and
Numba's) are empty. The imports of this script are not counted, JAX, scikit-fem and Pardiso among them; what a program
loads later, as Numba, is.
"""

import argparse
import dataclasses
import functools
import itertools
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pypardiso
import skfem
from skfem.models.poisson import laplace
from timing import alternating

import meshfree as mf
from meshfree.run.command_line import configure_jax

configure_jax()

HOLE, RADIUS = (0.5, 0.5), 0.25
QUADRATURE = {2: 12, 3: 6}
LEVELS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10)
ELEMENTS = {
    2: {"P1": skfem.ElementTriP1, "P2": skfem.ElementTriP2, "P4": skfem.ElementTriP4},
    3: {"P1": skfem.ElementTetP1, "P2": skfem.ElementTetP2},
}


def cube(*x_and_np):
    *x, np = x_and_np
    u = functools.reduce(lambda a, b: a * b, (np.sin(np.pi * t) for t in x))
    return u, len(x) * np.pi**2 * u


def ball(*x_and_np):
    *x, np = x_and_np
    bump, e = 1 - sum(t**2 for t in x), np.exp(x[0])
    return bump * e, -e * (bump - 4 * x[0] - 2 * len(x))


def ring(x, y, np):
    s, t = x - HOLE[0], y - HOLE[1]
    g, q = np.sin(np.pi * x) * np.sin(np.pi * y), s**2 + t**2 - RADIUS**2
    slope = s * np.cos(np.pi * x) * np.sin(np.pi * y) + t * np.sin(np.pi * x) * np.cos(np.pi * y)
    return g * q, 2 * np.pi**2 * g * q - 4 * np.pi * slope - 4 * g


@dataclasses.dataclass
class Case:
    """A domain with the solution on it, and scikit-fem's meshes of it."""

    name: str
    domain: Any
    fields: Callable  # x, y, (z,) numpy -> u, f
    mesh: Callable  # level -> mesh
    finest: dict[str, int]  # level of each element

    def problem(self) -> mf.Problem:
        return mf.Problem(
            self.domain,
            interior=lambda u, x: mf.laplacian(u)(x) + self.fields(*x, jnp)[1],
            boundary=mf.dirichlet(0.0),
            exact=lambda x: self.fields(*x, jnp)[0],
        )

    @functools.cached_property
    def points(self) -> np.ndarray:
        return self.domain.sample(2000, seed=7)

    def error(self, u: mf.Solution) -> float:
        values, exact = u(self.points), self.fields(*self.points.T, np)[0]
        return float(np.linalg.norm(np.asarray(values) - exact) / np.linalg.norm(exact))


def mesh_of_ring(level: int):
    """Four sectors between the hole and a side of the square; the triangles at the hole are curved."""
    grid = skfem.MeshTri.init_tensor(np.linspace(0, 1, 2**level + 1), np.linspace(-1, 1, 2 ** (level + 1) + 1))
    s, angle = grid.p[0], grid.p[1] * np.pi / 4
    circle = RADIUS * np.array([np.cos(angle), np.sin(angle)])
    x, y = (1 - s) * circle + s * 0.5 * np.array([np.ones_like(angle), np.tan(angle)])
    turned = [(x, y), (-y, x), (-x, -y), (y, -x)]
    flat = functools.reduce(lambda a, b: a + b, [skfem.MeshTri(np.array(sector), grid.t) for sector in turned])
    curved = skfem.MeshTri2.from_mesh(flat)
    doflocs = curved.doflocs
    radius = np.linalg.norm(doflocs, axis=0)
    doflocs = np.where(radius < RADIUS, doflocs * RADIUS / radius, doflocs)  # midpoints of chords
    return skfem.MeshTri2(doflocs + np.array(HOLE)[:, None], curved.t)


CASES = (
    Case(
        "square",
        mf.Box((0.0, 0.0), (1.0, 1.0)),
        cube,
        lambda level: skfem.MeshTri.init_sqsymmetric().refined(level - 1),
        {"P1": 8, "P2": 7, "P4": 6},
    ),
    Case("disk", mf.Disk(), ball, skfem.MeshTri2.init_circle, {"P1": 8, "P2": 7, "P4": 6}),
    Case(
        "square with a hole",
        mf.Box((0.0, 0.0), (1.0, 1.0)) - mf.Disk(HOLE, RADIUS),
        ring,
        mesh_of_ring,
        {"P1": 8, "P2": 7, "P4": 6},
    ),
    Case(
        "cube",
        mf.Box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        cube,
        lambda level: skfem.MeshTet.init_tensor(*[np.linspace(0, 1, 2**level + 1)] * 3),
        {"P1": 5, "P2": 4},
    ),
    Case("ball", mf.Ball(), ball, lambda level: skfem.MeshTet2.init_ball(nrefs=level), {"P1": 5, "P2": 4}),
)


@dataclasses.dataclass
class Entry:
    """One program at one size."""

    case: Case
    program: str
    size: str
    task: Callable
    error_of: Callable  # of what the task returns
    unknowns: int = 0
    error: float = math.nan
    seconds: float = math.nan
    cold: float = math.nan


def stencils(case: Case, degree: int, spacing: float) -> Entry:
    problem, seeds = case.problem(), itertools.count()  # equal clouds are found again

    def task():
        return mf.solve(problem, mf.Stencils(None, case.domain.cloud(spacing, seed=next(seeds)), degree))

    return Entry(case, f"stencils, degree {degree}", f"{spacing:g}", task, case.error)


def eigenbasis(case: Case, degree: int) -> Entry:
    dim = case.domain.dim
    problem, functions, seeds = case.problem(), math.comb(degree + dim, dim), itertools.count()
    spacing = (case.domain.volume / (2 * functions)) ** (1 / dim)

    def task():
        cloud = case.domain.cloud(spacing, cluster=1.0, seed=next(seeds))
        return mf.solve(problem, mf.Eigenbasis(mf.Gaussian(3.0), cloud, degree))

    return Entry(case, "eigenbasis", str(degree), task, case.error)


def elements(case: Case, name: str, level: int) -> Entry:
    @skfem.LinearForm
    def load(v, w):
        return case.fields(*w.x, np)[1] * v

    def task():
        basis = skfem.Basis(case.mesh(level), ELEMENTS[case.domain.dim][name]())
        system = skfem.condense(laplace.assemble(basis), load.assemble(basis), D=basis.get_dofs())
        return basis, skfem.solve(*system, solver=lambda A, b, **_: pypardiso.spsolve(A.tocsr(), b))

    @skfem.Functional
    def squares(w):
        u = case.fields(*w.x, np)[0]
        return np.stack([(w["u"] - u) ** 2, u**2])

    def error(solved):
        basis, x = solved
        finer = skfem.Basis(basis.mesh, basis.elem, intorder=QUADRATURE[case.domain.dim])
        off, whole = squares.elemental(finer, u=finer.interpolate(x)).sum(axis=-1)
        return float(np.sqrt(off / whole))

    return Entry(case, name, str(level), task, error)


def entries_of(case: Case) -> list[Entry]:
    width, plane = 2.0 if case.fields is ball else 1.0, case.domain.dim == 2
    spacings = [width * h for h in ((0.08, 0.05, 0.03, 0.018, 0.011, 0.0065) if plane else (0.2, 0.14, 0.1, 0.07))]
    ours = [stencils(case, degree, h) for degree in (4, 6) for h in spacings if plane or degree == 4]
    ours += [eigenbasis(case, degree) for degree in ((6, 8, 10, 14, 18, 22) if plane else (4, 6, 8, 10, 12))]
    fem = [elements(case, name, level) for name, last in case.finest.items() for level in range(2, last + 1)]
    return ours + fem


def measure(entries: list[Entry], repetitions: int) -> None:
    for entry in entries:
        solved = entry.task()
        entry.error = entry.error_of(solved)
        entry.unknowns = solved.coefficients.size if isinstance(solved, mf.Solution) else solved[0].N
    tasks = {str(i): entry.task for i, entry in enumerate(entries)}
    for i, seconds in alternating(tasks, repetitions).items():
        entries[int(i)].seconds = seconds


def measure_cold(entries: list[Entry]) -> None:
    """That of a middle size of every program, each in a process of its own."""
    for program in dict.fromkeys(e.program for e in entries):
        places = [i for i, e in enumerate(entries) if e.program == program]
        entries[places[len(places) // 2]].cold = _cold(CASES.index(entries[0].case), places[len(places) // 2])


def _cold(case: int, place: int) -> float:
    code = f"import bench_fem; print(bench_fem.first_solve({case}, {place}))"
    with tempfile.TemporaryDirectory() as caches:
        empty = dict.fromkeys(("JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"), caches)
        command, folder = [sys.executable, "-c", code], os.path.dirname(os.path.abspath(__file__))
        done = subprocess.run(command, env=os.environ | empty, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"a first solve failed:\n{done.stderr}")
    return float(done.stdout.splitlines()[-1])


def first_solve(case: int, place: int) -> float:
    """The seconds of one entry's task in this process."""
    task, began = entries_of(CASES[case])[place].task, time.perf_counter()
    jax.block_until_ready(getattr(task(), "coefficients", None))
    return time.perf_counter() - began


def seconds_at(entries: list[Entry], level: float) -> float:
    """The least seconds to an error, log-log between the sizes of each program, or those of a smallest size that is
    better already; infinite where none reaches it.
    """
    smallest = {e.program: e for e in reversed(entries)}.values()
    least = min((e.seconds for e in smallest if e.error <= level), default=math.inf)
    for coarse, fine in itertools.pairwise(entries):
        if coarse.program == fine.program and fine.error <= level < coarse.error:
            share = math.log(level / coarse.error) / math.log(fine.error / coarse.error)
            least = min(least, coarse.seconds * (fine.seconds / coarse.seconds) ** share)
    return least


def report(case: Case, entries: list[Entry]) -> None:
    print(f"\n{case.name}\n")
    print("| program            | size   | unknowns | error   | seconds | cold  |")
    print("|--------------------|--------|----------|---------|---------|-------|")
    for e in entries:
        cold = "" if math.isnan(e.cold) else f"{e.cold:.2f}"
        print(f"| {e.program:<18} | {e.size:<6} | {e.unknowns:>8} | {e.error:.1e} | {e.seconds:>7.3f} | {cold:>5} |")
    ours = {"stencils": [e for e in entries if e.program.startswith("st")]}
    ours["eigenbasis"] = [e for e in entries if e.program == "eigenbasis"]
    fem = [e for e in entries if e.program in ELEMENTS[2]]
    for name, mine in ours.items():
        ratios = [(level, seconds_at(fem, level) / seconds_at(mine, level)) for level in LEVELS]
        shown = ", ".join(f"{level:.0e}: {r:.1f}" for level, r in ratios if math.isfinite(r) and r > 0)
        print(f"seconds of the best element / of {name} at equal error: {shown}")


def draw(entries: list[Entry], path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16.0, 3.9), layout="constrained")
    styles = {
        "stencils, degree 4": ("C0", "o", "-"),
        "stencils, degree 6": ("C0", "s", "-"),
        "eigenbasis": ("C2", "D", "-"),
        "P1": ("C7", "^", ":"),
        "P2": ("C1", "v", "--"),
        "P4": ("C3", "P", "--"),
    }
    for axes, case in zip(figure.subplots(1, len(CASES), sharey=True), CASES, strict=True):
        for program, (color, marker, line) in styles.items():
            points = [(e.seconds, e.error) for e in entries if e.case is case and e.program == program]
            label = program if program not in ELEMENTS[2] else f"scikit-fem {program}"
            axes.loglog(
                *np.array(points or [(np.nan, np.nan)]).T, color=color, marker=marker, ls=line, ms=4.5, label=label
            )
        axes.set(title=case.name, xlabel="seconds")
        axes.grid(True, which="major", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("relative $L^2$ error")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--figure", help="where to draw error against seconds")
    arguments = parser.parse_args()
    print(f"jax {jax.__version__}, scikit-fem {skfem.__version__}, numpy {np.__version__}; {os.cpu_count()} cores")
    everything = []
    for case in CASES:
        entries = entries_of(case)
        measure(entries, arguments.repetitions)
        if case is CASES[0]:
            measure_cold(entries)
        report(case, entries)
        everything += entries
    if arguments.figure:
        draw(everything, arguments.figure)


if __name__ == "__main__":
    main()
