"""Integrals over domains: Gauss rules on intervals, boxes and balls."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from jaxtyping import Float

Rule = tuple[Float[np.ndarray, "m d"], Float[np.ndarray, " m"]]  # points and weights
GAUSS = {1: 96, 2: 64, 3: 32}  # points along every axis


@functools.lru_cache(maxsize=8)
def rule(domain: Any) -> Rule:
    """Points of a domain and their weights, made once."""
    return domain.quadrature()


def of_box(lower: Float[np.ndarray, " d"], upper: Float[np.ndarray, " d"]) -> Rule:
    """Gauss's rule along every axis."""
    return _product([_gauss(a, b, GAUSS[len(lower)]) for a, b in zip(lower, upper, strict=True)])


def of_ball(center: Float[np.ndarray, " d"], radius: float) -> Rule:
    """Gauss points along the radius and the height, equidistant ones around the circle."""
    count, dim = GAUSS[len(center)], len(center)
    if dim == 1:
        return of_box(center - radius, center + radius)
    angle = (2 * np.pi / (2 * count) * np.arange(2 * count), np.full(2 * count, np.pi / count))
    along = _gauss(0.0, radius, count)
    if dim == 2:
        X, weights = _product([along, angle])
        r, phi = X.T
        return center + np.stack([r * np.cos(phi), r * np.sin(phi)], axis=-1), weights * r
    X, weights = _product([along, _gauss(-1.0, 1.0, count), angle])
    r, z, phi = X.T
    rho = r * np.sqrt(1 - z**2)
    return center + np.stack([rho * np.cos(phi), rho * np.sin(phi), r * z], axis=-1), weights * r**2


def _gauss(a: float, b: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    t, w = np.polynomial.legendre.leggauss(count)
    return (a + b) / 2 + (b - a) / 2 * t, (b - a) / 2 * w


def _product(rules: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    axes, weights = zip(*rules, strict=True)
    X = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    return X, functools.reduce(np.multiply.outer, weights).ravel()
