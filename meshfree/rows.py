"""The collocation equations: a problem's residuals on a cloud as functions of a space's coefficients.

A row of the matrix is the gradient of one residual at one point with respect to the coefficients. That one line
serves linear and nonlinear equations, scalar and vector fields, every boundary condition and every space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from .clouds import Cloud
from .problem import Problem, Residual, linearise
from .spaces import Space

CHUNK = 2**25  # entries of one block of rows (256 MiB): blocks cost time, and keep what is beside the matrix bounded
WAVES = 8  # directions of the plane waves that measure an operator's size
SAMPLE = 64  # points of a part at which they are measured


class Group(NamedTuple):
    """Neighbouring parts of a cloud that share one residual(u, x, n): one program for all of them.

    The normals of the interior are zero and unused.
    """

    parts: dict[str, int]  # with the number of points of each
    residual: Residual
    points: Float[Array, "m d"]
    normals: Float[Array, "m d"]


def groups_of(problem: Problem, cloud: Cloud) -> list[Group]:
    """The cloud's parts with their residuals, in order; ValueError where parts and conditions do not match."""
    residuals: dict[str, Residual] = dict(problem.match(cloud.parts))
    found: list[Group] = []
    for name in cloud.parts:
        points = jnp.asarray(cloud[name])
        if name == "interior":
            found.append(Group({name: len(points)}, _without_normal(problem.interior), points, jnp.zeros_like(points)))
            continue
        group = Group({name: len(points)}, residuals[name], points, jnp.asarray(cloud.side_normals[name]))
        joins = bool(found) and found[-1].residual is group.residual
        found.append(_joined(found.pop(), group) if joins else group)
    return found


def _joined(first: Group, second: Group) -> Group:
    points = jnp.concatenate([first.points, second.points])
    normals = jnp.concatenate([first.normals, second.normals])
    return Group(first.parts | second.parts, first.residual, points, normals)


def _without_normal(interior: Residual) -> Residual:
    return lambda u, x, n: interior(u, x)


class Equations(eqx.Module):
    """The weighted equations r(c) = 0 of a problem in a space; c is (n,), or (n, f) for f fields.

        ┌ w₁ · residual(u, x) at interior points            ┐
    r = │ w₂ · residual(u, x, n) at the points of each part │
        └ w₃ · side conditions of the space                 ┘
    """

    problem: Problem
    space: Space
    cloud: Cloud
    weights: dict[str, Float[Array, " c"]]
    magnitude: Float[Array, ""]  # of the interior operator; the weight of the side conditions

    def residual(self, coefficients: Float[Array, "n *f"]) -> Float[Array, " rows"]:
        """r(c)."""
        u = self.space.function(coefficients)
        return jnp.concatenate([self.of(u), jnp.ravel(self._side @ coefficients)])

    def of(self, u: Callable) -> Float[Array, " rows"]:
        """The weighted residuals of any function u, side conditions left out."""
        blocks = [self._mapped(group, self._weighted(group, u)) for group in self._groups]
        return jnp.concatenate([jnp.ravel(block) for block in blocks])

    def linearised(self, coefficients: Float[Array, "n *f"]) -> tuple[Float[Array, " rows"], Float[Array, "rows nf"]]:
        """r(c) and its matrix dr/dc, the coefficients of one function side by side."""
        values, matrices = [], []
        for group in self._groups:
            value, matrix = self._mapped(group, self._rows(group, coefficients))
            values.append(value.reshape(-1))
            matrices.append(matrix.reshape(-1, coefficients.size))
        if self._side.size:
            fields = 1 if coefficients.ndim == 1 else coefficients.shape[1]
            values.append(jnp.ravel(self._side @ coefficients))
            matrices.append(jnp.kron(self._side, jnp.eye(fields)))
        matrix = jnp.concatenate(matrices)
        if self.is_affine(coefficients):  # r(c) = r(0) + A c: the values above are not computed then
            at_zero = jnp.pad(self.of(zero_field(self.problem)), (0, self.side_rows))
            return at_zero + matrix @ jnp.ravel(coefficients), matrix
        return jnp.concatenate(values), matrix

    def is_affine(self, coefficients: Float[Array, "n *f"]) -> bool:
        """Whether the matrix is the same for all coefficients, read off the traced program at one point a group."""

        def matrices(c):
            groups = self._groups
            return [self._rows(g, c)(g.points[0], g.normals[0], self._weight(g)[0])[1] for g in groups]

        return not _depends_on_input(jax.make_jaxpr(matrices)(coefficients).jaxpr)

    def per_part(self, residual: Float[Array, " rows"]) -> dict[str, Float[Array, ""]]:
        """The root mean square of each part's residual, without the weights, from the vector r."""
        norms, start = {}, 0
        for group in self._groups:
            for name, count in group.parts.items():
                weight = self.weights[name]
                stop = start + count * len(weight)
                block = residual[start:stop].reshape(-1, len(weight)) / weight[None, :]
                norms[name], start = jnp.sqrt(jnp.mean(block**2)), stop
        return norms

    def typical_size(self, coefficients: Float[Array, "n *f"]) -> Float[Array, ""]:
        """Of the linearised interior equations on functions that vary over the whole cloud: at k = π/extent."""
        extent = jnp.linalg.norm(jnp.max(self.cloud.points, axis=0) - jnp.min(self.cloud.points, axis=0))
        sizes = _operator_size(self.problem, self._groups[0], extent / jnp.pi, self.space.function(coefficients))
        return jnp.sqrt(jnp.mean((self._weight(self._groups[0])[0] * sizes) ** 2))

    @property
    def side_rows(self) -> int:
        """The number of rows, the last ones, that are side conditions of the space."""
        return len(self.space.side_conditions()) * self.problem.fields

    @property
    def _groups(self) -> list[Group]:
        return groups_of(self.problem, self.cloud)

    @property
    def _side(self):
        return self.magnitude * self.space.side_conditions()

    def _weight(self, group: Group) -> Float[Array, "m c"]:
        """The weights of every point's components."""
        rows = [
            jnp.broadcast_to(self.weights[name], (count, len(self.weights[name])))
            for name, count in group.parts.items()
        ]
        return jnp.concatenate(rows)

    def _weighted(self, group: Group, u: Callable) -> Callable:
        return lambda x, n, weight: weight * jnp.atleast_1d(group.residual(u, x, n))

    def _rows(self, group: Group, coefficients) -> Callable:
        def rows(x, n, weight):
            def value_of(c):
                return self._weighted(group, self.space.function(c))(x, n, weight)

            value, pull = jax.vjp(value_of, coefficients)
            return value, jax.vmap(lambda e: pull(e)[0])(jnp.eye(len(value)))

        return rows

    def _mapped(self, group: Group, function: Callable):
        return mapped(lambda at: function(*at), (group.points, group.normals, self._weight(group)), self.space.size)


def mapped(function: Callable, points: Any, width: int) -> Any:
    """`function` over the points (the leading axis), in blocks so that block × width stays bounded."""
    batch = max(CHUNK // max(width, 1), 1)
    count = len(jax.tree.leaves(points)[0])
    if count <= batch:
        return jax.vmap(function)(points)
    return jax.lax.map(function, points, batch_size=batch)


def equations(
    problem: Problem,
    space: Space,
    cloud: Cloud,
    weights: Mapping[str, ArrayLike] | None = None,
    around: Callable | None = None,
) -> Equations:
    """The equations with their row weights: measured ones, unless `weights` names the part.

    A component's weight is rms(interior)/rms(component), both of the residual linearised `around` a function (zero by
    default) and applied to plane waves of wavenumber 1/spacing. The spacing is that of the space's cloud: a property
    of the points, never of the kernel.

    Raises ValueError for weights of unknown parts or of the wrong shape, and for residuals of a wrong shape.
    """
    measured, magnitude = _measured_weights(problem, cloud, space.cloud.spacing, around)
    weights = dict(weights or {})
    unknown = sorted(set(weights) - set(measured))
    if unknown:
        raise ValueError(f"weights for unknown parts {unknown}; the parts are {sorted(measured)}")
    for part, weight in weights.items():
        if np.shape(weight) not in ((), measured[part].shape):
            raise ValueError(
                f"the weight of {part!r} must be a number or of shape {measured[part].shape}; got {np.shape(weight)}"
            )
        measured[part] = jnp.broadcast_to(jnp.asarray(weight, dtype=float), measured[part].shape)
    return Equations(problem, space, cloud, measured, magnitude)


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


def zero_field(problem: Problem) -> Callable:
    """u = 0, of the shape that the problem's fields have."""
    shape = () if problem.fields == 1 else (problem.fields,)
    return lambda x: jnp.zeros(shape, x.dtype)


@eqx.filter_jit
def _measured_weights(problem, cloud, spacing, around):
    sizes: dict[str, Array] = {}
    for group in groups_of(problem, cloud):
        check_residual(problem, group)
        sizes |= dict.fromkeys(group.parts, _operator_size(problem, group, spacing, around))
    magnitude = jnp.sqrt(jnp.mean(sizes.get("interior", jnp.ones(1)) ** 2))
    magnitude = jnp.where(_usable(magnitude), magnitude, 1.0)
    weights = {name: magnitude / jnp.where(_usable(size), size, 1.0) for name, size in sizes.items()}
    return weights, magnitude


def _usable(size):
    return jnp.isfinite(size) & (size > 0)


def _operator_size(problem, group, spacing, around):
    """The root mean square of the linearised residual's components over plane waves, points and fields: (c,)."""
    u = around if around is not None else zero_field(problem)
    sample = slice(None, None, max(len(group.points) // SAMPLE, 1))
    drawn = np.random.default_rng(0).standard_normal((WAVES, group.points.shape[1]))
    directions = jnp.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
    units = jnp.eye(problem.fields) if problem.fields > 1 else jnp.ones((1,))

    def size(x, n, direction, unit, phase):
        def wave(y):
            return unit * jnp.cos(jnp.dot(direction, y - x) / spacing - phase)

        return jnp.atleast_1d(linearise(lambda v: group.residual(v, x, n), u, wave))

    axes = [
        (None, None, None, None, 0),
        (None, None, None, 0, None),
        (None, None, 0, None, None),
        (0, 0, None, None, None),
    ]
    for axis in axes:
        size = jax.vmap(size, in_axes=axis)
    phases = jnp.array([0.0, jnp.pi / 2])  # cosine and sine at the point itself: the modulus of the complex wave
    values = size(group.points[sample], group.normals[sample], directions, units, phases)
    return jnp.sqrt(jnp.sum(jnp.mean(values**2, axis=(0, 1)), axis=(0, 1)))


def _depends_on_input(jaxpr) -> bool:
    """Whether any output of the program is computed from its inputs."""
    return any(_tainted_outputs(jaxpr, [True] * len(jaxpr.invars)))


def _tainted_outputs(jaxpr, tainted_inputs: list[bool]) -> list[bool]:
    tainted = {variable for variable, taint in zip(jaxpr.invars, tainted_inputs, strict=True) if taint}

    def is_tainted(atom) -> bool:
        return not hasattr(atom, "val") and atom in tainted  # a literal carries its value, and is not hashable

    for equation in jaxpr.eqns:
        inputs = [is_tainted(atom) for atom in equation.invars]
        if any(inputs):
            inner = _inner_program(equation)
            # without a program to look into, an operation counts as a whole
            outputs = [True] * len(equation.outvars) if inner is None else _tainted_outputs(inner, inputs)
            tainted.update(v for v, taint in zip(equation.outvars, outputs, strict=True) if taint)
    return [is_tainted(atom) for atom in jaxpr.outvars]


def _inner_program(equation):
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
