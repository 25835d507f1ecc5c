"""Which lines of meshfree ran: coverage without a trace function, which slows down all Python code, JAX's too.

Before every statement stands a mark of its line, put there where jaxtyping's import hook compiles meshfree. The lines
marked are handed to coverage.py when the tests have run.
"""

import ast
import importlib.machinery
import sys
import threading
from importlib.abc import MetaPathFinder
from unittest.mock import patch

import coverage

_MARKS = "__lines_that_ran__"
_WITHOUT = {"_solve_all", "_eliminated", "_substituted"}  # functions that Numba compiles, which knows no marks
_ran: dict[str, bytearray] = {}


def install() -> None:
    """Have lines marked where coverage is asked for, and stop its trace function; before meshfree is imported."""
    if coverage.Coverage.current() is not None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        sys.meta_path.insert(0, _Finder())


def hand_over() -> None:
    """Give coverage.py the lines that ran, before it saves them."""
    if (measured := coverage.Coverage.current()) is not None:
        measured.get_data().add_lines({path: [n for n, ran in enumerate(marks) if ran] for path, marks in _ran.items()})


class _Finder(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] != "meshfree":
            return None
        found = (finder.find_spec(fullname, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader.__class__ = _marking(type(spec.loader))
        return spec


def _marking(loader):
    """The same loader, which compiles with marks, and reads no compiled file, as that may be without them."""

    class Marking(loader):
        def get_code(self, fullname):
            return self.source_to_code(self.get_data(self.path), self.path)

        def source_to_code(self, data, path, *, _optimize=-1):
            with patch.object(sys.modules[loader.__module__], "compile", _compile_with_marks, create=True):
                return super().source_to_code(data, path, _optimize=_optimize)

        def exec_module(self, module):
            lines = self.get_data(self.path).count(b"\n") + 1
            vars(module)[_MARKS] = _ran.setdefault(self.path, bytearray(lines + 1))
            super().exec_module(module)

    return Marking


def _compile_with_marks(source, *args, **options):
    if isinstance(source, ast.Module):
        source = _Marker().visit(source)
    return compile(source, *args, **options)


class _Marker(ast.NodeTransformer):
    def visit_FunctionDef(self, node):
        return node if node.name in _WITHOUT else self.generic_visit(node)

    def generic_visit(self, node):
        super().generic_visit(node)
        for block in ("body", "orelse", "finalbody"):
            if isinstance(statements := getattr(node, block, None), list):
                setattr(node, block, _marked(statements))
        if isinstance(node, ast.ExceptHandler | ast.match_case):
            line = node.lineno if isinstance(node, ast.ExceptHandler) else node.pattern.lineno
            node.body.insert(0, _mark(line, node.body[0]))
        return node


def _marked(statements):
    """Every statement after its mark; docstrings without, and imports from the future before theirs."""
    marked = []
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            marked.append(statement)
            continue
        decorators = getattr(statement, "decorator_list", [])
        marks = [_mark(line, statement) for line in {statement.lineno, *(d.lineno for d in decorators)}]
        from_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        marked += [statement, *marks] if from_future else [*marks, statement]
    return marked


def _mark(line, beside):
    [mark] = ast.parse(f"{_MARKS}[{line}] = 1").body
    for node in ast.walk(mark):
        ast.copy_location(node, beside)
    return mark
