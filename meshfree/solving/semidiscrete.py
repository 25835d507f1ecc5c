"""A problem in time, in a space, as the steppers see it: matrices are factored, starts made consistent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from ..equations.basis_derivatives import Guess
from ..equations.time_system import TimeSystem
from ..geometry.cloud import Cloud
from ..geometry.cloud_checks import check_cloud_in
from ..internal.plain import Plain
from ..internal.tracing import AnyArray, is_traced
from ..linalg.dense import check_memory
from ..linalg.factor import factor
from ..linalg.sparse_rows import for_products, scaled_sum, without_slow_coupling
from ..pde.problem import Problem
from ..spaces.base import Space
from .solution import Solution
from .solve import initial_coefficients
from .stepping import Evolution, Factor

SWEEPS = 20  # of Newton's method at the start
REACHED = 1e-12  # a step of it, relative to the coefficients
FADED = 1e-3  # share of what a field has been below which its errors are no longer relative to what is left
HYPERVISCOSITY = 0.02  # times h³: growth of 0.37 became 4e-16 on periodic scattered nodes
DAMPED = 0.1  # share of its decay in the rate of a wave
SLOW = 0.5  # rate of what is explicit times γ times the step: stable with the whole rate at 4 times as much
TINY = np.finfo(float).tiny
SMALL = 1e-6  # the same of the largest field: one that is zero at the start


class SemiDiscrete(Evolution):
    """The equations of a `TimeSystem`, with the weights that least squares need.

    A step of size 1/α solves (∂F/∂c + α ∂F/∂ċ) δ = F. Rows with a rate are of size α + ρ there, ρ their operator's size
    on u: the others are given the same, as one large beside the other would not be fulfilled.
    """

    def __init__(self, system: Any, solver: str = "auto"):
        self._system, self._solver = system, solver
        self.is_linear, self.is_constant = system.is_linear, system.is_constant
        self.is_autonomous = system.is_autonomous
        self._deficient: Any = None  # the matrix and the factor of the last step, where functions are left out of it
        self._start: Any = None  # where it is the same for all t and c
        self._still: Any = None  # ∂F/∂c in the rows without a rate, likewise
        self._start_is_kept = system.has_constant_mass and all(
            rows.is_constant or np.all(rows.has_rate) for rows in system.rows
        )
        self._largest = np.zeros(system.fields)

    @property
    def differential(self):
        return self._system.differential

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the coefficients as the space has them."""
        return self._system.shape

    @property
    def unknowns(self) -> int:
        """Their number."""
        return int(np.prod(self.shape))

    def consistent(self, t: float, c: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The c nearest to the given one that fulfils the equations without rates, or as nearly as any: what a step
        could still improve would be a change that no shorter step makes smaller.
        """
        for _ in range(SWEEPS):
            last, c = c, self.projected(t, c, self._system.mass(t, c) @ c)
            if not np.linalg.norm(c - last) > REACHED * np.linalg.norm(c):
                break
        return c

    def residual(self, t, c, rates):
        with np.errstate(all="ignore"):  # what is not finite is seen by the step
            return self._system.residual(t, c, rates)

    def factored(self, t, c, rates, alpha):
        by_c, by_rate = self._system.matrices(t, c, rates)
        return self._factored(by_c, by_rate, alpha)

    def _factored(self, by_c, by_rate, alpha) -> Factor:
        scale = np.where(self.differential, 1.0, alpha + self._system.ratio)
        matrix = scaled_sum(scale, by_c, alpha * scale, by_rate)
        found = factor(matrix, self._solver)
        self._deficient = None if found.rank() == matrix.shape[1] else (matrix, found)
        return ScaledFactor(found, scale)

    def settled(self, c):
        if self._deficient is None:
            return c
        matrix, factored = self._deficient
        return np.asarray(factored.solve(np.ascontiguousarray(matrix @ c.T))).T

    def linear_part(self, t, c, alpha):
        if not self._system.has_constant_mass:
            raise ValueError(
                "the rates are multiplied by what depends on u or t, or are not linear in the equations: the method "
                "'imex' needs equations M u_t + ... with a constant M; use method='bdf'"
            )
        by_c, by_rate = self._system.matrices(t, c, np.zeros_like(c))
        by_c = without_slow_coupling(by_c, by_rate, self._system.fields, SLOW * alpha)
        return self._system.mass(t, c), for_products(by_c), self._factored(by_c, by_rate, alpha)

    def projected(self, t, c, right):
        rates = np.zeros_like(c)
        for _ in range(SWEEPS):
            factored = self._at_start(t, c)
            left = self._system.mass(t, c) @ c - right
            if not np.all(self.differential):
                left = np.where(self.differential, left, self.residual(t, c, rates))
            change = factored.solve(left)
            c = c - change
            if not np.linalg.norm(change) > REACHED * np.linalg.norm(c) or (self._start_is_kept and self.is_linear):
                break
        return c

    def rates(self, t, c, at_rest=None):
        rates = np.zeros_like(c)
        for sweep in range(SWEEPS):
            left = self.residual(t, c, rates) if sweep or at_rest is None else at_rest
            if not np.all(self.differential):
                by_c = self._still_by_c(t, c, rates)
                left = np.where(self.differential, left, self._system.slope(t, c, rates) + by_c @ rates)
            change = self._at_start(t, c, rates).solve(left)
            rates = rates - change
            if self._system.has_constant_mass or not np.linalg.norm(change) > REACHED * np.linalg.norm(rates):
                break
        return rates

    def rates_of(self, t: float, c: Float[np.ndarray, " n"]) -> Callable:
        """The map from changes of c to those of their rates, at (t, c)."""
        factored, (_, by_c) = self._at_start(t, c), self.products(t, c)
        return lambda change: -factored.solve(np.where(self.differential, by_c @ change, 0.0))

    def products(self, t: float, c: Float[np.ndarray, " n"]) -> tuple[Any, Any]:
        """∂F/∂ċ and ∂F/∂c at ċ = 0, to be multiplied by vectors."""
        return self._system.products(t, c)

    def is_undamped(self, t: float, c: Float[np.ndarray, " n"]) -> bool:
        """Whether what varies from node to node turns about, as waves do, and hardly decays."""
        rates = self._system.symbols(t, c)
        return rates is not None and len(rates) > 0 and bool(np.any(np.abs(rates.real) < DAMPED * np.abs(rates.imag)))

    def off(self, X: Float[np.ndarray, "m d"], t: float, c: Float[np.ndarray, " n"], rates: Float[np.ndarray, " n"]):
        """By which share of its terms the interior's equation is off at points that need not be nodes."""
        return self._system.off(X, t, c, rates)

    @property
    def ratio(self) -> float:
        """The size of the equations' operator on u over that on its rate, for wavelengths near the spacing."""
        return self._system.ratio

    def size(self, change, c):
        return self._size(change, c, everywhere=False)

    def whole_size(self, change, c):
        return self._size(change, c, everywhere=True)

    def _size(self, change, c, everywhere: bool) -> float:
        sizes = _rms(self._system.values(c, everywhere=True))
        self._largest = np.maximum(self._largest, sizes)
        scale = np.maximum(np.maximum(sizes, FADED * self._largest), SMALL * self._largest.max())
        if not everywhere:
            scale = scale[self._system.with_rate]
        changes = _rms(self._system.values(change, everywhere))
        return float((changes / np.maximum(scale, TINY)).max())

    def _still_by_c(self, t, c, rates) -> Any:
        """∂F/∂c there, of which only the rows without a rate matter: these may be the same for all t and c."""
        if self._still is not None:
            return self._still
        by_c = self._system.matrices(t, c, rates)[0]
        if self._start_is_kept:
            self._still = by_c
        return by_c

    def _at_start(self, t, c, rates=None) -> Any:
        """The factor of ∂F/∂ċ on differential and ∂F/∂c on algebraic rows; ValueError where it is singular."""
        if self._start is not None:
            return self._start
        by_c, by_rate = self._system.matrices(t, c, np.zeros_like(c) if rates is None else rates)
        differential = self.differential.astype(float)
        matrix = scaled_sum(1 - differential, by_c, differential, by_rate)
        self._check_index(matrix)
        try:
            found = factor(matrix, self._solver)
        except ValueError as error:
            ghosts = self._system.space.parts_with_ghosts
            hint = f". Nodes beyond parts where u is given are free, of {', '.join(ghosts)}: leave these out of ghost="
            raise ValueError(f"{_INDEX} ({error}){hint * bool(ghosts)}") from error
        if self._start_is_kept:
            self._start = found
        return found

    def _check_index(self, matrix) -> None:
        """ValueError for a field that is neither in a rate nor in an equation without one."""
        sizes = abs(for_products(matrix)).sum(axis=0)
        free = np.all(sizes.reshape(-1, self._system.fields) == 0, axis=0)
        if free.any():
            names = ", ".join(f"u[{index}]" for index in np.flatnonzero(free))
            raise ValueError(f"{_INDEX}: neither a rate of {names} is in them, nor an equation without rates has it")


_INDEX = (
    "the equations in time are of index 2 or more: their rates, and the equations without rates, do not determine how "
    "u begins to change"
)


def _rms(values: Float[np.ndarray, "f m"]) -> Float[np.ndarray, " f"]:
    """The root mean square of each field."""
    return np.sqrt(np.einsum("fm,fm->f", values, values) / values.shape[1])


class ScaledFactor(Plain):
    """The factor of S A, S diagonal, for right-hand sides of A: least squares are those of S (A x − b)."""

    factored: Any
    scale: Float[np.ndarray, " rows"]

    def solve(self, b: Float[np.ndarray, "rows *k"]) -> Float[np.ndarray, "n *k"]:
        """x with A x = b."""
        return np.asarray(self.factored.solve((self.scale * b.T).T))


def equations_in_time(
    problem: Problem,
    space: Space,
    points: Cloud | None,
    initial: Any,
    first: float,
    hyperviscosity: Any,
    shared: Space | None = None,
) -> tuple[TimeSystem, Float[AnyArray, " n"]]:
    """The equations of a problem in time, and the coefficients of its initial values: see `evolve`.

    `shared`: the same space, with nodes that processes share.
    """
    if not problem.has_parameter:
        raise ValueError(
            "the problem has no time: make it the last argument of all callables, interior=lambda u, x, t: ..., or use "
            "mf.solve, as it is stationary"
        )
    initial = problem.initial if initial is None else initial
    if initial is None:
        raise ValueError("the problem has no initial values: give Problem(..., initial=), a function of x, or initial=")
    if len(space.levels()) > 1:
        raise ValueError(f"{space.describe()} is solved level by level, which time steps do not do: use Stencils")
    initial = getattr(initial, "final", initial)  # of a trajectory
    rows_at = space.cloud if points is None else points
    if problem.domain is not None and problem.domain.dim != rows_at.dim:
        raise ValueError(f"the problem's domain has {problem.domain.dim} dimensions and the cloud {rows_at.dim}")
    if rows_at.surface_normals is not None and not space.constant_along_normals:
        raise ValueError(
            f"the functions of {space.describe()} are not constant along the normals of a surface, and mf.evolve does "
            "not make them so: use Stencils"
        )
    if space.local_basis is None:
        check_memory(len(rows_at), space.size * problem.fields)
    c = _coefficients(problem, space, initial)
    c = c if is_traced(c) else np.asarray(c)
    viscosity = _viscosity(hyperviscosity) * float(np.median(space.cloud.spacing)) ** 3
    system = TimeSystem(problem, space if shared is None else shared, points, first, Guess(space, c), viscosity)
    for cloud in (space.cloud, *([] if points is None else [points])):
        check_cloud_in(problem.domain, cloud)
    return system, c.reshape(-1)


def started(
    system: Any, c: Float[np.ndarray, " n"], first: float, solver: str
) -> tuple[SemiDiscrete, Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The equations of a `TimeSystem`, or what is like one, as the steppers see them, and coefficients and rates that
    fulfil them.
    """
    evolution = SemiDiscrete(system, solver)
    c = evolution.consistent(first, c)
    if not np.all(np.isfinite(evolution.residual(first, c, np.zeros_like(c)))):
        raise ValueError("the equations are not finite at the initial values: check the residuals and the data there")
    return evolution, c, evolution.rates(first, c)


def _coefficients(problem: Problem, space: Space, initial: Callable):
    """Those of the initial values; of a solution in this very space its own."""
    if isinstance(initial, Solution) and initial.space is space:
        return initial.coefficients
    return initial_coefficients(problem, space, initial)


def _viscosity(given: bool | float) -> float:
    value = HYPERVISCOSITY * float(given) if isinstance(given, bool) else float(given)
    if not 0 <= value < np.inf:
        raise ValueError(f"hyperviscosity is True or a number γ of at least 0, good values 0.005 to 0.1; got {given!r}")
    return value
