"""Work and precision on two smooth problems: meshfree's eigenfunctions against FastLSQ's random sines.

    python scripts/bench_smooth.py --figure smooth.png       needs the extra `bench`; about five minutes on two cores
    python scripts/bench_smooth.py --search                  also times FastLSQ's own search of its bandwidth
    taskset -c 0 python scripts/bench_smooth.py              both programs on one thread

B4 is Helmholtz' equation with k = 10, C1 is −Δu + u³ = f with the modes 1 and 4 (problems/helmholtz.py, cubic.py), both
in float64 on the CPU. meshfree's clock runs from `mf.solve` to the solution, warm; the cloud is made before. FastLSQ's
runs over its features, points, assembly and least squares; all settings take turns. Three rivals, bandwidth given:

- shipped: `solve_linear`, `solve_nonlinear` as they are called by default, one block of features;
- best call: the same functions with Chebyshev points and the best arguments found;
- parts (C1): Newton assembled from FastLSQ's own parts, without its floor. FastLSQ has no such function.

The error is relative L2 at 2000 independent points, the geometric mean over three seeds.
"""

import argparse
import dataclasses
import importlib.metadata
import itertools
import math
import os
import pathlib
import sys
import time
import warnings
from collections.abc import Callable

import fastlsq
import jax
import jax.numpy as jnp
import numpy as np
import torch
from fastlsq.problems.linear import Helmholtz2D
from fastlsq.problems.nonlinear import NLPoisson2D
from fastlsq.tuning import auto_select_scale

import meshfree as mf
from meshfree.run.command_line import load_script

jax.config.update("jax_enable_x64", True)  # and no compilation cache: the first call below is a first call
torch.set_default_dtype(torch.float64)
warnings.filterwarnings("ignore", category=RuntimeWarning, module="fastlsq")  # the rank warning of its QR

PROBLEMS = pathlib.Path(__file__).parent.parent / "problems"
OURS = "meshfree"
SHIPPED, BEST, PARTS = "FastLSQ shipped", "FastLSQ best call", "FastLSQ parts"
LEVELS = {"B4": (1e-6, 1e-8, 1e-10, 3e-12, 1e-12, 1e-13), "C1": (1e-4, 1e-6, 1e-8, 1e-10, 1e-12)}
DEGREES = {"B4": (12, 16, 20, 24, 28, 30, 34), "C1": (14, 18, 22, 26, 30, 34)}
SCALES = {"B4": 1.0, "C1": 0.5}
FEATURES = {"B4": (200, 400, 600, 800, 1200, 1500), "C1": (200, 400, 600, 800, 1200)}
TEST_POINTS = np.random.default_rng(12345).random((2000, 2))


@dataclasses.dataclass
class Entry:
    """One setting of one program at one size; `run(seed)` solves and returns the solution as a function of points."""

    case: str
    program: str
    setting: str
    unknowns: int
    run: Callable[[int], Callable]
    seconds: list[float] = dataclasses.field(default_factory=list)
    errors: list[float] = dataclasses.field(default_factory=list)
    first: float = math.nan

    @property
    def time(self) -> float:
        return float(np.median(self.seconds))

    @property
    def error(self) -> float:
        return float(np.exp(np.mean(np.log(self.errors))))


# ------------------------------------------------------------------------------------------------- FastLSQ


class Helmholtz(Helmholtz2D):
    """FastLSQ's own Helmholtz problem, k = 10, on its random points or on Chebyshev's."""

    def __init__(self, chebyshev: bool):
        super().__init__()
        self.chebyshev = chebyshev

    def get_train_data(self, n_pde=10000, n_bc=2000):
        if not self.chebyshev:
            return super().get_train_data(n_pde, n_bc)
        x, boundary = chebyshev_points(n_pde, n_bc)
        return x, [(boundary, self.exact(boundary), "dirichlet")], self.source(x)


class Cubic(NLPoisson2D):
    """FastLSQ's own cubic problem, with the solution of case C1."""

    def __init__(self, chebyshev: bool, boundary_weight: float):
        super().__init__()
        self.chebyshev, self.lam_bc = chebyshev, boundary_weight

    def _mode(self, k, x):
        return torch.sin(k * math.pi * x[:, :1]) * torch.sin(k * math.pi * x[:, 1:])

    def exact(self, x):
        return self._mode(1, x) + 4 * self._mode(4, x)

    def source(self, x):
        return 2 * math.pi**2 * (self._mode(1, x) + 64 * self._mode(4, x)) + self.exact(x) ** 3

    def get_train_data(self, n_pde=5000, n_bc=1000):
        if not self.chebyshev:
            return super().get_train_data(n_pde, n_bc)
        x, boundary = chebyshev_points(n_pde, n_bc)
        return x, [(boundary, self.exact(boundary))], self.source(x)


def chebyshev_points(inside: int, on_boundary: int):
    """A tensor grid of Chebyshev points of about `inside` points, and a quarter of `on_boundary` on each side."""

    def axis(n):
        return (1 - torch.cos((torch.arange(n) + 0.5) * math.pi / n)) / 2

    side = axis(on_boundary // 4)[:, None]
    zero, one = torch.zeros_like(side), torch.ones_like(side)
    sides = [(zero, side), (one, side), (side, zero), (side, one)]
    t = axis(round(inside**0.5))
    return torch.cartesian_prod(t, t), torch.cat([torch.cat(pair, 1) for pair in sides])


def counts(features: int) -> dict[str, int]:
    inside = int(1.5 * features)
    return {"n_pde": inside, "n_bc": max(80, inside // 5 // 4 * 4)}


def shipped_counts(features: int) -> dict[str, int]:
    inside = max(3000, 3 * features)
    return {"n_pde": inside, "n_bc": max(800, inside // 5)}


def called(solver: Callable, problem, features: int, scale: float, **arguments) -> Callable:
    def run(seed):
        torch.manual_seed(seed)
        arguments_of_all = {"n_blocks": 1, "hidden_size": features, "return_metrics": False, "verbose": False}
        return solver(problem, scale=scale, **arguments_of_all, **arguments)["u_fn"]

    return run


def newton_from_parts(problem, features: int, scale: float, tolerance: float = 1e-8, steps: int = 12) -> Callable:
    """Newton from FastLSQ's parts, each step solved for the whole new iterate: the floor is the linear solve's."""

    def run(seed):
        torch.manual_seed(seed)
        solver = fastlsq.FastLSQSolver(2)
        solver.add_block(hidden_size=features, scale=scale)
        x, boundary, source = problem.get_train_data(**counts(features))
        A, b = problem.build_linear_init(solver, x, boundary, source)
        solver.beta = fastlsq.solve_lstsq(A, b, method="svd", rcond=1e-12)
        H = solver.basis.evaluate(x)
        u, last = H @ solver.beta, math.inf
        for _ in range(steps):
            J, minus_residual = problem.build_newton_step(solver, x, boundary, source)
            solver.beta = fastlsq.solve_lstsq(J, minus_residual + J @ solver.beta, method="svd", rcond=1e-15)
            before, u = u, H @ solver.beta
            change = float(torch.norm(u - before) / torch.norm(u))
            if change < tolerance or (change < 1e-5 and change > 0.5 * last):
                break
            last = change
        return solver.predict

    return run


def rivals(case: str) -> list[Entry]:
    entries = []
    for n in FEATURES[case]:
        if case == "B4":
            solve = fastlsq.solve_linear
            entries.append(Entry(case, SHIPPED, "", n, called(solve, Helmholtz(False), n, 10.0, **shipped_counts(n))))
            best = called(solve, Helmholtz(True), n, 10.0 if n < 800 else 12.0, method="qr", **counts(n))
            entries.append(Entry(case, BEST, "Chebyshev, qr", n, best))
            continue
        solve = fastlsq.solve_nonlinear
        if n <= 600:  # its error stays at 3e-6 from 400 on, its seconds grow
            entries.append(
                Entry(case, SHIPPED, "", n, called(solve, Cubic(False, 100.0), n, 15.0, **shipped_counts(n)))
            )
        scale = 10.0 if n < 300 else 15.0 if n < 800 else 18.0
        best = called(solve, Cubic(True, 1000.0), n, scale, mu=0.0, tol_du=1e-7, **counts(n))
        entries.append(Entry(case, BEST, "Chebyshev, mu=0", n, best))
        scale = 12.0 if n == 400 else scale
        entries.append(Entry(case, PARTS, "own Newton, gelsd", n, newton_from_parts(Cubic(True, 1000.0), n, scale)))
    return entries


def timed_searches() -> None:
    """FastLSQ's own search of its bandwidth, as `scale=None` starts it."""

    def newton_solver(dim):
        return fastlsq.FastLSQSolver(dim, normalize=True)

    searches = {
        "B4": (Helmholtz(False), {"n_blocks": 3, "n_pde": 4500, "n_bc": 900, "n_trials": 5}),
        "C1": (
            Cubic(False, 100.0),
            {
                "n_blocks": 1,
                "n_pde": 3000,
                "n_bc": 800,
                "n_trials": 3,
                "newton_mode": True,
                "solver_class": newton_solver,
            },
        ),
    }
    for case, (problem, arguments) in searches.items():
        torch.manual_seed(0)
        began = time.perf_counter()
        scale = auto_select_scale(problem, hidden_size=500, **arguments)
        print(f"{case}: FastLSQ's search of its bandwidth took {time.perf_counter() - began:.1f} s and chose {scale}")


# ------------------------------------------------------------------------------------------------ meshfree


def ours(case: str) -> list[Entry]:
    script = {"B4": "helmholtz", "C1": "cubic"}[case]
    problem = load_script(PROBLEMS / f"{script}.py").problem()
    entries = []
    for degree in DEGREES[case]:
        cloud = problem.domain.cloud(1 / degree, cluster=1.0)
        space = mf.Eigenbasis(mf.Gaussian(SCALES[case]), cloud, degree=degree)

        def run(seed, space=space):
            u = mf.solve(problem, space)
            jax.block_until_ready(u.coefficients)
            return u

        entries.append(Entry(case, OURS, f"degree {degree}", space.size, run))
    return entries


# ---------------------------------------------------------------------------------------------------- runs


def exact(case: str) -> np.ndarray:
    def modes(k):
        return np.sin(k * TEST_POINTS[:, 0]) * np.sin(k * TEST_POINTS[:, 1])

    return modes(10.0) if case == "B4" else modes(math.pi) + 4 * modes(4 * math.pi)


def error_of(entry: Entry, solution: Callable) -> float:
    if entry.program == OURS:
        values = np.asarray(solution(jnp.asarray(TEST_POINTS)))
    else:
        values = solution(torch.tensor(TEST_POINTS)).numpy()[:, 0]
    return float(np.linalg.norm(values - exact(entry.case)) / np.linalg.norm(exact(entry.case)))


def run_alternating(entries: list[Entry], seeds: int) -> None:
    """All entries once unmeasured, then once for every seed, in turn."""
    for seed in range(-1, seeds):
        for entry in entries:
            began = time.perf_counter()
            solution = entry.run(max(seed, 0))
            seconds = time.perf_counter() - began
            if seed < 0:
                entry.first = seconds
            else:
                entry.seconds.append(seconds)
                entry.errors.append(error_of(entry, solution))


def seconds_at(entries: list[Entry], level: float) -> float:
    """The seconds to reach an error: log-log between the fastest setting that does and the best cheaper one; or nan."""
    points = sorted((entry.time, entry.error) for entry in entries)
    front = []  # a slower setting counts only if it is more accurate
    for seconds, error in points:
        if not front or error < front[-1][1]:
            front.append((seconds, error))
    if level >= front[0][1]:
        return math.nan  # the smallest setting is better already: nothing to interpolate
    for (t0, e0), (t1, e1) in itertools.pairwise(front):
        if e1 <= level:
            share = math.log(level / e0) / math.log(e1 / e0)
            return math.exp(math.log(t0) + share * math.log(t1 / t0))
    return math.nan


def print_table(entries: list[Entry]) -> None:
    print("\n| case | program           | setting           | unknowns | error   | seconds | first call |")
    print("|------|-------------------|-------------------|----------|---------|---------|------------|")
    for e in entries:
        what = f"| {e.case:<4} | {e.program:<17} | {e.setting:<17} | {e.unknowns:>8} "
        print(f"{what}| {e.error:.1e} | {e.time:>7.4f} | {e.first:>10.3f} |", flush=True)


def print_ratios(case: str, entries: list[Entry]) -> None:
    programs = {name: [e for e in entries if e.program == name] for name in (OURS, SHIPPED, BEST, PARTS)}
    print(f"\n{case}: seconds of FastLSQ / seconds of meshfree at equal error (-: one of the two has no such error)")
    for name, settings in programs.items():
        if name == OURS or not settings:
            continue
        ratios = [seconds_at(settings, level) / seconds_at(programs[OURS], level) for level in LEVELS[case]]
        shown = ", ".join(
            f"{level:.0e}: {'-' if math.isnan(r) else f'{r:.2g}'}"
            for level, r in zip(LEVELS[case], ratios, strict=True)
        )
        print(f"  {name:<18} {shown}")


def draw(entries: list[Entry], path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    titles = {"B4": "Helmholtz, $k = 10$", "C1": "$-\\Delta u + u^3 = f$"}
    styles = {
        OURS: ("C0", "o", "-"),
        SHIPPED: ("C7", "s", ":"),
        BEST: ("C1", "^", "-"),
        PARTS: ("C3", "v", "--"),
    }
    labels = {
        OURS: "meshfree, Eigenbasis",
        SHIPPED: "FastLSQ, default call",
        BEST: "FastLSQ, best arguments found",
        PARTS: "FastLSQ, Newton assembled from its parts",
    }
    cases = sorted({entry.case for entry in entries})
    panels = figure.subplots(1, len(cases), squeeze=False)[0]
    for axes, case in zip(panels, cases, strict=True):
        for program, (color, marker, line) in styles.items():
            points = [(e.time, e.error) for e in entries if e.case == case and e.program == program]
            if points:
                axes.loglog(
                    *zip(*points, strict=True),
                    color=color,
                    marker=marker,
                    linestyle=line,
                    label=labels[program],
                )
        axes.set(title=titles[case], xlabel="seconds, warm", ylabel="relative $L^2$ error")
        axes.grid(True, which="major", alpha=0.3)
    handles = {label: h for axes in panels for h, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=150)


def versions() -> str:
    names = ("jax", "fastlsq", "torch", "numpy", "scipy")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=("B4", "C1"), default=("B4", "C1"))
    parser.add_argument("--seeds", type=int, default=3, help="of FastLSQ's features, and repetitions of all")
    parser.add_argument("--figure", help="where to draw error against seconds")
    parser.add_argument("--search", action="store_true", help="time FastLSQ's own search of its bandwidth")
    arguments = parser.parse_args()
    threads = len(os.sched_getaffinity(0))  # what XLA and OpenBLAS take too
    torch.set_num_threads(threads)
    print(f"Python {sys.version.split()[0]}, {versions()}; {threads} threads for each", flush=True)
    everything = []
    for case in arguments.cases:
        entries = ours(case) + rivals(case)
        run_alternating(entries, arguments.seeds)
        print_table(entries)
        print_ratios(case, entries)
        everything += entries
    if arguments.figure:
        draw(everything, arguments.figure)
        print(f"\nwrote {arguments.figure}")
    if arguments.search:
        timed_searches()


if __name__ == "__main__":
    main()
