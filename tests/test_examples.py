"""Every example runs as a user runs it, prints, and finds the number that it is pinned to."""

import runpy
from pathlib import Path

import jax
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "scripts" / "examples").glob("*.py"))
PINNED = {  # variables of the scripts; errors to a third of their size, which rounding may change
    "derivative_matrix": {"error": 9.6e-5},
    "flax_module": {"before": 0.193, "error": 0.0327},
    "gaussian_process": {"value_error": 3.0e-3, "value_band": 2.1e-3, "error": 1.8e-4, "band": 5.5e-3},
    "interpolate_data": {"error": 1.6e-4, "slope_error": 3.7e-3},
    "inverse_problem": {"error": 3.1e-4},
    "own_cloud": {"error": 3.0e-4},
    "own_kernel": {"error": 1.2e-5},
    "parameter_sweep": {"error": 9.6e-7},
    "refine_nodes": {"error": 8.6e-3, "even_error": 6.4e-2},
    "shape_optimization": {"error": 3.4e-5},
    "smooth_data": {"error": 2.5e-2},
    "solve_linear": {"error": 1.8e-6},
    "tune_scale": {"before": 2.3e-2, "error": 1.3e-4},
}


def test_there_are_thirteen_examples_each_pinned():
    assert [path.stem for path in EXAMPLES] == sorted(PINNED)
    assert len(EXAMPLES) == 13


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_finds_its_number(path, capsys):
    if path.stem == "flax_module":
        pytest.importorskip("flax")
    with jax.numpy_dtype_promotion("standard"):  # which is what a user has
        found = runpy.run_path(str(path))
    assert capsys.readouterr().out.count("\n") >= 1
    numbers = {name: float(found[name]) for name in PINNED[path.stem]}
    print(path.stem, numbers)
    assert numbers == pytest.approx(PINNED[path.stem], rel=0.35)
    if path.stem == "parameter_sweep":
        assert len(set(found["counts"])) == 1, "a new parameter was compiled again"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_what_it_shows(path):
    source = path.read_text(encoding="utf-8")
    assert 15 <= len(source.splitlines()) <= 35
    title = source.splitlines()[0]
    assert title.startswith('"""') and title.endswith(".")
    assert "Printed: " in source
