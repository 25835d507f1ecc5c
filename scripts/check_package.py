"""The package as others get it: built, checked by twine, installed in a bare environment, and used there.

`python scripts/check_package.py [PYTHON ...]` takes the interpreters to try (default: the one that runs it), as
`python3.11 python3.12 python3.13`, needs the network for pip, and half a minute each beside what pip takes. Every
command that fails ends it with its status.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMOKE = """
import importlib.metadata, pathlib, sys
import meshfree as mf
home = pathlib.Path(mf.__file__).parent
assert home.is_relative_to(sys.prefix), f"not the installed package: {home}"
assert (home / "py.typed").is_file()
print(importlib.metadata.version("meshfree"), "on", sys.version.split()[0])
"""


def call(*words: object, cwd: Path) -> None:
    """Run a command there, and end with its status where it fails."""
    print("$", *words, flush=True)
    status = subprocess.run([str(word) for word in words], cwd=cwd).returncode
    if status:
        sys.exit(status)


def environment(folder: Path, python: str = sys.executable) -> Path:
    """The folder of programs of a new virtual environment."""
    if python == sys.executable:
        venv.create(folder, with_pip=True)
    else:
        call(python, "-m", "venv", folder, cwd=ROOT)
    return folder / ("Scripts" if sys.platform == "win32" else "bin")


def build(folder: Path) -> Path:
    """The wheel, made from the sdist, after both have passed twine."""
    tools = environment(folder / "tools")
    call(tools / "python", "-m", "pip", "install", "--quiet", "build", "twine", cwd=ROOT)
    call(tools / "python", "-m", "build", "--outdir", folder / "dist", ROOT, cwd=folder)
    files = sorted((folder / "dist").iterdir())
    call(tools / "python", "-m", "twine", "check", "--strict", *files, cwd=folder)
    return next(file for file in files if file.suffix == ".whl")


def use(wheel: Path, python: str, folder: Path) -> None:
    """Install the wheel with what it needs and nothing more, and do what a newcomer does."""
    folder.mkdir()
    programs = environment(folder / "venv", python)
    call(programs / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    call(programs / "python", "-c", SMOKE, cwd=folder)
    call(programs / "meshfree", "doctor", cwd=folder)
    call(programs / "meshfree", "new", "mine.py", cwd=folder)
    made = ["u.png", "u.npz", "u.html"]
    flags = [word for flag, name in zip(["--plot", "--save", "--report"], made, strict=True) for word in (flag, name)]
    call(programs / "python", "mine.py", "--space", "stencils", "--spacing", 0.1, *flags, cwd=folder)
    missing = [name for name in made if not (folder / name).stat().st_size]
    if missing:
        sys.exit(f"empty: {missing}")


def main(pythons: list[str]) -> None:
    """Build once, and use with every interpreter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        for number, python in enumerate(pythons):
            use(wheel, python, folder / f"bare{number}")
    print("the package is as it should be with", ", ".join(pythons))


if __name__ == "__main__":
    main(sys.argv[1:] or [sys.executable])
