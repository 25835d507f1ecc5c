"""The reference cases with exact solutions: unknowns, error, the bar to reach, and whether it is met.

    python scripts/accuracy.py            all cases (about a minute when compiled before, ten at first)
    python scripts/accuracy.py B1 C4      those whose name begins so

Errors are relative L2 at 2000 independent points unless the case says otherwise. No scale is chosen with the exact
solution: it is given by the case, or found by the residual off the nodes, from the start named in the code.
"""

import sys
import time
from collections.abc import Callable, Iterator

import data_cases
import eigen_cases
import flow_cases
import gp_cases
import jax
import jax.numpy as jnp
import local_cases
import numpy as np
import plates_cases
import surface_cases
import time_cases
from reference import Row, check_cloud, made, rough_cubic_problem, sines_problem, tuned
from timing import SQUARE

import meshfree as mf
from meshfree.run.command_line import configure_jax

configure_jax()


def overlapping(problem: mf.Problem, scales: tuple[float, ...], spacing: float, degree: int = -1):
    """Gaussian translates with centers that reach beyond the boundary by a tenth, on twice as many rows.

    `degree` is that of polynomials beside them.

    Centres outside (Fasshauer 2007, section 39.1) and more rows than unknowns each gain a digit where rounding limits
    the error. There a derivative by the scale does not see what truncation does: of `scales` the one with the least
    residual off the nodes is taken.
    """
    cloud, finer = (problem.domain.cloud(h, cluster=1.0, seed=i) for i, h in enumerate((spacing, spacing / 1.4)))
    middle = np.mean(problem.domain.bounds, axis=0)
    centers = middle + 1.1 * (cloud.points - middle)
    spaces = [mf.Collocation(mf.Gaussian(scale), cloud, degree=degree, centers=centers) for scale in scales]
    check = check_cloud(problem, spaces[0])
    solutions = [mf.solve(problem, space, points=finer) for space in spaces]
    return min(solutions, key=lambda u: mf.residual_norm(problem, u, check))


def eigenbasis(problem: mf.Problem, degree: int, spacing: float, scale: float = 3.0) -> mf.Eigenbasis:
    return mf.Eigenbasis(mf.Gaussian(scale), problem.domain.cloud(spacing, cluster=1.0), degree=degree)


def grid_rms(u, exact: Callable, n: int = 40) -> float:
    """Root mean square error on an n × n grid of the unit square, the measure of case B1."""
    axis = np.linspace(0, 1, n)
    X = jnp.asarray(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))
    return float(jnp.sqrt(jnp.mean((u(X) - jax.vmap(exact)(X)) ** 2)))


def center_values() -> Iterator[Row]:
    """A1: Laplacians and bilaplacians at coincident points, against the printed values."""
    origin, worst = jnp.zeros(2), 0.0
    cases = [
        (mf.Gaussian(0.5), -16.0, 512.0),
        (mf.Multiquadric(0.5), 8.0, None),
        (mf.Matern(2.5), -10 / 3, 200 / 3),
        (mf.Wendland(4, 3, 0.5), -56 / 3 * 2 / 0.25, None),
    ]
    for kernel, laplacian, bilaplacian in cases:
        u = jax.tree_util.Partial(lambda kernel, x: kernel.eval(x, origin), kernel)
        worst = max(worst, abs(float(mf.laplacian(u)(origin)) / laplacian - 1))
        if bilaplacian is not None:
            worst = max(worst, abs(float(mf.biharmonic(u)(origin)) / bilaplacian - 1))
    yield Row("A1 center values of kernels, worst relative error", 0, worst, 1e-13)


def poisson_square() -> Iterator[Row]:
    """B1, scales tuned from 1/3; N counts interior nodes. The bars are the leave-one-out column of the case."""
    problem = made("poisson_square")
    kernels = {"Gaussian": mf.Gaussian, "IMQ": mf.InverseMultiquadric, "MQ": mf.Multiquadric}
    bars = {
        ("Gaussian", 81): 8.6e-8,
        ("IMQ", 81): 1.4e-6,
        ("IMQ", 289): 5.0e-7,
        ("MQ", 289): 1.7e-6,
        ("Gaussian", 289): 1e-8,
    }
    for (name, interior), bar in bars.items():
        cloud = SQUARE.cloud({81: 0.115, 289: 0.0605}[interior], cluster=0.5)
        if len(cloud["interior"]) > interior:
            raise RuntimeError(f"{len(cloud['interior'])} interior nodes, more than {interior}")
        u = tuned(problem, mf.Collocation(kernels[name](1 / 3), cloud), steps=60)
        yield Row(
            f"B1 {name} translates, N = {interior}, RMS on a grid", u.stats["unknowns"], grid_rms(u, problem.exact), bar
        )
    u = tuned(problem, eigenbasis(problem, 16, 1 / 18))
    yield Row("B1 eigenfunctions, RMS on a grid", u.stats["unknowns"], grid_rms(u, problem.exact), 1e-13)


def laplace_mixed() -> Iterator[Row]:
    """B2: translates on 30 × 30 nodes' worth of points, and eigenfunctions."""
    problem = made("laplace_mixed")
    u = tuned(problem, mf.Collocation(mf.Gaussian(0.4), SQUARE.cloud(1 / 16, cluster=1.0)))
    yield Row("B2 Gaussian translates", u.stats["unknowns"], mf.error(problem, u), 1e-6)
    u = mf.solve(problem, eigenbasis(problem, 20, 1 / 22))
    yield Row("B2 eigenfunctions", u.stats["unknowns"], mf.error(problem, u), 1e-12)
    yield from local_cases.laplace_mixed(problem)


def helmholtz() -> Iterator[Row]:
    """B4, k = 10."""
    problem = made("helmholtz")
    u = overlapping(problem, (0.13, 0.15, 0.17, 0.2, 0.24), 1 / 29.5)
    yield Row("B4 Gaussian translates", u.stats["unknowns"], mf.error(problem, u), 1e-8)
    u = tuned(problem, eigenbasis(problem, 30, 1 / 30, scale=1.0), steps=20)
    yield Row("B4 eigenfunctions", u.stats["unknowns"], mf.error(problem, u), 1e-13)


def disk() -> Iterator[Row]:
    """B5: a harmonic function and a constant load."""
    clamped = made("poisson_disk")
    harmonic = mf.Problem(
        mf.Disk(),
        interior=lambda u, x: mf.laplacian(u)(x),
        boundary=mf.dirichlet(lambda x: x[0]),
        exact=lambda x: x[0],
    )
    for name, problem in (("u = x", harmonic), ("-Δu = 1", clamped)):
        u = tuned(problem, mf.Collocation(mf.Gaussian(1.5), mf.Disk().cloud(0.16, cluster=1.0), degree=2), steps=20)
        yield Row(f"B5 {name}, Gaussian translates + quadratics", u.stats["unknowns"], mf.error(problem, u), 1e-10)
        u = mf.solve(problem, eigenbasis(problem, 16, 0.1))
        yield Row(f"B5 {name}, eigenfunctions", u.stats["unknowns"], mf.error(problem, u), 1e-13)


def neumann_and_variable_coefficients() -> Iterator[Row]:
    """B6, N = 289 interior nodes at most."""
    for name in ("neumann", "variable_coefficient"):
        problem = made(name)
        u = overlapping(problem, (0.2, 0.3, 0.4, 0.5, 0.6, 0.8), 0.0605)
        yield Row(f"B6 {name}, Gaussian translates", u.stats["unknowns"], mf.error(problem, u), 1e-7)
        u = mf.solve(problem, eigenbasis(problem, 16, 1 / 18))
        yield Row(f"B6 {name}, eigenfunctions", u.stats["unknowns"], mf.error(problem, u), 1e-7)


def ball() -> Iterator[Row]:
    """B7, eigenfunctions on the unit ball."""
    problem = made("poisson_ball", shift=0.0)
    for degree, spacing, bar in ((16, 0.135, 3e-8), (18, 0.12, 7e-10)):
        u = mf.solve(problem, eigenbasis(problem, degree, spacing, scale=1.5))
        yield Row(f"B7 unit ball, eigenfunctions of degree {degree}", u.stats["unknowns"], mf.error(problem, u), bar)
    yield from local_cases.three_dimensions()


def wendland() -> Iterator[Row]:
    """B8: Wendland C⁶, support 4, Halton nodes; and C⁴ on B2's square at 900 nodes, supports 1/2, 1 and 2.

    The centers that belong to boundary nodes stand three spacings outside (Fasshauer 2007, section 39.1).
    """
    problem = made("poisson_square")
    for spacing, count, bar in ((1 / 9, 81, 4e-5), (1 / 17, 289, 2e-6), (1 / 33, 1089, 1e-7)):
        cloud = SQUARE.cloud(spacing, interior="halton")
        outside = [cloud[part] + 3 * spacing * normals for part, normals in cloud.normals.items()]
        space = mf.Collocation(mf.Wendland(6, 3, 4.0), cloud, centers=np.concatenate([cloud["interior"], *outside]))
        yield Row(f"B8 Wendland C6, {count} Halton nodes", space.size, mf.error(problem, mf.solve(problem, space)), bar)
    sines = sines_problem(SQUARE)
    for support, bar in ((0.5, 2.1e-3), (1.0, 4.7e-4), (2.0, 9.5e-5)):
        space = mf.Collocation(mf.Wendland(4, 3, support), SQUARE.cloud(1 / 28.5))
        yield Row(f"B8 Wendland C4, support {support:g}", space.size, mf.error(sines, mf.solve(sines, space)), bar)
    yield from wendland_levels(sines)


def wendland_levels(problem: mf.Problem) -> Iterator[Row]:
    """B8 on several levels: the bar of each is the error of the coarser ones, and 210 centers a row at most."""
    clouds = [SQUARE.cloud(2.0**-level, seed=level) for level in range(2, 7)]
    space = mf.Multilevel(mf.Wendland(4, 3, 1.5), clouds)
    u, bar, start = mf.solve(problem, space), 1.0, 0  # the error of u = 0
    for count, level in enumerate(u.stats["levels"], 1):
        start += level["unknowns"]
        error = mf.error(problem, mf.Solution(space.coarsest(count), u.coefficients[:start], {}))
        centers = level["centers_per_row"]
        yield Row(f"B8 Wendland C4, level {count}, {centers:.0f} centers a row", start, error, bar * (centers <= 210))
        bar = error


def cubic() -> Iterator[Row]:
    """C1."""
    problem = made("cubic")
    u = overlapping(problem, (0.13, 0.15, 0.17, 0.2, 0.24), 1 / 29.5)
    yield Row("C1 Gaussian translates", u.stats["unknowns"], mf.error(problem, u), 1e-7)
    u = mf.solve(problem, eigenbasis(problem, 40, 1 / 40, scale=0.5))
    yield Row("C1 eigenfunctions", u.stats["unknowns"], mf.error(problem, u), 1e-12)


def rough_cubic() -> Iterator[Row]:
    """C2 on a global space, and by stencils."""
    problem = rough_cubic_problem()
    u = mf.solve(problem, eigenbasis(problem, 40, 1 / 40, scale=0.5))
    yield Row("C2 eigenfunctions (bar of kolesky at h = 0.01)", u.stats["unknowns"], mf.error(problem, u), 5.4e-6)
    yield from local_cases.rough_cubic(problem)


def liouville() -> Iterator[Row]:
    """C3, λ = 1."""
    problem = made("liouville")
    u = mf.solve(problem, eigenbasis(problem, 20, 0.09))
    yield Row("C3 eigenfunctions", u.stats["unknowns"], mf.error(problem, u), 1e-8)
    u = overlapping(problem, (0.5, 0.65, 0.8, 1.0, 1.2), 0.09, degree=4)
    yield Row("C3 Gaussian translates + quartics", u.stats["unknowns"], mf.error(problem, u), 1e-8)


def eikonal() -> Iterator[Row]:
    """C4: the value at the center."""
    problem = made("eikonal")
    u = mf.solve(problem, eigenbasis(problem, 40, 1 / 42, scale=0.7))
    yield Row(
        "C4 eigenfunctions, error at the center", u.stats["unknowns"], abs(float(u([0.5, 0.5])) - 0.367716979), 1e-6
    )


CASES = {
    "A1": center_values,
    "B1": poisson_square,
    "B2": laplace_mixed,
    "B3": local_cases.lshape,
    "B4": helmholtz,
    "B5": disk,
    "B6": neumann_and_variable_coefficients,
    "B7": ball,
    "B8": wendland,
    "B9": local_cases.orders,
    "C1": cubic,
    "C2": rough_cubic,
    "C3": liouville,
    "C4": eikonal,
    **time_cases.CASES,
    **surface_cases.CASES,
    **eigen_cases.CASES,
    **plates_cases.CASES,
    **data_cases.CASES,
    **flow_cases.CASES,
    **gp_cases.CASES,
}


def main() -> None:
    chosen = [name for name in CASES if not sys.argv[1:] or name.startswith(tuple(sys.argv[1:]))]
    began, missed = time.perf_counter(), 0
    print(
        f"| {'case':<52} | unknowns | value   | bar     | met |\n|{'-' * 54}|{'-' * 10}|{'-' * 9}|{'-' * 9}|{'-' * 5}|"
    )
    for name in chosen:
        for row in CASES[name]():
            missed += not row.met
            print(row, flush=True)
    print(f"\n{missed} missed; {time.perf_counter() - began:.0f} s")
    raise SystemExit(bool(missed))


if __name__ == "__main__":
    main()
