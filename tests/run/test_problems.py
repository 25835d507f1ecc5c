"""Every problem script reaches, with its default settings, the error that it declares."""

import ast
import inspect
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.run import defaults
from meshfree.run.command_line import load_script
from meshfree.run.defaults import Choices
from meshfree.run.study import difference_from_finer, study

SCRIPTS = sorted((Path(__file__).parents[2] / "problems").glob("*.py"))
WITH_PARAMETER = ("time_derivative", '"modes"', '"trace"')
STATIONARY = [path for path in SCRIPTS if not any(word in path.read_text(encoding="utf-8") for word in WITH_PARAMETER)]


def lines_of_code(source: str) -> int:
    """Lines that hold code: not blank, no comment."""
    lines = (line.strip() for line in source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def test_there_are_scripts():
    assert len(SCRIPTS) >= 35


LONG = {"poisson_million"}  # half a minute


@pytest.mark.parametrize("path", [p for p in SCRIPTS if p.stem not in LONG], ids=lambda path: path.stem)
def test_a_problem_reaches_the_error_it_declares(path):
    script = load_script(path)
    problem, choices = script.problem(), Choices(**script.DEFAULTS)
    outcome = study(problem, choices)
    error = difference_from_finer(problem, choices, outcome) if outcome.error is None else outcome.error
    print(f"{path.stem}: error {error:.1e}, declared {script.ERROR:.0e}, {outcome.seconds:.1f} s")
    assert error < script.ERROR < 1e3 * error, "not within the declared error, or nowhere near it"


def test_a_hundredth_of_the_million_nodes_is_on_the_way_to_the_declared_error():
    script = load_script(SCRIPTS[0].parent / "poisson_million.py")
    coarser = 10
    outcome = study(script.problem(), Choices(**script.DEFAULTS | {"spacing": coarser * script.DEFAULTS["spacing"]}))
    assert outcome.solution.space.size > 1e6 / coarser**2
    assert outcome.error < script.ERROR * coarser**3.5  # the order is 4


SMOOTH = {  # those that a tolerance of 1e-8 is asked of
    "anisotropic",
    "cubic",
    "helmholtz",
    "interface",
    "laplace_mixed",
    "liouville",
    "neumann",
    "poisson_disk",
    "poisson_interval",
    "poisson_square",
    "variable_coefficient",
    "wendland_multilevel",
}
ROUGH = {"boundary_layer", "crack", "flower", "high_frequency", "interior_peak", "lshape", "reentrant_corner"}
REACHED = SMOOTH | {"flower", "lshape"}


@pytest.mark.parametrize(
    ("path", "tol"),
    [
        pytest.param(path, tol, id=f"{path.stem}-{tol:g}")
        for path in STATIONARY
        for tol in [1e-8 if path.stem in SMOOTH else 1e-3]
        if path.stem in SMOOTH | ROUGH  # all, solids too, at 1e-4 and 1e-8: scripts/automatic.py
    ],
)
def test_a_tolerance_alone_is_reached_or_said_not_to_be(path, tol):
    problem = load_script(path).problem()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        u = mf.solve(problem, tol=tol, seconds=100.0 if path.stem in REACHED else 3.0)
    error = mf.error(problem, u) if problem.exact is not None else u.stats["estimate"]
    print(f"{path.stem}: {u.space.describe()}, estimate {u.stats['estimate']:.1e}, error {error:.1e}")
    if u.stats["reached"]:
        assert error <= tol
    else:
        assert path.stem not in REACHED
        assert any("was not reached" in str(warning.message) for warning in told)
        assert error < 10 * u.stats["estimate"], "the best is said to be better than it is"


@pytest.mark.parametrize(("space", "most"), [("stencils", 0.03), ("wendland", 0.9)])
@pytest.mark.parametrize(
    "path",
    [
        p
        for p in STATIONARY
        if '"space": "stencils"' not in (text := p.read_text(encoding="utf-8"))
        and "exact" in text
        and "mf.Data" not in text
    ],
    ids=lambda path: path.stem,
)
def test_every_problem_of_a_global_space_is_solved_in_local_ones(path, space, most):
    problem = load_script(path).problem()
    lower, upper = problem.domain.bounds
    # Near a resonance the error of so few stencils is 0.02 to 0.07 from seed to seed.
    seed = 13 if path.stem == "helmholtz" else 0
    across = 80 if path.stem == "high_frequency" else 20 if len(lower) < 3 else 8  # 3 would be nodes per wave
    choices = Choices(space=space, spacing=float(min(upper - lower)) / across, seed=seed)
    u = mf.solve(problem, defaults.build_space(problem, cloud := defaults.nodes(problem, choices), choices))
    exact = np.asarray(jax.vmap(problem.exact)(jnp.asarray(cloud.points)))
    values = np.asarray(u.coefficients[: len(cloud)] if space == "stencils" else u(cloud.points))
    error = np.linalg.norm(values - exact) / np.linalg.norm(exact)
    print(f"{path.stem} {space}: error {error:.1e} at the nodes")
    assert error < most


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_problem_script_is_short_and_runs_as_a_script(path):
    source = path.read_text(encoding="utf-8")
    script = load_script(path)
    title = script.__doc__.splitlines()[0]
    assert title[0].isupper() and title.endswith("."), "the first line of the docstring is a sentence"
    assert all(isinstance(p.default, int | float | str) for p in inspect.signature(script.problem).parameters.values())
    assert 12 <= lines_of_code(source) <= 45, "15 to 40 lines, a little more with a shape of its own"
    main = 'if __name__ == "__main__":\n    mf.run(problem, **DEFAULTS)\n'
    assert source.endswith(main), "the script ends with its command line"
    assert ast.unparse(ast.parse(source).body[-1]) == ast.unparse(ast.parse(main).body[0])
