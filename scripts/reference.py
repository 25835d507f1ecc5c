"""What the reference cases share: a line of the table, problems, and tuning without the exact solution."""

import dataclasses
import pathlib

import jax.numpy as jnp
import optax
from timing import SQUARE

import meshfree as mf
from meshfree.run.command_line import load_script

PROBLEMS = pathlib.Path(__file__).parent.parent / "problems"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: an error, or a number that must be at least as large as its bar."""

    case: str
    unknowns: int
    value: float
    bar: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        shown = [f"{number:.2f}" if self.at_least else f"{number:.1e}" for number in (self.value, self.bar)]
        met = "yes" if self.met else "NO"
        return f"| {self.case:<52} | {self.unknowns or '':>8} | {shown[0]:<7} | {shown[1]:<7} | {met:<3} |"


def made(name: str, **arguments) -> mf.Problem:
    return load_script(PROBLEMS / f"{name}.py").problem(**arguments)


def check_cloud(problem: mf.Problem, space, seed: int = 1000) -> mf.Cloud:
    """About as many other points of the domain as the space's cloud has."""
    return problem.domain.cloud((problem.domain.volume / len(space.cloud)) ** (1 / space.cloud.dim), seed=seed)


def tuned(problem: mf.Problem, space, *, steps: int = 40, rate: float = 0.05):
    """The solution at the scale that makes the residual off the nodes small."""
    loss = mf.losses.residual(problem, check_cloud(problem, space))
    best, _ = mf.tune(loss, space, optimizer=optax.adam(rate), steps=steps)
    return mf.solve(problem, best)


def sines_problem(domain) -> mf.Problem:
    """−Δu = f with u = Π sin πxᵢ, Dirichlet."""

    def exact(x):
        return jnp.prod(jnp.sin(jnp.pi * x))

    return mf.Problem(
        domain,
        interior=lambda u, x: mf.laplacian(u)(x) + x.size * jnp.pi**2 * exact(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


def rough_cubic_problem() -> mf.Problem:
    """C2: −Δu + u³ = f with u = Σ_{k≤600} sin kπx sin kπy/k⁶."""
    k = jnp.arange(1.0, 601.0)

    def modes(x, power):
        return jnp.sum(jnp.sin(k * jnp.pi * x[0]) * jnp.sin(k * jnp.pi * x[1]) / k**power)

    def interior(u, x):
        return -mf.laplacian(u)(x) + u(x) ** 3 - 2 * jnp.pi**2 * modes(x, 4) - modes(x, 6) ** 3

    return mf.Problem(SQUARE, interior=interior, boundary=mf.dirichlet(0.0), exact=lambda x: modes(x, 6))
