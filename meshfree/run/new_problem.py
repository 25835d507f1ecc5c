"""The script that `meshfree new` writes: a problem to change into one's own, which runs as it is."""

from __future__ import annotations

import string
from pathlib import Path
from typing import NamedTuple

from ..internal.files import check_target, replaced


class _Shape(NamedTuple):
    """What depends on the dimension."""

    title: str
    code: str  # that makes the domain
    part: str  # of its boundary, which has a condition of its own
    condition: str
    meaning: str
    others: str  # the parts that are not named
    defaults: str


SHAPES = {
    1: _Shape(
        "Heat in a rod: −u″ = source on (0, 1), insulated on the left, u = 0 on the right",
        "domain = mf.Interval(0.0, 1.0)  # its parts are called left and right",
        "left",
        "mf.neumann(0.0)",
        "the derivative along the outward normal; a number, or a function of x",
        "right",
        '{"tol": 1e-6}',
    ),
    2: _Shape(
        "Heat in a plate with a hole: −Δu = source on a polygon, insulated at the hole, u = 0 outside",
        "outline = [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.6), (0.0, 1.0)]  # the corners, one after the other\n"
        '    sides = ["bottom", "right", "roof", "roof", "left"]  # the part of each edge\n'
        '    domain = mf.Polygon(outline, names=sides) - mf.Disk((0.9, 0.7), 0.3, name="hole")',
        "hole",
        "mf.neumann(0.0)",
        "the derivative along the outward normal; a number, or a function of x",
        "bottom, right, roof, left",
        '{"tol": 1e-2}',
    ),
    3: _Shape(
        "Heat in a ball with a cavity: −Δu = source on a ball, u = 1 in the cavity, u = 0 outside",
        'domain = mf.Ball() - mf.Ball((0.2, 0.0, 0.0), 0.4, name="cavity")',
        "cavity",
        "mf.dirichlet(1.0)",
        "the value of u; a number, or a function of x",
        "the outer sphere",
        '{"space": "stencils", "spacing": 0.1}',
    ),
}

SCRIPT = string.Template('''\
"""$title."""

# Above: what it is, a colon and the equation, as `meshfree list`, --help and --report show it; more lines may follow.

import meshfree as mf

# What holds unless a flag says otherwise; `python $name --help` explains all flags.
# {"tol": 1e-4}: spaces are tried until the estimated relative error is below that.
# {"space": "stencils", "spacing": 0.05, "degree": 4}: a space and nodes of your own choice.
DEFAULTS = $defaults


def problem(source: float = 1.0) -> mf.Problem:
    # The arguments, each with a default, become flags: --source 2.
    $code

    def equation(u, x):
        """What is zero at ONE point x, of shape ($dim,), where u solves the equation.

        u(x) is a number; mf.gradient(u)(x) is ($dim,), mf.laplacian(u)(x) a number; x[0] is the first coordinate.
        For functions such as the sine use jax.numpy, not numpy.
        """
        return -mf.laplacian(u)(x) - source

    return mf.Problem(
        domain,
        interior=equation,
        $part=$condition,  # $meaning
        boundary=mf.dirichlet(0.0),  # u on all parts that are not named here: $others
        # robin(a, b, g) is a u + b u_n = g; any other condition is a function (u, x, n) that is zero, n the normal.
        # exact=lambda x: ...,  # the solution, if you know it: its true error is printed then
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
''')


def write_problem(path: Path, dim: int = 2) -> str:
    """Write the script for one, two or three dimensions, and say in a few lines what to do with it.

    Raises ValueError for another extension, FileExistsError for a file that exists, and as `check_target`.
    """
    if path.suffix != ".py":
        raise ValueError(f"a problem script is a .py file; got {path}: meshfree new {path.with_suffix('.py')}")
    if path.exists():
        raise FileExistsError(f"{path} exists, and nothing is overwritten: give another name, or remove it first")
    check_target(path)
    shape = SHAPES[dim]
    text = SCRIPT.substitute(shape._asdict(), name=path.name, dim=dim)
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    picture = path.with_suffix(".png").name
    return "\n".join(
        [
            f"{path}: {shape.title}",
            f"  python {path} --plot {picture}   solves it and draws the solution",
            f"  python {path} --report {path.with_suffix('.html').name}   the same on a page, with all figures",
            f"  python {path} --help   all flags",
        ]
    )
