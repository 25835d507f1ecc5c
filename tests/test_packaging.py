"""What is built and shipped: the wheel and the sdist, one version everywhere, and the files for GitHub."""

import ast
import email
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SHIPPED = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "meshfree").rglob("*")
    if path.is_file() and path.suffix != ".pyc"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the wheel and the sdist, made as pip makes them, without the network."""
    backend = pytest.importorskip("hatchling.build", reason="hatchling is in the extra `test`")
    folder, before = tmp_path_factory.mktemp("dist"), Path.cwd()
    os.chdir(ROOT)
    try:
        backend.build_wheel(str(folder))
        backend.build_sdist(str(folder))
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def metadata(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_string(wheel.read(name).decode("utf-8"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert sorted(names) == SHIPPED and "meshfree/py.typed" in names
    licences = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    assert len(licences) == 1
    assert Path(wheel.filename).name == f"meshfree-{PROJECT['version']}-py3-none-any.whl"


def test_the_wheel_says_what_it_is_and_needs(wheel):
    told = metadata(wheel)
    assert (told["Name"], told["Version"]) == ("meshfree", PROJECT["version"])
    assert told["Requires-Python"] == ">=3.11"
    classifiers = told.get_all("Classifier")
    assert [f"Programming Language :: Python :: 3.{minor}" in classifiers for minor in range(10, 15)] == [
        *(False, True, True, True, False)
    ]
    assert "Typing :: Typed" in classifiers
    needed = [line for line in told.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(re.split(r"[>=]", line)[0] for line in needed) == sorted(
        re.split(r"[>=]", line)[0] for line in PROJECT["dependencies"]
    )
    assert "# meshfree" in told.get_payload()


def test_the_command_of_the_wheel_is_there(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    module, _, function = re.search(r"^meshfree = (\S+)$", wheel.read(name).decode(), re.MULTILINE)[1].partition(":")
    source = wheel.read(f"{module.replace('.', '/')}.py").decode("utf-8")
    assert function in {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def test_the_sdist_can_be_tested(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml", ".ci/run"} <= names
    assert {"tests/conftest.py", "problems/poisson_disk.py", "scripts/check_package.py", *SHIPPED} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".venv", ".git/"))]


def test_twine_has_nothing_to_say(built):
    pytest.importorskip("twine", reason="twine is in the extra `test`")
    files = [str(path) for path in built.iterdir()]
    done = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_version_stands_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == PROJECT["version"]
    newest, date = re.search(r"^## ([\d.]+) \((.+)\)$", changes, re.MULTILINE).groups()
    assert newest == PROJECT["version"]
    assert re.search(r"^date-released: (.+)$", citation, re.MULTILINE)[1] == date


def test_github_runs_what_is_run_here():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert "run: bash .ci/run" in workflow
    for minor in (11, 12, 13):
        assert f'"3.{minor}"' in workflow and f"python3.{minor}" in workflow
    assert (ROOT / "scripts" / "check_package.py").is_file()


def test_a_bare_environment_solves_plots_and_reports():
    """Minutes, and the network: pip installs the wheel and what it needs into an empty environment."""
    done = subprocess.run([sys.executable, ROOT / "scripts" / "check_package.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the package is as it should be" in done.stdout
