"""Solve every problem with its default settings, draw it, and print the README's gallery as a table.

python scripts/gallery.py [names]; the pictures go to scripts/figures.
"""

import pathlib
import sys

import meshfree as mf
from meshfree.choices import Choices
from meshfree.cli import configure_jax, load_script
from meshfree.study import study

HERE = pathlib.Path(__file__).parent
FIGURES = HERE / "figures"


def main() -> None:
    configure_jax()
    FIGURES.mkdir(exist_ok=True)
    print("| problem | what | unknowns | error | picture |\n|---|---|---|---|---|")
    for script in sorted((HERE.parent / "problems").glob("*.py")):
        if sys.argv[1:] and script.stem not in sys.argv[1:]:
            continue
        module = load_script(script)
        outcome = study(module.problem(), Choices(**module.DEFAULTS))
        mf.plot(outcome.solution, FIGURES / f"{script.stem}.png", problem=outcome.problem)
        title = module.__doc__.splitlines()[0].rstrip(".").replace("|", "\\|")
        picture = f'<img src="scripts/figures/{script.stem}.png" width="360">'
        unknowns = outcome.solution.stats["unknowns"]
        print(f"| `{script.stem}` | {title} | {unknowns} | {outcome.error:.0e} | {picture} |", flush=True)


if __name__ == "__main__":
    main()
