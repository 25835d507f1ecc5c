"""Whether an equation is linear: it is where its derivative by the unknowns is not computed from the unknowns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


def depends_on_input(function: Callable, *inputs: Any, known: tuple = ()) -> bool:
    """Whether any output of `function(*inputs, *known)` is computed from the inputs, as read off the traced program.

    True also where the inputs cancel out: only what the program says counts, no values do.
    """
    return any(_tainted_outputs(*_traced(function, inputs, known), set()))


def hides_nan(function: Callable, *inputs: Any, known: tuple = ()) -> bool:
    """Whether NaN among the inputs need not make an output NaN: they are compared, sorted or given away."""
    met = set[str]()
    _tainted_outputs(*_traced(function, inputs, known), met)
    return not met.isdisjoint(_COMPARING | _GIVING_AWAY)


_COMPARING = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "is_finite", "argmax", "argmin", "sort", "top_k"})
_GIVING_AWAY = frozenset({"while", "cond", "scan", "pure_callback", "io_callback"})


def _traced(function: Callable, inputs: tuple, known: tuple) -> tuple[Any, list[bool]]:
    """The program of a function, and which of its inputs are those in question."""
    jaxpr = jax.make_jaxpr(function)(*inputs, *known).jaxpr
    count = len(jaxpr.invars) - len(jax.tree.leaves(known))
    return jaxpr, [index < count for index in range(len(jaxpr.invars))]


def _tainted_outputs(jaxpr, tainted_inputs: list[bool], met: set[str]) -> list[bool]:
    """Which outputs are computed from the tainted inputs; `met` collects the operations on what is tainted."""
    tainted = {variable for variable, taint in zip(jaxpr.invars, tainted_inputs, strict=True) if taint}

    def is_tainted(atom) -> bool:
        return not hasattr(atom, "val") and atom in tainted  # a literal carries its value, and is not hashable

    for equation in jaxpr.eqns:
        inputs = [is_tainted(atom) for atom in equation.invars]
        if any(inputs):
            branches = _known_branches(equation, inputs)
            if branches is None:
                met.add(equation.primitive.name)
                inner = inner_program(equation)
                # without a program to look into, an operation counts as a whole
                outputs = [True] * len(equation.outvars) if inner is None else _tainted_outputs(inner, inputs, met)
            else:
                outputs = list(
                    map(any, zip(*(_tainted_outputs(one, inputs[1:], met) for one in branches), strict=True))
                )
            tainted.update(v for v, taint in zip(equation.outvars, outputs, strict=True) if taint)
    return [is_tainted(atom) for atom in jaxpr.outvars]


def _known_branches(equation, tainted_inputs: list[bool]) -> list | None:
    """The programs of a `cond` that what is tainted does not choose from, as that by platform in `jnp.diag`."""
    if equation.primitive.name != "cond" or tainted_inputs[0]:
        return None
    return [branch.jaxpr for branch in equation.params["branches"]]


def inner_program(equation):
    """The program of a plain call such as a jitted function's, with the operands as its inputs; None for others."""
    if equation.primitive.name not in (
        "jit",
        "pjit",
        "closed_call",
        "custom_jvp_call",
        "custom_vjp_call",
        "checkpoint",
    ):
        return None
    inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
    inner = getattr(inner, "jaxpr", inner)
    return inner if inner is not None and len(inner.invars) == len(equation.invars) else None
