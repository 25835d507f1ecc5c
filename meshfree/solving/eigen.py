"""Eigenvalue problems: the values of the parameter for which a linear problem without data has solutions."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Bool, Complex, Float
from numpy.typing import ArrayLike

from ..equations.assemble import assemble
from ..equations.pencil import Pencil
from ..geometry.cloud import Cloud
from ..geometry.cloud_checks import check_cloud_in
from ..internal.compile_cache import release_programs
from ..internal.expected import INTEGER, NUMBER, expects
from ..internal.tracing import is_traced, without_derivative
from ..internal.watched import settled
from ..linalg.arnoldi import largest
from ..linalg.dense import check_memory
from ..linalg.factor import factor
from ..linalg.interface import Factor
from ..pde.problem import Problem
from ..spaces.base import Space
from .derivative import of_first_order, without_value
from .frequencies import with_frequencies
from .modes import Modes, normalised
from .off_nodes import points_between
from .solve import require_double
from .uniqueness import check_unique

DENSE = 400  # unknowns up to which all eigenvalues are computed
ASIDE = 0.0123  # of the size of the eigenvalues: so far from `near` the equations are factored, as it may be one itself
SPARE = 4  # pairs more than are asked for
SPURIOUS = 0.2  # share of its terms that an equation is off by between the nodes
RESOLVED = 0.03  # the same, up to which nothing need be said
SAME = 1e-3  # relative distance of eigenvalues that are one, at most; less where the functions are more exact
ROUNDING = 1e-9


@expects(problem=Problem, space=Space, k=INTEGER, near=NUMBER, points=Cloud, weights=Mapping, solver=str)
@settled
def eigen(
    problem: Problem,
    space: Space,
    k: int = 10,
    near: float = 0.0,
    *,
    points: Cloud | None = None,
    weights: Mapping[str, ArrayLike] | None = None,
    solver: str = "auto",
) -> Modes:
    """The k eigenvalues λ nearest to `near` with their functions: where a problem without data has solutions u ≠ 0.

    λ is the parameter of the problem, the last argument of its residuals, in the equation, the conditions or both:

        mf.Problem(mf.Disk(), interior=lambda u, x, lam: mf.laplacian(u)(x) + lam * u(x),
                   boundary=lambda u, x, n, lam: u(x))

    All residuals are linear in u, without data, and of degree 1 or 2 in λ. Multiple eigenvalues are there as often as
    they occur. Where the space is solved in least squares so are these: A(σ)ᵀ A(λ) c = 0, σ close to `near`.

    - `k`: how many. All are computed of up to 400 unknowns; of more those nearest to `near`, by Arnoldi's method
    - `points`, `weights`, `solver`: as in `solve`

    Spurious pairs, whose functions miss the equations between the nodes by a fifth of their terms and more, are dropped
    and counted. Those that miss them by more than 3% are kept with a warning: they are poorly resolved, or spurious,
    as stencils have some with conditions on the flux of smooth parts without `ghost=`. A pair of complex values whose
    imaginary part is less than that share of them is a real one that occurs twice.

    `modes.values` have derivatives of first order, by leaves of the problem and of the space, under jax.grad and
    jax.jvp, but not under jit: those of simple eigenvalues; those of multiple ones are NaN, as there are none.

    Raises ValueError for a problem without parameter, or that does not depend on it, for residuals that are not affine
    in u, that u = 0 does not satisfy or that are no polynomial of degree at most 2 in λ, and for k beyond the unknowns.
    """
    require_double()
    release_programs()
    began = time.perf_counter()
    _check(problem, space, k, near, points)
    known: Any = without_derivative((problem, space, points, weights))
    known = known[0], with_frequencies(problem.at(near), known[1], known[1].cloud), *known[2:]
    pencil = Pencil(float(near), *known)
    for cloud in {id(one): one for one in (known[1].cloud, pencil.cloud)}.values():
        check_cloud_in(problem.domain, cloud)
    inverse = Inverse(pencil, solver)
    pairs, simple, dropped = _good(pencil, inverse, k)
    values: Any = pairs.values.real if not np.any(pairs.values.imag) else pairs.values
    if pencil.moves or is_traced(problem, space, points, weights):
        values = _differentiable(pencil, inverse, pairs, values, simple, problem, space, points)
    shape = (len(pairs.off), *pencil.zero.shape)
    coefficients = pairs.vectors.T.reshape(shape)
    coefficients = normalised(known[1], coefficients if np.iscomplexobj(values) else coefficients.real)
    stats = {
        "unknowns": inverse.unknowns,
        "rows": inverse.matrices[0].shape[0],
        "dropped": dropped,
        "shift": inverse.shift,
        "seconds": time.perf_counter() - began,
    }
    each = tuple(_stats_of(pencil, pairs, coefficients, i, stats) for i in range(len(pairs.off)))
    return Modes(space, values, coefficients, simple, each, stats)


def _stats_of(pencil: Pencil, pairs: Pairs, coefficients, i: int, stats: Mapping[str, Any]) -> dict[str, Any]:
    """Of one mode."""
    value = complex(pairs.values[i])
    residual = pencil.applied(value - pencil.center, coefficients[i].reshape(-1))
    by_part = pencil.systems[0].per_part(np.abs(residual))
    return {
        "eigenvalue": value.real,
        **({"eigenvalue_imag": value.imag} if value.imag else {}),
        "unknowns": stats["unknowns"],
        "rows": stats["rows"],
        "residual": {name: float(without_derivative(size)) for name, size in by_part.items()},
        "off_nodes": float(pairs.off[i]),
    }


def _check(problem: Problem, space: Space, k: int, near: float, points: Cloud | None) -> None:
    unknowns, rows_at = space.size * problem.fields, space.cloud if points is None else points
    if not problem.has_parameter:
        raise ValueError(
            "the problem has no parameter, whose values mf.eigen looks for: the last argument of all its residuals, "
            "as in interior=lambda u, x, lam: mf.laplacian(u)(x) + lam * u(x)"
        )
    if not 1 <= k <= unknowns:
        raise ValueError(f"k is a number of eigenvalues, from 1 to the {unknowns} unknowns of the space; got {k}")
    if not np.isfinite(near):
        raise ValueError(f"near is a number; got {near}")
    if len(space.levels()) > 1:
        raise ValueError(f"{space.describe()} is solved level by level, an eigenvalue problem all at once: use another")
    if problem.domain is not None and problem.domain.dim != rows_at.dim:
        raise ValueError(f"the problem's domain has {problem.domain.dim} dimensions and the cloud {rows_at.dim}")
    if space.local_basis is None:
        check_memory(len(rows_at), unknowns)


class Pairs(NamedTuple):
    """Eigenvalues λ, their vectors (n, k), and by which share the interior equation is off between the nodes."""

    values: Complex[np.ndarray, " k"]
    vectors: Complex[np.ndarray, "n k"]
    off: Float[np.ndarray, " k"]

    def chosen(self, chosen: Any) -> Pairs:
        """Some of them."""
        return Pairs(self.values[chosen], self.vectors[:, chosen], self.off[chosen])


class Left(NamedTuple):
    """y with yᵀ A(λ) = 0; in least squares y = A(σ) w, wᵀ A(σ)ᵀ A(λ) = 0, and A(λ) c is not zero."""

    y: Complex[np.ndarray, " m"]
    w: Complex[np.ndarray, " n"] | None


class Inverse:
    """c ↦ −A(σ)⁺ A′(σ) c, whose eigenvalues are 1/(λ − σ), in least squares where there are more equations than
    unknowns: then A(σ)ᵀ A(λ) c = 0. Of (c, (λ − σ) c) where the parameter is squared.
    """

    def __init__(self, pencil: Pencil, solver: str):
        for share in (-ASIDE, ASIDE):
            self.distance = share * pencil.scale
            self.matrices = pencil.shifted(self.distance)
            try:
                self.factored = _factored(pencil, self.distance, self.matrices[0], solver)
                break
            except ValueError as error:
                if share > 0:
                    raise ValueError(f"at no value of the parameter are the equations solvable: {error}") from error
        self.shift = pencil.center + self.distance
        self._lefts: Any = None
        self.unknowns = self.matrices[0].shape[1]
        self.size = self.unknowns * (len(self.matrices) - 1)

    def __call__(self, c: Float[np.ndarray, "q *k"]) -> Float[np.ndarray, "q *k"]:
        """Of vectors, or of columns."""
        c, n = np.asarray(c), self.unknowns
        if self.size == n:
            return -np.asarray(self.factored.solve(np.asarray(self.matrices[1] @ c)))
        first = -np.asarray(self.factored.solve(self.matrices[1] @ c[:n] + self.matrices[2] @ c[n:]))
        return np.concatenate([first, c[:n]])

    def transposed(self, c: Float[np.ndarray, "q *k"]) -> Float[np.ndarray, "q *k"]:
        """Its transpose."""
        n, y = self.unknowns, np.asarray(self.factored.solve_transposed(c[: self.unknowns]))
        first = -(self.matrices[1].T @ y)
        if self.size == n:
            return first
        return np.concatenate([first + c[n:], -(self.matrices[2].T @ y)])

    def largest(self, count: int) -> tuple[Complex[np.ndarray, " k"], Complex[np.ndarray, "n k"]]:
        """The eigenvalues λ nearest to σ, at least `count` if there are as many, and their vectors."""
        self._asked = count
        values, vectors = self._of(self, count)
        kept = np.abs(values) > np.finfo(float).eps * np.abs(values[0])
        return self.shift + 1 / values[kept], vectors[: self.unknowns, kept]

    def left(self, value: complex) -> Left:
        """Of a simple eigenvalue."""
        if self._lefts is None:
            self._lefts = self._of(self.transposed, self._asked)
        found, vectors = self._lefts
        z = vectors[: self.unknowns, int(np.argmin(np.abs(found - 1 / (value - self.shift))))]
        parts = [np.ascontiguousarray(part) for part in (z.real, z.imag)]
        y = [np.asarray(self.factored.solve_transposed(part)) for part in parts]
        if self.matrices[0].shape[0] == self.unknowns:
            return Left(y[0] + 1j * y[1], None)
        w = [np.asarray(self.factored.solve(part)) for part in y]
        return Left(y[0] + 1j * y[1], w[0] + 1j * w[1])

    def _of(self, product: Callable, count: int):
        if self.size > DENSE and count <= self.size // 4:
            return largest(product, self.size, count)
        values, vectors = scipy.linalg.eig(product(np.eye(self.size)))
        order = np.argsort(-np.abs(values), kind="stable")
        return values[order], vectors[:, order].astype(complex)


def _factored(pencil: Pencil, distance: float, matrix: Any, solver: str) -> Factor:
    """A(σ) factored, once it is known that no function solves the equations at σ, as one would for every λ."""
    found = factor(matrix, solver)
    if not pencil.moves:
        system = pencil.system_at(distance)
        told = {"rank": int(found.rank()), "unknowns": matrix.shape[1], "rows": matrix.shape[0]}
        check_unique(system, matrix, found, pencil.zero, told | {"condition": float(found.condition())}, True)
    return found


def _good(pencil: Pencil, inverse: Inverse, k: int) -> tuple[Pairs, Bool[np.ndarray, " k"], int]:
    """The k nearest pairs that are not spurious, which of them are simple, and how many spurious ones were nearer."""
    count, X = k + SPARE, points_between(pencil.cloud)
    while True:
        values, vectors = inverse.largest(count)
        near = np.argsort(np.abs(values - pencil.center), kind="stable")[:count]
        values, vectors = values[near], vectors[:, near]
        pairs = Pairs(values, vectors, pencil.misses(X, values, vectors))
        good = np.flatnonzero(~(pairs.off > SPURIOUS))
        if len(good) >= k or count >= inverse.size:
            break
        count = min(2 * count, inverse.size)
    simple = _simple(pairs.chosen(good), pencil.scale)[:k]  # by those beyond the last one, too
    good = good[:k]
    found = _real(pairs.chosen(good), pencil.scale)
    _tell(found, k)
    return found, simple, int(good[-1]) + 1 - len(good)


def _tell(found: Pairs, k: int) -> None:
    """Warn of pairs that are missing or poor; ValueError where there is none."""
    if not len(found.off):
        raise ValueError(
            "no eigenvalue was found whose function satisfies the equations between the nodes: use a larger space, or "
            "another one"
        )
    if len(found.off) < k:
        warnings.warn(
            f"{len(found.off)} of {k} eigenvalues were found: the functions of others miss the equations between the "
            f"nodes by more than {SPURIOUS:.0%} of their terms. Use a larger space for more of them",
            stacklevel=6,
        )
    poor = found.chosen(found.off > RESOLVED)
    if len(poor.off):
        listed = [f"{_shown(value)} ({off:.0%})" for value, off in zip(poor.values, poor.off, strict=True)]
        warnings.warn(
            "eigenvalues whose functions miss the equations between the nodes, by these shares of their terms: "
            f"{', '.join(listed)}. They are poorly resolved, or spurious: use a larger space, near corners "
            "mf.Enriched, with conditions on the flux of smooth parts Stencils(..., ghost=...)",
            stacklevel=6,
        )


def _shown(value: complex) -> str:
    return f"{value:.6g}" if value.imag else f"{value.real:.6g}"


def _real(pairs: Pairs, scale: float) -> Pairs:
    """Complex pairs whose imaginary part is below the accuracy become a real value that occurs twice."""
    values, vectors = pairs.values.copy(), pairs.vectors.copy()
    least = np.maximum(np.nan_to_num(pairs.off), ROUNDING) * np.maximum(np.abs(values), scale)
    doubled = np.abs(values.imag) <= least
    below = doubled & (values.imag < 0)
    vectors[:, below] = vectors[:, below].imag
    vectors[:, doubled] = _turned(vectors[:, doubled]).real
    values[doubled] = values[doubled].real
    return Pairs(values, vectors, pairs.off)


def _turned(vectors):
    """Complex multiples of real vectors made real; of others any multiple."""
    largest = vectors[np.argmax(np.abs(vectors), axis=0), np.arange(vectors.shape[1])]
    return vectors * np.conj(largest) / np.abs(largest)


def _simple(pairs: Pairs, scale: float) -> Bool[np.ndarray, " k"]:
    apart = np.abs(pairs.values[:, None] - pairs.values[None]) + np.where(np.eye(len(pairs.off)) > 0, np.inf, 0.0)
    close = np.clip(np.nan_to_num(pairs.off), ROUNDING, SAME) * np.maximum(np.abs(pairs.values), scale)
    return np.min(apart, axis=1, initial=np.inf) > close


def _differentiable(pencil: Pencil, inverse: Inverse, pairs: Pairs, values, simple, problem, space, points) -> Array:
    """The values with their derivative: λ′ = −yᵀ A′(λ) c / yᵀ (∂A/∂λ) c, where A′ is taken at fixed λ and c.

    In least squares the equations are A(σ)ᵀ A(λ) c = 0, and A(σ) moves, too.
    """
    systems = [
        assemble(problem.parameter_derivative(pencil.center, order), space, points, pencil.weights)
        for order in range(len(pencil.matrices))
    ]

    def applied(distance: complex, c: Complex[np.ndarray, " n"]) -> Array:
        """How A c changes, of no size itself."""
        real, imag = (part.reshape(pencil.zero.shape) for part in (c.real, c.imag))
        of_each = [jax.lax.complex(*map(jnp.asarray, (one.at_points(real), one.at_points(imag)))) for one in systems]
        moved: Any = sum(complex(distance**p / max(p, 1)) * one for p, one in enumerate(of_each))
        return moved - jax.lax.stop_gradient(moved)

    found = []
    for value, vector, alone in zip(pairs.values, pairs.vectors.T, simple, strict=True):
        distance, c = value - pencil.center, vector.astype(complex)
        y, w = inverse.left(value)
        size = y @ sum(p * distance ** (p - 1) * (A @ c) for p, A in enumerate(pencil.matrices) if p)
        moved = applied(distance, c)
        change = jnp.sum(jnp.asarray(y[: moved.size] / size) * moved)
        if w is not None:
            residual = pencil.applied(distance, c)[: moved.size]
            change = change + jnp.sum(jnp.asarray(residual / size) * applied(inverse.distance, w))
        if not np.iscomplexobj(values):
            value, change = value.real, change.real
        found.append(value - (change if alone else without_value(change)))
    return of_first_order(jnp.stack(found))
