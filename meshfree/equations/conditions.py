"""Which residual holds at which points: the parts of a cloud matched with the conditions of a problem."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..geometry.cloud import Cloud
from ..internal.remembered import remembered
from ..internal.tracing import is_traced, module_of
from ..internal.watched import watch
from ..pde.components import WithComponents
from ..pde.data import DataError, Misfit
from ..pde.index_bounds import beyond_the_end
from ..pde.operators import derivative
from ..pde.problem import Problem, Residual
from ..pde.unknown import Unknown, any_made, bound_in, found_in, held_by, named, read_by

NORMALS = "normals"  # the name of the equations that make functions constant along the normals of a surface
# the weight of the equation of the interior on the boundary, where stencils are one-sided, beside that in the interior:
# in least squares 0.01 to 0.3 halve the error of 1 [m]
AGAIN = 0.1
AGAIN_AT = "interior at "  # the beginning of the name of these equations, before that of the part
SAMPLE = 64  # points of a part at which sizes are measured
MEAN = "mean"  # the name of the condition on means in messages and statistics


class Group(NamedTuple):
    """Neighbouring parts of a cloud that share one residual(u, x, n): one program for all of them.

    The normals of the interior are zero and unused; of data they are what is known at each point, `Data.given`.
    """

    parts: tuple[tuple[str, int], ...]  # names, with the number of points of each; a pytree would sort a mapping
    residual: Residual
    points: Float[np.ndarray | Array, "m d"]
    normals: Float[np.ndarray | Array, "m d"]

    @property
    def is_data(self) -> bool:
        """Whether it is measured values, at points of their own."""
        return isinstance(getattr(self.residual, "callable", self.residual), Misfit)


class Interior(eqx.Module):
    """The residual of the equation, in the form that boundary residuals have."""

    residual: Residual

    def __call__(self, u, x, n, *parameter):
        return self.residual(u, x, *parameter)


class ConstantAlongNormals(eqx.Module):
    """∂u/∂n = 0 and ∂²u/∂n² = 0, for each field: what makes the Laplace operator in space that of a surface."""

    def __call__(self, u, x, n):
        slope = derivative(u, n)
        return jnp.concatenate([jnp.atleast_1d(slope(x)), jnp.atleast_1d(derivative(slope, n)(x))])


def along_normals(cloud: Cloud) -> Group:
    """The equations at the nodes of a surface that make functions in space constant along its normals."""
    assert cloud.surface_normals is not None
    return Group(((NORMALS, len(cloud)),), ConstantAlongNormals(), cloud.points, cloud.surface_normals)


def match_conditions(problem: Problem, cloud: Cloud, *, data_alone: bool = False) -> list[Group]:
    """The cloud's parts with their residuals, in order, but for those without a condition; ValueError where parts and
    conditions do not match, for a problem with a parameter, and for one without an equation unless `data_alone` do.

    The residuals are watched: what they read now is part of the key of the programs that they are compiled into.
    """
    problem.check_without_parameter()
    if not data_alone:
        problem.check_with_equation()
    return [*matched(problem, cloud), *data_of(problem, cloud)]


def data_of(problem: Problem, cloud: Cloud) -> list[Group]:
    """The data of a problem, in order; ValueError for those outside the cloud's domain where the problem has none."""
    if problem.domain is None and cloud.domain is not None:
        problem.check_data(cloud.domain)
    for name, one in problem.data.items():
        if one.points.shape[1] != cloud.dim:
            raise ValueError(
                f"{name}= has data at points of shape {one.points.shape}, and the cloud has {cloud.dim} dimensions"
            )
        if name == "normals" or name.startswith("interior"):
            raise ValueError(f"data named {name}: the name is that of equations; use another")
    return [
        Group(((name, len(one.points)),), watch(one.misfit()), one.points, one.given)
        for name, one in problem.data.items()
    ]


def with_array_leaves(tree: Any) -> Any:
    """Python floats as arrays: a changed number is then a changed value, and not a new program."""
    return jax.tree.map(lambda leaf: jax.device_put(leaf) if isinstance(leaf, float) else leaf, tree)


def matched(problem: Problem, cloud: Cloud) -> list[Group]:
    """`match_conditions` for any problem: residuals of one with a parameter have it as their last argument."""
    if problem.has_parameter:
        problem.check_without_data("what follows a parameter, such as time,")
    unbound = unknowns_of(problem, cloud)
    if unbound:
        raise ValueError(
            f"the problem has unknown numbers ({', '.join(unbound)}), which mf.solve(problem, space) finds; here they "
            "must be known"
        )
    residuals = {"interior": problem.interior, **problem.match(cloud.parts)}
    found: list[tuple[Residual, list[str]]] = []
    for name in cloud.parts:
        residual = residuals[name]
        if residual is None:
            continue
        if found and found[-1][1] != ["interior"] and found[-1][0] is residual:
            found[-1][1].append(name)
        else:
            found.append((residual, [name]))
    return [_group(cloud, names, watch(residual)) for residual, names in found]


def unknowns_of(problem: Problem, cloud: Cloud) -> dict[str, Unknown]:
    """The unknown numbers that a problem reads, by name; ValueError for one that it holds and does not read."""
    real = jnp.result_type(float)
    point, moment = jax.ShapeDtypeStruct((cloud.dim,), real), (jax.ShapeDtypeStruct((), real),) * problem.has_parameter
    asked = [(function, (point, *moment)) for function in (problem.interior, problem.mean)]
    asked += [(function, (point, point, *moment)) for function in problem.conditions.values()]
    asked += [(one.of, (point,)) for one in problem.data.values()]
    reads: dict[int, Unknown] = {}
    for function, at in asked:
        if (
            function is not None
            and any_made()
            and remembered(_reads_some, watch(with_array_leaves(function)), problem.fields, at)
        ):
            reads |= read_by(partial(_of_zero, function, problem.fields), *at)
    holders = [function for function, _ in asked]
    if problem.has_parameter and any_made():
        reads |= found_in(holders)  # residuals with rates cannot be called with u = 0
    known = {number for one in bound_in(problem) for number in one.numbers}
    unseen = {one.number: one for one in held_by(problem) if one.number not in known | reads.keys()}
    if unseen:
        raise ValueError(
            f"no equation sees the unknown {', '.join(named(unseen, holders))}: use it in a residual, or leave it out"
        )
    return dict(zip(named(reads, holders), reads.values(), strict=True))


def _reads_some(function: Residual, fields: int, at: Any) -> bool:
    """Found again by what the function reads: to ask it is to trace it."""
    return bool(read_by(partial(_of_zero, function, fields), *at))


def _of_zero(function: Residual, fields: int, *at: Any) -> Any:
    return function(Zero(fields), *at)


def _group(cloud: Cloud, names: list[str], residual: Residual) -> Group:
    array = jnp if is_traced(cloud) else np  # a program of XLA's for what NumPy copies would be compiled first
    points = [cloud[name] for name in names]
    normals = [cloud.side_normals[name] if name != "interior" else array.zeros_like(cloud[name]) for name in names]
    parts = tuple((name, len(X)) for name, X in zip(names, points, strict=True))
    residual = Interior(residual) if names == ["interior"] else residual
    return Group(parts, residual, array.concatenate(points), array.concatenate(normals))


def is_inside(group: Group) -> bool:
    """Whether it is the equation of the interior that holds at the points of a group."""
    return isinstance(group.residual, Interior)


def sample_of(points) -> slice:
    """Some of the points of a part, at most twice SAMPLE."""
    return slice(None, None, max(len(points) // SAMPLE, 1))


def inside_at(groups: list[Group], parts: Sequence[str], cloud: Cloud) -> Group:
    """The equation of the interior at the nodes of parts of the boundary."""
    inside = next(group for group in groups if group.parts[0][0] == "interior")
    points = [cloud[part] for part in parts]
    at = module_of(*points).concatenate(points)
    names = tuple((AGAIN_AT + part, len(cloud[part])) for part in parts)
    return Group(names, inside.residual, at, module_of(at).zeros_like(at))


def check_residual(group: Group, fields: int) -> int:
    """The number of its components; ValueError or TypeError, naming the part, unless the residual of a group returns
    real numbers, () or (c,), and reads no entry of an array that is not there.
    """
    beside = group.normals.shape[1]
    return remembered(_check_residual, group.residual, *group.parts[0], group.points.shape[1], beside, fields)


def _check_residual(residual: Residual, name: str, count: int, dim: int, beside: int, fields: int) -> int:
    here = f"the residual of {name!r}"
    point, normal = (jax.ShapeDtypeStruct((size,), jnp.result_type(float)) for size in (dim, beside))
    try:
        program, value = jax.make_jaxpr(lambda x, n: residual(Zero(fields), x, n), return_shape=True)(point, normal)
    except DataError as error:
        raise ValueError(f"{here}: {error}") from error
    if not isinstance(value, jax.ShapeDtypeStruct):
        got = f"a {type(value).__name__}: use jnp.stack([...]) for several equations"
        got = "nothing: its last line must be `return ...`" if value is None else got
        raise TypeError(f"{here} must return an array of shape () or (c,); it returns {got}")
    if value.dtype != point.dtype:
        advice = _OF_DTYPE.get(value.dtype.kind, "")
        raise TypeError(f"{here} must return {point.dtype}; it returns {value.dtype}{advice}")
    beyond = beyond_the_end(program.jaxpr, program.consts)
    if beyond is not None:
        of_x = f": x has {point.shape[0]} coordinates, numbered from 0" * (beyond == point.shape != (fields,))
        raise IndexError(f"{here} uses an entry beyond the end of an array of shape {beyond}{of_x}")
    _check_shape(here, value.shape, count, fields)
    return value.shape[0] if value.shape else 1


_OF_DTYPE = {
    "c": "; use two fields for a complex one, its real and its imaginary part: fields=2",
    "i": "; use numbers with a decimal point, as 0.0",
    "f": "; use numbers and arrays of double precision in it",
}


def _check_shape(here: str, shape: tuple[int, ...], count: int, fields: int) -> None:
    if len(shape) > 1:
        raise ValueError(f"{here} must return () or (c,); got shape {shape}")
    if shape == (0,):
        raise ValueError(f"{here} has no components; for no condition on a part give None for it, as right=None")
    if shape == (1,) and fields == 1:
        raise ValueError(
            f"{here} returns shape (1,) for a scalar problem; return a scalar (): "
            "x is (d,), so write x[0] for a coordinate, and u(x) is () already"
        )
    if shape == (count,) and count > max(fields, _MOST_EQUATIONS):
        raise ValueError(
            f"{here} returns {count} components, as many as the part has points; it is asked at ONE point x: for "
            "values at the nodes use a function of x, such as mf.interpolate(values, space)"
        )


_MOST_EQUATIONS = 4  # per field at one point, before as many as there are points is no chance


class Zero(WithComponents):
    """u = 0, () or (fields,): equal to any other, so that programs that have it as input are compiled once."""

    fields: int = eqx.field(static=True)

    @property
    def components(self):
        return 0 if self.fields == 1 else self.fields

    def __call__(self, x):
        return jnp.zeros(() if self.fields == 1 else (self.fields,), x.dtype)
