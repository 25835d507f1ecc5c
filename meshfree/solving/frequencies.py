"""The frequencies of a problem's data, for kernels that ask for them: `SpectralMixture(frequency="auto")`.

Those of a linear equation's right side are frequencies of its solution. They are read off the residual of u = 0 at
scattered nodes, the highest peak of its periodogram first, fitted in least squares, taken away, and so on: Lomb's
periodogram (Astrophys. Space Sci. 39 (1976)) cleaned of side lobes by fits (Pati, Rezaiifar & Krishnaprasad, Asilomar
Conf. 27 (1993), orthogonal matching pursuit).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from ..equations.conditions import Zero, check_residual, match_conditions
from ..geometry.cloud import Cloud
from ..internal.tracing import at_once, is_traced
from ..kernels import SpectralMixture
from ..pde.problem import Problem

MOST = 8  # waves
SHARE = 1e-6  # of the power that the first wave takes, which a further one has to take
PART = 0.05  # of the power that the waves before it leave, which it has to take too: what is left may be no wave
FEWEST, POINTS = 4, 2**15  # points, at least, and that are looked at, at most
CELLS = 2**24  # of the grid that is transformed
FLAT = 0.01  # periods over the extent: the frequency of what does not oscillate, as kernels have none of zero


def with_frequencies(problem: Problem, tree: Any, cloud: Cloud) -> Any:
    """A space whose kernels that ask for frequencies have those of the residual of u = 0 at interior points of a cloud.

    Any other tree comes back as it is, and nothing is computed. Raises ValueError where anything is traced, and for a
    residual that is zero or not finite.
    """

    def asks(node: Any) -> bool:
        return isinstance(node, SpectralMixture) and node.raw_frequency is None

    if not any(map(asks, jax.tree.leaves(tree, is_leaf=asks))):
        return tree
    if is_traced(problem, tree, cloud):
        raise ValueError(
            "frequency='auto' is found from numbers, and here JAX traces the problem or the nodes: give frequencies, "
            "those of mf.solve(problem, space).space.kernel outside of jit and grad"
        )
    X, values = _data(problem, cloud)
    found = wave_vectors(X, values, math.pi / float(cloud.spacing))
    frequencies = np.abs(found[:, 0]) if cloud.dim == 1 else found
    return jax.tree.map(lambda node: node.at_frequencies(frequencies) if asks(node) else node, tree, is_leaf=asks)


def wave_vectors(X: Float[np.ndarray, "n d"], values: Float[np.ndarray, "n c"], highest: float) -> np.ndarray:
    """The wave vectors, (q, d), of the waves that make up values at scattered points, strongest first.

    No coordinate is beyond `highest`, π/spacing for nodes that resolve no shorter wave. Waves that are
    less than two periods over the extent of the points apart are one.
    """
    if len(X) > POINTS:
        chosen = np.random.default_rng(0).permutation(len(X))[:POINTS]
        X, values = X[chosen], values[chosen]
    extent = np.ptp(X, axis=0)
    X = X - (X.max(axis=0) + X.min(axis=0)) / 2
    resolved = 2 * math.pi / np.where(extent > 0, extent, 1.0)  # one period over the extent, along every axis
    peaks = found = np.zeros((0, X.shape[1]))
    rest, first = values, 0.0
    while len(found) < MOST:
        peak = _highest_peak(X, extent, rest, highest, peaks, 2 * resolved)
        if peak is None:
            break
        peaks = np.concatenate([peaks, peak[None]])
        tried = _refined(X, values, np.concatenate([found, peak[None]]), peaks, resolved / 2)
        left = values - _fitted(X, values, tried)
        taken = np.sum(rest**2) - np.sum(left**2)
        first = first or taken
        if taken < SHARE * first or (len(found) and taken < PART * np.sum(rest**2)):
            break
        found, rest = tried, left
    longest = int(np.argmax(extent))
    flat = FLAT * resolved[longest] * np.eye(X.shape[1])[longest]
    return np.where(np.linalg.norm(found / resolved, axis=1, keepdims=True) < FLAT, flat, found)


def _data(problem: Problem, cloud: Cloud) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n c"]]:
    """The interior points and the residual of u = 0 there, every component in units of its root mean square."""
    group = next(group for group in match_conditions(problem, cloud) if group.parts[0][0] == "interior")
    check_residual(group, problem.fields)
    X = np.asarray(group.points)
    if len(X) < FEWEST:
        raise ValueError(
            f"frequency='auto' is found from the residual of u = 0 at interior nodes, at least {FEWEST}; got {len(X)}"
        )
    with at_once():
        values = np.asarray(_of_zero(group.residual, problem.fields, X)).reshape(len(X), -1)
    if not np.isfinite(values).all():
        raise ValueError(
            "frequency='auto' is found from the residual of u = 0, which is not finite at all interior nodes: give "
            "frequencies, SpectralMixture(frequency=[94.0, 106.0])"
        )
    sizes = np.sqrt(np.mean(values**2, axis=0))
    if not sizes.any():
        raise ValueError(
            "frequency='auto' is found from the residual of u = 0, which is zero at all interior nodes: give the "
            "frequencies that the equation has, as k of a Helmholtz equation, SpectralMixture(frequency=k)"
        )
    return X, values[:, sizes > 0] / sizes[sizes > 0]


@eqx.filter_jit
def _of_zero(residual: Callable, fields: int, X):
    return jax.vmap(lambda x: residual(Zero(fields), x, x))(X)


def _highest_peak(X, extent, values, highest: float, peaks, apart) -> np.ndarray | None:
    """The wave vector of most power, of those apart from all peaks so far; None where there is no other.

    By the transform of the values gathered on a grid, half as wide as half the shortest wave, and twice as far as the
    points reach, so that no peak falls between two frequencies; where it lies exactly, `_refined` tells.
    """
    step = max(math.pi / (2 * highest), (np.prod(2 * extent[extent > 0]) / CELLS) ** (1 / np.sum(extent > 0)))
    shape = tuple(int(n) for n in np.ceil(2 * extent / step) + 1)
    cells = np.ravel_multi_index(tuple(np.rint((X + extent / 2) / step).astype(int).T), shape)
    axes = [2 * math.pi * np.fft.fftfreq(n, step) for n in shape]
    axes[-1] = 2 * math.pi * np.fft.rfftfreq(shape[-1], step)
    power = np.zeros([len(axis) for axis in axes])
    for component in values.T:
        power += np.abs(np.fft.rfftn(np.bincount(cells, component, math.prod(shape)).reshape(shape))) ** 2
    for axis, k in enumerate(axes):
        power[(slice(None),) * axis + (np.abs(k) > highest,)] = -1.0
    for vector in [*peaks, *-peaks]:
        squares = [((k - along) / width) ** 2 for k, along, width in zip(axes, vector, apart, strict=True)]
        power[sum(np.ix_(*squares)) < 1] = -1.0
    best = np.unravel_index(np.argmax(power), power.shape)
    return np.array([axis[i] for axis, i in zip(axes, best, strict=True)]) if power[best] > 0 else None


def _refined(X, values, vectors, peaks, reach) -> np.ndarray:
    """The wave vectors whose waves fit the values best, from `vectors` on, no coordinate beyond `reach` of the peaks.

    Amplitudes are eliminated (Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973), with Kaufman's Jacobian).
    """
    from scipy.optimize import least_squares

    def residual(flat):
        return (values - _fitted(X, values, flat.reshape(vectors.shape))).ravel()

    def jacobian(flat):
        current = flat.reshape(vectors.shape)
        basis, turned = _waves(X, current)
        amplitudes = np.linalg.lstsq(basis, values, rcond=None)[0]
        columns = []
        for i, axis in np.ndindex(vectors.shape):
            pair = [i, i + len(current)]
            columns.append(-X[:, axis, None] * (turned[:, pair] @ amplitudes[pair]))
        moved = np.stack(columns, axis=1)  # (n, q·d, c)
        flat_moved = moved.reshape(len(X), -1)
        moved = flat_moved - basis @ np.linalg.lstsq(basis, flat_moved, rcond=None)[0]
        return moved.reshape(moved.shape[0], len(columns), -1).swapaxes(1, 2).reshape(-1, len(columns))

    bounds = np.ravel(peaks - reach), np.ravel(peaks + reach)
    widths = np.tile(reach, len(peaks))
    found = least_squares(residual, vectors.ravel(), jacobian, bounds=bounds, x_scale=widths, max_nfev=50)
    return found.x.reshape(vectors.shape)


def _fitted(X, values, vectors) -> np.ndarray:
    """The waves of these vectors that fit the values best, at the points."""
    basis, _ = _waves(X, vectors)
    return basis @ np.linalg.lstsq(basis, values, rcond=None)[0]


def _waves(X, vectors) -> tuple[np.ndarray, np.ndarray]:
    """The cosines and sines, (n, 2q), and their derivatives by the phase."""
    phases = X @ vectors.T
    cosines, sines = np.cos(phases), np.sin(phases)
    return np.concatenate([cosines, sines], axis=1), np.concatenate([-sines, cosines], axis=1)
