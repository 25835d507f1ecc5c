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
from jaxtyping import Array, ArrayLike, Float

from .clouds import Cloud
from .problem import Problem, Residual, linearise
from .spaces import Space

CHUNK = 2**22  # entries of one block of rows: large enough to vectorise, small enough to stay off the memory limit
WAVES = 8  # directions of the plane waves that measure an operator's size
SAMPLE = 64  # points of a part at which they are measured


class Part(NamedTuple):
    """One part of a cloud with its residual(u, x, n); the normals of the interior are zero and unused."""

    name: str
    residual: Residual
    points: Float[Array, "m d"]
    normals: Float[Array, "m d"]


def parts_of(problem: Problem, cloud: Cloud) -> list[Part]:
    """Every part of the cloud with its residual; ValueError where parts and conditions do not match."""
    residuals = problem.match(cloud.parts)
    found = []
    for name in cloud.parts:
        points = jnp.asarray(cloud[name])
        if name == "interior":
            found.append(Part(name, lambda u, x, n: problem.interior(u, x), points, jnp.zeros_like(points)))
        else:
            found.append(Part(name, residuals[name], points, jnp.asarray(cloud.normals[name])))
    return found


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
        blocks = [jnp.ravel(self._mapped(part, lambda x, n, p=part: self._weighted(p, u, x, n))) for part in self._parts]
        return jnp.concatenate([*blocks, jnp.ravel(self._side @ coefficients)])

    def linearised(self, coefficients: Float[Array, "n *f"]) -> tuple[Float[Array, " rows"], Float[Array, "rows nf"]]:
        """r(c) and its matrix dr/dc, the coefficients of one function side by side."""
        values, matrices = [], []
        for part in self._parts:
            value, matrix = self._mapped(part, self._rows(part, coefficients))
            values.append(value.reshape(-1))
            matrices.append(matrix.reshape(-1, coefficients.size))
        if self._side.size:
            fields = 1 if coefficients.ndim == 1 else coefficients.shape[1]
            values.append(jnp.ravel(self._side @ coefficients))
            matrices.append(jnp.kron(self._side, jnp.eye(fields)))
        return jnp.concatenate(values), jnp.concatenate(matrices)

    def is_affine(self, coefficients: Float[Array, "n *f"]) -> bool:
        """Whether the matrix is the same for all coefficients, read off the traced program at one point a part."""

        def matrices(c):
            return [self._rows(part, c)(part.points[0], part.normals[0])[1] for part in self._parts]

        return not _depends_on_input(jax.make_jaxpr(matrices)(coefficients).jaxpr)

    def per_part(self, residual: Float[Array, " rows"]) -> dict[str, Float[Array, ""]]:
        """The root mean square of each part's residual, without the weights, from the vector r."""
        norms, start = {}, 0
        for part in self._parts:
            weight = self.weights[part.name]
            stop = start + len(part.points) * len(weight)
            block = residual[start:stop].reshape(-1, len(weight)) / weight[None, :]
            norms[part.name], start = jnp.sqrt(jnp.mean(block**2)), stop
        return norms

    @property
    def _parts(self) -> list[Part]:
        return parts_of(self.problem, self.cloud)

    @property
    def _side(self):
        return self.magnitude * self.space.side_conditions()

    def _weighted(self, part: Part, u, x, n):
        return self.weights[part.name] * jnp.atleast_1d(part.residual(u, x, n))

    def _rows(self, part: Part, coefficients) -> Callable:
        def rows(x, n):
            value, pull = jax.vjp(lambda c: self._weighted(part, self.space.function(c), x, n), coefficients)
            return value, jax.vmap(lambda e: pull(e)[0])(jnp.eye(len(value)))

        return rows

    def _mapped(self, part: Part, function: Callable):
        return mapped(lambda at: function(*at), (part.points, part.normals), self.space.size)


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
    check_residuals(problem, cloud)
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


def check_residuals(problem: Problem, cloud: Cloud) -> None:
    """ValueError unless every residual of the problem returns () or (c,), and not (1,) for a scalar problem."""
    for part in parts_of(problem, cloud):
        point = jax.ShapeDtypeStruct((cloud.dim,), part.points.dtype)
        shape = jax.eval_shape(lambda x, n, p=part: p.residual(zero_field(problem), x, n), point, point).shape
        if len(shape) > 1:
            raise ValueError(f"the residual of {part.name!r} must return () or (c,); got shape {shape}")
        if shape == (1,) and problem.fields == 1:
            raise ValueError(
                f"the residual of {part.name!r} returns shape (1,) for a scalar problem; return a scalar (): "
                "x is (d,), so write x[0] for a coordinate, and u(x) is () already"
            )


def zero_field(problem: Problem) -> Callable:
    """u = 0, of the shape that the problem's fields have."""
    shape = () if problem.fields == 1 else (problem.fields,)
    return lambda x: jnp.zeros(shape, x.dtype)


@eqx.filter_jit
def _measured_weights(problem, cloud, spacing, around):
    sizes = {part.name: _operator_size(problem, part, spacing, around) for part in parts_of(problem, cloud)}
    magnitude = jnp.sqrt(jnp.mean(sizes.get("interior", jnp.ones(1)) ** 2))
    magnitude = jnp.where(_usable(magnitude), magnitude, 1.0)
    weights = {name: magnitude / jnp.where(_usable(size), size, 1.0) for name, size in sizes.items()}
    return jax.lax.stop_gradient((weights, magnitude))


def _usable(size):
    return jnp.isfinite(size) & (size > 0)


def _operator_size(problem, part, spacing, around):
    """The root mean square of the linearised residual's components over plane waves, points and fields: (c,)."""
    u = around if around is not None else zero_field(problem)
    sample = slice(None, None, max(len(part.points) // SAMPLE, 1))
    directions = np.random.default_rng(0).standard_normal((WAVES, part.points.shape[1]))
    directions = jnp.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True))
    units = jnp.eye(problem.fields) if problem.fields > 1 else jnp.ones((1,))

    def size(x, n, direction, unit, phase):
        def wave(y):
            return unit * jnp.cos(jnp.dot(direction, y - x) / spacing - phase)

        return jnp.atleast_1d(linearise(lambda v: part.residual(v, x, n), u, wave))

    axes = [(None, None, None, None, 0), (None, None, None, 0, None), (None, None, 0, None, None), (0, 0, None, None, None)]
    for axis in axes:
        size = jax.vmap(size, in_axes=axis)
    phases = jnp.array([0.0, jnp.pi / 2])  # cosine and sine at the point itself: the modulus of the complex wave
    values = size(part.points[sample], part.normals[sample], directions, units, phases)
    return jnp.sqrt(jnp.sum(jnp.mean(values**2, axis=(0, 1)), axis=(0, 1)))


def _depends_on_input(jaxpr) -> bool:
    """Whether any output of the program is computed from its inputs; a nested program counts as one operation."""
    tainted = set(jaxpr.invars)
    for equation in jaxpr.eqns:
        if any(_is_variable(v) and v in tainted for v in equation.invars):
            tainted.update(equation.outvars)
    return any(_is_variable(v) and v in tainted for v in jaxpr.outvars)


def _is_variable(atom) -> bool:
    return not hasattr(atom, "val")  # a literal carries its value, and is not hashable
