"""The marks that stand for a trace function: the same lines, and the same program."""

import ast
import sys

import counted_lines
import pytest

PROGRAM = '''"""Of all kinds of statements."""
from __future__ import annotations
import functools
from contextlib import nullcontext


@functools.cache
def looked_up(name):
    """Not a statement."""
    match name:
        case "one":
            return 1
        case _:
            number = 2
    return number


class Pair:
    """Nor this."""
    first: int = 3

    @property
    @functools.cache
    def second(self):
        try:
            raise KeyError("four")
        except KeyError:
            return 4
        finally:
            self.closed = True


def never(x):
    if x:
        return x
    return -x


found = []
for name in ("one", "two"):
    found.append(looked_up(name)); found.append(0)
else:
    found.append(Pair().first)
while len(found) < 6:
    with nullcontext():
        found.append(Pair().second)
if not found:
    never(1)
elif len(found) == 7:
    never(2)
else:
    doubled = (lambda: [2 * n for n in found])()
'''


def traced(program):
    """What it leaves behind, and the lines that a trace function sees."""
    lines, names, before = set(), {}, sys.gettrace()

    def trace(frame, event, arg):
        if frame.f_code.co_filename != "program.py":
            return None
        if event == "line":
            lines.add(frame.f_lineno)
        return trace

    sys.settrace(trace)
    try:
        exec(compile(program, "program.py", "exec", dont_inherit=True), names)
    finally:
        sys.settrace(before)
    return names, lines


def marked(program):
    marks = bytearray(program.count("\n") + 2)
    names = {counted_lines._MARKS: marks}
    tree = ast.parse(program, "program.py")
    exec(counted_lines._compile_with_marks(tree, "program.py", "exec", dont_inherit=True), names)
    return names, {line for line, ran in enumerate(marks) if ran}


def test_the_lines_are_those_of_a_trace_function():
    expected, lines = traced(PROGRAM)
    found, marks = marked(PROGRAM)
    statements = {n.lineno for n in ast.walk(ast.parse(PROGRAM)) if isinstance(n, ast.stmt | ast.ExceptHandler)}
    assert found["doubled"] == expected["doubled"] == [2, 0, 4, 0, 6, 8]
    assert found["looked_up"].__doc__ == "Not a statement." and found["Pair"].__doc__ == "Nor this."
    assert marks & statements == lines & statements - docstrings(PROGRAM)
    missed = [PROGRAM.splitlines()[line - 1].strip() for line in sorted(statements - marks - docstrings(PROGRAM))]
    assert missed == ["if x:", "return x", "return -x", "never(1)", "never(2)"]


def docstrings(program):
    """The lines of bare constants, which coverage.py does not count."""
    bare = (node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Expr))
    return {node.lineno for node in bare if isinstance(node.value, ast.Constant)}


def test_meshfree_is_counted(request):
    if request.config.option.no_cov or not request.config.option.cov_source:
        pytest.skip("without coverage")
    import meshfree.pde.jets

    assert sum(vars(meshfree.pde.jets)[counted_lines._MARKS]) > 20
    assert sys.gettrace() is None
