"""Flux conditions beside inner corners: the balance of a half cell in the place of the condition at a point.

At an inner corner the gradient is infinite, as r^(π/ω − 1). What one-sided derivatives miss of it there acts as a point
source, and for some nodes the equations hardly see a function that is constant around the corner: errors above 1, with
small residuals [measured]. So, of a cell of the size h of the spacing, half of which is inside,

    B u + s (L u) = 0,    s = −h/2 · Bₙ Aₙ⁻¹,

B u the condition, L u the equation, both residuals; Bₙ and Aₙ are what they make of first and second derivatives along
the normal. Both residuals vanish for the solution, whatever s is. For −Δu = f and ∂u/∂n = g the row is that of
∂u/∂n − g + h/2 (−Δu − f), as in the finite increment calculus: Oñate, Comput. Methods Appl. Mech. Engrg. 151 (1998) 233-265.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..geometry.cloud import Cloud
from ..geometry.periods import nearest_image
from ..internal.tracing import AnyArray, is_traced, module_of, without_derivative
from ..pde.multi_indices import total_degree
from ..pde.problem import Residual
from ..spaces.base import Space
from ..spaces.neighbours import nearest
from .conditions import Group
from .residual_jets import at_jets, facts_of, jets_of, no_jets

REACH = 2.5  # spacings from a corner: 1.5 to 4, and the whole boundary, give the same errors [measured]
TURN = 0.1  # radians, at least: less is a smooth boundary in pieces
ASIDE = 0.1  # of the spacing, to look where the domain lies
SINGULAR = 1e-10  # of the largest singular value: the equation has no second derivative of some field


class Balanced(eqx.Module):
    """flux(u, x, n) + s inside(u, x), where `given` is n and the entries of s in a row."""

    flux: Residual
    inside: Residual

    def __call__(self, u, x, given, *parameter):
        n, shares = given[: x.size], given[x.size :]
        value, of_cell = self.flux(u, x, n, *parameter), self.inside(u, x, n, *parameter)
        return value + (shares.reshape(jnp.size(value), -1) @ jnp.atleast_1d(of_cell)).reshape(jnp.shape(value))


def is_balanced(group: Group) -> bool:
    """Whether the equations of a group are conditions in balance."""
    return isinstance(group.residual, Balanced)


class Beside(NamedTuple):
    """Equations of one part of a cloud in balance, and the places of their points in the cloud."""

    group: Group
    places: Int[np.ndarray, " m"]


def beside_of(system: Any) -> list[Beside]:
    """Those of the equations of stencils."""
    places = getattr(getattr(system, "system", system), "places", [])
    return [Beside(*one) for one in zip(system.groups, places, strict=False) if is_balanced(one[0])]


def balanced(
    space: Space, groups: list[Group], fields: int, around: Any, like: list[Beside] | None = None
) -> list[Beside]:
    """The flux conditions of stencils without ghosts at the nodes beside inner corners; none in other spaces.

    `like`: those with the same shares s at the same nodes, of another power of a parameter.
    """
    inside, by_name = groups[0], {name: group for group in groups for name, _ in group.parts if not group.is_data}
    if like is not None:
        residuals = [Balanced(by_name[one.group.parts[0][0]].residual, inside.residual) for one in like]
        return [one._replace(group=one.group._replace(residual=r)) for one, r in zip(like, residuals, strict=True)]
    cloud, found = space.cloud, list[Beside]()
    if space.local_basis is None or not space.is_nodal or inside.parts[0][0] != "interior" or is_traced(cloud):
        return found
    places, widths = beside_corners(cloud)
    for name, group in by_name.items():
        own = np.isin(places, cloud.parts[name])
        if name == "interior" or name in space.parts_with_ghosts or not own.any():
            continue
        at = places[own]
        some = group._replace(
            parts=((name, len(at)),),
            points=np.asarray(cloud.points)[at],
            normals=np.asarray(cloud.side_normals[name])[at - cloud.parts[name][0]],
        )
        shares = _shares(some, inside, widths[own], fields, around)
        if shares is None:
            continue
        given = module_of(shares).concatenate([some.normals, shares.reshape(len(at), -1)], axis=1)
        found.append(Beside(some._replace(residual=Balanced(group.residual, inside.residual), normals=given), at))
    return found


def beside_corners(cloud: Cloud) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """The places in a cloud of the boundary nodes that are a few spacings from an inner corner, or edge, of its domain,
    and their distances to their nearest neighbours.
    """
    points, normals, sides = (np.asarray(one) for one in (cloud.points, cloud.normal_vectors, cloud.side_vectors))
    first, none = len(points) - len(normals), (np.empty(0, dtype=int), np.empty(0))
    # a mean of two unit normals n, n' has the angle between them halved: n' = 2 (m·n) m − n
    other = 2 * np.sum(normals * sides, axis=1, keepdims=True) * normals - sides
    across = sides - other
    turned = np.linalg.norm(across, axis=1)
    corners = np.flatnonzero(turned > TURN)
    if cloud.domain is None or not len(corners):
        return none
    X, direction = points[first + corners], across[corners] / turned[corners, None]
    widths = _widths(cloud, first + corners)
    # beyond either side's plane, and beneath the other's, lies the domain where the corner is an inner one
    step = ASIDE * widths[:, None] * direction
    inner = cloud.domain.contains(X + step) & cloud.domain.contains(X - step)
    if not inner.any():
        return none
    away = nearest_image(points[first:, None] - X[inner], cloud.periods)
    near = first + np.flatnonzero((np.linalg.norm(away, axis=2) <= REACH * widths[inner]).any(axis=1))
    return near, _widths(cloud, near)


def _widths(cloud: Cloud, places: Int[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    points = np.asarray(cloud.points)
    neighbours = points[nearest(points, points[places], 2, cloud.periods)[:, 1]]
    return np.linalg.norm(nearest_image(neighbours - points[places], cloud.periods), axis=1)


def _shares(
    flux: Group, inside: Group, widths: Float[np.ndarray, " m"], fields: int, around: Any
) -> Float[AnyArray, "m b c"] | None:
    """s at every point; None where the condition has no first derivative as its highest, or the equation no second."""
    here = inside._replace(points=flux.points, normals=np.zeros_like(flux.points))
    gradients = [_gradient(one, order, fields, around) for one, order in ((flux, 1), (here, 2))]
    if any(gradient is None for gradient in gradients):
        return None
    on_first, on_second = (_along(g, flux.normals, order) for g, order in zip(gradients, (1, 2), strict=True))
    if on_second.shape[1] != fields or not (is_traced(on_first) or np.any(on_first)):
        return None
    array = module_of(on_first, on_second)
    sizes = array.linalg.svd(on_second, compute_uv=False)
    sound = (sizes[:, -1] > SINGULAR * sizes[:, 0])[:, None, None]
    if not is_traced(sound) and not sound.any():
        return None
    inverse = array.linalg.inv(array.where(sound, on_second, np.eye(fields)))
    return array.where(sound, -widths[:, None, None] / 2 * (on_first @ inverse), 0.0)


def _gradient(group: Group, order: int, fields: int, around: Any) -> Any:
    """By the jets, (m, c, f, J), linearised; None of a residual that is not local, or of another order."""
    facts = facts_of(group, fields)
    if facts.order != order:
        return None
    jets = no_jets(len(group.points), group.points.shape[1], order, fields)
    if around is not None and not facts.affine:
        jets = jets_of(around, group.points, order)
    return without_derivative(at_jets(group, jets, order)[1])


def _along(gradient: Any, normals: Float[np.ndarray, "m d"], order: int) -> Any:
    """What the derivatives of one order along the normal are multiplied by, (m, c, f)."""
    exponents = total_degree(normals.shape[1], order)
    powers = np.prod(normals[:, None] ** exponents, axis=2) * (exponents.sum(axis=1) == order)
    return module_of(gradient).einsum("mcfj,mj->mcf", gradient, powers)
