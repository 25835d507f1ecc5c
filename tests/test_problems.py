"""Every problem script reaches, with its default settings, the error that it declares."""

import ast
import inspect
from pathlib import Path

import pytest

from meshfree.choices import Choices
from meshfree.cli import load_script
from meshfree.study import study

SCRIPTS = sorted((Path(__file__).parent.parent / "problems").glob("*.py"))


def lines_of_code(source: str) -> int:
    """Lines that hold code: not blank, no comment."""
    lines = (line.strip() for line in source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def test_there_are_scripts():
    assert len(SCRIPTS) >= 12


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_problem_reaches_the_error_it_declares(path):
    script = load_script(path)
    outcome = study(script.problem(), Choices(**script.DEFAULTS))
    print(f"{path.stem}: error {outcome.error:.1e}, declared {script.ERROR:.0e}, {outcome.seconds:.1f} s")
    assert outcome.error is not None
    assert outcome.error < script.ERROR < 1e3 * outcome.error, "not within the declared error, or nowhere near it"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_problem_script_is_short_and_runs_as_a_script(path):
    source = path.read_text(encoding="utf-8")
    script = load_script(path)
    title = script.__doc__.splitlines()[0]
    assert title[0].isupper() and title.endswith("."), "the first line of the docstring is a sentence"
    assert all(isinstance(p.default, int | float) for p in inspect.signature(script.problem).parameters.values())
    assert 12 <= lines_of_code(source) <= 40, "15 to 40 lines"
    main = 'if __name__ == "__main__":\n    mf.run(problem, **DEFAULTS)\n'
    assert source.endswith(main), "the script ends with its command line"
    assert ast.unparse(ast.parse(source).body[-1]) == ast.unparse(ast.parse(main).body[0])
