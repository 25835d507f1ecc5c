"""The reference cases that local spaces reach: stencils and levels of Wendland translates."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from reference import PROBLEMS, Row, sines_problem
from timing import SQUARE

import meshfree as mf
from meshfree.run.command_line import load_script


def laplace_mixed(problem: mf.Problem) -> Iterator[Row]:
    """B2, some 30 × 30 nodes."""
    for ghost, name in ((False, ""), ("bottom", ", ghosts at u_n = 0")):
        u = mf.solve(problem, mf.Stencils(None, SQUARE.cloud(0.0339), 4, ghost=ghost))
        yield Row(f"B2 stencils of degree 4{name}", u.stats["unknowns"], mf.error(problem, u), 3e-5)


def lshape() -> Iterator[Row]:
    """B3, largest errors; a third of what treverhines' stencils reach with as many nodes."""
    script = load_script(PROBLEMS / "lshape.py")
    problem = script.problem()
    X = jnp.asarray(problem.domain.sample(3000, seed=77))
    exact = jax.vmap(problem.exact)(X)
    for spacing, count, bar in ((0.195, 262, 7.1e-4 / 3), (0.093, 989, 1.4e-4 / 3), (0.0455, 3831, 3.7e-5 / 3)):
        cloud = problem.domain.cloud(lambda x: spacing * script.grading(x))  # noqa: B023
        if len(cloud) > count:
            raise RuntimeError(f"{len(cloud)} nodes, more than {count}")
        u = mf.solve(problem, mf.Stencils(None, cloud, 4, ghost=True))
        yield Row("B3 stencils of degree 4, graded, largest error", len(cloud), float(jnp.max(abs(u(X) - exact))), bar)


def three_dimensions() -> Iterator[Row]:
    """B7, 23 000 nodes at most."""
    for domain, spacing in ((mf.Box((0, 0, 0), (1, 1, 1)), 0.0385), (mf.Ball((0.0, 0.0, 0.0), 1.0), 0.0612)):
        problem, cloud = sines_problem(domain), domain.cloud(spacing)
        u = mf.solve(problem, mf.Stencils(mf.Polyharmonic(7), cloud, 4))
        name = type(domain).__name__.lower()
        yield Row(f"B7 {name}, r⁷ stencils of degree 4", len(cloud), mf.error(problem, u), 5e-5)


def orders() -> Iterator[Row]:
    """B9: polyharmonic r⁵ and polynomials of degree m, quasi-uniform nodes."""
    problem = sines_problem(SQUARE)
    for degree, bar in ((2, 7.9e-4), (4, 1.1e-6), (6, 7.0e-10)):
        spacings, errors = [], []
        for spacing in (0.042, 0.0295, 0.021, 0.0149):
            cloud = SQUARE.cloud(spacing)
            u = mf.solve(problem, mf.Stencils(None, cloud, degree))
            spacings.append(len(cloud) ** -0.5)
            errors.append(mf.error(problem, u))
        yield Row(f"B9 stencils of degree {degree}", len(cloud), errors[-1], bar)
        order = np.polyfit(np.log(spacings), np.log(errors), 1)[0]
        yield Row(f"B9 stencils of degree {degree}, observed order", 0, float(order), degree - 0.3, at_least=True)


def rough_cubic(problem: mf.Problem) -> Iterator[Row]:
    """C2; kolesky reaches 5.4e-6 at h = 0.01, at its own nodes."""
    for kernel, degree, spacing, bar in ((5, 4, 0.0185, 1e-6), (7, 6, 0.0175, 1e-8)):
        u = mf.solve(problem, mf.Stencils(mf.Polyharmonic(kernel), SQUARE.cloud(spacing), degree))
        power = {5: "r⁵", 7: "r⁷"}[kernel]
        yield Row(f"C2 {power} stencils of degree {degree}", u.stats["unknowns"], mf.error(problem, u), bar)
