"""A problem's equations in a space, dense or sparse as the space is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ..geometry.cloud import Cloud
from ..pde.problem import Problem
from ..spaces import GlobalSpace, Space
from .dense_system import Equations
from .row_weights import measured_weights
from .sparse_system import local_equations
from .system import System


def equations(
    problem: Problem,
    space: Space,
    points: Cloud | None = None,
    weights: Mapping[str, ArrayLike] | None = None,
    around: Callable | None = None,
) -> System:
    """The equations at the points of a cloud, by default the space's own, with their row weights: measured ones,
    unless `weights` names the part.

    A component's weight is rms(interior)/rms(component), both of the residual linearised `around` a function (zero by
    default) and applied to plane waves of wavenumber 1/spacing. The spacing is that of the space's cloud: a property
    of the points, never of the kernel.

    Raises ValueError for weights of unknown parts or of the wrong shape, and for residuals of a wrong shape.
    """
    cloud = space.cloud if points is None else points
    measured, magnitude = measured_weights(problem, cloud, space.cloud.spacing, around)
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
    basis = space.local_basis
    if basis is not None:
        return local_equations(problem, space, basis, points, measured)
    assert isinstance(space, GlobalSpace)  # a space without a local basis is a global one
    return Equations(problem=problem, space=space, cloud=cloud, weights=measured, magnitude=magnitude)
