"""Integrals over domains: Gauss rules on intervals, boxes and balls, quasi-Monte Carlo on their combinations."""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import Float

from ..geometry.domain import Domain
from ..geometry.low_discrepancy import sobol
from ..geometry.shapes.basic import Ball, Box, Interval
from ..geometry.surface import Surface
from ..internal.expected import expects
from .solution import Solution

GAUSS = {1: 96, 2: 64, 3: 32}  # points along every axis
SOBOL = 2**17  # points of the bounding box, for combined shapes


@expects(u=Solution)
def integrate(u: Solution) -> Float[np.ndarray, "*f"]:
    """∫ u dx over the domain of the solution's cloud: (), or (fields,); over a surface by its area, see `Surface.rule`.

    Tensor Gauss rules on intervals, boxes and balls (in polar coordinates), exact to round-off for smooth functions.
    On combined shapes a Sobol sequence of 2¹⁷ points of the bounding box, to about 1e-4 of the integral of |u|.
    Raises ValueError for a cloud without a domain.
    """
    domain = u.space.cloud.domain
    if domain is None:
        raise ValueError("the cloud has no domain to integrate over: give Cloud(..., domain=)")
    X, weights = rule(domain)
    return np.asarray(weights @ np.asarray(u(X)))


@functools.lru_cache(maxsize=8)
def rule(domain: Domain) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, " m"]]:
    """Points (m, d) of a domain and their weights (m,)."""
    lower, upper = domain.bounds
    if isinstance(domain, Surface):
        return domain.rule
    if isinstance(domain, Interval | Box):
        return _product([_gauss(a, b, GAUSS[domain.dim]) for a, b in zip(lower, upper, strict=True)])
    if isinstance(domain, Ball) and domain.dim > 1:
        return _polar(domain)
    X = lower + sobol(SOBOL, domain.dim) * (upper - lower)
    inside = domain.contains(X)
    return X[inside], np.full(np.sum(inside), np.prod(upper - lower) / SOBOL)


def _gauss(a: float, b: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    t, w = np.polynomial.legendre.leggauss(count)
    return (a + b) / 2 + (b - a) / 2 * t, (b - a) / 2 * w


def _product(rules: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    axes, weights = zip(*rules, strict=True)
    X = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    return X, functools.reduce(np.multiply.outer, weights).ravel()


def _polar(ball: Ball) -> tuple[np.ndarray, np.ndarray]:
    """Gauss points along the radius and the height, equidistant ones around the circle."""
    count = GAUSS[ball.dim]
    angle = (2 * np.pi / (2 * count) * np.arange(2 * count), np.full(2 * count, np.pi / count))
    radius = _gauss(0.0, ball.radius, count)
    if ball.dim == 2:
        X, weights = _product([radius, angle])
        r, phi = X.T
        return ball.center + np.stack([r * np.cos(phi), r * np.sin(phi)], axis=-1), weights * r
    X, weights = _product([radius, _gauss(-1.0, 1.0, count), angle])
    r, z, phi = X.T
    rho = r * np.sqrt(1 - z**2)
    return ball.center + np.stack([rho * np.cos(phi), rho * np.sin(phi), r * z], axis=-1), weights * r**2
