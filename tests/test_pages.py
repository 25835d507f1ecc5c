"""Every block of Python on every page of the documentation runs, and prints what the page says."""

import ast
import json
import math
import re
import runpy
from pathlib import Path

import jax
import pytest

import meshfree as mf
from meshfree.solving import automatic

ROOT = Path(__file__).parents[1]
_errors = runpy.run_path(str(ROOT / "scripts" / "error_messages.py"))
_pages = runpy.run_path(str(ROOT / "scripts" / "run_pages.py"))
PAGES = {path.relative_to(ROOT).as_posix(): path for path in _pages["pages"]()}
WITH_CODE = [name for name, path in PAGES.items() if _pages["blocks"](path.read_text(encoding="utf-8"))]
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+\.?\d*(?:e[-+]?\d+)?(?: s\b)?")


@pytest.mark.parametrize("name", WITH_CODE)
def test_a_page_runs_and_prints_what_it_says(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(automatic, "SECONDS", dict(automatic.SECONDS))  # which a page changes
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # which is what a user has
        for block, printed in _pages["run"](PAGES[name]):
            if block.output is not None:
                where = f"{name}:{block.line} prints\n{printed}and the page says\n{block.output}"
                assert same(printed, block.output), f"{where}python scripts/run_pages.py writes it anew"


def same(printed: str, told: str) -> bool:
    """Words are equal, numbers nearly: of rounding errors the order of magnitude alone; seconds are not compared."""
    words = [re.sub(r"\s+", " ", NUMBER.sub("#", text)).strip() for text in (printed, told)]
    return words[0] == words[1] and all(map(_near, NUMBER.findall(printed), NUMBER.findall(told)))


def _near(one: str, other: str) -> bool:
    if one.endswith(" s") and other.endswith(" s"):
        return True
    a, b = (float(text.replace("−", "-")) for text in (one, other))
    if max(abs(a), abs(b)) < 1e-7:
        return True
    small = max(abs(a), abs(b)) < 1e-2  # an error
    return math.isclose(a, b, rel_tol=0.5 if small else 0.02)


def test_numbers_are_compared_and_words_are():
    assert same("error 1.2e-05, 153 unknowns, 0.31 s\n", "error 1.4e-05,  153 unknowns, 4.5 s")
    assert not same("error 1.2e-05", "error 1.4e-03")
    assert not same("153 unknowns", "171 unknowns")
    assert not same("153 unknowns", "153 functions")


def test_every_block_that_is_not_run_says_why():
    for name, path in PAGES.items():
        text = path.read_text(encoding="utf-8")
        assert len(_pages["blocks"](text)) == len(re.findall(r"^```python", text, re.MULTILINE)), name


@pytest.mark.parametrize("name", PAGES)
def test_relative_links_lead_somewhere(name):
    """Sphinx tests anchors; here links work as those of plain files, too."""
    text = re.sub(r"^```.*?^```", "", PAGES[name].read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]+`", "", text) if name != "README.md" else text
    targets = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        if not re.match(r"https?:|mailto:", target):
            assert (PAGES[name].parent / target).exists(), f"{name} links to {target}"


@pytest.mark.parametrize(
    "name", [name for name in PAGES if name.startswith("scripts/docs/start/") and "index" not in name]
)
def test_a_notebook_is_its_page(name):
    """`python scripts/notebooks.py` writes them anew, and `--run` runs them."""
    cells = json.loads(PAGES[name].with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code"]
    assert code == [block.code.strip() for block in _pages["blocks"](PAGES[name].read_text(encoding="utf-8"))]


def test_every_public_name_is_in_the_reference_once():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "scripts" / "docs" / "api").glob("*.md"))
    found = re.findall(r"auto(?:class|function):: meshfree\.(\w+)$", text, re.MULTILINE)
    assert sorted(found) == sorted(set(mf.__all__) - {"losses"})


def test_every_error_is_explained_with_its_remedy():
    """`python scripts/error_messages.py` prints the rows that are missing, or left from errors that are gone."""
    texts, rows = set[str]().union(*_errors["messages"]().values()), _errors["explained"]()
    rows = {text: remedy for text, remedy in rows.items() if text not in ("message", "---")}
    assert sorted(texts - rows.keys()) == []
    assert sorted(rows.keys() - texts) == []
    assert [text for text, remedy in rows.items() if len(remedy) < 10] == []


def test_errors_are_found_however_they_are_made(tmp_path):
    source = """
def f(x, size):
    if x:
        raise ValueError(f"x is {x}, " "not this")
    raise _refusal(x, f"of size {size}") from None

def _refusal(x, text):
    return TypeError(f"{x} cannot be, as it is {text}")
"""
    calls = list(_errors["_calls"](ast.parse(source)))
    found = {_errors["shown"](_errors["text_of"](argument)) for call in calls for argument in call.args}
    assert found == {"x is …, not this", "…", "of size …", "… cannot be, as it is …"}
