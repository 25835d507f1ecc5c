"""The modules import each other in one direction only, and importing meshfree has no side effects."""

import ast
import graphlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import meshfree as mf

PACKAGE = Path(mf.__file__).parent

# DESIGN section 3: what other people's scripts call.
PROMISED = {
    "kernels": "Kernel Gaussian Matern Wendland Multiquadric InverseMultiquadric InverseQuadratic RationalQuadratic "
    "Polyharmonic",
    "operators": "derivative gradient hessian laplacian jacobian divergence biharmonic",
    "domains": "Interval Box Ball Disk Polygon Annulus Capsule Curve Ellipse SignedDistance "
    "Cylinder Torus TriangleSurface",
    "clouds": "Cloud refine",
    "problems": "Problem dirichlet neumann robin",
    "spaces": "Collocation Eigenbasis Multilevel Stencils",
    "solutions": "Solution solve interpolate matrix",
    "metrics": "error residual_norm integrate",
    "tuning": "tune losses",
    "pictures and scripts": "plot plot_quality run",
}


def imports_of(root: Path) -> dict[str, set[str]]:
    """Every module of the package at `root` -> the modules of it that it imports, in functions too."""
    modules = {_name(path, root): path for path in root.rglob("*.py")}
    return {
        name: {_module(found, modules) for found in _imported(name, path)} - {None, name}
        for name, path in modules.items()
    }


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(name: str, path: Path):
    """The dotted names that a module imports, relative ones resolved."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _module(imported: str, modules: dict) -> str | None:
    """The module that `imported` is, or is a name of."""
    while imported and imported not in modules:
        imported = imported.rpartition(".")[0]
    return imported or None


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """All that `start` imports, directly or not."""
    found, waiting = set(), [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


@pytest.fixture(scope="module")
def graph():
    return imports_of(PACKAGE)


def test_the_imports_form_a_dag(graph):
    assert {"meshfree.pde.operators", "meshfree.kernels", "meshfree.solving.solve"} <= graph["meshfree"]
    tuple(graphlib.TopologicalSorter(graph).static_order())  # CycleError shows the cycle


@pytest.mark.parametrize(("here", "there"), [("kernels", "pde"), ("pde", "kernels")])
def test_kernels_and_operators_know_nothing_of_each_other(graph, here, there):
    for module in graph:
        if f"{module}.".startswith(f"meshfree.{here}."):
            assert not [m for m in reachable(graph, module) if f"{m}.".startswith(f"meshfree.{there}.")], module


def test_the_checker_finds_imports_of_every_form(tmp_path):
    root = tmp_path / "pkg"
    (root / "sub").mkdir(parents=True)
    sources = {
        "__init__.py": "from .a import x",
        "a.py": "import numpy\nfrom pkg import b\nx = 1",
        "b.py": "def f():\n    from .sub import y\n    return y",
        "sub/__init__.py": "from .c import y",
        "sub/c.py": "from ..d import y\nfrom .. import x",
        "d.py": "if False:\n    import pkg.a as a\ny = 1",
    }
    for name, source in sources.items():
        (root / name).write_text(source)
    graph = imports_of(root)
    assert graph == {
        "pkg": {"pkg.a"},
        "pkg.a": {"pkg.b"},
        "pkg.b": {"pkg.sub"},
        "pkg.sub": {"pkg.sub.c"},
        "pkg.sub.c": {"pkg.d", "pkg"},
        "pkg.d": {"pkg.a"},
    }
    assert reachable(graph, "pkg.sub") == set(graph)
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(graph).prepare()


def test_importing_does_no_work():
    """The settings stay, no backend starts (there is none of that name), and what only `run` needs is not loaded."""
    code = "import sys, json, jax, meshfree; print(json.dumps([jax.config.jax_enable_x64, sorted(sys.modules)]))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment | {"JAX_PLATFORMS": "no_such_platform", "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    x64, modules = json.loads(done.stdout)
    assert x64 is False
    assert not {"matplotlib", "meshio", "tyro", "tqdm"} & set(modules)


@pytest.mark.parametrize("noun", PROMISED)
def test_the_promised_names_exist(noun):
    assert set(PROMISED[noun].split()) <= set(mf.__all__)


def test_all_names_are_public_and_there():
    assert len(set(mf.__all__)) == len(mf.__all__)
    assert all(hasattr(mf, name) and not name.startswith("_") for name in mf.__all__)
    assert callable(mf.losses.residual)
    assert callable(mf.losses.leave_one_out)
