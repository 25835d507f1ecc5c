"""The eigenvalues of a problem in time in a space: what grows in it, and whether the nodes resolve what grows."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Complex, Float

from ..equations.basis_derivatives import BasisDerivatives
from ..geometry.cloud import Cloud
from ..internal.expected import INTEGER, NUMBER, expects
from ..internal.watched import settled
from ..linalg.arnoldi import converged
from ..pde.problem import Problem
from ..spaces.base import Space
from .modes import Spectrum
from .semidiscrete import SemiDiscrete, equations_in_time, started
from .solve import require_double

DENSE = 1500  # unknowns up to which all eigenvalues are computed
INFINITE = 1e-6  # eigenvalues of the step's map below which a function is bound by equations without rates
RESOLVED = 6.0  # spacings a wavelength, from which on the nodes resolve a function
STILL = 1e-8  # growth, relative to the largest eigenvalue found, that is rounding
NEAR = 1e-3  # of the size of the operator: where eigenvalues near 0 are looked for
LEAST = 20  # rightmost ones: fewer converge late where many lie side by side
FEW = 4  # eigenvalues that are looked for before a run
SAME = 1e-4  # two eigenvalues, relative to their size
BASIS, ACCURACY = 180, 1e-6  # of Arnoldi's method


@expects(problem=Problem, space=Space, k=INTEGER, time=NUMBER, points=Cloud)
@settled
def spectrum(
    problem: Problem,
    space: Space,
    k: int = 40,
    *,
    time: float = 0.0,
    initial: Any = None,
    points: Cloud | None = None,
    hyperviscosity: bool | float = False,
    solver: str = "auto",
) -> Spectrum:
    """The rightmost eigenvalues of a problem in time in a space: of the equations linearised at `initial`, at a time.

    They are those of an implicit Euler step, least squares and conditions without rates included. All of them, of which
    the `k` rightmost are kept, for up to 1500 unknowns; for more those nearest to 0 and the rightmost that Arnoldi's
    method finds. `initial`: as in `evolve`, zero without any.

    What grows though the problem does not, as in advection by stencils, is rough: `hyperviscosity=` damps it.
    """
    require_double()
    if k < 1:
        raise ValueError(f"k is a number of eigenvalues, at least 1; got {k}")
    if initial is None and problem.initial is None:
        initial = _zero(problem.fields)
    system, c = equations_in_time(problem, space, points, initial, float(time), hyperviscosity)
    evolution, c, _ = started(system, np.asarray(c), float(time), solver)
    values, vectors = rightmost(evolution, float(time), c, k)
    return _judged(space, evolution.shape, values, vectors)


def _zero(fields: int):
    return lambda x: jnp.zeros(() if fields == 1 else (fields,))


def _judged(space: Space, shape: tuple[int, ...], values, vectors) -> Spectrum:
    vectors = vectors.T.reshape(len(values), *shape)
    wavelengths = _wavelengths(space, vectors)
    resolved = wavelengths >= RESOLVED
    growing = values.real > STILL * np.max(np.abs(values))
    rough = np.flatnonzero(growing & ~resolved)
    if len(rough):
        worst = rough[np.argmax(values.real[rough])]
        verdict = (
            f"what the nodes do not resolve grows as exp({values.real[worst]:.3g} t), with a wavelength of "
            f"{wavelengths[worst]:.1f} spacings: for advection by stencils use hyperviscosity=True, for a wave that "
            "leaves the condition u_t + u_n = 0 with its rate; or try another space"
        )
    elif np.any(growing):
        verdict = f"grows as exp({values.real.max():.3g} t) by a function that the nodes resolve: so does the problem"
    else:
        verdict = f"nothing grows: the rightmost eigenvalue is {values[0]:.3g}"
    return Spectrum(space, values, np.moveaxis(vectors, 0, 1), resolved, verdict)


def _wavelengths(space: Space, vectors: Complex[np.ndarray, "k n *f"]) -> Float[np.ndarray, " k"]:
    """Of functions, in spacings, by the sizes of their gradients: 2π ‖v‖ / ‖∇v‖ / h."""
    derivatives = BasisDerivatives.at_nodes(space)
    units, found = derivatives.units(1), []
    for vector in vectors:
        parts = [np.ascontiguousarray(part) for part in (vector.real, vector.imag)]
        jets = [derivatives.jets(part, 1) if units is None else derivatives.combined(units, part) for part in parts]
        value, slope = (np.sum(np.square([jet[:, which] for jet in jets])) for which in (slice(1), slice(1, None)))
        found.append(2 * np.pi * np.sqrt(value / max(slope, np.finfo(float).tiny)))
    return np.array(found) / float(np.median(space.cloud.spacing))


def rightmost(evolution: SemiDiscrete, t: float, c, k: int) -> tuple[Complex[np.ndarray, " k"], Any]:
    """The rightmost eigenvalues, sorted, and their vectors (n, k)."""
    n = c.size
    if n <= DENSE:
        found = _all(evolution, t, c)
    else:
        found = _joined(_near_zero(evolution, t, c, k), _by_rates(evolution, t, c, k))
    values, vectors = found
    order = np.lexsort((-np.abs(values.imag), -np.round(values.real, 12)))[:k]
    return values[order], vectors[:, order]


def _all(evolution: SemiDiscrete, t: float, c):
    """Of c ↦ (K + αM)⁺ αM c: μ = α/(α − λ)."""
    alpha = evolution.ratio
    by_rate, _ = evolution.products(t, c)
    dense = by_rate.toarray() if hasattr(by_rate, "toarray") else by_rate
    step = np.asarray(evolution.factored(t, c, np.zeros_like(c), alpha).solve(alpha * dense))
    values, vectors = scipy.linalg.eig(step, check_finite=True)
    finite = np.abs(values) > INFINITE
    return alpha * (1 - 1 / values[finite]), vectors[:, finite]


def grows_unresolved(space: Space, evolution: SemiDiscrete, t: float, c) -> tuple[float, float] | None:
    """The largest growth among functions that the nodes do not resolve, and its wavelength in spacings, as far as a few
    steps of Arnoldi's method find it; None: none was found.
    """
    found = _arnoldi(evolution.rates_of(t, c), c.size, FEW, "LR", basis=BASIS // 3)
    if not len(found[0]):
        return None
    wavelengths = _wavelengths(space, found[1].T.reshape(len(found[0]), *evolution.shape))
    growth = np.where(wavelengths < RESOLVED, found[0].real, -np.inf)
    worst = int(np.argmax(growth))
    return (float(growth[worst]), float(wavelengths[worst])) if growth[worst] > 0 else None


def _near_zero(evolution: SemiDiscrete, t: float, c, k: int):
    """Of the same map with a small α, whose largest eigenvalues are those of λ near 0."""
    alpha = NEAR * evolution.ratio
    by_rate, _ = evolution.products(t, c)
    factored = evolution.factored(t, c, np.zeros_like(c), alpha)
    values, vectors = _arnoldi(lambda v: alpha * factored.solve(by_rate @ v), c.size, k, "LM")
    return alpha * (1 - 1 / values), vectors


def _by_rates(evolution: SemiDiscrete, t: float, c, k: int):
    """Of c ↦ ċ, by its rightmost eigenvalues: those that are far from 0, as of waves."""
    return _arnoldi(evolution.rates_of(t, c), c.size, max(k, LEAST), "LR")


def _arnoldi(product, n: int, k: int, which: str, basis: int = BASIS):
    """What converges of the eigenvalues of a map; it is started with a value of the map, which fulfils what all do."""
    start = product(np.random.default_rng(0).standard_normal(n))
    return converged(product, start, k, which, ncv=min(max(basis, 2 * k + 1), n - 1), tol=ACCURACY)


def _joined(one, other):
    """Two sets of eigenvalues, those that both have once."""
    values, vectors = one
    new = [i for i, value in enumerate(other[0]) if np.all(np.abs(values - value) > SAME * np.abs(value) + SAME)]
    return np.append(values, other[0][new]), np.concatenate([vectors, other[1][:, new]], axis=1)
