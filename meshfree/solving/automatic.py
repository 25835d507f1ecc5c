"""A problem without a space: a ladder of spaces, each solution with an estimate of its error, until it is small enough.

Eigenfunctions of growing degree first, then stencils on nodes that are placed where the residual is large.
"""

from __future__ import annotations

import contextlib
import functools
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..equations.inner_corners import inner_corners
from ..equations.jet_system import is_local, order_of
from ..geometry import refinement
from ..geometry.cloud import Cloud
from ..geometry.domain import NoRoomError
from ..internal.compile_cache import compiling_seconds
from ..internal.expected import DEVICES, INTEGER, NUMBER, OF_A_POINT, expects
from ..internal.interrupts import noted
from ..internal.plain import Text
from ..internal.tracing import is_traced
from ..internal.watched import settled
from ..kernels import Gaussian, Polyharmonic
from ..linalg.petsc import with_options
from ..pde.multi_indices import degrees_on_box, total_degrees
from ..pde.problem import Dirichlet, Problem
from ..spaces import Eigenbasis, Enriched, Space, Stencils
from ..spaces.eigenbasis import ROWS_PER_FUNCTION
from .error_estimate import difference, estimate_error
from .indicator import between_neighbours
from .metrics import independent_points, weighted_residual
from .newton import ConvergenceError
from .off_nodes import CHECK_SEED, COMPARABLE, SLOWEST, extrapolated
from .solution import Solution
from .solve import mesh_for, require_double, solve_in, with_constants_fixed
from .uniqueness import NotUniqueError

TOLERANCE = 1e-6
SECONDS = {1: 20.0, 2: 20.0, 3: 60.0}  # of work, by dimension
BETTER = 0.1  # times the distance from a solution, of an estimate of that which it is measured from
MARGIN = 3  # times the estimate that a tolerance must exceed
CHECK_POINTS = {1: 4000, 2: 3000, 3: 6000}  # of the cloud that all residuals are compared on

DEGREES = {1: (12, 18, 26, 38, 56, 80, 112, 150), 2: (8, 12, 16, 20, 24, 32, 40, 48, 60), 3: (5, 8, 11, 14, 17, 20)}
SCALES = (3.0, 1.0, 0.3)  # on the box mapped to [−1, 1]^d: smooth solutions, and such as oscillate
MOST_DENSE = 3000  # unknowns, whose matrix takes seconds to factor
FALLING = 0.1  # of the residual from rung to rung: another scale would hardly do better
RESOLVED = 0.1  # an estimate from which on errors can be extrapolated
# times its residual an error falls by this power of h: at the tip of a crack, at other corners by more; on the line
# that of a jump in the data, as Green's function is bounded there (times h to the half of the norm)
LOCAL = {1: 0.5, 2: 1.5, 3: 1.5}
UNRESOLVED = 0.01  # of an error that large the next is at least: residuals fall by more near a resonance
PATIENT, UNCHANGED = 500, 0.5  # unknowns, and a share of the residual, from which on nothing is hoped for
BEYOND = 1.25  # times the highest degree: what extrapolation says is no more exact
DENSE_SHARE = 0.5  # of the seconds, for eigenfunctions

STENCIL_DEGREE = {1: 6, 2: 6, 3: 4}
FIRST_NODES = {1: 60, 2: 600, 3: 1500}
LEAST, USUAL, MOST = 1.5, 3.0, 4.0  # growth of the number of nodes: USUAL where the order is not known yet
ROOM = 1.5  # for what the observed order promises too much
INTERRUPTED = "It was interrupted"
TINY = 1e-300  # in place of 0, of which there is no logarithm and no quotient
UNREACHABLE = 50.0  # the logarithm of a factor that no number of nodes grows by
THINNER = 1.4  # spacing over the next one, of a domain without room for nodes
PLACING_SEED = 50_000  # apart from the seeds that clouds are usually made with
CONFIRMED = 2.5  # times the work of a solution, with the one of higher degree that confirms it
SLOWER, PLACED = 2.0, 1.5  # the powers of their number that the time of eigenfunctions, and of placed nodes, grows with


class Rung(NamedTuple):
    """A solution of the ladder and what is known of it."""

    solution: Solution
    values: Float[np.ndarray, "m *f"]  # at the sample
    residual: float  # on the check cloud
    unseen: float  # of the data, there
    local: float  # of stencils √(Σ (h^LOCAL η)² hᵈ), η the residual between the nodes and h the spacing there
    estimate: float
    seconds: float  # since the rung before, all that was tried included
    work: float  # of these, without compiling, which another rung does not do again
    apart: float = math.nan  # from the next rung, where that is much better, so that this is the error

    @property
    def unknowns(self) -> int:
        """Of all fields."""
        return self.solution.coefficients.size

    def told(self) -> dict[str, Any]:
        """For `stats["ladder"]`."""
        return {
            "space": Text(self.solution.space.describe()),
            "unknowns": self.unknowns,
            "residual": self.residual,
            "estimate": self.estimate if math.isnan(self.apart) else self.apart,
            "seconds": self.seconds,
        }


class OutOfReachError(Exception):
    """The work that is allowed does not suffice; the text says which limit it was."""


@settled
@expects(
    problem=Problem,
    space=Space | None,
    points=Cloud,
    initial=OF_A_POINT,
    weights=Mapping,
    solver=str,
    petsc=str,
    devices=DEVICES,
    tol=NUMBER,
    functions=Sequence,
    max_unknowns=INTEGER,
    seconds=NUMBER,
)
def solve(
    problem: Problem,
    space: Space | None = None,
    *,
    points: Cloud | None = None,
    initial: Callable | None = None,
    weights: Mapping[str, ArrayLike] | None = None,
    solver: str = "auto",
    petsc: str = "",
    devices: int | Sequence[jax.Device] | None = None,
    tol: float | None = None,
    functions: Sequence[Callable] = (),
    max_unknowns: int = 100_000,
    seconds: float | None = None,
    progress: bool | None = None,
) -> Solution:
    """The function of `space` that makes the problem's residuals vanish, or least in square.

    Without a space one is chosen such that the relative L2 error is below `tol` (1e-6): eigenfunctions of growing
    degree are tried, then stencils on more and more nodes, placed where the residual is large, each with an estimate of
    its error (`mf.estimate_error`), until three times that is below `tol`. `u.space` is the space,
    `stats["estimate"]` the estimate, `stats["reached"]` whether it suffices, and `stats["ladder"]` lists what was
    tried: `space`, `unknowns`, `residual`, `estimate` (of what a much better solution followed, the distance from
    that), `seconds`. Otherwise the best solution is returned, and a warning says what limits it: `max_unknowns` of all
    fields, `seconds` of work (20, in three dimensions 60; what is expected to take longer is not begun). `functions` of
    x, singular as the solution is, are added to the eigenfunctions (`mf.Enriched`). `progress`: a bar; by default where
    standard error is a terminal. Ctrl-C returns the best so far.

    In a given space:

    `points`: a second cloud that carries the equations (least squares when it is larger); default the space's own.
    `initial`: a function of x or a Solution to start Newton's method from; default zero.
    `weights`: row weights by part, a number or (c,), in place of the measured ones.
    `solver`: `"auto"`, `"lu"`, `"qr"` or `"svd"`, as in `linalg.dense.factor_dense`; for a local space `"auto"`,
    `"superlu"`, `"rslab"`, `"pardiso"`, `"krylov"`, `"amg"` or `"petsc"`, as in `linalg.sparse_factors.factor_sparse`.
    `petsc`: options of PETSc's for it, as `"-ksp_type bcgs -ksp_monitor"`; what they are is in PETSc's manual. Started
    by mpiexec, `"petsc"` solves the equations of `Stencils` on all processes together, each with its own part of the
    nodes: every process calls `solve`, has the whole solution and may ask for u anywhere; `stats["processes"]` tells
    what each has done.

    Everything dense is computed on JAX's default device, which `jax.default_device` and JAX_PLATFORMS choose. On an
    accelerator `"auto"` finds the pivots of its QR factorisation beforehand, as accurate on the average, and `"qr"`
    factors on the host, as sparse matrices always are. `stats["device"]` tells.

    `devices`: so many of JAX's devices, or a list of them, share the rows of the dense equations, none of which ever
    has the whole matrix; by default all accelerators, of all processes of `jax.distributed`, each of which must make
    the same call. They factor by QR, square systems too, with the columns in an order found beforehand
    (`linalg.sharded.ShardedQR`): as accurate as the host's pivoted QR. Without effect on what is not dense: stencils,
    narrow supports; nor on Gaussian processes, `mean=` and unknown numbers.

    `stats["off_nodes"]` is the residual between the nodes over the data, both weighted: a few times the relative error
    as a rule; a half and more is warned of. Under jit, where no error can be
    raised, `stats["converged"]` and `stats["unique"]` are False instead: `eqx.error_if` makes an error of them.

    Of a problem with data `stats["misfit"]` is the mean square of all misfits in standard deviations, and
    `stats["misfit_chance"]` the chance that noise alone makes it so large; below 1e-4 a `MisfitWarning` says so. Of
    unknown numbers `stats["shift_of_unknowns"]` estimates their discretisation error by name, at the price of one more
    step in `space.compared()`; more than their standard deviation is warned of.

    `stats` of a solution by translates of a compactly supported kernel tell its price too: `support`,
    `centers_per_row`, `fill` and, where the exact solution is known, the relative `error` (`mf.error`). Those of a
    `Multilevel`, solved level by level, are of its finest level, and those of each level are in the list `levels`; its
    `residual_before` is the residual, at the points of the level, of what the coarser ones found.

    The result is differentiable by anything in the problem or the space, forward and reverse, to first order: a square
    system through one more Newton step, least squares through its normal equations with the matrix's own derivative.

    Raises ValueError for a cloud on another domain than the problem's, parts without a condition, residuals of a wrong
    shape, more unknowns than equations, a singular system, or without float64; MemoryError where the
    matrix would not fit; ConvergenceError where Newton fails.
    """
    if space is not None:
        if tol is not None or len(functions):
            name = "tol" if tol is not None else "functions"
            raise ValueError(f"{name}= chooses a space, and {space.describe()} is given: drop one of the two")
        solver = with_options(solver, petsc)
        mesh = mesh_for(problem, space, solver, devices)
        return solve_in(problem, space, points=points, initial=initial, weights=weights, solver=solver, mesh=mesh)
    if points is not None or weights is not None or solver != "auto" or petsc or devices is not None:
        raise ValueError(
            "points=, weights=, solver=, petsc= and devices= are for a space of your own: give it, or drop them"
        )
    if problem.data:
        raise ValueError(
            f"no space is chosen for a problem with data ({', '.join(problem.data)}): errors cannot be told from "
            "noise. Give one, as mf.Eigenbasis(mf.Gaussian(2.0), cloud, 12)"
        )
    problem.check_with_equation()
    if problem.domain is None:
        raise ValueError("the problem has no domain to place nodes in: give a space on a cloud of your own")
    tol = TOLERANCE if tol is None else float(tol)
    if not 0 < tol < 1:
        raise ValueError(f"tol is a relative error, between 0 and 1; got {tol}")
    seconds = SECONDS[problem.domain.dim] if seconds is None else float(seconds)
    if max_unknowns < 1 or not seconds > 0:
        raise ValueError(f"max_unknowns and seconds must be positive; got {max_unknowns} and {seconds}")
    if is_traced(problem, initial):
        raise ValueError(
            "a space is chosen by numbers, and here JAX traces the problem: give a space under jit and grad"
        )
    require_double()
    problem = with_constants_fixed(problem)
    ladder = Ladder(problem, tol, initial, tuple(functions), max_unknowns, seconds)
    limit = ladder.climb(progress)
    best = ladder.best()
    u, told = best.solution, [rung.told() for rung in ladder.rungs]
    if limit:
        warnings.warn(
            f"tol={tol:g} was not reached: the error is estimated as {best.estimate:.1e}, and {MARGIN} times that is "
            f"asked to be below tol. {limit}. Best: {u.space.describe()}, {best.unknowns} unknowns",
            stacklevel=4,
        )
    told_too = {"estimate": best.estimate, "reached": not limit, "interrupted": limit == INTERRUPTED, "ladder": told}
    return Solution(u.space, u.coefficients, {**u.stats, **told_too})


class Ladder:
    """The rungs so far, and what all of them are judged by: one cloud for residuals, one sample for differences."""

    def __init__(self, problem: Problem, tol, initial, functions, max_unknowns: int, seconds: float):
        self.problem, self.tol = problem, tol
        self.initial, self.functions = initial, functions
        self.max_unknowns, self.seconds = max_unknowns, seconds
        self.began = self.since = time.perf_counter()
        self.compiled_before = compiling_seconds()
        self.rungs: list[Rung] = []
        self.refused: list[Exception] = []
        self.domain, self.dim = problem.domain, problem.domain.dim
        self.nodes_dim = problem.domain.manifold_dim  # of what the nodes lie in
        self.sample = independent_points(problem)
        self.check = self._cloud(CHECK_POINTS[self.nodes_dim], seed=CHECK_SEED)
        # the residual moves nodes to other points than those that it is judged at: there it would fall faster
        self.aside = self.domain.sample(CHECK_POINTS[self.nodes_dim], seed=PLACING_SEED)
        self.weights: Mapping[str, Any] | None = None  # of the rows at the check cloud, the first rung's

    def climb(self, progress: bool | None) -> str:
        """Rung after rung; an empty text where the tolerance is reached, and otherwise what limits it."""
        from tqdm import tqdm  # here, so that importing meshfree stays light

        limits = []
        bar = tqdm(desc="solve", total=self.seconds, disable=None if progress is None else not progress, unit="s")
        with contextlib.closing(bar), noted() as interrupted:
            try:
                for phase in (self._eigenfunctions, self._stencils):
                    try:
                        for rung in phase():
                            bar.update(min(self._spent(), self.seconds) - bar.n)
                            bar.set_postfix(unknowns=rung.unknowns, estimate=f"{rung.estimate:.1e}")
                            if self._suffices(rung.estimate) and len(self.rungs) > 1:
                                return ""
                            if interrupted():
                                raise KeyboardInterrupt
                    except OutOfReachError as reason:
                        limits.append(str(reason))
            except KeyboardInterrupt:
                if not self.rungs:
                    raise
                limits = [INTERRUPTED]
        if not self.rungs:
            raise self.refused[0]
        free = [error for error in self.refused if isinstance(error, NotUniqueError)]
        if free and limits != [INTERRUPTED]:
            limits.append(f"In {len(free)} of the spaces {free[-1]}")
        return ". ".join(limits)

    def best(self) -> Rung:
        """That of the smallest estimate, the last of equal ones."""
        return min(reversed(self.rungs), key=lambda rung: rung.estimate)

    # ---------------------------------------------------------------------------------------------- eigenfunctions

    def _eigenfunctions(self) -> Iterator[Rung]:
        """Of growing degree, until that which would do is known to be out of reach."""
        degrees, tried = DEGREES[self.dim], list[int]()
        scales = SCALES[:1] if np.isfinite(self.domain.periods).all() else SCALES  # waves have none
        scale = scales[0]
        sides, won, settled, tries = np.subtract(*self.domain.bounds[::-1]), None, False, 1
        for degree in degrees:
            per_axis = degrees_on_box(degree, sides)
            functions = len(total_degrees(per_axis))
            self._check_dense(functions * self.problem.fields, tries if settled else 1)
            cloud = self._cloud(ROWS_PER_FUNCTION * functions, cluster=1.0)
            best, previous, tries = None, self.rungs[-1] if self.rungs else None, 0
            for one in [scale] if settled else sorted(scales, key=lambda other: other != scale):
                found, tries = self._tried(lambda: self._eigenbasis(one, per_axis, cloud)), tries + 1  # noqa: B023
                if found is not None and (best is None or found.residual < best.residual):
                    best, scale = found, one
                if best is not None and previous is not None and best.residual < FALLING * previous.residual:
                    break
            if best is not None:
                tried.append(degree)
                rung = self._judged(best, previous)
                settled, won = rung.estimate < RESOLVED and scale == won, scale
                yield rung
                self._check_degree(tried, degrees[-1])
            elif not tried and degree != degrees[0]:
                self._refuse()
                raise OutOfReachError("Newton's method does not converge in eigenfunctions")
        raise OutOfReachError(f"Eigenfunctions end at degree {degrees[-1]}")

    def _eigenbasis(self, scale: float, degrees: tuple[int, ...], cloud: Cloud) -> Space:
        space = Eigenbasis(Gaussian(scale), cloud, degrees)
        return Enriched(space, self.functions) if self.functions else space

    def _refuse(self) -> None:
        """Raise what no other space will mend: anything but that Newton's method has found no way from a start."""
        wrong = [error for error in self.refused if not isinstance(error, ConvergenceError)]
        if len(wrong) == len(self.refused):
            raise wrong[0]

    def _check_degree(self, tried: list[int], last: int) -> None:
        """OutOfReachError where the estimates, taken to fall geometrically, leave more to do than degrees are left."""
        if len(tried) < 3 or not self._is_local:
            return
        before, degree, earlier, rung = tried[-3], tried[-1], self.rungs[-3], self.rungs[-1]
        if rung.estimate > RESOLVED:
            if rung.unknowns > PATIENT and rung.residual > UNCHANGED * earlier.residual:
                raise OutOfReachError(f"Eigenfunctions resolve nothing up to degree {degree}")
            return
        if earlier.estimate > RESOLVED:
            return  # what falls from there says nothing of what follows
        slope = math.log(max(earlier.estimate, TINY) / max(rung.estimate, TINY)) / (degree - before)
        if slope <= 0:
            raise OutOfReachError(f"Eigenfunctions do not improve from degree {before} to {degree}")
        needed = degree + math.log(MARGIN * rung.estimate / self.tol) / slope
        if needed > BEYOND * last:
            raise OutOfReachError(f"Eigenfunctions would need a degree of some {needed:.0f}")

    def _check_dense(self, unknowns: int, tries: int) -> None:
        """OutOfReachError for more unknowns than are allowed, or than there is time for: `tries` is how many times as
        many spaces were tried in the rung before.
        """
        most = min(self.max_unknowns, MOST_DENSE)
        if unknowns > most:
            raise OutOfReachError(f"{unknowns} eigenfunctions would be next, and {most} are allowed")
        if self.rungs:
            next_one = self.rungs[-1].work / tries * (unknowns / self.rungs[-1].unknowns) ** SLOWER
            if next_one > DENSE_SHARE * self.seconds - self._spent():
                raise OutOfReachError(f"seconds={self.seconds:g} leave no time for {unknowns} eigenfunctions")

    @functools.cached_property
    def _is_local(self) -> bool:
        return is_local(self.problem, self.check)

    # ---------------------------------------------------------------------------------------------------- stencils

    def _stencils(self) -> Iterator[Rung]:
        """On more and more nodes, which go where the residual is large."""
        if not self._is_local:
            raise OutOfReachError("The residual uses u at other points, which stencils cannot")
        degree, first = STENCIL_DEGREE[self.nodes_dim], len(self.rungs)
        kernel = Polyharmonic(degree + 1)
        cloud, previous, before = self._first_cloud(kernel, degree), None, math.inf
        ghosts = self._parts_with_ghosts(cloud)
        while True:
            found, indicator = self._on_nodes(lambda: Stencils(kernel, cloud, degree, ghost=ghosts), previous)  # noqa: B023
            if found is None and ghosts:
                ghosts = ()
                found, indicator = self._on_nodes(lambda: Stencils(kernel, cloud, degree), previous)  # noqa: B023
            if found is None:
                raise OutOfReachError(f"Stencils on {len(cloud)} nodes: {self.refused[-1]}")
            if previous is None:
                previous = found._replace(work=self._worked())  # that others are compared with
                growth = min(USUAL, self._affordable(previous))
                if growth < LEAST:
                    yield self._judged(found, self.rungs[-1] if self.rungs else None)
                    raise OutOfReachError(f"seconds={self.seconds:g} leave no time for finer stencils")
            else:
                # errors fall no faster than the order has it, nor than differences did before
                moved = difference(found.values, previous.values)
                finer = min(previous.unknowns / found.unknowns, 1.0)
                seen_before = moved / before if before < RESOLVED else 0.0
                previous = self._judged(found, previous, max(finer ** (degree / self.nodes_dim), seen_before))
                yield previous
                before, growth = max(moved, TINY), self._growth(first)
            cloud = refinement.refine(cloud, indicator, count=int(growth * len(cloud)), order=degree - 1.0)

    def _first_cloud(self, kernel: Polyharmonic, degree: int) -> Cloud:
        """On a surface of as many nodes as no stencil is wider than its radius of curvature."""
        cloud = self._cloud(FIRST_NODES[self.nodes_dim])
        while cloud.surface_normals is not None and 2 * len(cloud) * self.problem.fields <= self.max_unknowns:
            try:
                Stencils(kernel, cloud, degree)
                break
            except ValueError:
                cloud = self._cloud(2 * len(cloud))
        return cloud

    def _on_nodes(self, make: Callable[[], Space], previous: Rung | None) -> tuple[Rung | None, Any]:
        """A solution by stencils, and its residual between the nodes."""
        found = self._tried(make, previous)
        if found is None:
            return None, None
        cloud = found.solution.space.cloud
        assert self.weights is not None  # as there is a solution
        indicator = between_neighbours(self.problem, found.solution, self.aside, self.weights["interior"])
        h = refinement.apart(np.asarray(cloud.points), cloud.periods)
        return found._replace(
            local=float(np.linalg.norm(h ** (LOCAL[self.nodes_dim] + self.nodes_dim / 2) * indicator))
        ), indicator

    def _parts_with_ghosts(self, cloud: Cloud) -> tuple[str, ...]:
        """Those with a condition, for equations of second order and more: beyond others a node would be free. Without
        those whose flux is given beside inner corners, where `inner_corners.balanced` is the more accurate.
        """
        if order_of(self.problem, self.check) < 2:
            return ()
        corners = inner_corners(cloud)
        return tuple(
            name
            for name, residual in self.problem.match(self.domain.part_names).items()
            if residual and (isinstance(residual, Dirichlet) or not np.isin(cloud.parts[name], corners).any())
        )

    def _growth(self, first: int) -> float:
        """How many times the nodes come next: as many as the observed order promises to need."""
        own = self.rungs[first:]
        factor, needed, rung = USUAL, 0.0, own[-1]
        if len(own) > 1 and own[-2].estimate < RESOLVED:
            fallen = math.log(max(own[-2].estimate, TINY) / max(rung.estimate, TINY))
            order = fallen / math.log(rung.unknowns / own[-2].unknowns)
            if order > 0:
                few = math.log(ROOM * MARGIN * max(rung.estimate, TINY) / self.tol) / order
                needed = math.exp(min(few, UNREACHABLE))
                factor = min(max(needed, LEAST), MOST)
        elif self._suffices(rung.estimate):
            factor = LEAST
        room = self.max_unknowns / rung.unknowns
        worse = all(one is not self.best() for one in own[-2:])  # a single one may be so by chance
        if room < LEAST or (needed > 2 * room and worse):
            would = f": some {needed * rung.unknowns:.0e} would do" * (needed > 0)
            raise OutOfReachError(f"max_unknowns={self.max_unknowns} leaves no room for finer stencils{would}")
        # an estimate that suffices is held against a solution of higher degree
        in_time = self._affordable(rung, CONFIRMED if 0 < needed <= factor else 1.0)
        if in_time < LEAST:
            raise OutOfReachError(f"seconds={self.seconds:g} leave no time for finer stencils")
        return min(factor, room, in_time)

    def _affordable(self, rung: Rung, times: float = 1.0) -> float:
        """How many times the nodes there is time for, with so many times the work of one solution."""
        return (max(self.seconds - self._spent(), 0.0) / (times * rung.work)) ** (1 / PLACED)

    # -------------------------------------------------------------------------------------------------- both kinds

    def _cloud(self, count: int, **options) -> Cloud:
        """Of so many nodes; of more where the domain is too thin for these."""
        spacing = float((self.domain.volume / count) ** (1 / self.nodes_dim))
        while True:
            try:
                return self.domain.cloud(spacing, **options)
            except NoRoomError:
                spacing /= THINNER

    def _spent(self) -> float:
        return time.perf_counter() - self.began

    def _worked(self) -> float:
        """Seconds since the rung before, without those of compiling; these are of all threads, and may be more."""
        return max(time.perf_counter() - self.since - (compiling_seconds() - self.compiled_before), TINY)

    def _tried(self, make: Callable[[], Space], start: Rung | None = None) -> Rung | None:
        """The solution in a space, not judged yet; None where there is none. Newton's method starts at the best so far,
        or from another solution.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a coarse space: what the solution is worth is told by its estimate
                u = solve_in(self.problem, make(), initial=self._start(start))
            residual = weighted_residual(self.problem, u, self.check, self.weights)
            self.weights = residual.weights
            # of stencils the residual is large by itself at corners; least squares leave so much only of what is unseen
            unseen = residual.share if u.space.local_basis is None else residual.unanswered
            return Rung(u, np.asarray(u(self.sample)), residual.size, unseen, *[math.nan] * 4)
        except (ValueError, ConvergenceError) as error:
            self.refused.append(error)
            return None
        except MemoryError as error:
            raise OutOfReachError(str(error)) from error

    def _start(self, given: Rung | None) -> Callable | None:
        if given is None and not self.rungs:
            return self.initial
        start = (given or self.best()).solution
        return start if start.stats["steps"] > 1 else None

    def _judged(self, found: Rung, previous: Rung | None, least: float = 0.0) -> Rung:
        """With the estimate of its error, by the rung before or, of the first of a kind, by a space to compare with."""
        still = False
        if previous is None:
            estimate = self._compared(found.solution)
        else:
            moved, residuals = difference(found.values, previous.values), self._fallen(found, previous)
            if moved > 1 and math.isnan(found.local):  # u = 0 is nearer, and its residual is the data
                moved, residuals = 1.0, (found.unseen, 1.0)
            if moved > RESOLVED:
                least = max(least, UNRESOLVED)
            estimate = extrapolated(moved, residuals, least)
            still = residuals[0] > SLOWEST * residuals[1]
            if still:  # nor has the error fallen, and what is left of the data is not answered
                told = (one for one in (previous.estimate, found.unseen) if one > estimate)  # none is NaN
                estimate = min(max(told, default=estimate), 1.0)
            local = found.solution.space.local_basis is not None
            if local and self._suffices(estimate):  # nodes go where the residual is, which then falls more than errors
                estimate = max(estimate, self._compared(found.solution))
        if found.unseen >= COMPARABLE:  # whatever solutions agree on that have not seen it
            estimate = max(estimate, min(found.unseen, 1.0))
        if self.rungs and previous is self.rungs[-1]:  # its error is no less than how far it is from a better one
            apart = min(difference(previous.values, found.values), 1.0)
            self.rungs[-1] = previous._replace(
                estimate=max(previous.estimate, estimate if still else apart - estimate),
                apart=apart if estimate < BETTER * apart and not still else math.nan,
            )
        now, work = time.perf_counter(), self._worked()
        self.rungs.append(found._replace(estimate=estimate, seconds=now - self.since, work=work))
        self.since, self.compiled_before = now, compiling_seconds()
        return self.rungs[-1]

    def _suffices(self, estimate: float) -> bool:
        return MARGIN * estimate <= self.tol

    def _compared(self, u: Solution) -> float:
        """The estimate by one more solution; infinite where there is none."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return estimate_error(self.problem, u)
        except (ValueError, ConvergenceError):
            return math.inf

    @staticmethod
    def _fallen(found: Rung, previous: Rung) -> tuple[float, float]:
        """The residuals by which two solutions are compared: of stencils those at their own nodes, as the check cloud
        misses what a corner or a layer does, unless it tells that something there is not resolved.
        """
        if math.isnan(found.local + previous.local) or found.residual > previous.residual:
            return found.residual, previous.residual
        return found.local, previous.local
