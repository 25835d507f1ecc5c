"""Run the Python of documentation pages, and write what it prints below it.

    python scripts/run_pages.py                        all pages and the README (a few minutes)
    python scripts/run_pages.py start/first_solve.md   one page of scripts/docs

A page is one namespace, run from top to bottom in a temporary folder. What a block prints stands in the `text` block
that follows it; this script replaces that, `tests/test_pages.py` compares. A comment on the line before a block tells
of exceptions: `<!-- not run: why -->`, `<!-- needs: a package -->`.
"""

import contextlib
import importlib.util
import io
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from meshfree.solving import automatic

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "scripts" / "docs"
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>not run|needs): (?P<what>.+?) -->\n)?```python\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block of Python, with the text below it that it should print, None without one."""

    code: str
    output: str | None
    line: int  # where the code begins
    mark: str | None
    what: str | None

    @property
    def runs(self) -> bool:
        """Whether it is to be run, and can be here."""
        if self.mark == "needs":
            return all(importlib.util.find_spec(name) for name in self.what.split(", "))
        return self.mark is None


def pages() -> list[pathlib.Path]:
    """All pages, and the README."""
    return [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"]


def blocks(text: str) -> list[Block]:
    found = []
    for match in BLOCK.finditer(text):
        line = text[: match.start("code")].count("\n") + 1
        found.append(Block(match["code"], match["output"], line, match["mark"], match["what"]))
    return found


def run(path: pathlib.Path) -> Iterator[tuple[Block, str]]:
    """Every block that runs, with what it prints; errors have the page's lines. No clock decides what comes out."""
    automatic.SECONDS.update(dict.fromkeys(automatic.SECONDS, 600.0))
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.runs:
            code = compile("\n" * (block.line - 1) + block.code, str(path), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, names)
            yield block, printed.getvalue()


@contextlib.contextmanager
def temporary_folder() -> Iterator[pathlib.Path]:
    """A new folder to be in, so that pages may write files."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield pathlib.Path(folder)
        finally:
            os.chdir(before)


def rewritten(path: pathlib.Path) -> str:
    """The page with what its blocks print now."""
    text = path.read_text(encoding="utf-8")
    with temporary_folder():
        printed = {block.line: output for block, output in run(path)}

    def renewed(match: re.Match) -> str:
        line = text[: match.start("code")].count("\n") + 1
        if match["output"] is None or line not in printed:
            return match[0]
        code = match[0][: match.start("output") - match.start()]
        return f"{code}{printed[line].rstrip()}\n```\n"

    return BLOCK.sub(renewed, text)


def main() -> None:
    chosen = [DOCS / name if (DOCS / name).exists() else ROOT / name for name in sys.argv[1:]] or pages()
    for path in chosen:
        path.write_text(rewritten(path), encoding="utf-8")
        print(path.relative_to(ROOT), flush=True)


if __name__ == "__main__":
    main()
