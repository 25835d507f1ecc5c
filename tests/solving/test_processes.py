"""Two processes, started by mpiexec, find what one finds; and what happens where one fails.

They run on Python 3.12, for which `.ci/run` makes an environment; the processes themselves are in `two_processes.py`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("petsc4py", reason="petsc4py is not installed: extra petsc, and its wheels are for Python 3.12")
pytest.importorskip("mpi4py", reason="mpi4py is not installed: extra petsc")
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
if MPIEXEC is None:
    pytest.skip("there is no mpiexec", allow_module_level=True)
AGREE = 1e-10  # relative
ENDS_WITHIN = 10.0  # seconds, that the others live on where one is killed


def started(task, folder):
    program = [sys.executable, str(Path(__file__).with_name("two_processes.py")), task, str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PMI", "MPI_", "HYD"))}
    return subprocess.Popen(
        [MPIEXEC, "-n", "2", *program],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def results(task, folder):
    process = started(task, folder)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    lines = [line for line in output.splitlines() if line.startswith("result ")]
    return [json.loads(line.split(" ", 2)[2]) for line in sorted(lines)], errors, output


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("solved")
    return *results("solve", folder), folder


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    return results("refuse", tmp_path_factory.mktemp("refused"))[0]


CASES = ["linear", "nonlinear", "cube", "graded", "system", "heat", "gradient", "values", "residual", "loaded"]


@pytest.mark.parametrize("case", CASES)
def test_two_processes_find_the_solution_of_one(solved, case):
    assert max(found[case] for found in solved[0]) < AGREE


def test_they_take_the_same_steps_in_time(solved):
    assert all(found["steps"][0] == found["steps"][1] for found in solved[0])


def test_each_tells_of_its_share(solved):
    first, second = solved[0][0]["processes"]
    assert solved[0][1]["processes"] == [first, second]
    assert abs(first["nodes"] - second["nodes"]) <= 1
    assert first["iterations"] == second["iterations"] > 0
    assert min(first["sent"], second["sent"], first["memory"], second["memory"]) > 0


def test_a_parallel_file_has_every_simplex_once(solved):
    meshio = pytest.importorskip("meshio")
    folder = solved[3]
    index = (folder / "u.pvtu").read_text()
    pieces = [meshio.read(path) for path in sorted((folder / "u").iterdir())]
    assert len(pieces) == 2 and index.count("<Piece") == 2
    assert all(f'Name="{name}"' in index for piece in pieces for name in piece.point_data)
    areas = []
    for piece in pieces:
        corners = piece.points[piece.cells_dict["triangle"]]
        sides = corners[:, 1:] - corners[:, :1]
        areas.append(abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]).sum() / 2)
    assert sum(areas) == pytest.approx(1.0, rel=1e-9)
    assert abs(areas[0] - areas[1]) < 0.2


def test_the_first_process_draws_and_nothing_is_left_beside(solved):
    assert {path.name for path in solved[3].iterdir()} == {"u", "u.npz", "u.pvtu", "u.png"}


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("mean", "mean= is not solved by several processes together"),
        ("points", "points= is not solved by several processes together"),
        ("nodes", "the processes have different nodes"),
        ("space", "several processes share the equations of Stencils"),
        ("jit", "outside of jit and vmap"),
        ("options", "PETSc fails with the options '-pc_type nonsense'"),
    ],
)
def test_what_they_do_not_solve_together(refused, case, words):
    assert all(words in found[case] for found in refused)


def test_an_error_of_one_ends_all_with_one_message(tmp_path):
    process = started("fail", tmp_path)
    output, errors = process.communicate(timeout=300)
    assert process.returncode != 0
    assert errors.count("Traceback") == 1 and "ArithmeticError: of the second process" in errors
    assert "result" not in output and not (tmp_path / "u.pvtu").exists()


def test_a_killed_process_ends_the_others_and_leaves_no_half_written_file(tmp_path):
    process = started("kill", tmp_path)
    assert process.stdout.readline() == "killed\n"
    process.communicate(timeout=ENDS_WITHIN)
    assert process.returncode != 0
    assert not (tmp_path / "u.pvtu").exists()
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".tmp"]
