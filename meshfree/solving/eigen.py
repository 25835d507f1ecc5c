"""Eigenvalue problems: the values of the parameter for which a linear problem without data has solutions."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike

from ..equations.basis_derivatives import BasisDerivatives
from ..equations.pencil import Pencil
from ..geometry.cloud import Cloud
from ..geometry.cloud_checks import check_cloud_in
from ..internal.compile_cache import release_programs
from ..internal.expected import INTEGER, NUMBER, expects
from ..internal.tracing import without_derivative
from ..internal.watched import settled
from ..linalg.arnoldi import largest
from ..linalg.dense import check_memory
from ..linalg.factor import factor
from ..linalg.interface import Factor
from ..linalg.sparse_rows import from_scipy
from ..pde.problem import Problem
from ..spaces.base import Space

from .off_nodes import between_nodes
from .solve import require_double

DENSE = 400  # unknowns up to which all eigenvalues are computed
ASIDE = 0.0123  # of the size of the eigenvalues: so far from `near` the equations are factored, as it may be one itself
SPARE = 4  # pairs more than are asked for
SPURIOUS = 0.1  # share of its terms that the equation of the interior is off by between the nodes


@expects(
    problem=Problem, space=Space, k=INTEGER, near=NUMBER, points=Cloud, weights=Mapping, solver=str
)
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
) -> Any:
    """The k eigenvalues λ nearest to `near`, and their functions: where a problem without data has solutions u ≠ 0.
    """
    require_double()
    release_programs()
    began = time.perf_counter()
    _check(problem, space, k, near, points)
    pencil = Pencil(problem, space, points, weights, float(near))
    for cloud in (space.cloud, *([] if points is None else [points])):
        check_cloud_in(problem.domain, cloud)
    inverse = Inverse(pencil, solver)
    pairs, dropped = _good(pencil, inverse, k)
    return pencil, pairs, dropped, time.perf_counter() - began


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

    def __getitem__(self, chosen: Any) -> Pairs:
        return Pairs(self.values[chosen], self.vectors[:, chosen], self.off[chosen])


class Inverse:
    """c ↦ −A(σ)⁺ A′(σ) c, whose eigenvalues are 1/(λ − σ), in least squares where there are more equations than
    unknowns: then A(σ)ᵀ A(λ) c = 0. Of (c, (λ − σ) c) where the parameter is squared.
    """

    def __init__(self, pencil: Pencil, solver: str):
        for share in (-ASIDE, ASIDE):
            self.distance = share * pencil.scale
            self.matrices = pencil.shifted(self.distance)
            try:
                self.factored: Factor = factor(_as_factored(self.matrices[0]), solver)
                break
            except ValueError:
                if share > 0:
                    raise
        self.shift = pencil.center + self.distance
        self.unknowns = self.matrices[0].shape[1]
        self.size = self.unknowns * (len(self.matrices) - 1)

    def __call__(self, c: Float[np.ndarray, "q *k"]) -> Float[np.ndarray, "q *k"]:
        """Of vectors, or of columns."""
        c, n = np.asarray(c), self.unknowns
        if self.size == n:
            return -np.asarray(self.factored.solve(np.asarray(self.matrices[1] @ c)))
        first = -np.asarray(self.factored.solve(self.matrices[1] @ c[:n] + self.matrices[2] @ c[n:]))
        return np.concatenate([first, c[:n]])

    def transposed(self, c: Float[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        """Its transpose."""
        n, y = self.unknowns, np.asarray(self.factored.solve_transposed(c[: self.unknowns]))
        first = -(self.matrices[1].T @ y)
        if self.size == n:
            return first
        return np.concatenate([first + c[n:], -(self.matrices[2].T @ y)])

    def largest(self, count: int) -> tuple[Complex[np.ndarray, " k"], Complex[np.ndarray, "n k"]]:
        """The eigenvalues λ nearest to σ, at least `count` if there are as many, and their vectors."""
        if self.size <= DENSE or count > self.size // 4:
            dense = self.matrices[1].toarray() if hasattr(self.matrices[1], "toarray") else None
            values, vectors = scipy.linalg.eig(self(np.eye(self.size)) if dense is None or len(self.matrices) > 2 else -np.asarray(self.factored.solve(dense)))
            order = np.argsort(-np.abs(values), kind="stable")
            values, vectors = values[order], vectors[:, order]
        else:
            values, vectors = largest(self, self.size, count)
        finite = np.abs(values) > np.finfo(float).eps * np.abs(values[0])
        with np.errstate(all="ignore"):
            return self.shift + 1 / values[finite], vectors[: self.unknowns, finite]


def _as_factored(matrix: Any) -> Any:
    return from_scipy(matrix) if hasattr(matrix, "tocsr") else matrix


def _good(pencil: Pencil, inverse: Inverse, k: int) -> tuple[Pairs, int]:
    count = k + SPARE
    X = between_nodes(pencil.space.cloud)
    while True:
        values, vectors = inverse.largest(count)
        near = np.argsort(np.abs(values - pencil.center), kind="stable")[:count]
        pairs = Pairs(values[near], vectors[:, near], off_nodes_of(pencil, X, values[near], vectors[:, near]))
        good = pairs.off < SPURIOUS
        if np.sum(good) >= k or count >= inverse.size:
            return pairs, int(np.sum(~good))
        count = min(2 * count, inverse.size)


def off_nodes_of(pencil: Pencil, X, values, vectors) -> Float[np.ndarray, " k"]:
    terms = pencil.interior(X)
    if terms is None:
        return np.full(len(values), np.nan)
    order = max(one.order for one in terms)
    derivatives = BasisDerivatives.at(pencil.space, X)
    n, fields = pencil.space.size, pencil.problem.fields
    columns = vectors.reshape(n, fields * len(values))
    jets = derivatives.jets(np.ascontiguousarray(columns.real), order) + 1j * derivatives.jets(np.ascontiguousarray(columns.imag), order)
    jets = jets.reshape(len(X), -1, fields, len(values))
    weight = np.asarray(pencil.systems[0].row_weights["interior"])
    sums = np.zeros((len(X), len(weight), len(values)), complex)
    sizes = np.zeros(sums.shape)
    for power, one in enumerate(terms):
        factor = (values - pencil.center) ** power
        J = one.gradient.shape[3]
        sums += factor * np.einsum("mcfj,mjfk->mck", one.gradient, jets[:, :J])
        sizes += np.abs(factor) * np.einsum("mcfj,mjfk->mck", np.abs(one.gradient), np.abs(jets[:, :J]))
    typical = float(pencil.systems[0].typical_size(pencil.zero)) * np.mean(np.abs(jets[:, 0]), axis=(0, 1))
    return np.einsum("c,mck->k", weight, np.abs(sums)) / (np.einsum("c,mck->k", weight, sizes) + len(X) * typical)
