"""The plan of the house: rooms that import downwards only, short chains, few rooms on a walk, and a light door."""

import ast
import collections
import cProfile
import functools
import graphlib
import json
import os
import pstats
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import pytest
from shared_cases import SQUARE

import meshfree as mf

PACKAGE = Path(mf.__file__).parent

# Bottom up: a room imports from itself and from those before it. The page of design decisions draws the same order.
ROOMS = ["internal", "pde", "kernels", "linalg", "geometry", "spaces", "equations", "solving", "tuning", "plots", "run"]
LONGEST_CHAIN = 18
ROOMS_ON_A_WALK = 9

# DESIGN section 3: what other people's scripts call.
PROMISED = {
    "kernels": "Kernel Gaussian Matern Wendland Multiquadric InverseMultiquadric InverseQuadratic RationalQuadratic "
    "Polyharmonic",
    "operators": "derivative gradient hessian laplacian jacobian divergence biharmonic",
    "domains": "Surface Interval Box Ball Disk Polygon Annulus Capsule Curve Ellipse SignedDistance "
    "Cylinder Torus TriangleSurface",
    "clouds": "Cloud refine",
    "problems": "Problem dirichlet neumann robin",
    "spaces": "Collocation Eigenbasis Enriched Multilevel Stencils",
    "solutions": "Solution solve interpolate matrix indicator",
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


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else "meshfree"


def _floor(module: str) -> int:
    return ROOMS.index(_room(module)) if "." in module else len(ROOMS)


def _nodes(kind: type):
    """Every node of the kind in the package's code, with the parts of its path."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kind):
                yield path.relative_to(PACKAGE).parts, node


@pytest.fixture(scope="module")
def graph():
    return imports_of(PACKAGE)


def test_the_imports_form_a_dag(graph):
    assert {"meshfree.pde.operators", "meshfree.kernels", "meshfree.solving.solve"} <= graph["meshfree"]
    tuple(graphlib.TopologicalSorter(graph).static_order())  # CycleError shows the cycle


def test_every_module_stands_in_a_room():
    found = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py")}
    assert found == {"__init__.py", *ROOMS}


def test_no_room_imports_one_above_it(graph):
    for module, imported in graph.items():
        for other in imported:
            assert _floor(other) <= _floor(module), f"{module} imports {other}"


@pytest.mark.parametrize("room", ["pde", "kernels", "linalg", "geometry"])
def test_the_lower_rooms_stand_side_by_side(graph, room):
    """They know of the plumbing, and nothing of each other."""
    for module in graph:
        if _room(module) == room:
            assert {_room(other) for other in graph[module]} <= {room, "internal"}, module


def test_the_longest_chain_of_imports(graph):
    @functools.cache
    def chain(module):
        return max(((module, *chain(other)) for other in graph[module]), key=len, default=(module,))

    longest = max(map(chain, graph), key=len)
    print(len(longest), *longest, sep="\n")
    assert len(longest) <= LONGEST_CHAIN


def test_no_name_of_a_module_occurs_twice(graph):
    names = collections.Counter(module.rpartition(".")[2] for module in graph)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("room", ["spaces", "linalg"])
def test_spaces_and_matrices_are_asked_and_not_told_apart(room):
    """Outside of their own rooms nothing asks of which class a space, a matrix or its factor is."""
    classes = {node.name for _, node in _nodes(ast.ClassDef) if _[0] == room}
    for parts, call in _nodes(ast.Call):
        if getattr(call.func, "id", None) == "isinstance" and parts[0] != room:
            asked = {getattr(node, "id", getattr(node, "attr", None)) for node in ast.walk(call.args[1])}
            assert not asked & classes, f"{'/'.join(parts)}:{call.lineno}"


def test_the_documentation_draws_the_rooms_in_their_order():
    page = PACKAGE.parent / "scripts" / "docs" / "design_decisions.md"
    drawing = (
        page.read_text(encoding="utf-8")
        .partition("## The plan of the house")[2]
        .partition("```")[2]
        .partition("```")[0]
    )
    drawn = [line.split("/")[0].strip() for line in drawing.splitlines() if "/ " in line]
    assert drawn == ["meshfree", *reversed(ROOMS)]


@pytest.mark.parametrize(
    "space",
    [
        lambda: mf.Collocation(mf.Matern(5.5, 1.0), SQUARE.cloud(0.25)),
        lambda: mf.Stencils(mf.Polyharmonic(3), SQUARE.cloud(0.2), 2),
    ],
    ids=["dense", "stencils"],
)
def test_a_solve_walks_through_few_rooms(space):
    """From the cloud's nodes on: the entries of `meshfree/` that the call enters."""
    space, profile = space(), cProfile.Profile()
    problem = mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x) + jnp.sin(x[0]), boundary=mf.dirichlet(0.0))
    profile.runcall(mf.solve, problem, space)
    files = [Path(filename) for filename, _, _ in pstats.Stats(profile).stats]
    entered = {path.relative_to(PACKAGE).parts[0] for path in files if PACKAGE in path.parents}
    print(sorted(entered))
    assert {"solving", "equations", "spaces", "linalg", "pde"} <= entered
    assert len(entered) <= ROOMS_ON_A_WALK


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
    late = {"matplotlib", "meshio", "tyro", "tqdm", "optax", "shapely", "numba", "pypardiso", "trimesh", "contourpy"}
    late |= {"scipy.stats", "scipy.optimize", "scipy.interpolate", "scipy.fft", "jax.scipy.linalg"}
    assert not late & set(modules)


@pytest.mark.parametrize("noun", PROMISED)
def test_the_promised_names_exist(noun):
    assert set(PROMISED[noun].split()) <= set(mf.__all__)


def test_all_names_are_public_and_there():
    assert len(set(mf.__all__)) == len(mf.__all__)
    assert all(hasattr(mf, name) and not name.startswith("_") for name in mf.__all__)
    assert callable(mf.losses.residual)
    assert callable(mf.losses.leave_one_out)
