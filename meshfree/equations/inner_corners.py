"""Flux conditions where the boundary has inner corners: the balance of a half cell in the place of that at a point.

At an inner corner the gradient is infinite, as r^(π/ω − 1). What one-sided derivatives miss of it there acts as a point
source, and for some nodes the equations hardly see a function that is constant around the corner: errors above 1, with
small residuals [measured]. So, of a cell of the size h of the spacing, half of which is inside,

    B u + s (L u) = 0,    s = −h/2 · Bₙ Aₙ⁻¹,

B u the condition, L u the equation, both residuals; Bₙ and Aₙ are what they make of first and second derivatives along
the normal. Both residuals vanish for the solution, whatever s is. For −Δu = f and ∂u/∂n = g the row is that of
∂u/∂n − g + h/2 (−Δu − f), as in the finite increment calculus: Oñate, Comput. Methods Appl. Mech. Engrg.
151 (1998) 233-265. At the corner itself, which has no normal, the equation alone holds: that makes errors 3 to 10 times
smaller than ghosts do [measured].
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..geometry.cloud import Cloud
from ..geometry.periods import nearest_image, neighbour_tree
from ..internal.tracing import AnyArray, is_traced, module_of, without_derivative
from ..pde.multi_indices import total_degree
from ..pde.problem import Residual
from ..spaces.base import Space
from ..spaces.neighbours import nearest
from ..spaces.on_demand import taken
from .conditions import Group
from .residual_jets import at_jets, facts_of, jets_of, no_jets

REACH = 2.5  # spacings from a corner, in which a flux condition makes it one to be minded
TURN = 0.1  # radians, at least: less is a smooth boundary in pieces
ASIDE = 0.1  # of the spacing, to look where the domain lies
SINGULAR = 1e-10  # of the largest singular value: the equation has no second derivative of some field


class Balanced(eqx.Module):
    """t flux(u, x, n) + s inside(u, x), where `given` is n, and t and s of every component in rows."""

    flux: Residual
    inside: Residual

    def __call__(self, u, x, given, *parameter):
        n = given[: x.size]
        value, of_cell = self.flux(u, x, n, *parameter), self.inside(u, x, n, *parameter)
        rows, shape = given[x.size :].reshape(jnp.size(value), -1), jnp.shape(value)
        return rows[:, 0].reshape(shape) * value + (rows[:, 1:] @ jnp.atleast_1d(of_cell)).reshape(shape)


def is_balanced(group: Group) -> bool:
    """Whether the equations of a group are conditions in balance."""
    return isinstance(group.residual, Balanced)


def at_points(group: Group) -> Group:
    """The conditions themselves, without the equation."""
    return group._replace(residual=group.residual.flux) if isinstance(group.residual, Balanced) else group


def shares_of(group: Group, components: int) -> Float[AnyArray, "m b c"]:
    """s of conditions in balance: what an equation's constant adds to them."""
    rows = group.normals[:, group.points.shape[1] :].reshape(len(group.points), components, -1)
    return rows[:, :, 1:]


def balanced(
    space: Space, groups: list[Group], fields: int, around: Any, like: list[Group] | None = None
) -> list[Group]:
    """The same groups with the flux conditions of stencils without ghosts in balance, where some hold beside an inner
    corner.

    On the whole boundary: what makes corners wrong makes the rest less accurate, and oblique fluxes unsteady, too.
    `like`: equations that these have the shares s of, as those of another power of a parameter have.
    """
    inside, cloud = groups[0], space.cloud
    if like is not None:
        return [
            group._replace(residual=Balanced(group.residual, inside.residual), normals=other.normals)
            if is_balanced(other)
            else group
            for group, other in zip(groups, like, strict=False)
        ]
    if space.local_basis is None or not space.is_nodal or inside.parts[0][0] != "interior" or is_traced(cloud):
        return groups
    corners = inner_corners(cloud)
    if not len(corners):
        return groups
    near = _beside(cloud, corners)
    found, wanted = list(groups), False
    for place, group in enumerate(groups):
        if group is inside or group.is_data:
            continue
        at = np.concatenate([cloud.parts[name] for name, _ in group.parts])
        one_sided = np.concatenate([np.full(count, name not in space.parts_with_ghosts) for name, count in group.parts])
        shares = _shares(group, inside, np.where(one_sided, _widths_in_sight(space, at), 0.0), fields, around)
        if shares is None:
            continue
        array, of_flux = module_of(shares), (shares != 0).any(axis=2)
        kept = array.where(of_flux & np.isin(at, corners)[:, None], 0.0, 1.0)
        rows = array.concatenate([kept[:, :, None], shares], axis=2).reshape(len(at), -1)
        given = array.concatenate([group.normals, rows], axis=1)
        found[place] = group._replace(residual=Balanced(group.residual, inside.residual), normals=given)
        wanted = wanted or bool(np.isin(at[one_sided], near).any())
    return found if wanted else groups


def inner_corners(cloud: Cloud) -> Int[np.ndarray, " m"]:
    """The places in a cloud of the nodes that are inner corners of its domain, or lie on inner edges."""
    points, normals, sides = (np.asarray(one) for one in (cloud.points, cloud.normal_vectors, cloud.side_vectors))
    # a mean of two unit normals n, n' has the angle between them halved: n' = 2 (m·n) m − n
    across = 2 * (sides - np.sum(normals * sides, axis=1, keepdims=True) * normals)
    turned = np.linalg.norm(across, axis=1)
    corners = np.flatnonzero(turned > TURN)
    if cloud.domain is None or not len(corners):
        return corners[:0]
    places = len(points) - len(normals) + corners
    # above the one side's plane and below the other's: at an inner corner the domain is there, at others it is not
    step = ASIDE * _widths(cloud, places)[:, None] * across[corners] / turned[corners, None]
    X, domain = points[places], cloud.domain
    return places[domain.contains(X + step) & domain.contains(X - step)]


def _beside(cloud: Cloud, corners: Int[np.ndarray, " m"]) -> Int[np.ndarray, " p"]:
    """The places of the boundary nodes a few spacings from corners."""
    points, first = np.asarray(cloud.points), len(cloud) - len(cloud.normal_vectors)
    tree = neighbour_tree(points[first:], cloud.periods)
    return first + np.unique(np.concatenate(tree.query_ball_point(points[corners], REACH * _widths(cloud, corners))))


def _widths(cloud: Cloud, places: Int[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    points = np.asarray(cloud.points)
    neighbours = points[nearest(points, points[places], 2, cloud.periods)[:, 1]]
    return np.linalg.norm(nearest_image(neighbours - points[places], cloud.periods), axis=1)


def _widths_in_sight(space: Space, places: Int[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """To the nearest node of each one's own stencil, which sees it: others are nearer where they lie across a slit."""
    assert space.local_basis is not None
    points, columns = np.asarray(space.cloud.points), taken(space.local_basis.own_columns, places)
    others = (columns < len(points)) & (columns != places[:, None])  # neither ghosts nor the node itself
    away = points[np.where(others, columns, 0)] - points[places][:, None]
    distances = np.linalg.norm(nearest_image(away.reshape(-1, points.shape[1]), space.cloud.periods), axis=1)
    return np.min(distances.reshape(columns.shape), axis=1, where=others, initial=np.inf)


def _shares(
    flux: Group, inside: Group, widths: Float[np.ndarray, " m"], fields: int, around: Any
) -> Float[AnyArray, "m b c"] | None:
    """s at every point; None where the condition has no first derivative as its highest, or the equation no second."""
    here = inside._replace(points=flux.points, normals=np.zeros_like(flux.points))
    gradients = [_gradient(one, order, fields, around) for one, order in ((flux, 1), (here, 2))]
    if any(gradient is None for gradient in gradients):
        return None
    on_first, on_second = (
        _along(g, np.asarray(flux.normals), order) for g, order in zip(gradients, (1, 2), strict=True)
    )
    if on_second.shape[1] != fields or not (is_traced(on_first) or np.any(on_first)):
        return None
    array = module_of(on_first, on_second)
    sizes = array.linalg.svd(without_derivative(on_second), compute_uv=False)
    sound = (sizes[:, -1] > SINGULAR * sizes[:, 0])[:, None, None]
    if not is_traced(sound) and not sound.any():
        return None
    inverse = array.linalg.inv(array.where(sound, on_second, np.eye(fields)[None]))
    return array.where(sound, -widths[:, None, None] / 2 * (on_first @ inverse), 0.0)


def _gradient(group: Group, order: int, fields: int, around: Any) -> Any:
    """By the jets, (m, c, f, J), linearised; None of a residual that is not local, or of another order."""
    facts = facts_of(group, fields)
    if facts.order != order:
        return None
    jets = no_jets(len(group.points), group.points.shape[1], order, fields)
    if around is not None and not facts.affine:
        jets = jets_of(around, group.points, order)
    return at_jets(group, jets, order)[1]


def _along(gradient: Any, normals: Float[np.ndarray, "m d"], order: int) -> Any:
    """What the derivatives of one order along the normal are multiplied by, (m, c, f)."""
    exponents = total_degree(normals.shape[1], order)
    powers = np.prod(normals[:, None] ** exponents, axis=2) * (exponents.sum(axis=1) == order)
    return module_of(gradient).einsum("mcfj,mj->mcf", gradient, powers)
