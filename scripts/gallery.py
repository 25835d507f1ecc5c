"""Solve every problem with its default settings, and −Δu + u³ = f on six shapes; draw them, write the gallery's page.

    python scripts/gallery.py               all (half an hour)
    python scripts/gallery.py drum shapes   these only; `shapes` is the second table, `l_curve` the picture of a sweep.
                                            Other rows stay as they are
    python scripts/gallery.py --no-pictures ...

The pictures go to scripts/figures, the tables to scripts/docs/gallery.md.
"""

import pathlib
import re
import sys
import time
from collections.abc import Iterator

import shape_cases

import meshfree as mf
from meshfree.run.command_line import configure_jax, load_script
from meshfree.run.defaults import Choices, build_space, nodes
from meshfree.run.study import difference_from_finer, study

HERE = pathlib.Path(__file__).parent
FIGURES = HERE / "figures"
MOVIES = {"advection_periodic", "burgers"}
PAGE = HERE / "docs" / "gallery.md"
MARKS = {name: (f"<!-- {name} -->\n", f"<!-- end of {name} -->\n") for name in ("problems", "shapes")}


def problems(chosen: list[str], pictures: bool) -> Iterator[str]:
    """A row a problem."""
    for script in sorted((HERE.parent / "problems").glob("*.py")):
        if not chosen or script.stem in chosen:
            module = load_script(script)
            problem, choices = module.problem(), Choices(**module.DEFAULTS)
            began = time.process_time()
            outcome = study(problem, choices)
            seconds = time.process_time() - began
            error = difference_from_finer(problem, choices, outcome) if outcome.error is None else outcome.error
            if pictures:
                mf.plot(outcome.solution, FIGURES / f"{script.stem}.png", problem=problem)
                if script.stem in MOVIES:
                    mf.plot(outcome.solution, FIGURES / f"{script.stem}.gif", problem=problem, frames=24)
            title = module.__doc__.splitlines()[0].rstrip(".").replace("|", "\\|")
            numbers = f"{outcome.solution.stats['unknowns']} | {error:.0e} | {seconds:.1f}"
            yield f"| {picture(script.stem)} | {link(script.stem)} | {title} | {numbers} |"


def l_curve() -> None:
    """How much weight the prior of an unknown source is worth."""
    module = load_script(HERE.parent / "problems" / "source_inference.py")
    problem, choices = module.problem(), Choices(**module.DEFAULTS)
    curve = mf.l_curve(problem, build_space(problem, nodes(problem, choices), choices), "prior")
    mf.plot(curve, FIGURES / "l_curve.png", title="source_inference")
    print(f"l_curve: corner at {curve.weights[curve.corner]:.2g}, misfit of the noise at {curve.discrepancy:.2g}")


def shapes(pictures: bool) -> Iterator[str]:
    """A row a shape."""
    for case, u, problem, error, seconds in shape_cases.solved():
        name = f"shape_{case.name.lower().replace(' ', '_')}"
        if pictures:
            mf.plot(u, FIGURES / f"{name}.png", problem=problem)
        bars = f"{error:.1e} | {case.bar:.0e} {'met' if error <= case.bar else 'MISSED'} | {case.published:.0e}"
        yield f"| {picture(name)} | {case.name} | {len(u.space.cloud)} | {bars} | {seconds:.1f} |"


def picture(name: str) -> str:
    return f'<img src="../figures/{name}.png" alt="{name}" width="240">'


def link(name: str) -> str:
    return f"[`{name}`](../../problems/{name}.py)"


def write(table: str, row: str) -> None:
    """Puts a row into the page, in place of an older one; all others stay."""
    print(row, flush=True)
    first, last = MARKS[table]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(first)
    old, _, after = rest.partition(last)
    head, rows = old.splitlines()[:2], {_name(line): line for line in old.splitlines()[2:]}
    rows[_name(row)] = row
    ordered = [rows[name] for name in (sorted(rows) if table == "problems" else rows)]
    PAGE.write_text(before + first + "\n".join([*head, *ordered]) + "\n" + last + after, encoding="utf-8")


def _name(row: str) -> str:
    return re.sub(r"\[`(.+?)`\].*", r"\1", row.split(" | ")[1])


def main() -> None:
    configure_jax()
    FIGURES.mkdir(exist_ok=True)
    pictures = "--no-pictures" not in sys.argv
    chosen = [name for name in sys.argv[1:] if not name.startswith("--")]
    for row in problems(chosen, pictures):
        write("problems", row)
    if pictures and (not chosen or "l_curve" in chosen):
        l_curve()
    if not chosen or "shapes" in chosen:
        for row in shapes(pictures):
            write("shapes", row)


if __name__ == "__main__":
    main()
