"""The matrices of a linear problem by the powers of its parameter: A(λ) = Σⱼ (λ − λ₀)ʲ Aⱼ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int
from numpy.typing import ArrayLike

from ..geometry.cloud import Cloud
from ..internal.tracing import is_traced, without_derivative
from ..pde.problem import Problem
from ..spaces.base import Space
from .assemble import assemble
from .basis_derivatives import Guess
from .conditions import NORMALS
from .inner_corners import at_points
from .jet_system import Terms, terms_of
from .residual_jets import jets_of
from .system import Collocated

ROUNDING = 1e-10  # of the entries of a row
ELSEWHERE = 0.7301  # of the typical size, from where on the polynomial is held against the matrix itself
HIGHEST = 2  # power of the parameter


class Pencil:
    """Aⱼ = (dʲA/dλʲ)(λ₀)/j! by the rows of the residuals' derivatives, exact: the row weights of A₀ serve all of them.

    Raises ValueError for residuals that are not affine in u, that u = 0 does not satisfy, that do not depend on the
    parameter, or are no polynomial in it of degree at most 2, and where numbers are not known, under jit.
    """

    def __init__(
        self,
        center: float,
        problem: Problem,
        space: Space,
        points: Cloud | None,
        weights: Mapping[str, ArrayLike] | None,
    ):
        self.problem, self.space, self.points, self.center = problem, space, points, center
        self.cloud = space.cloud if points is None else points
        self.moves = False  # whether the residuals read what is to be differentiated by
        self.zero = np.zeros((space.size,) if problem.fields == 1 else (space.size, problem.fields))
        problem.check_without_data("an eigenvalue problem")
        first = assemble(problem.at(center), space, points, weights)
        weighted = first.row_weights.items()
        self.weights = {name: without_derivative(w) for name, w in weighted if name in (*self.cloud.parts, NORMALS)}
        self.systems: list[Collocated] = [first]
        self.matrices: list[Any] = [self._checked(first)]
        for order in range(1, HIGHEST + 1):
            self.systems.append(
                assemble(problem.parameter_derivative(center, order), space, points, self.weights, like=first.groups)
            )
            self.matrices.append(self._checked(self.systems[-1], order))
            self.scale = self._scale()
            if self._is_polynomial():
                return
        raise ValueError(
            "the equations are no polynomial of degree at most 2 in the parameter, as an eigenvalue problem is: write "
            "it as A u + λ B u (+ λ² C u) = 0, or follow its solutions by mf.trace"
        )

    def at(self, distance: float) -> Any:
        """A(λ₀ + distance)."""
        return _combined([distance**power for power in range(len(self.matrices))], self.matrices)

    def shifted(self, distance: float) -> list[Any]:
        """The matrices by powers of λ − λ₀ − distance."""
        if len(self.matrices) == 2:
            return [self.at(distance), self.matrices[1]]
        return [self.at(distance), _combined([1.0, 2 * distance], self.matrices[1:]), self.matrices[2]]

    def system_at(self, distance: float) -> Collocated:
        """The equations at λ₀ + distance."""
        problem, like = self.problem.at(self.center + distance), self.systems[0].groups
        return assemble(problem, self.space, self.points, self.weights, like=like)

    def applied(self, distance: complex, c: Any) -> Any:
        """A(λ₀ + distance) c for a vector (unknowns,)."""
        return sum(distance**power * (matrix @ c) for power, matrix in enumerate(self.matrices))

    def misses(
        self, X: Mapping[str, Any], values: Complex[np.ndarray, " k"], vectors: Complex[np.ndarray, "n k"]
    ) -> Float[np.ndarray, " k"]:
        """By which share of their terms the equations are off at other points than the nodes, the worst of the groups.

        `X`: points (m, d) and normals (m, d) by part. Terms are at least those of waves as long as the cloud.
        """
        worst, typical = np.zeros(len(values)), np.ones(len(values))
        for place, group in enumerate(self.systems[0].groups):
            names = [name for name, _ in group.parts if name in X]
            if not names:
                continue  # the equation of the interior once more
            points, normals = (np.concatenate([X[name][which] for name in names]) for which in (0, 1))
            groups = [at_points(one.groups[place])._replace(points=points, normals=normals) for one in self.systems]
            terms = [found for one in groups if (found := terms_of(one, self.problem.fields)) is not None]
            if len(terms) < len(groups):
                return np.full(len(values), np.nan)
            jets = self._jets(points, vectors, max(one.order for one in terms))
            if place == 0:
                typical = np.mean(np.abs(jets[:, 0]), axis=(0, 1))
            off, size = self._sums(terms, jets, values, np.asarray(self.weights[names[0]]))
            long_waves = float(without_derivative(self.systems[0].size_on_long_waves(self.zero, place)))
            worst = np.maximum(worst, off / (size + long_waves * typical))
        return worst

    def _jets(self, points, vectors, order: int) -> Complex[np.ndarray, "m J f k"]:
        k, fields = vectors.shape[1], self.problem.fields
        columns = vectors.reshape(self.space.size, fields * k)
        both = np.concatenate([columns.real, columns.imag], axis=1)
        jets = np.asarray(jets_of(Guess(self.space, both), points, order)).reshape(len(points), -1, 2, fields, k)
        return jets[:, :, 0] + 1j * jets[:, :, 1]

    def _sums(self, terms: list[Terms], jets, values, weight) -> tuple[Any, Any]:
        """The mean sizes of the weighted residuals and of their terms, (k,) each."""
        off, size = 0.0, 0.0
        for power, one in enumerate(terms):
            factor = ((values - self.center) ** power / max(power, 1))[None, None]
            known = jets[:, : one.gradient.shape[3]]
            off = off + factor * np.einsum("mcfj,mjfk->mck", one.gradient, known)
            size = size + np.abs(factor) * np.einsum("mcfj,mjfk->mck", np.abs(one.gradient), np.abs(known))
        off, size = (np.mean(np.einsum("c,mck->mk", weight, np.abs(one)), axis=0) for one in (off, size))
        return off, size

    def _checked(self, system: Collocated, order: int = 0) -> Any:
        values, matrix = system.linearised(self.zero)
        self.moves = self.moves or is_traced(values, matrix)
        values, matrix = without_derivative((values, matrix))
        if is_traced(values, matrix):
            raise ValueError(
                "eigenvalues are found from known numbers, and here JAX traces them, as under jit or vmap: call "
                "mf.eigen outside of it. jax.grad and jax.jvp of its values work"
            )
        values = np.asarray(values)
        if not system.is_affine(self.zero):
            raise ValueError(
                "a residual is not affine in u, as those of an eigenvalue problem are: linearise it around a solution, "
                "or follow its solutions by mf.trace"
            )
        if hasattr(matrix, "to_scipy"):
            matrix = matrix.to_scipy()
        else:
            matrix = np.array(matrix)
            if order and system.side_rows:
                matrix[-system.side_rows :] = 0.0  # side conditions have no parameter
            if order:
                matrix[_along_normals(system)] = 0.0
        largest = _largest(abs(matrix))
        if not (np.isfinite(values).all() and np.isfinite(largest).all()):
            raise ValueError("the equations are not finite: check their coefficients at the nodes")
        data = np.abs(values) > ROUNDING * np.max(largest)
        if data.any():
            worst = int(np.argmax(np.abs(values[: len(values) - system.side_rows])))
            raise ValueError(
                f"u = 0 does not satisfy the residual of {_part_of(system, worst)!r}, as it does in an eigenvalue "
                "problem: leave the data out, as in mf.dirichlet(0.0)"
            )
        return matrix / max(order, 1)

    def _scale(self) -> float:
        """Of λ: for which A₀ and λʲ Aⱼ are of a size, in the groups of equations that have λ, on long waves."""
        scales = []
        for group in range(len(self.systems[0].groups)):
            first, *others = (
                float(without_derivative(one.size_on_long_waves(self.zero, group))) for one in self.systems
            )
            powers = [(first / size) ** (1 / (power + 1)) for power, size in enumerate(others) if size > 0]
            scales.append(min(powers, default=0.0))
        scale = max(scales)
        return scale if np.isfinite(scale) and scale > 0 else max(abs(self.center), 1.0)

    def _is_polynomial(self) -> bool:
        distance = ELSEWHERE * self.scale
        other = self._checked(self.system_at(distance))
        rows = self.systems[0].at_points(self.zero).size  # the side conditions' own weight is another there
        rest = _largest(abs(other - self.at(distance))[:rows])
        size = _largest(sum(abs(distance**power * matrix) for power, matrix in enumerate(self.matrices))[:rows])
        known = bool(np.all(rest <= ROUNDING * size))
        if known and not any(abs(matrix).max() > 0 for matrix in self.matrices[1:]):
            raise ValueError(
                "no residual depends on the parameter, the last argument: write residual(u, x, lam) with lam in it, "
                "as mf.laplacian(u)(x) + lam * u(x)"
            )
        return known


def _largest(matrix: Any) -> Float[np.ndarray, " m"]:
    found = matrix.max(axis=1)
    return found.toarray().ravel() if hasattr(found, "toarray") else found


def _along_normals(system: Collocated) -> Int[np.ndarray, " r"]:
    """The rows that make functions constant along the normals of a surface, which have no parameter."""
    parts = [part for group in system.groups for part in group.parts]
    counts = [count * len(system.row_weights[name]) for name, count in parts]
    return np.flatnonzero(np.repeat([name == NORMALS for name, _ in parts], counts))


def _combined(factors: list[float], matrices: list[Any]) -> Any:
    return sum(factor * matrix for factor, matrix in zip(factors, matrices, strict=True))


def _part_of(system: Collocated, row: int) -> str:
    start = 0
    for group in system.groups:
        for name, count in group.parts:
            start += count * len(system.row_weights[name])
            if row < start:
                return name
    return "side conditions"
