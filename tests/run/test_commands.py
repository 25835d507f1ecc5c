"""The command `meshfree`: scripts run, listed and begun, and what the machine has."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import meshfree as mf
from meshfree.internal import extras
from meshfree.run import command_line, commands, doctor
from meshfree.run.commands import main
from meshfree.run.new_problem import SHAPES, write_problem

ROOT = Path(__file__).parents[2]
SCRIPT = '''"""A rod: −u″ = 2, u = 0 at both ends.

More on it.
"""

import meshfree as mf

DEFAULTS = {"degree": 6, "spacing": 0.1}


def problem(load: float = 2.0) -> mf.Problem:
    def poisson(u, x):
        return mf.laplacian(u)(x) + load

    return mf.Problem(mf.Interval(), interior=poisson, boundary=mf.dirichlet())
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rod.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "helper.py").write_text("x = 1\n")
    (tmp_path / "broken.py").write_text("def (\n")
    (tmp_path / "given.py").write_text(
        SCRIPT.replace("def problem", "def make") + "\n\nproblem = make()\n", encoding="utf-8"
    )
    return tmp_path


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """Those of JAX are the tests' own."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(command_line, "configure_jax", lambda: None)
    monkeypatch.setattr(commands, "configure_jax", lambda: None)


def rows(text: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in text.splitlines())


def refused(capsys, args) -> str:
    """What is said of a command that exits with status 2, without the box around it, and on one line."""
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return " ".join(printed.err.translate(dict.fromkeys(map(ord, "╭╮╰╯│─"))).split())


def test_run_solves_a_script_with_its_defaults(folder, capsys):
    main(["run", str(folder / "rod.py"), "--load", "1.5"])
    table = rows(capsys.readouterr().out)
    assert table["problem"] == "rod(load=1.5)"
    assert "Eigenbasis of degree 6" in table["space"]


def test_run_solves_a_script_with_a_given_problem(folder, capsys):
    main(["run", str(folder / "given.py")])
    assert rows(capsys.readouterr().out)["problem"] == "given()"


def test_run_shows_the_help_of_a_script(folder, capsys):
    with pytest.raises(SystemExit):
        main(["run", str(folder / "rod.py"), "--help"])
    shown = capsys.readouterr().out
    assert "A rod: −u″ = 2" in shown
    assert "--load FLOAT" in shown
    assert "meshfree run" in shown


def test_list_shows_the_problem_scripts_of_a_folder(folder, capsys, monkeypatch):
    main(["list", str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert [Path(line.split()[0]).name for line in lines] == ["given.py", "rod.py"]
    assert lines[1].endswith("  A rod: −u″ = 2, u = 0 at both ends.")
    monkeypatch.chdir(ROOT)
    main(["list"])
    assert len(capsys.readouterr().out.splitlines()) >= 12


def test_a_reader_that_has_seen_enough_is_no_error():
    code = f"from meshfree.run.commands import main; main(['list', {str(ROOT / 'problems')!r}])"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes) as reading:
        reading.stdout.close()
        assert reading.stderr.read() == b""
    assert reading.returncode == 141


@pytest.mark.parametrize("args", [[], ["--help"], ["-h"]])
def test_without_a_command_the_commands_are_shown(args, capsys):
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"• {command} " in shown for command in ("run", "new", "list", "doctor", "info"))
    assert "--tyro-write-completion bash FILE" in shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["solve"], "Available subcommands: run, new, list, doctor, info"),
        (["run"], "Missing from meshfree run: SCRIPT"),
        (["run", "--plot", "u.png"], "Missing from meshfree run: SCRIPT"),
        (["run", "--plot", "u.png", "rod.py"], "error: the script comes first: meshfree run SCRIPT [flags]"),
        (["run", "nowhere.py"], "error: no problem script at nowhere.py"),
        (["run", "{folder}/helper.py"], "defines no `problem`"),
        (["run", "{folder}/u.txt"], "a problem script is a .py file"),
        (["run", "{folder}/rod.py", "--lod", "1"], "Unrecognized options: --lod, 1"),
        (["run", "{folder}/rod.py", "--report", "{folder}/no/u.html"], "no of u.html does not exist; make it first"),
        (["list", "{folder}/nowhere"], "no problem scripts in"),
        (["new"], "Missing from meshfree new: PATH"),
        (["new", "{folder}/mine"], "a problem script is a .py file; got {folder}/mine: meshfree new {folder}/mine.py"),
        (["new", "{folder}/no/mine.py"], "there is no folder {folder}/no to write mine.py in; create it first"),
        (["new", "{folder}/mine.py", "--dim", "4"], "invalid choice '4' for argument '--dim'"),
        (["doctor", "--fast"], "Unrecognized options: --fast"),
    ],
)
def test_bad_commands_are_explained_with_status_2(folder, capsys, args, message):
    (folder / "u.txt").write_text("no script")
    said = refused(capsys, [arg.format(folder=folder) for arg in args])
    assert "".join(message.format(folder=folder).split()) in "".join(said.split())


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_flags(capsys, shell):
    with pytest.raises(SystemExit) as stop:
        main(["--tyro-print-completion", shell])
    assert stop.value.code in (0, None)
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("doctor", "--dim", "--kernel-order", "--report", "inverse-multiquadric"))


COMPLETED = """source {file}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="{words}"; COMP_POINT=${{#COMP_LINE}}
_tyro_meshfree meshfree "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
echo "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_the_flags_of_a_script_and_their_values(tmp_path):
    with pytest.raises(SystemExit):
        main(["--tyro-write-completion", "bash", str(tmp_path / "complete")])

    def completed(words):
        script = COMPLETED.format(file=tmp_path / "complete", words=words)
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        return sorted(done.stdout.split())

    assert completed("meshfree do") == ["doctor"]
    assert completed("meshfree run heat.py --ke") == ["--kernel", "--kernel-order"]
    assert completed("meshfree run heat.py --kernel in") == ["inverse-multiquadric", "inverse-quadratic"]


# ------------------------------------------------------------------------------------------------- `meshfree new`


@pytest.mark.parametrize("dim", SHAPES)
def test_what_new_writes_runs_as_it_is(tmp_path, capsys, dim):
    path = tmp_path / "mine.py"
    main(["new", str(path), "--dim", str(dim)])
    told = capsys.readouterr().out
    assert told.startswith(f"{path}: Heat in a ") and f"python {path} --plot mine.png" in told
    main(["run", str(path), "--source", "2"])
    table = rows(capsys.readouterr().out)
    assert table["problem"] == "mine(source=2)"
    if dim < 3:  # a tolerance was asked for, and is not missed
        assert float(table["estimate"].split()[0]) < {1: 1e-6, 2: 1e-2}[dim] / 3


def test_the_solution_of_the_script_for_the_line_is_known(tmp_path):
    """−u″ = 2, u′ = 0 on the left, u = 0 on the right: u = 1 − x²."""
    write_problem(tmp_path / "mine.py", 1)
    namespace = {"__name__": "mine"}
    exec((tmp_path / "mine.py").read_text(encoding="utf-8"), namespace)
    X = jnp.linspace(0.0, 1.0, 7)
    assert jnp.allclose(mf.solve(namespace["problem"](2.0), tol=1e-8)(X), 1 - X**2, atol=1e-9)


def test_new_lets_a_file_be(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text("mine")
    assert "exists, and nothing is overwritten: give another name" in refused(capsys, ["new", str(path)])
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("dim", [2, 3])
def test_flags_choose_another_space_for_it(tmp_path, capsys, dim):
    path = tmp_path / "mine.py"
    write_problem(path, dim)
    main(["run", str(path), "--space", "stencils", "--spacing", "0.2", "--degree", "2"])
    table = rows(capsys.readouterr().out)
    assert "polynomials of degree 2" in table["space"] and "estimate" not in table


@pytest.mark.parametrize("dim", SHAPES)
def test_what_new_writes_is_in_the_house_style(tmp_path, dim):
    path = tmp_path / "mine.py"
    write_problem(path, dim)
    for check in (["check", "--select", "E,W,F,I,B,UP"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *check, "--line-length", "120", "--isolated", str(path)]
        subprocess.run(command, check=True, capture_output=True)


# ------------------------------------------------------------------------------------------------ `meshfree doctor`


def test_info_prints_versions_and_the_machine_for_a_bug_report(capsys):
    main(["info"])
    shown = rows(capsys.readouterr().out)
    assert shown["jax"] == jax.__version__
    assert {"python", "meshfree", "numpy", "devices", "blas", "solvers", "memory", "movies", "cache"} <= set(shown)
    assert "superlu" in shown["solvers"] and "krylov" in shown["solvers"]
    assert re.search(r"[\d.]+ GiB for this process, [\d.]+ GiB free", shown["memory"])


@pytest.fixture
def cache(tmp_path):
    """A folder for compiled programs that is not there yet; what was set is put back."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "cache" / "jax"))
    yield tmp_path / "cache" / "jax"
    jax.config.update("jax_compilation_cache_dir", before)


def test_the_cache_is_counted_and_one_that_cannot_be_written_is_told(cache, monkeypatch):
    assert dict(doctor.machine())["cache"] == f"{cache}, 0 files, 0 MiB"
    cache.mkdir(parents=True)
    (cache / "program").write_bytes(bytes(3 * 2**20))
    assert dict(doctor.machine())["cache"] == f"{cache}, 1 files, 3 MiB"
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert "cannot be written: every process compiles anew" in dict(doctor.machine())["cache"]
    jax.config.update("jax_compilation_cache_dir", None)
    assert dict(doctor.machine())["cache"].startswith("none: ")


def test_an_accelerator_is_told_with_its_memory(accelerator):
    assert "; cuda:0 (a card for tests) is used, 1.0 GiB of it; " in doctor.devices()


@pytest.mark.parametrize("space", doctor.TRIALS)
def test_a_space_passes_its_trial(monkeypatch, space):
    trial = doctor.TRIALS[space]
    monkeypatch.setattr(doctor, "TRIALS", {space: trial})
    (verdict,) = doctor.self_test()
    assert verdict.problem == "" and type(trial.make()).__name__ == space
    assert trial.most / 20 < verdict.error < trial.most / 3, "not at the edge, and no bar that anything passes"


def test_doctor_says_that_all_is_well(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "TRIALS", {"Eigenbasis": doctor.TRIALS["Eigenbasis"]})
    main(["doctor"])
    shown = capsys.readouterr().out
    assert re.search(r"Eigenbasis +91 unknowns, error [\d.e-]+, [\d.]+ s  ok", shown)
    assert shown.endswith("all is well\n")


def broken():
    raise ZeroDivisionError("of two\nlines")


@pytest.mark.parametrize(
    ("trial", "told"),
    [
        (doctor.TRIALS["Eigenbasis"]._replace(most=1e-20), "FAILED: at most 1e-20 is expected"),
        (doctor.TRIALS["Eigenbasis"]._replace(make=broken), "FAILED: ZeroDivisionError: of two lines"),
    ],
    ids=["error", "exception"],
)
def test_a_failed_self_test_is_told_with_status_1_and_the_others_are_tried(monkeypatch, capsys, trial, told):
    monkeypatch.setattr(doctor, "TRIALS", {"First": trial, "Second": doctor.TRIALS["Eigenbasis"]})
    with pytest.raises(SystemExit) as stop:
        main(["doctor"])
    assert stop.value.code == 1
    printed = capsys.readouterr()
    first, second = (line for line in printed.out.splitlines() if line.startswith(("  First ", "  Second ")))
    assert first.endswith(told) and second.endswith("ok")
    assert printed.err.startswith("the self-test failed in First: ")


def test_doctor_names_what_to_install_for_more(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "numba" else object())
    assert doctor.missing() == [("pip install 'meshfree[fast]'", f"{doctor.EXTRAS['fast'].purpose} (numba)")]


def test_the_extras_and_packages_of_doctor_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements):
        return {re.split("[>=; ]", requirement)[0] for requirement in requirements}

    assert names(project["dependencies"]) | {"jaxlib"} == set(doctor.PACKAGES)
    for name, extra in doctor.EXTRAS.items():
        assert names(project["optional-dependencies"][name]) == set(extra.modules)
    assert set(extras.EXTRAS.values()) <= set(doctor.EXTRAS)
