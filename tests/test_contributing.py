"""The code in CONTRIBUTING.md runs as it stands there, and what it names is there."""

import re
from pathlib import Path

import jax
import pytest
from test_imports import ROOMS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALKS = re.findall(r"^## (A new \w+)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
CODE = {title: re.findall(r"^```python\n(.*?)^```", walk, re.DOTALL | re.MULTILINE) for title, walk in WALKS}


def test_there_are_four_walks_with_a_block_of_code_each():
    assert list(CODE) == ["A new kernel", "A new space", "A new shape", "A new problem"]
    assert all(len(blocks) == 1 and "assert" in blocks[0] for blocks in CODE.values())


def test_the_code_runs_from_top_to_bottom():
    namespace = {"__name__": "contributing"}
    with jax.numpy_dtype_promotion("standard"):  # which is what a reader has
        for title, (code,) in CODE.items():
            exec(compile(code, f"CONTRIBUTING.md, {title}", "exec"), namespace)


def test_it_names_the_rooms_in_their_order():
    named = re.search(r"rooms, bottom up: ([a-z,\s]+)\.", TEXT)[1]
    assert re.split(r",\s+", named) == ROOMS


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w./]+/[\w./]*)`", TEXT))))
def test_the_files_and_folders_it_names_are_there(path):
    assert (ROOT / path).exists() or (ROOT / "meshfree" / path).exists()
