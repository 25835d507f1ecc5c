"""Solve every problem with its default settings, and −Δu + u³ = f on six shapes; draw them, print the README's tables.

python scripts/gallery.py [names]; the pictures go to scripts/figures. `shapes` is the name of the second table, and
`l_curve` that of the picture of a sweep.
"""

import pathlib
import sys

import shape_cases

import meshfree as mf
from meshfree.run.command_line import configure_jax, load_script
from meshfree.run.defaults import Choices, build_space, nodes
from meshfree.run.study import difference_from_finer, study

HERE = pathlib.Path(__file__).parent
FIGURES = HERE / "figures"


def problems(chosen: list[str]) -> None:
    scripts = [path for path in sorted((HERE.parent / "problems").glob("*.py")) if not chosen or path.stem in chosen]
    if not scripts:
        return
    print("| problem | what | unknowns | error | picture |\n|---|---|---|---|---|")
    for script in scripts:
        module = load_script(script)
        problem, choices = module.problem(), Choices(**module.DEFAULTS)
        outcome = study(problem, choices)
        error = difference_from_finer(problem, choices, outcome) if outcome.error is None else outcome.error
        mf.plot(outcome.solution, FIGURES / f"{script.stem}.png", problem=problem)
        title = module.__doc__.splitlines()[0].rstrip(".").replace("|", "\\|")
        unknowns = outcome.solution.stats["unknowns"]
        print(f"| `{script.stem}` | {title} | {unknowns} | {error:.0e} | {picture(script.stem)} |", flush=True)


def l_curve() -> None:
    """How much weight the prior of an unknown source is worth."""
    module = load_script(HERE.parent / "problems" / "source_inference.py")
    problem, choices = module.problem(), Choices(**module.DEFAULTS)
    curve = mf.l_curve(problem, build_space(problem, nodes(problem, choices), choices), "prior")
    mf.plot(curve, FIGURES / "l_curve.png", title="source_inference")
    print(f"l_curve: corner at {curve.weights[curve.corner]:.2g}, misfit of the noise at {curve.discrepancy:.2g}")


def shapes() -> None:
    print("| shape | nodes | error | bar | published by kolesky | seconds | picture |\n|---|---|---|---|---|---|---|")
    for case, u, problem, error, seconds in shape_cases.solved():
        name = f"shape_{case.name.lower().replace(' ', '_')}"
        mf.plot(u, FIGURES / f"{name}.png", problem=problem)
        nodes = len(u.space.cloud)
        bars = f"{error:.1e} | {case.bar:.0e} {'met' if error <= case.bar else 'MISSED'} | {case.published:.0e}"
        print(f"| {case.name} | {nodes} | {bars} | {seconds:.1f} | {picture(name)} |", flush=True)


def picture(name: str) -> str:
    return f'<img src="scripts/figures/{name}.png" width="360">'


def main() -> None:
    configure_jax()
    FIGURES.mkdir(exist_ok=True)
    chosen = sys.argv[1:]
    problems(chosen)
    if not chosen or "l_curve" in chosen:
        l_curve()
    if not chosen or "shapes" in chosen:
        shapes()


if __name__ == "__main__":
    main()
