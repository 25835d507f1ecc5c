"""Integrals of solutions over their domains."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..geometry.quadrature import rule
from ..internal.expected import expects
from ..internal.tracing import AnyArray, is_traced
from .solution import Solution


@expects(u=Solution)
def integrate(u: Solution) -> Float[AnyArray, "*f"]:
    """∫ u dx over the domain of the cloud: (), or (fields,); over a surface by its area, see `Surface.quadrature`.

    Tensor Gauss rules on intervals, boxes and balls (in polar coordinates), exact to round-off for smooth functions.
    On combined shapes a Sobol sequence of 2¹⁷ points of the bounding box, to about 1e-4 of the integral of |u|.
    Differentiable as u is. Raises ValueError for a cloud without a domain.
    """
    domain = u.space.cloud.domain
    if domain is None:
        raise ValueError("the cloud has no domain to integrate over: give Cloud(..., domain=)")
    X, weights = rule(domain)
    values = u(X)
    return weights @ values if is_traced(values) else np.asarray(weights @ np.asarray(values))
