"""The installed command `meshfree`: problem scripts run, listed and begun, and what this machine has."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import tyro

from .command_line import Script, configure_jax, load_script, one_line_errors, run_script, shell_command
from .doctor import TITLE, machine, missing, self_test, versions
from .flags import script_and_flags
from .new_problem import write_problem
from .tables import aligned_rows

DESCRIPTION = """Solve partial differential equations that problem scripts describe.

Completion: meshfree --tyro-write-completion bash FILE, or zsh, and source FILE in the shell."""


def main(args: Sequence[str] | None = None) -> None:
    """The command `meshfree`: `run SCRIPT [flags]`, `new`, `list`, `doctor`, `info`.

    What is wrong is told in the words of tyro, or as one line, with status 2; `doctor` ends with status 1 where its
    self-test fails.
    """
    args = list(sys.argv[1:] if args is None else args) or ["--help"]
    with one_line_errors():
        if args[0] == "run" and len(args) > 1 and not args[1].startswith("-"):
            _run(args[1], args[2:])  # its flags are those of the script
            return
        others = {"new": new, "list": list_problems, "doctor": doctor, "info": info}
        commands: dict[str, Any] = {"run": script_and_flags(), **others}
        found: Any = tyro.extras.subcommand_cli_from_dict(commands, prog="meshfree", description=DESCRIPTION, args=args)
        if found is not None:
            raise ValueError("the script comes first: meshfree run SCRIPT [flags]")


def _run(path: str, args: Sequence[str]) -> None:
    module = load_script(path)
    command = shell_command("meshfree", "run", path, *args)
    script = Script(Path(path).stem, f"meshfree run {path}", module.__doc__ or "", str(module.__file__), command)
    run_script(module.problem, args, getattr(module, "DEFAULTS", {}), script)


def new(path: tyro.conf.Positional[Path], dim: Literal[1, 2, 3] = 2) -> None:
    """Write a commented problem script that runs, to change into your own.

    Args:
        path: The file, as my_problem.py. One that exists stays as it is.
        dim: Its dimension: a rod, a plate with a hole, or a ball with a cavity.
    """
    print(write_problem(path, dim))


def list_problems(folder: tyro.conf.Positional[Path] = Path("problems")) -> None:
    """List the problem scripts of a folder with their first lines.

    Args:
        folder: Where they are.
    """
    titles = {path: _title(path) for path in sorted(folder.glob("*.py"))} if folder.is_dir() else {}
    found = [(str(path), title) for path, title in titles.items() if title is not None]
    if not found:
        raise FileNotFoundError(f"no problem scripts in {folder.resolve()}; give the folder: meshfree list FOLDER")
    print(aligned_rows(found))


def _title(path: Path) -> str | None:
    """The first line of a problem script's docstring; None for a file that defines no `problem`."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return None
    defined = {getattr(node, "name", None) for node in tree.body}
    defined |= {ast.unparse(target) for node in tree.body for target in getattr(node, "targets", ())}
    return (ast.get_docstring(tree) or "").partition("\n")[0] if "problem" in defined else None


def info() -> None:
    """Print versions and what the machine has, for a bug report."""
    configure_jax()
    print(aligned_rows([*versions(), *machine()]))


def doctor() -> None:
    """Print the same, solve a small problem in every space, and tell what to install for more.

    It takes some ten seconds. Where an error is not as small as it should be, the status is 1.
    """
    info()
    print(f"\nself-test: {TITLE}")
    failed = []
    for verdict in self_test():
        print(f"  {verdict}", flush=True)
        failed += [verdict.space] * bool(verdict.problem)
    rows = missing()
    if rows:
        print("\nfor more:", aligned_rows([(f"  {how}", what) for how, what in rows]), sep="\n")
    if failed:
        print(
            f"the self-test failed in {', '.join(failed)}: solutions of this installation are not to be trusted. "
            "Another version of jaxlib may help; report it, please, with all of the above",
            file=sys.stderr,
        )
        raise SystemExit(1)
    print("\nall is well")
