"""Conditions on means over the domain, as rows of the equations: sums over the points of a rule of integration."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..geometry.quadrature import rule
from ..internal.batching import map_in_blocks
from ..internal.remembered import remembered
from ..internal.tracing import AnyArray, at_once, is_traced, module_of
from ..internal.watched import watch
from ..pde.components import Function
from ..pde.jets import Jet, needed_order
from ..pde.linearity import depends_on_input
from ..pde.multi_indices import total_degree
from ..pde.problem import Problem
from ..spaces.base import GlobalSpace, Space
from .basis_derivatives import BasisDerivatives
from .conditions import MEAN, Group, Interior, Zero, check_residual
from .residual_jets import part_of

ENTRIES = 2**22  # of rows at the points of the rule, that are made at a time


class Means(NamedTuple):
    """q means of a function with coefficients c, without their weight: `constant` + `matrix` c."""

    constant: Float[AnyArray, " q"]
    matrix: Float[AnyArray, "q unknowns"]
    constants: Float[AnyArray, "q f"]  # of u = 1 in one field and 0 in the others
    coordinates: Float[AnyArray, "q d f"]  # of u = xₖ in one field
    containing: Any  # which equations of the interior have a field of theirs in them, (c,); None: not known


def means_of(problem: Problem, space: Space) -> Means:
    """The means that vanish for the solution, as rows.

    Raises ValueError where there is no domain, for a quantity that is not affine in u, of a wrong shape, or not local
    in a local space.
    """
    domain = problem.domain if problem.domain is not None else space.cloud.domain
    if domain is None:
        raise ValueError("mean= is over the domain, and neither the problem nor the cloud has one: Cloud(..., domain=)")
    group, shares = _group(problem, domain)
    check_residual(group, problem.fields)
    containing = _containing(problem, group)
    is_local = space.local_basis is not None
    known = is_local or (space.has_rows and not is_traced(problem, space))
    part = part_of(group, problem.fields, None, is_local) if known else None
    if part is None:
        found = _of_functions(group, shares, cast(GlobalSpace, space), problem.fields)
        found = found if is_traced(found) else jax.tree.map(np.asarray, found)
        return found._replace(containing=containing)
    if not part.affine:
        raise _not_affine()
    array = module_of(part.values, part.gradient)
    gradient = shares[:, None, None, None] * part.gradient
    derivatives = BasisDerivatives.at(space, group.points)
    return Means(
        constant=shares @ part.values,
        matrix=_row_sums(derivatives, gradient, part.order, space.size),
        constants=array.sum(gradient[..., 0], axis=0),
        coordinates=_of_coordinates(group.points, gradient, array),
        containing=containing,
    )


def _containing(problem: Problem, of_mean: Group) -> Any:
    fields = problem.fields
    inside = Interior(watch(problem.interior))
    dim = of_mean.points.shape[1]
    equations, mean = (remembered(_pattern, residual, dim, fields) for residual in (inside, of_mean.residual))
    if equations is None or mean is None:
        return None
    return np.any(equations[..., np.any(mean, axis=(0, 1))], axis=(1, 2))


class FieldMeans(eqx.Module):
    """Some of the fields, as a quantity whose mean vanishes."""

    fields: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, u, x):
        return u(x)[np.array(self.fields)]


def free_constants(problem: Problem, dim: int) -> tuple[int, ...]:
    """The fields that equations and conditions have nothing but derivatives of, as of a pressure: with them any field
    that differs by a constant solves the problem.
    """
    assert problem.interior is not None
    residuals = [Interior(problem.interior), *(one for one in problem.conditions.values() if one is not None)]
    patterns = [remembered(_pattern, watch(residual), dim, problem.fields) for residual in residuals]
    if any(pattern is None for pattern in patterns):
        return ()
    itself = np.any([pattern[:, 0].any(axis=0) for pattern in patterns], axis=0)
    at_all = np.any([pattern.any(axis=(0, 1)) for pattern in patterns], axis=0)
    return tuple(np.flatnonzero(at_all & ~itself).tolist())


def _pattern(residual: Any, dim: int, fields: int) -> Any:
    """Which derivatives of which fields the components of a residual have in them, (c, J, f), for any values of its
    leaves; None where that is not known.
    """
    rng = np.random.default_rng(0)
    leaves, structure = jax.tree.flatten(residual)
    drawn = [rng.standard_normal(leaf.shape) if eqx.is_inexact_array(leaf) else leaf for leaf in leaves]
    residual = jax.tree.unflatten(structure, drawn)
    x, n, shape = jnp.asarray(rng.random(dim)), jnp.asarray(_unit(rng, dim)), (fields,) if fields > 1 else ()

    def value(D):
        return jnp.atleast_1d(residual(Jet(x, D, order), x, n))

    try:
        order = needed_order(lambda u, x: residual(u, x, n), dim, fields)
        with at_once():
            D = jnp.asarray(rng.standard_normal((len(total_degree(dim, order)), *shape)))
            gradient = jax.jacrev(value)(D)
    except Exception:
        return None  # it is not local, or cannot be asked for other leaves
    if is_traced(gradient):
        return None
    return np.asarray(gradient).reshape(len(gradient), -1, fields) != 0


def _unit(rng: np.random.Generator, dim: int) -> Float[np.ndarray, " d"]:
    direction = rng.standard_normal(dim)
    return direction / np.linalg.norm(direction)


class MeansInTime:
    """The means of a problem in time with their weight, as equations without rates: the rows are the same for all t.

    Raises ValueError where they are not.
    """

    def __init__(self, problem: Problem, space: Space, time: Any, weight: float):
        assert problem.mean is not None
        found = means_of(problem.at(time), space)
        self.matrix, self._constant, self._weight = weight * found.matrix, weight * found.constant, weight
        domain = problem.domain if problem.domain is not None else space.cloud.domain
        points, weights = map(jnp.asarray, rule(domain))
        mean, fields = problem.mean, problem.fields

        def of_zero(t):
            at_points = jax.vmap(lambda x: jnp.atleast_1d(mean(Zero(fields), x, t)))(points)
            return weight * (weights / jnp.sum(weights)) @ at_points

        def by_values(t, values):
            """A gradient by u, as of one that is linear near a point."""
            return jnp.atleast_1d(mean(Function(lambda y: values + jnp.sum(y) * values), points[0], t))

        values = jnp.zeros((fields,) if fields > 1 else ())
        moment = jnp.asarray(time, dtype=float)
        if depends_on_input(jax.jacrev(by_values, argnums=1), moment, known=(values,)):
            raise ValueError(
                "mean= must have coefficients of u that do not depend on time; only what is added to it may"
            )
        self.driven = depends_on_input(of_zero, moment)
        self._of_zero = jax.jit(of_zero)

    def values(self, t: Any, c: Float[AnyArray, " n"]) -> Float[AnyArray, " q"]:
        """They themselves."""
        return self._at(t) + self.matrix @ c

    def slope(self, t: Any) -> Float[AnyArray, " q"]:
        """How they change in time where u does not."""
        if not self.driven:
            return np.zeros(len(self.matrix))
        time = jnp.asarray(t, dtype=float)
        return self._like(t, jax.jvp(self._of_zero, (time,), (jnp.ones_like(time),))[1])

    def _at(self, t: Any) -> Any:
        return self._like(t, self._of_zero(jnp.asarray(t, dtype=float))) if self.driven else self._constant

    def _like(self, t: Any, found: Any) -> Any:
        return found if is_traced(found) or isinstance(t, jax.Array) else np.asarray(found)


def _group(problem: Problem, domain: Any) -> tuple[Group, Float[np.ndarray, " m"]]:
    """The quantity at the points of the rule, and their shares of the volume."""
    assert problem.mean is not None
    points, weights = rule(domain)
    residual = Interior(watch(problem.mean))
    return Group(((MEAN, len(points)),), residual, points, np.zeros_like(points)), weights / np.sum(weights)


def _row_sums(derivatives: BasisDerivatives, gradient: Float[AnyArray, "m c f J"], order: int, size: int) -> Any:
    """The sum over the points of the rows of the matrix, (c, n·f), some points at a time."""
    m, c, fields, _ = gradient.shape
    width = size if derivatives.columns is None else derivatives.columns.shape[1]
    step = max(ENTRIES // (width * c * fields), 1)
    total: Any = np.zeros((size, c, fields))
    for start in range(0, m, step):
        own = slice(start, start + step)
        some = derivatives[own]
        weights = some.weights_of_gradient(gradient[own], order).reshape(*gradient[own].shape[:2], width, fields)
        if some.columns is None:
            total = total + weights.sum(axis=0).swapaxes(0, 1)
        elif module_of(weights, some.columns) is np:
            np.add.at(total, some.columns, weights.swapaxes(1, 2))
        else:
            total = jnp.asarray(total).at[some.columns].add(weights.swapaxes(1, 2))
    return total.swapaxes(0, 1).reshape(c, size * fields)


def _of_coordinates(points, gradient: Float[AnyArray, "m c f J"], array) -> Any:
    dim = points.shape[1]
    values = points.T[:, :, None, None] * gradient[None, ..., 0]  # (d, m, c, f)
    if gradient.shape[3] > 1:  # the indices of total_degree(d, 1) are 0, then e_d, ..., e_1
        values = values + array.moveaxis(gradient[..., 1 : dim + 1][..., ::-1], 3, 0)
    return array.moveaxis(array.sum(values, axis=1), 0, 1)


@eqx.filter_jit
def _of_functions(group: Group, shares, space: GlobalSpace, fields: int) -> Means:
    """Through the functions themselves, where their derivatives are not known, or traced."""
    width = (fields,) if fields > 1 else ()

    def mean(u):
        def at_one(at):
            x, n, share = at
            return share * jnp.atleast_1d(group.residual(u, x, n))

        found = map_in_blocks(at_one, (jnp.asarray(group.points), jnp.asarray(group.normals), shares), space.size)
        return jnp.sum(found, axis=0)

    def of(c):
        return mean(space.function(c))

    zero = jnp.zeros((space.size, *width))
    constant, pull = jax.vjp(of, zero)
    if depends_on_input(jax.jacrev(of), zero):
        raise _not_affine()
    of_zero = mean(Zero(fields))
    matrix = jnp.stack([pull(e)[0].reshape(-1) for e in jnp.eye(len(constant))])

    def polynomial(value):
        return jax.jacrev(lambda a: mean(Function(lambda x: value(a, x))) - of_zero)

    units = jnp.zeros(width)
    constants = polynomial(lambda a, x: a)(units).reshape(-1, fields)
    dim = group.points.shape[1]
    coordinates = [polynomial(lambda a, x, k=k: a * x[k])(units).reshape(-1, fields) for k in range(dim)]
    return Means(constant, matrix, constants, jnp.stack(coordinates, axis=1), None)


def _not_affine() -> ValueError:
    return ValueError(
        "mean= must be affine in u, as u(x), u(x)[2] − 1.0 or mf.divergence(u)(x): for what is not, linearise it, or "
        "make it a field of its own with its own equation"
    )
