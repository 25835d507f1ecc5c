"""Solve every problem with its default settings, and −Δu + u³ = f on six shapes; draw them, write the gallery's page.

    python scripts/gallery.py               all (half an hour)
    python scripts/gallery.py drum shapes   these only; `shapes` is the second table. Other rows stay as they are
    python scripts/gallery.py --no-pictures ...

The pictures go to scripts/figures, the tables to scripts/docs/gallery.md.
"""

import pathlib
import re
import sys
import time

import shape_cases

import meshfree as mf
from meshfree.run.command_line import configure_jax, load_script
from meshfree.run.defaults import Choices
from meshfree.run.study import difference_from_finer, study

HERE = pathlib.Path(__file__).parent
FIGURES = HERE / "figures"
PAGE = HERE / "docs" / "gallery.md"
MARKS = {name: (f"<!-- {name} -->\n", f"<!-- end of {name} -->\n") for name in ("problems", "shapes")}


def problems(chosen: list[str], pictures: bool) -> dict[str, str]:
    """A row a problem."""
    rows = {}
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
            title = module.__doc__.splitlines()[0].rstrip(".").replace("|", "\\|")
            numbers = f"{outcome.solution.stats['unknowns']} | {error:.0e} | {seconds:.1f}"
            rows[script.stem] = f"| {picture(script.stem)} | {link(script.stem)} | {title} | {numbers} |"
            print(rows[script.stem], flush=True)
    return rows


def shapes(pictures: bool) -> dict[str, str]:
    """A row a shape."""
    rows = {}
    for case, u, problem, error, seconds in shape_cases.solved():
        name = f"shape_{case.name.lower().replace(' ', '_')}"
        if pictures:
            mf.plot(u, FIGURES / f"{name}.png", problem=problem)
        bars = f"{error:.1e} | {case.bar:.0e} {'met' if error <= case.bar else 'MISSED'} | {case.published:.0e}"
        rows[case.name] = f"| {picture(name)} | {case.name} | {len(u.space.cloud)} | {bars} | {seconds:.1f} |"
        print(rows[case.name], flush=True)
    return rows


def picture(name: str) -> str:
    return f'<img src="../figures/{name}.png" alt="{name}" width="240">'


def link(name: str) -> str:
    return f"[`{name}`](../../problems/{name}.py)"


def written(page: str, table: str, rows: dict[str, str]) -> str:
    """The page with these rows; those of other problems stay."""
    first, last = MARKS[table]
    before, _, rest = page.partition(first)
    old, _, after = rest.partition(last)
    head, kept = old.splitlines()[:2], {_name(row): row for row in old.splitlines()[2:]}
    kept |= {_name(row): row for row in rows.values()}
    ordered = [kept[name] for name in (sorted(kept) if table == "problems" else kept)]
    return before + first + "\n".join([*head, *ordered]) + "\n" + last + after


def _name(row: str) -> str:
    return re.sub(r"\[`(.+?)`\].*", r"\1", row.split(" | ")[1])


def main() -> None:
    configure_jax()
    FIGURES.mkdir(exist_ok=True)
    pictures = "--no-pictures" not in sys.argv
    chosen = [name for name in sys.argv[1:] if not name.startswith("--")]
    page = PAGE.read_text(encoding="utf-8")
    page = written(page, "problems", problems(chosen, pictures))
    if not chosen or "shapes" in chosen:
        page = written(page, "shapes", shapes(pictures))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
