"""Whether a cloud fits a domain: its points inside, its boundary on the boundary, its normals outward."""

import hashlib
from typing import Any

import numpy as np

from ..internal.tracing import is_traced
from .cloud import Cloud
from .domain import Domain

_OFF = 0.01  # spacings that a node may be off its place, as those of mesh files are
_LEAST = 1e-6  # of the size of the domain, likewise
_PROBE = 0.03  # spacings from a boundary node along its normal, where the domain has ended
_KEPT = 64  # clouds that were found to fit

_fitting: dict[tuple[Domain, bytes], None] = {}


def check_cloud_in(domain: Any, cloud: Cloud) -> None:
    """ValueError unless the cloud is one of the domain; nothing is known of traced clouds, and without a domain."""
    if not isinstance(domain, Domain) or domain.dim != cloud.dim or is_traced(cloud):
        return
    X, N = np.asarray(cloud.points), np.asarray(cloud.normal_vectors)
    key = domain, hashlib.blake2b(np.concatenate([X, N]).tobytes()).digest()
    if key in _fitting:
        return
    spacing = min(float(cloud.spacing), domain.extent)
    off = max(_OFF * spacing, _LEAST * domain.extent)
    _check_inside(domain, cloud, X, off)
    _check_boundary(domain, cloud, X, N, off)
    _check_normals(domain, cloud, X, N, max(_PROBE * spacing, 3 * off))
    if len(_fitting) >= _KEPT:
        _fitting.clear()
    _fitting[key] = None


def _check_inside(domain: Domain, cloud: Cloud, X: np.ndarray, off: float) -> None:
    outside = np.flatnonzero(~domain.contains(X))
    outside = outside[domain.distance(X[outside]) > off]
    if len(outside):
        raise ValueError(
            f"{len(outside)} of the {len(X)} points of {cloud} lie outside the problem's domain {domain}, as "
            f"{cloud.locate(int(outside[0]))}: use a cloud of that domain, problem.domain.cloud(spacing)"
        )


def _check_boundary(domain: Domain, cloud: Cloud, X: np.ndarray, N: np.ndarray, off: float) -> None:
    first = len(X) - len(N)
    inside = first + np.flatnonzero(np.abs(domain.distance(X[first:])) > off)
    if len(inside):
        raise ValueError(
            f"{len(inside)} of the {len(N)} boundary nodes of {cloud} are not on the boundary of the problem's domain "
            f"{domain}, as {cloud.locate(int(inside[0]))}: use a cloud of that domain, problem.domain.cloud(spacing), "
            "or give them as interior points"
        )


def _check_normals(domain: Domain, cloud: Cloud, X: np.ndarray, N: np.ndarray, step: float) -> None:
    first = len(X) - len(N)
    B = X[first:]
    inward = first + np.flatnonzero(domain.contains(B + step * N) & ~domain.contains(B - step * N))
    if len(inward):
        raise ValueError(
            f"the normals of {len(inward)} of the {len(N)} boundary nodes of {cloud} point into the problem's domain "
            f"{domain}, as at {cloud.locate(int(inward[0]))}; expected outward ones: use their negatives"
        )
