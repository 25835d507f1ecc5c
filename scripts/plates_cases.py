"""The reference cases of fourth order and of elasticity: see `accuracy.py`."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from reference import PROBLEMS, Row, made

import meshfree as mf
from meshfree.run.command_line import load_script


def beam() -> Iterator[Row]:
    """P1: stencils with ghosts, and in least squares without."""
    problem = made("beam")
    for ghost, name in ((True, "ghosts"), (False, "least squares")):
        u = mf.solve(problem, mf.Stencils(None, problem.domain.cloud(0.07), 6, ghost=ghost))
        yield Row(f"P1 beam, stencils of degree 6, {name}", u.stats["unknowns"], mf.error(problem, u), 1e-10)


def clamped_disk() -> Iterator[Row]:
    """P2: the problem's load, and one whose deflection is no polynomial."""

    def deflection(x):
        return (1 - x @ x) ** 2 * jnp.exp(x[0]) * jnp.cos(2 * x[1])

    plain = made("plate")
    smooth = mf.Problem(
        mf.Disk(),
        interior=lambda u, x: mf.biharmonic(u)(x) - mf.biharmonic(deflection)(x),
        boundary=plain.conditions["boundary"],
        exact=deflection,
    )
    for name, problem in (("load 1 + 3 x", plain), ("smooth load", smooth)):
        u = mf.solve(problem, mf.Eigenbasis(mf.Gaussian(3.0), mf.Disk().cloud(0.1, cluster=1.0), 16))
        yield Row(f"P2 clamped disk, {name}, Eigenbasis 16", u.stats["unknowns"], mf.error(problem, u), 1e-8)
    u = mf.solve(smooth, mf.Stencils(None, mf.Disk().cloud(0.06), 8, ghost=True))
    yield Row("P2 clamped disk, smooth load, stencils 8, ghosts", u.stats["unknowns"], mf.error(smooth, u), 3e-5)


def supported_square() -> Iterator[Row]:
    """P3: the pair of second order under a uniform load, whose curvature is like r² log r at the corners."""
    script = load_script(PROBLEMS / "supported_plate.py")
    problem = script.problem()
    cloud = problem.domain.cloud(lambda x: 0.035 * script.grading(x))
    u = mf.solve(problem, mf.Stencils(None, cloud, 6, ghost=True))
    yield Row("P3 supported square as a pair, u and Δu", len(cloud), mf.error(problem, u), 1e-6)
    X = problem.domain.sample(2000, seed=1)
    exact = np.asarray(jax.vmap(script.deflection)(jnp.asarray(X)))
    error = np.linalg.norm(u(X)[:, 0] - exact) / np.linalg.norm(exact)
    yield Row("P3 supported square as a pair, u alone", len(cloud), float(error), 1e-6)
    middle = abs(float(u(jnp.array([0.5, 0.5]))[0]) / 0.00406235266 - 1)
    yield Row("P3 supported square, deflection of the middle", len(cloud), middle, 1e-6)


def kirsch() -> Iterator[Row]:
    """P4: displacements, and the stress at the top of the hole over that far away, which is 3. Eigenfunctions alone do
    not know the hole; the terms of its multipoles beside them do.
    """
    script = load_script(PROBLEMS / "elastic_plate_with_hole.py")
    problem, spacing = script.problem(), script.DEFAULTS["spacing"]
    graded = problem.domain.cloud(lambda x: spacing * script.grading(x))
    smooth = mf.Eigenbasis(mf.Gaussian(3.0), problem.domain.cloud(0.25, cluster=1.0), 10)
    poles = [lambda x, power=power: (x @ x) ** -power for power in (1, 2, 3)]
    spaces = {
        "stencils 6": mf.Stencils(None, graded, 6, ghost=True),
        "stencils 8": mf.Stencils(None, graded, 8, ghost=True),
        "Enriched": mf.Enriched(smooth, poles, degree=3),
    }
    for name, space in spaces.items():
        u = mf.solve(problem, space)
        yield Row(f"P4 plate with a hole, {name}", u.stats["unknowns"], mf.error(problem, u), 1e-5)
        concentration = float(script.stress(u, 0.3)(jnp.array([0.0, 1.0]))[0, 0])
        yield Row(f"P4 stress concentration, {name}", u.stats["unknowns"], abs(concentration / 3 - 1), 1e-4)


def cantilever() -> Iterator[Row]:
    """P5: a displacement of degree 3, which the stencils have."""
    problem = made("cantilever")
    u = mf.solve(problem, mf.Stencils(None, problem.domain.cloud(0.1), 4, ghost=True))
    yield Row("P5 cantilever, stencils of degree 4", u.stats["unknowns"], mf.error(problem, u), 1e-8)


CASES: dict[str, Callable[[], Iterator[Row]]] = {
    "P1": beam,
    "P2": clamped_disk,
    "P3": supported_square,
    "P4": kirsch,
    "P5": cantilever,
}
