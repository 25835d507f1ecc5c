"""Every text of an error that meshfree raises, found in its source: what the page "When it fails" has to explain.

python scripts/error_messages.py prints those that the page lacks, as rows to be completed, and those that it has and
the source has not any more. `…` stands for what is filled in when the error is raised.
"""

import ast
import pathlib
import re
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE, PAGE = ROOT / "meshfree", ROOT / "scripts" / "docs" / "when_it_fails.md"
ROW = re.compile(r"^\| (?P<text>.+?) \| (?P<remedy>.*?) \|$", re.MULTILINE)


def text_of(node: ast.AST) -> str:
    """A string, or the parts of one that are known."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(value) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(node.left) + text_of(node.right)
    return "…"


def is_error(call: ast.AST) -> bool:
    """Whether it makes an exception: `ValueError(...)`, `_refusal(where, "...")`, `type(error)(...)`."""
    name = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
    return name.endswith("Error") or name in {"type(error)", "warnings.warn"}


def messages() -> dict[str, set[str]]:
    """The texts of every room."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0]
        for call in _calls(ast.parse(path.read_text(encoding="utf-8"))):
            for argument in call.args[:2]:
                text = shown(text_of(argument))
                if len(re.sub(r"[\W_]", "", text)) > 4 and " " in text:
                    found.setdefault(room, set()).add(text)
    return found


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Those that make exceptions or warnings, and those to helpers that do, of which `raise` is the sign."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_error(node):
            yield node
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and not is_error(node.exc):
            yield node.exc


def shown(text: str) -> str:
    """On one line, as a cell of a table."""
    return re.sub(r"(… ?)+(?=…)", "", " ".join(text.split())).replace("|", "\\|")


def explained() -> dict[str, str]:
    """The page's rows: text -> cause and remedy."""
    return {match["text"]: match["remedy"] for match in ROW.finditer(PAGE.read_text(encoding="utf-8"))}


def main() -> None:
    rows, found = explained(), messages()
    for room, texts in found.items():
        for text in sorted(texts - rows.keys()):
            print(f"{room}: | {text} |  |")
    for text in sorted(rows.keys() - set().union(*found.values()) - {"message", "---"}):
        print(f"not in the source: {text}")


if __name__ == "__main__":
    main()
