"""A problem's equations in a space, dense or sparse as the space is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from numpy.typing import ArrayLike

from ..geometry.cloud import Cloud
from ..internal.tracing import is_traced
from ..pde.jets import needed_order
from ..pde.problem import Problem
from ..spaces.base import GlobalSpace, Space
from ..spaces.tangent_stencils import check_order
from .basis_derivatives import Guess
from .conditions import AGAIN, Group, along_normals, inside_at, match_conditions, with_array_leaves
from .constrained import Constrained
from .dense_system import DenseSystem
from .distributed_system import Distributed
from .jet_system import JetSystem, jet_system, repeated_inside
from .means import means_of
from .row_weights import measured_weights
from .sharded_system import ShardedSystem
from .system import Collocated


def assemble(
    problem: Problem,
    space: Space,
    points: Cloud | None = None,
    weights: Mapping[str, ArrayLike] | None = None,
    around: Guess | None = None,
    *,
    with_data: bool = True,
    mesh: Mesh | None = None,
    like: list[Group] | None = None,
) -> Any:
    """The equations at the points of a cloud, by default the space's own, with their row weights: measured ones,
    unless `weights` names the part.

    A component's weight is rms(interior)/rms(component), both of the residual linearised `around` a function (zero by
    default) and applied to plane waves of wavenumber 1/spacing. The spacing is that of the space's cloud: a property
    of the points, never of the kernel. Data have another weight, see `mf.Data`, and rows only `with_data`. Dense
    rows are spread over the devices of a `mesh`. `like`: the groups of other equations, see `inner_corners.balanced`.

    Raises ValueError for weights of unknown parts or of the wrong shape, and for residuals of a wrong shape.
    """
    problem, space = with_array_leaves(problem), with_array_leaves(space)
    cloud = space.cloud if points is None else points
    groups = [group for group in match_conditions(problem, cloud) if with_data or not group.is_data]
    if cloud.surface_normals is not None:
        groups = _on_surface(groups, problem.fields, space, cloud)

    def given(measured: Mapping[str, Any]) -> dict[str, Any]:
        return {**measured, **given_weights(weights or {}, measured)}

    if mesh is not None:
        return ShardedSystem.of(_dense(problem, space, points, groups, given, around), mesh)
    system = _collocated(
        problem, space, points, groups, given, around, is_traced(problem, space, points, weights), like
    )
    if space.partition is not None:
        return Distributed.of(cast(JetSystem, system))
    if problem.mean is None:
        return system
    return Constrained.of(system, means_of(problem, space))


def _collocated(problem: Problem, space: Space, points, groups, given, around, traced: bool, like) -> Collocated:
    if space.local_basis is not None or (space.has_rows and not traced and not is_traced(around)):
        with np.errstate(all="ignore"):  # what is not finite is told in words, by the point
            system = jet_system(problem, space, points, groups, given, around, like)
        if system is not None:
            return system
    return _dense(problem, space, points, groups, given, around)


def _dense(problem: Problem, space: Space, points, groups, given, around) -> DenseSystem:
    measured, magnitude = measured_weights(groups, problem.fields, space.cloud.spacing, around)
    row_weights, cloud = given(measured), space.cloud if points is None else points
    again = repeated_inside(groups, problem.fields, space, cloud)
    if again:
        groups = [*groups, inside_at(groups, again, cloud)]
        row_weights |= {name: AGAIN * row_weights["interior"] for name, _ in groups[-1].parts}
    return DenseSystem(
        space=cast(GlobalSpace, space),  # a space without a local basis is a global one
        fields=problem.fields,
        groups=groups,
        row_weights=row_weights,
        magnitude=magnitude,
    )


def _on_surface(groups: list[Group], fields: int, space: Space, cloud: Cloud) -> list[Group]:
    """The equations on a surface, with those that make functions of global spaces constant along its normals."""
    inside = groups[0].residual
    check_order(needed_order(lambda u, x: inside(u, x, jnp.zeros_like(x)), cloud.dim, fields))
    if space.constant_along_normals:
        return groups
    if space.local_basis is not None:
        raise ValueError(
            f"{space.describe()} has few functions at each point, which are not constant along the normals of a "
            "surface: use Stencils there, or Eigenbasis"
        )
    translated = cast(GlobalSpace, space).translated_to
    if translated is not None and len(translated) >= len(cloud):
        raise ValueError(
            f"{space.describe()} has {len(translated)} translates for {len(cloud)} nodes of a surface: with the two "
            "equations that make u constant along the normals there are three at each node, and they do not fit. Use "
            "Stencils there, or Eigenbasis"
        )
    return [*groups, along_normals(cloud)]


def given_weights(weights: Mapping[str, ArrayLike], measured: Mapping[str, Any]) -> dict[str, Any]:
    """The user's weights, a number or one for each component; ValueError for those that do not fit."""
    unknown = sorted(set(weights) - set(measured))
    if unknown:
        raise ValueError(f"weights for unknown parts {unknown}; the parts are {sorted(measured)}")
    for part, weight in weights.items():
        if isinstance(weight, str) or weight is None:
            raise TypeError(f"the weight of {part!r} must be a number, or one for each component; got {weight!r}")
        if not is_traced(weight) and not np.all(np.isfinite(weight) & (np.asarray(weight) >= 0)):
            raise ValueError(f"the weight of {part!r} must be finite and not negative; got {weight!r}")
        if np.shape(weight) not in ((), measured[part].shape):
            raise ValueError(
                f"the weight of {part!r} must be a number or of shape {measured[part].shape}; got {np.shape(weight)}"
            )
    return {
        part: (jnp if is_traced(weight) else np).broadcast_to(
            (jnp if is_traced(weight) else np).asarray(weight, dtype=float), measured[part].shape
        )
        for part, weight in weights.items()
    }
