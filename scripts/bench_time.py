"""Work and precision in time: meshfree's steps against SciPy's, scipy_dae's and py-pde's.

    python scripts/bench_time.py --figure scripts/figures/time_precision.png      needs the extra `bench`
    python scripts/bench_time.py --cases allen-cahn --repeat 1                    one case, in a hurry

- `heat`, `allen-cahn`: one semi-discretisation for all, by stencils of degree 4, of the heat equation on the disk with
  2000 nodes and of a front in 201 nodes (problems/heat.py, allen_cahn.py). SciPy's BDF is at its best: the nodes of the
  boundary are eliminated by hand, the right-hand side is a product by a sparse matrix in NumPy, and the sparse Jacobian
  is given. scipy_dae's BDF has the boundary as algebraic equations, as meshfree has, and both sparse Jacobians.
  Errors are those of the steps alone, the root mean square at the last time relative to the solution, against
  SciPy's Radau at 1e-11 (`heat`: 1e-10).
- `square`: the heat equation on the unit square, errors against the exact solution. py-pde has its finite differences
  on grids and adaptive Runge-Kutta steps; its compiled stepper is called again, compilation is not in its seconds.
- `gray-scott`: 4012 nodes to t = 20, meshfree's IMEX beside its BDF.

meshfree's clock runs over `mf.evolve`, from the problem to the trajectory, warm: matrices and factors are made in it.
All settings take turns; seconds are medians.
"""

import argparse
import dataclasses
import functools
import importlib.metadata
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pde
import scipy.sparse as sp
from reference import made
from scipy.integrate import solve_ivp
from scipy_dae.integrate import solve_dae

import meshfree as mf

jax.config.update("jax_enable_x64", True)

OURS = ("meshfree bdf", "meshfree esdirk", "meshfree imex")
SCIPY, DAE, GRID = "SciPy BDF", "scipy_dae BDF", "py-pde"
STENCILS, WAVES = "meshfree stencils", "meshfree Eigenbasis"
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
LEVELS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
HEAT_NODES, GRAY_SCOTT_NODES = 2000, 4012


@dataclasses.dataclass
class Entry:
    """One setting of one program; `run()` returns the steps it took and the error."""

    case: str
    program: str
    setting: str
    run: Callable[[], tuple[int, Callable[[], float]]]
    seconds: list[float] = dataclasses.field(default_factory=list)
    steps: int = 0
    error: float = np.nan

    @property
    def time(self) -> float:
        return float(np.median(self.seconds))


def relative(values: np.ndarray, known: np.ndarray) -> float:
    return float(np.linalg.norm(values - known) / np.linalg.norm(known))


# --------------------------------------------------------------------- one semi-discretisation for all programs


@dataclasses.dataclass
class SemiDiscrete:
    """u' = κ L u + f(u) at the interior nodes, u = g(t) at the others, with NumPy and SciPy alone."""

    problem: mf.Problem
    space: mf.Stencils
    last: float
    diffusivity: float
    reaction: Callable
    slope: Callable
    value: Callable  # of nodes (m, d) and t

    def __post_init__(self):
        cloud = self.space.cloud
        inside = len(cloud["interior"])  # the first nodes of every cloud
        L = sp.csr_matrix(self.diffusivity * mf.matrix(self.space, mf.laplacian)[:inside])
        self.inside, self.points, self.rim = inside, cloud.points, cloud.points[inside:]
        self.whole, self.inner, self.outer = L, L[:, :inside].tocsc(), L[:, inside:]
        self.start = self.value(cloud.points, 0.0)

    def rate(self, t, u):
        return self.inner @ u + self.outer @ self.value(self.rim, t) + self.reaction(u)

    def jacobian(self, t, u):
        return self.inner + sp.diags_array(self.slope(u), format="csc")

    def scipy(self, tolerance: float, method: str = "BDF"):
        found = solve_ivp(
            self.rate,
            (0, self.last),
            self.start[: self.inside],
            method=method,
            rtol=tolerance,
            atol=tolerance * float(np.sqrt(np.mean(self.start**2))),
            jac=self.jacobian if self.is_nonlinear else self.inner,
        )
        return len(found.t) - 1, found.y[:, -1]

    @property
    def is_nonlinear(self) -> bool:
        return bool(np.any(self.slope(self.start)))

    @functools.cached_property
    def known(self) -> np.ndarray:
        return self.scipy(1e-10 if len(self.points) > 1000 else 1e-11, "Radau")[1]

    def scipy_dae(self, tolerance: float):
        inside, n = self.inside, len(self.points)
        of_rate = sp.diags_array(np.r_[np.ones(inside), np.zeros(n - inside)], format="csc")
        rim = sp.diags_array(np.ones(n), format="csr")[inside:]

        def residual(t, u, rate):
            differential = rate[:inside] - self.whole @ u - self.reaction(u[:inside])
            return np.r_[differential, u[inside:] - self.value(self.rim, t)]

        def jacobians(t, u, rate):
            slope = sp.diags_array(np.r_[self.slope(u[:inside]), np.zeros(n - inside)], format="csr")[:inside]
            return sp.vstack([-self.whole - slope, rim], format="csc"), of_rate

        h = 1e-6
        of_rim = (self.value(self.rim, h) - self.value(self.rim, -h)) / (2 * h)
        rates = np.r_[self.rate(0.0, self.start[:inside]), of_rim]
        atol = tolerance * float(np.sqrt(np.mean(self.start**2)))
        found = solve_dae(
            residual, (0, self.last), self.start, rates, method="BDF", rtol=tolerance, atol=atol, jac=jacobians
        )
        return len(found.t) - 1, found.y[:inside, -1]

    def ours(self, tolerance: float, method: str):
        u = mf.evolve(self.problem, self.space, (0.0, self.last), tolerance, method, progress=False)
        return u.stats["steps"], np.asarray(u.coefficients[-1])[: self.inside]


def heat() -> SemiDiscrete:
    problem = made("heat")
    spacing, cloud = 0.0405, None
    while cloud is None or len(cloud) > HEAT_NODES:
        spacing *= 1.002
        cloud = problem.domain.cloud(spacing)

    def value(X, t):
        return np.exp(-9 * t) * np.sin(3 * (X[:, 0] + 2 * X[:, 1]) / np.sqrt(5))

    return SemiDiscrete(problem, mf.Stencils(None, cloud, 4), 0.2, 1.0, np.zeros_like, np.zeros_like, value)


def allen_cahn() -> SemiDiscrete:
    problem, epsilon = made("allen_cahn"), 0.05
    space = mf.Stencils(None, problem.domain.cloud(0.01), 4)

    def value(X, t):
        return (1 - np.tanh((X[:, 0] - 3 * epsilon * t / np.sqrt(2)) / (2 * np.sqrt(2) * epsilon))) / 2

    return SemiDiscrete(problem, space, 5.0, epsilon**2, lambda u: u - u**3, lambda u: 1 - 3 * u**2, value)


def of_steps(case: str, equations: SemiDiscrete) -> Iterator[Entry]:
    """All programs at all tolerances on one semi-discretisation."""
    programs: dict[str, Callable] = {name: functools.partial(equations.ours, method=name.split()[1]) for name in OURS}
    programs |= {SCIPY: equations.scipy, DAE: equations.scipy_dae}
    for (name, program), tolerance in itertools.product(programs.items(), TOLERANCES):

        def run(program=program, tolerance=tolerance):
            steps, values = program(tolerance)
            return steps, lambda: relative(values, equations.known)

        yield Entry(case, name, f"{tolerance:.0e}", run)


# ------------------------------------------------------------------------------------------------- the square

LAST = 0.05


def square_exact(X, t):
    """Two modes of the unit square, (m, 2) -> (m,); of JAX where X is."""
    array = jnp if isinstance(X, jax.Array) else np
    one, two = (array.sin(k * np.pi * X[..., 0]) * array.sin(k * np.pi * X[..., 1]) for k in (1, 2))
    return np.exp(-2 * np.pi**2 * t) * one + np.exp(-8 * np.pi**2 * t) * two


def square_problem() -> mf.Problem:
    return mf.Problem(
        mf.Box(),
        interior=lambda u, x, t: mf.time_derivative(u)(x) - mf.laplacian(u)(x),
        boundary=mf.dirichlet(0.0),
        initial=lambda x: square_exact(x, 0.0),
    )


def square() -> Iterator[Entry]:
    for cells, tolerance in ((16, 1e-3), (32, 1e-4), (64, 1e-5), (128, 1e-6)):
        yield Entry("square", GRID, f"{cells}² cells", grid_run(cells, tolerance))
    problem = square_problem()
    for spacing, degree, tolerance in ((1 / 12, 4, 1e-3), (1 / 20, 4, 1e-4), (1 / 24, 6, 1e-5), (1 / 40, 6, 1e-7)):
        space = mf.Stencils(None, problem.domain.cloud(spacing), degree)
        yield Entry("square", STENCILS, f"{space.size} nodes", our_square(problem, space, tolerance))
    for degree, tolerance in ((12, 1e-4), (16, 1e-6), (20, 1e-8)):
        space = mf.Eigenbasis(mf.Gaussian(3.0), problem.domain.cloud(1 / degree, cluster=1.0), degree)
        yield Entry("square", WAVES, f"degree {degree}", our_square(problem, space, tolerance))


def our_square(problem: mf.Problem, space: mf.Stencils | mf.Eigenbasis, tolerance: float) -> Callable:
    X = np.random.default_rng(1).random((2000, 2))

    def run():
        u = mf.evolve(problem, space, (0.0, LAST), tolerance, progress=False)
        return u.stats["steps"], lambda: relative(np.asarray(u.final(X)), square_exact(X, LAST))

    return run


def grid_run(cells: int, tolerance: float) -> Callable:
    """py-pde's adaptive Runge-Kutta steps, compiled once."""
    grid = pde.CartesianGrid([[0, 1], [0, 1]], [cells, cells])
    X = np.asarray(grid.cell_coords)
    start = pde.ScalarField(grid, square_exact(X, 0.0))
    solver = pde.RungeKuttaSolver(pde.DiffusionPDE(1.0, bc={"value": 0}), adaptive=True, tolerance=tolerance)
    stepper = solver.make_stepper(start.copy(), dt=1e-5)

    def run():
        state, before = start.copy(), solver.info.get("steps", 0)
        stepper(state, 0.0, LAST)
        steps = solver.info.get("steps", 0) - before
        return steps, lambda: relative(state.data.ravel(), square_exact(X, LAST).ravel())

    return run


# ------------------------------------------------------------------------------------------------- Gray-Scott


def gray_scott() -> Iterator[Entry]:
    problem = made("gray_scott")
    spacing, cloud = 0.0163, None
    while cloud is None or len(cloud) > GRAY_SCOTT_NODES:
        spacing *= 1.001
        cloud = problem.domain.cloud(spacing)
    space = mf.Stencils(None, cloud, 4)

    @functools.cache
    def known():
        return np.asarray(mf.evolve(problem, space, (0.0, 20.0), 1e-8, "esdirk", progress=False).coefficients[-1])

    for method in ("bdf", "imex", "esdirk"):
        for tolerance in (1e-4, 1e-6):

            def run(method=method, tolerance=tolerance):
                u = mf.evolve(problem, space, (0.0, 20.0), tolerance, method, progress=False)
                return u.stats["steps"], lambda: relative(np.asarray(u.coefficients[-1]), known())

            yield Entry("gray-scott", f"meshfree {method}", f"{tolerance:.0e}", run)


# ------------------------------------------------------------------------------------------------------- runs

CASES: dict[str, Callable[[], Iterator[Entry]]] = {
    "heat": lambda: of_steps("heat", heat()),
    "allen-cahn": lambda: of_steps("allen-cahn", allen_cahn()),
    "square": square,
    "gray-scott": gray_scott,
}


def run_alternating(entries: list[Entry], repeat: int) -> None:
    """All entries once unmeasured, then so many times, in turn."""
    for repetition in range(-1, repeat):
        for entry in entries:
            began = time.perf_counter()
            steps, error = entry.run()
            seconds = time.perf_counter() - began
            if repetition >= 0:
                entry.seconds.append(seconds)
            else:
                entry.steps, entry.error = steps, error()


def seconds_at(entries: list[Entry], level: float) -> float:
    """The seconds to reach an error: log-log between the two settings around it on the front, those of the fastest
    where it is more accurate already; nan where none reaches it.
    """
    front: list[tuple[float, float]] = []
    for seconds, error in sorted((entry.time, entry.error) for entry in entries):
        if not front or error < front[-1][1]:  # a slower setting counts only if it is more accurate
            front.append((seconds, error))
    times, errors = (np.log(values) for values in zip(*front, strict=True))
    if np.log(level) < errors[-1]:
        return np.nan
    return float(np.exp(np.interp(-np.log(level), -errors, times)))


def print_table(entries: list[Entry]) -> None:
    print("\n| case       | program             | setting      | steps | error   | seconds |")
    print("|------------|---------------------|--------------|-------|---------|---------|")
    for e in entries:
        print(f"| {e.case:<10} | {e.program:<19} | {e.setting:<12} | {e.steps:>5} | {e.error:.1e} | {e.time:>7.4f} |")


def print_ratios(case: str, entries: list[Entry]) -> None:
    """Seconds of the others over those of meshfree's best at equal error, and what has a bar."""
    programs = {name: [e for e in entries if e.program == name] for name in dict.fromkeys(e.program for e in entries)}
    ours = [name for name in programs if name.startswith("meshfree")]
    for name in programs:
        if name in ours:
            continue
        ratios = []
        for level in LEVELS:
            found = [seconds_at(programs[one], level) for one in ours]
            ratios.append(seconds_at(programs[name], level) / (np.nan if np.all(np.isnan(found)) else np.nanmin(found)))
        shown = ", ".join(
            f"{level:.0e}: {'-' if np.isnan(r) else f'{r:.2g}'}" for level, r in zip(LEVELS, ratios, strict=True)
        )
        print(f"  {case}: seconds of {name} / of meshfree's fastest at equal error  {shown}")
    at = {(e.program, e.setting): e for e in entries}
    if case == "allen-cahn":
        one, other = at["meshfree bdf", "1e-06"], at[DAE, "1e-06"]
        print(f"  steps of meshfree bdf / of scipy_dae at 1e-6: {one.steps / other.steps:.2f} (bar 1.3)")
        print(f"  seconds of meshfree bdf / of scipy_dae at 1e-6: {one.time / other.time:.2f} (bar 0.5)")
    if case == "gray-scott":
        for tolerance in ("1e-04", "1e-06"):
            ratio = at["meshfree imex", tolerance].time / at["meshfree bdf", tolerance].time
            print(f"  seconds of imex / of bdf at {tolerance}: {ratio:.2f} (bar 0.7)")


def draw(entries: list[Entry], path: str) -> None:
    from matplotlib.figure import Figure

    titles = {
        "heat": "Heat, 2000 nodes: error of the steps",
        "allen-cahn": "Allen-Cahn, 201 nodes: error of the steps",
        "square": "Heat on a square: whole error",
        "gray-scott": "Gray-Scott, 4012 nodes: error of the steps",
    }
    names = (*OURS, STENCILS, WAVES, SCIPY, DAE, GRID)
    styles = dict(zip(names, ("C0o-", "C2s-", "C4D-", "C0o--", "C2s--", "C1^-", "C3v-", "C7P-"), strict=True))
    cases = list(dict.fromkeys(entry.case for entry in entries))
    figure = Figure(figsize=(4.5 * len(cases), 4.2), layout="constrained")
    for axes, case in zip(figure.subplots(1, len(cases), squeeze=False)[0], cases, strict=True):
        for name, style in styles.items():
            points = [(e.time, e.error) for e in entries if e.case == case and e.program == name]
            if points:
                color, marker, line = style[:2], style[2], style[3:]
                axes.loglog(*zip(*points, strict=True), color=color, marker=marker, linestyle=line, label=name)
        axes.set(title=titles[case], xlabel="seconds, warm", ylabel="relative $L^2$ error")
        axes.grid(True, which="major", alpha=0.3)
    handles = {label: h for axes in figure.axes for h, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    columns = min(4, 2 * len(cases))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=columns, frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--repeat", type=int, default=5, help="measured rounds")
    parser.add_argument("--figure", help="where to draw error against seconds")
    arguments = parser.parse_args()
    names = ("jax", "numpy", "scipy", "scipy_dae", "py-pde", "numba")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    print(f"Python {sys.version.split()[0]}, {versions}; {len(os.sched_getaffinity(0))} cores", flush=True)
    everything = []
    for case in arguments.cases:
        entries = list(CASES[case]())
        run_alternating(entries, arguments.repeat)
        print_table(entries)
        print_ratios(case, entries)
        sys.stdout.flush()
        everything += entries
    if arguments.figure:
        draw(everything, arguments.figure)
        print(f"\nwrote {arguments.figure}")


if __name__ == "__main__":
    main()
