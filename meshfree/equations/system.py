"""What all equations of a problem share: its parts with their residuals, and the weights of the rows."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..geometry.cloud import Cloud
from ..pde.problem import Problem, Residual
from ..spaces import Space


class Group(NamedTuple):
    """Neighbouring parts of a cloud that share one residual(u, x, n): one program for all of them.

    The normals of the interior are zero and unused.
    """

    parts: dict[str, int]  # with the number of points of each
    residual: Residual
    points: Float[Array, "m d"]
    normals: Float[Array, "m d"]


class Interior(eqx.Module):
    """The residual of the equation, in the form that boundary residuals have."""

    residual: Residual

    def __call__(self, u, x, n):
        return self.residual(u, x)


def groups_of(problem: Problem, cloud: Cloud) -> list[Group]:
    """The cloud's parts with their residuals, in order; ValueError where parts and conditions do not match."""
    residuals: dict[str, Residual] = dict(problem.match(cloud.parts))
    found: list[Group] = []
    for name in cloud.parts:
        points = jnp.asarray(cloud[name])
        if name == "interior":
            found.append(Group({name: len(points)}, Interior(problem.interior), points, jnp.zeros_like(points)))
            continue
        group = Group({name: len(points)}, residuals[name], points, jnp.asarray(cloud.side_normals[name]))
        joins = bool(found) and found[-1].residual is group.residual
        found.append(_joined(found.pop(), group) if joins else group)
    return found


def _joined(first: Group, second: Group) -> Group:
    points = jnp.concatenate([first.points, second.points])
    normals = jnp.concatenate([first.normals, second.normals])
    return Group(first.parts | second.parts, first.residual, points, normals)


class System(eqx.Module):
    """The weighted equations r(c) = 0 of a problem in a space; c is (n,), or (n, f) for f fields.

        ┌ w₁ · residual(u, x) at interior points            ┐
    r = │ w₂ · residual(u, x, n) at the points of each part │
        └ w₃ · side conditions of the space                 ┘
    """

    problem: eqx.AbstractVar[Problem]
    space: eqx.AbstractVar[Space]
    weights: eqx.AbstractVar[dict[str, Float[Array, " c"]]]

    @property
    @abc.abstractmethod
    def is_sparse(self) -> bool:
        """Whether the matrix is a `SparseRows`."""

    @property
    @abc.abstractmethod
    def groups(self) -> list[Group]:
        """The parts in the order of the rows."""

    @property
    @abc.abstractmethod
    def side_rows(self) -> int:
        """The number of rows, the last ones, that are side conditions of the space."""

    @abc.abstractmethod
    def at_points(self, coefficients: Float[Array, "n *f"]) -> Float[Array, " rows"]:
        """r(c) without the side conditions."""

    @abc.abstractmethod
    def residual(self, coefficients: Float[Array, "n *f"]) -> Float[Array, " rows"]:
        """r(c)."""

    @abc.abstractmethod
    def linearised(self, coefficients: Float[Array, "n *f"]) -> tuple[Float[Array, " rows"], Any]:
        """r(c) and its matrix dr/dc (rows, n·f), the coefficients of one function side by side."""

    @abc.abstractmethod
    def is_affine(self, coefficients: Float[Array, "n *f"]) -> bool:
        """Whether the matrix is the same for all coefficients."""

    @eqx.filter_jit
    def per_part(self, residual: Float[Array, " rows"]) -> dict[str, Float[Array, ""]]:
        """The root mean square of each part's residual, without the weights, from the vector r."""
        norms, start = {}, 0
        for group in self.groups:
            for name, count in group.parts.items():
                weight = self.weights[name]
                stop = start + count * len(weight)
                block = residual[start:stop].reshape(-1, len(weight)) / weight[None, :]
                norms[name], start = jnp.sqrt(jnp.mean(block**2)), stop
        return norms

    def weight_of(self, group: Group) -> Float[Array, "m c"]:
        """The weights of every point's components."""
        rows = [
            jnp.broadcast_to(self.weights[name], (count, len(self.weights[name])))
            for name, count in group.parts.items()
        ]
        return jnp.concatenate(rows)


def check_residual(problem: Problem, group: Group) -> None:
    """ValueError unless the residual of a group returns () or (c,), and not (1,) for a scalar problem."""
    name, point = next(iter(group.parts)), jax.ShapeDtypeStruct(group.points.shape[1:], group.points.dtype)
    shape = jax.eval_shape(lambda x, n: group.residual(zero_field(problem), x, n), point, point).shape
    if len(shape) > 1:
        raise ValueError(f"the residual of {name!r} must return () or (c,); got shape {shape}")
    if shape == (1,) and problem.fields == 1:
        raise ValueError(
            f"the residual of {name!r} returns shape (1,) for a scalar problem; return a scalar (): "
            "x is (d,), so write x[0] for a coordinate, and u(x) is () already"
        )


class Zero(eqx.Module):
    """u = 0, () or (fields,): equal to any other, so that programs that take it are compiled once."""

    fields: int = eqx.field(static=True)

    def __call__(self, x):
        return jnp.zeros(() if self.fields == 1 else (self.fields,), x.dtype)


def zero_field(problem: Problem) -> Zero:
    """u = 0, of the shape that the problem's fields have."""
    return Zero(problem.fields)
