"""Which residual holds at which points: the parts of a cloud matched with the conditions of a problem."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..geometry.cloud import Cloud
from ..internal.tracing import is_traced
from ..internal.watched import watch
from ..pde.problem import Problem, Residual


class Group(NamedTuple):
    """Neighbouring parts of a cloud that share one residual(u, x, n): one program for all of them.

    The normals of the interior are zero and unused.
    """

    parts: tuple[tuple[str, int], ...]  # names, with the number of points of each; a pytree would sort a mapping
    residual: Residual
    points: Float[np.ndarray | Array, "m d"]
    normals: Float[np.ndarray | Array, "m d"]


class Interior(eqx.Module):
    """The residual of the equation, in the form that boundary residuals have."""

    residual: Residual

    def __call__(self, u, x, n):
        return self.residual(u, x)


def match_conditions(problem: Problem, cloud: Cloud) -> list[Group]:
    """The cloud's parts with their residuals, in order; ValueError where parts and conditions do not match.

    The residuals are watched: what they read now is part of the key of the programs that they are compiled into.
    """
    residuals: dict[str, Residual] = {"interior": problem.interior, **problem.match(cloud.parts)}
    found: list[tuple[Residual, list[str]]] = []
    for name in cloud.parts:
        if found and found[-1][1] != ["interior"] and found[-1][0] is residuals[name]:
            found[-1][1].append(name)
        else:
            found.append((residuals[name], [name]))
    return [_group(cloud, names, watch(residual)) for residual, names in found]


def _group(cloud: Cloud, names: list[str], residual: Residual) -> Group:
    array = jnp if is_traced(cloud) else np  # a program of XLA's for what NumPy copies would be compiled first
    points = [cloud[name] for name in names]
    normals = [cloud.side_normals[name] if name != "interior" else array.zeros_like(cloud[name]) for name in names]
    parts = tuple((name, len(X)) for name, X in zip(names, points, strict=True))
    residual = Interior(residual) if names == ["interior"] else residual
    return Group(parts, residual, array.concatenate(points), array.concatenate(normals))


def check_residual(group: Group, fields: int) -> None:
    """ValueError unless the residual of a group returns () or (c,), and not (1,) for a scalar problem."""
    (name, _), *_ = group.parts
    point = jax.ShapeDtypeStruct(group.points.shape[1:], group.points.dtype)
    shape = jax.eval_shape(lambda x, n: group.residual(Zero(fields), x, n), point, point).shape
    if len(shape) > 1:
        raise ValueError(f"the residual of {name!r} must return () or (c,); got shape {shape}")
    if shape == (1,) and fields == 1:
        raise ValueError(
            f"the residual of {name!r} returns shape (1,) for a scalar problem; return a scalar (): "
            "x is (d,), so write x[0] for a coordinate, and u(x) is () already"
        )


class Zero(eqx.Module):
    """u = 0, () or (fields,): equal to any other, so that programs that have it as input are compiled once."""

    fields: int = eqx.field(static=True)

    def __call__(self, x):
        return jnp.zeros(() if self.fields == 1 else (self.fields,), x.dtype)
