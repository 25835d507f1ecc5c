"""−Δu + u³ = f, Dirichlet, on six shapes: what kolesky's authors published at 3000 to 10 000 points, and the bars.

In the plane u = Σ sin kπx sin kπy/k⁶, k ≤ 100, as in case C2; in space u = sin πx sin πy sin πz.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from reference import PROBLEMS

import meshfree as mf
from meshfree.geometry.shapes.basic import Domain
from meshfree.run.command_line import load_script

STENCILS = {2: (7, 6), 3: (7, 4)}  # exponents of r and degrees of the polynomials, by dimension


class Case(NamedTuple):
    """A shape, the spacing of its nodes, and the published error."""

    name: str
    shape: Domain
    spacing: float
    published: float
    bar: float


class Solved(NamedTuple):
    """A case, its solution, relative L2 error at 2000 independent points, seconds from shape to solution."""

    case: Case
    solution: mf.Solution
    problem: mf.Problem
    error: float
    seconds: float


def flower(t):
    radius = 0.35 + 0.1 * jnp.cos(5 * t)
    return 0.5 + radius * jnp.array([jnp.cos(t), jnp.sin(t)])


def heart(t):
    y = 13 * jnp.cos(t) - 5 * jnp.cos(2 * t) - 2 * jnp.cos(3 * t) - jnp.cos(4 * t)
    return jnp.array([0.5, 0.55]) + 0.028 * jnp.array([16 * jnp.sin(t) ** 3, y])


def cases() -> list[Case]:
    aerofoil = load_script(PROBLEMS / "naca0012.py").aerofoil
    return [
        Case("flower", mf.Curve(flower), 0.0105, 7e-6, 1e-6),
        Case("stadium", mf.Capsule((0.3, 0.5), (0.7, 0.5), 0.25), 0.0105, 5e-5, 1e-6),
        Case("swiss cheese", load_script(PROBLEMS / "swiss_cheese.py").problem().domain, 0.0145, 6e-6, 1e-6),
        Case("NACA 0012", mf.Curve(aerofoil, (-1.0, 1.0), (-1.0, 0.0)).translate((0.0, 0.3)), 0.0045, 5e-5, 1e-6),
        Case("heart", mf.Curve(heart, corners=(0.0, np.pi)), 0.0125, 3e-5, 1e-6),
        Case("torus", mf.Torus((0.5, 0.5, 0.5), major=0.35, minor=0.15), 0.0365, 1e-4, 1e-4),
    ]


def modes(x, power):
    k = jnp.arange(1.0, 101.0)
    return jnp.sum(jnp.sin(k * jnp.pi * x[0]) * jnp.sin(k * jnp.pi * x[1]) / k**power)


def plane_source(x):
    return 2 * jnp.pi**2 * modes(x, 4)


def space_solution(x):
    return jnp.prod(jnp.sin(jnp.pi * x))


def problem_on(shape: Domain) -> mf.Problem:
    def exact(x):
        return modes(x, 6) if shape.dim == 2 else space_solution(x)

    def interior(u, x):
        source = plane_source(x) if shape.dim == 2 else 3 * jnp.pi**2 * space_solution(x)
        return -mf.laplacian(u)(x) + u(x) ** 3 - source - exact(x) ** 3

    return mf.Problem(shape, interior=interior, boundary=mf.dirichlet(exact), exact=exact)


def solved() -> Iterator[Solved]:
    """Every case, from the shape to the solution, compilation included."""
    for case in cases():
        problem = problem_on(case.shape)
        began = time.perf_counter()
        cloud = case.shape.cloud(case.spacing)
        power, degree = STENCILS[case.shape.dim]
        u = mf.solve(problem, mf.Stencils(mf.Polyharmonic(power), cloud, degree))
        seconds = time.perf_counter() - began
        yield Solved(case, u, problem, mf.error(problem, u), seconds)
