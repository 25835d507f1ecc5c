"""Several solutions at once: parameters, scales or nodes that differ in their numbers only are one batch on devices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ..internal.devices import gathered, map_over, mesh_name, mesh_over
from ..internal.expected import DEVICES, Kind, expects
from ..internal.tracing import as_jax
from ..internal.watched import key_of_static, settled, watch
from ..pde.problem import Problem
from ..spaces.base import Space
from .solution import Solution
from .solve import _why_on_one, require_double, solve_in


def _all_of(cls: type) -> Any:
    def read(given: Any) -> Any:
        if isinstance(given, cls):
            return given
        if not given or not all(isinstance(one, cls) for one in given):
            raise TypeError
        return list(given)

    return read


_PROBLEMS = Kind("a Problem or a list of them", _all_of(Problem), anywhere=False)
_SPACES = Kind("a space or a list of them", _all_of(Space), anywhere=False)


@settled
@expects(problems=_PROBLEMS, spaces=_SPACES, solver=str, devices=DEVICES)
def sweep(
    problems: Problem | Sequence[Problem],
    spaces: Space | Sequence[Space],
    *,
    solver: str = "auto",
    devices: int | Sequence[jax.Device] | None = None,
) -> list[Solution]:
    """The solutions of several problems in a space, of one problem in several spaces, or of pairs of both.

    `devices`: so many of JAX's, or a list of them, take a share each; default: all accelerators, and otherwise one
    after the other as `mf.solve` does. What differs in its numbers only is one batch of one program: parameters that
    are leaves of the problem (the fields of an `eqx.Module` as a residual), scales of kernels, clouds with as many
    nodes on every part. A number that a plain function reads is no leaf, and makes a batch of its own.

    ValueError for lists of different length, for `devices` as in `mf.solve`, and whatever that raises for one of the
    problems.
    """
    require_double()
    pairs = _paired(problems, spaces)
    mesh = mesh_over(devices)
    if mesh is None:
        return [solve_in(problem, space, solver=solver) for problem, space in pairs]
    batches: dict[Any, list[int]] = {}
    for place, pair in enumerate(pairs):
        batches.setdefault(_kind(*pair), []).append(place)
    found: list[Any] = [None] * len(pairs)
    for places in batches.values():
        told = _why_on_one(*pairs[places[0]], "auto")
        if told is not None and devices is not None:
            raise ValueError(f"{told} drop devices=")
        batch = [pairs[place] for place in places]
        alone = told is not None or len(batch) == 1
        solutions = [None] * len(batch) if alone else _solved_together(batch, solver, mesh)
        for place, (problem, space), u in zip(places, batch, solutions, strict=True):
            found[place] = solve_in(problem, space, solver=solver) if u is None else u
    return found


def _paired(problems: Any, spaces: Any) -> list[tuple[Problem, Space]]:
    several = [len(one) for one in (problems, spaces) if isinstance(one, list)]
    if len(set(several)) > 1:
        raise ValueError(f"there are {several[0]} problems and {several[1]} spaces: give one of them, or as many")
    count = several[0] if several else 1
    of_problems, of_spaces = (one if isinstance(one, list) else [one] * count for one in (problems, spaces))
    return list(zip(of_problems, of_spaces, strict=True))


def _kind(problem: Problem, space: Space) -> Any:
    """Equal for what differs in its numbers only."""
    arrays = eqx.filter((problem, space), _is_number)
    shapes = tuple((np.shape(leaf), np.result_type(leaf)) for leaf in jax.tree.leaves(arrays))
    return key_of_static((problem, space)), shapes


def _solved_together(pairs: list[tuple[Problem, Space]], solver: str, mesh: Mesh) -> list[Solution | None]:
    """Their solutions; None for one that did not converge, or is not unique: `solve_in` says how."""
    began = time.perf_counter()
    split = [eqx.partition(jax.tree.map(_watched, pair), _is_number) for pair in pairs]
    leaves = [jax.tree.leaves(numbers) for numbers, _ in split]
    differ = [any(not np.array_equal(one, first) for one in others) for first, *others in zip(*leaves, strict=True)]
    structure, rest = jax.tree.structure(split[0][0]), split[0][1]
    moving = [np.stack(several) for several, moves in zip(zip(*leaves, strict=True), differ, strict=True) if moves]
    known = [None if moves else leaf for leaf, moves in zip(leaves[0], differ, strict=True)]
    if not moving:  # all are the same
        moving, known[0] = [np.stack([several[0] for several in leaves])], None
    coefficients, stats = gathered(_compiled(moving, known, structure, rest, solver, mesh), mesh)
    seconds = (time.perf_counter() - began) / len(pairs)
    found = list[Solution | None]()
    for k, (_, space) in enumerate(pairs):
        own = jax.tree.map(lambda leaf: leaf[k].item() if leaf.ndim == 1 else leaf[k], stats)  # noqa: B023
        own |= {"device": mesh_name(mesh), "seconds": {"assembly": float("nan"), "solve": seconds}}
        sound = own["converged"] and own["unique"]
        found.append(Solution(space, as_jax(coefficients[k]), own) if sound else None)
    return found


@eqx.filter_jit
def _compiled(moving: list, known: list, structure: Any, rest: Any, solver: str, mesh: Mesh):
    def one(moved):
        own = iter(moved)
        numbers = jax.tree.unflatten(structure, [next(own) if leaf is None else leaf for leaf in known])
        problem, space = eqx.combine(numbers, rest)
        u = solve_in(problem, space, solver=solver)
        return u.coefficients, jax.tree.map(jnp.asarray, eqx.filter(dict(u.stats), eqx.is_array_like))

    return map_over(one, moving, mesh)


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, float) or eqx.is_array(leaf) or isinstance(leaf, np.ndarray)


def _watched(leaf: Any) -> Any:
    return watch(leaf) if callable(leaf) and not eqx.is_array_like(leaf) else leaf
