"""The equations F(t, c, ċ) = 0 of a problem in time in a space, and their derivatives by c, ċ and t, on the host.

u and its rate are two functions of the space, with coefficients c and ċ; at a point a residual depends on the jets of
both. Every program has t as an input, and the rows are made as those of `jet_system`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex, Float

from ..geometry.cloud import Cloud
from ..internal.batching import in_padded_blocks, padded_block
from ..internal.compile_cache import Few
from ..internal.remembered import remembered
from ..internal.tracing import AnyArray, Scalar, as_jax, is_traced, module_of, without_derivative
from ..linalg.bordered import bordered
from ..linalg.distributed_rows import DistributedRows, Layout
from ..linalg.sparse_rows import SparseRows, for_products, stacked
from ..pde.evolving import Evolving
from ..pde.jets import Jet, needed_order
from ..pde.linearity import depends_on_input
from ..pde.multi_indices import total_degree
from ..pde.operators import biharmonic
from ..pde.problem import Problem
from ..spaces.base import Space
from .basis_derivatives import BasisDerivatives, Guess
from .conditions import Group, Zero, matched, sample_of
from .inner_corners import Balanced
from .jet_system import state
from .means import MeansInTime
from .residual_jets import BLOCK, LARGE_BLOCK, PROGRAMS, Part, no_jets
from .row_weights import extent_of, size_on_waves, symbols

SMALL_BLOCK = 16  # points of a program for few of them, as the ends of an interval
BOUND = 1000.0  # with 1 steps failed, 10 to 1e6 give the same errors [m]


class Still(eqx.Module):
    """The residual of a problem in time at a time t, for functions that do not change: what a stationary one is."""

    residual: Any
    time: Float[np.ndarray, ""]

    def __call__(self, u, x, n):
        return self.residual(Evolving(u, lambda y: 0.0 * u(y)), x, n, jnp.asarray(self.time))


def in_time(group: Group) -> Group:
    """The group of which all residuals were made `Still`."""
    still = group.residual
    if isinstance(still, Balanced):
        return group._replace(residual=Balanced(still.flux.residual, still.inside.residual))  # type: ignore[attr-defined]
    assert isinstance(still, Still)
    return group._replace(residual=still.residual)


class Viscous(eqx.Module):
    """A residual with hyperviscosity ν: its rate is ∂u/∂t + ν Δ²u, so that what the nodes do not resolve decays.

    Fornberg & Lehto, J. Comput. Phys. 230 (2011) 2270-2285, doi 10.1016/j.jcp.2010.12.014, with Δ² of the stencils.
    """

    residual: Any
    viscosity: Float[np.ndarray, ""]

    def __call__(self, u, x, n, t):
        def rate(y):
            return u.rate(y) + self.viscosity * biharmonic(u.function)(y)

        return self.residual(Evolving(u.function, rate), x, n, t)


class Facts(NamedTuple):
    """What is read off the traced program of a residual in time."""

    orders: tuple[int, int]  # of the derivatives of u and of its rate
    affine: bool  # in both of them
    moving: bool  # its gradient depends on t
    driven: bool  # its value depends on t
    has_rate: bool
    mass: bool  # its gradient by the rate is the same for all u and t


class Rows:
    """The rows of a group."""

    def __init__(self, group: Group, derivatives: BasisDerivatives, facts: Facts, fields: int):
        self.group, self.derivatives, self.facts, self.fields = group, derivatives, facts, fields
        self.weights: Any = np.ones((1, 1))  # (m, c)
        self.has_rate: Any = None  # (m, c): where the gradient by the rate is not zero
        self.fields_with_rate: Any = None  # (f,)
        self._units: dict[int, Any] = {}
        self._programs: dict[str, Callable] = {}
        self._constant: dict[str, Any] = {}
        self._zero_at: tuple[float, Any] | None = None  # the last time, and the values of u = 0 then

    @property
    def is_constant(self) -> bool:
        """Whether the matrices are the same for all t, c and ċ."""
        return self.facts.affine and not self.facts.moving

    def values(self, t: Scalar, *coefficients: Float[AnyArray, "n *f"]) -> Float[AnyArray, " rows"]:
        """F for the coefficients c and ċ."""
        if self.is_constant:
            by_c, by_rate = self._products(t, coefficients)
            values = self._of_zero(t) + by_c @ coefficients[0].reshape(-1)
            return values + by_rate @ coefficients[1].reshape(-1) if self.facts.has_rate else values
        return (self.weights * self._ask("values", t, coefficients)).reshape(-1)

    def slope(self, t: Scalar, *coefficients: Float[AnyArray, "n *f"]) -> Float[AnyArray, " rows"]:
        """∂F/∂t."""
        if not self.facts.driven:
            return np.zeros(self.weights.size)
        return (self.weights * self._ask("slope", t, coefficients)).reshape(-1)

    def matrices(self, t: Scalar, *coefficients: Float[AnyArray, "n *f"]) -> list[Any]:
        """∂F/∂c and ∂F/∂ċ."""

        def found():
            return [self._matrix(gradient, which) for which, gradient in enumerate(self.gradients(t, *coefficients))]

        return self._kept("matrices", found) if self.is_constant else found()

    def gradients(self, t: Scalar, *coefficients: Float[AnyArray, "n *f"]) -> list[Float[AnyArray, "m c f J"]]:
        """The weighted gradients by the jets of u and of its rate."""
        found = self._ask("gradients", t, coefficients)
        return [self.weights[:, :, None, None] * gradient for gradient in found]

    def elsewhere(self, X: Float[np.ndarray, "m d"]) -> Rows:
        """Those of an equation without normals at points that need not be nodes, without weights."""
        group = self.group._replace(points=X, normals=np.zeros_like(X))
        return Rows(group, BasisDerivatives.at(self.derivatives.space, X), self.facts, self.fields)

    def off(self, t: float, *coefficients: Float[np.ndarray, "n *f"]) -> float:
        """By which share of their terms F is off at the points, in the mean, the worst of its components. The terms of
        u are at least what F makes of waves as long as the cloud: where u is smooth each of them may vanish.
        """
        points, values = self.group.points, np.asarray(self._ask("values", t, coefficients))
        terms = _mean_size(np.asarray(self._ask("values", t, None)))
        for which, gradient in enumerate(map(np.asarray, self.gradients(t, *coefficients))):
            jets = np.asarray(self._jets(which, coefficients[which])).reshape(len(points), -1, self.fields)
            terms = terms + _mean_size(np.einsum("mcfj,mjf->mc", np.abs(gradient), np.abs(jets)))
            if which == 0:
                size = size_on_waves(gradient, extent_of([self.group]) / np.pi, points.shape[1], np)
                terms = terms + size * np.mean(np.abs(jets[:, 0]))
        return float(np.max(_mean_size(values) / np.maximum(terms, np.finfo(float).tiny)))

    def _products(self, t: Scalar, coefficients) -> list[Any]:
        """The constant matrices, in the form that is multiplied fastest."""
        if is_traced(coefficients):
            return self.matrices(t, *coefficients)
        return self._kept("products", lambda: list(map(for_products, self.matrices(t, *coefficients))))

    def _of_zero(self, t: Scalar) -> Float[AnyArray, " rows"]:
        def found():
            return (self.weights * self._ask("values", t, None)).reshape(-1)

        if not self.facts.driven:
            return self._kept("values", found)
        if is_traced(t):
            return found()
        if self._zero_at is None or self._zero_at[0] != float(t):
            values = found()
            if is_traced(values):
                return values
            self._zero_at = float(t), values  # the iterations of a step are at one time
        return self._zero_at[1]

    def _kept(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._constant:
            self._constant[name] = make()
        return self._constant[name]

    def _ask(self, what: str, t: Scalar, coefficients) -> Any:
        jets = [self._jets(which, None if coefficients is None else coefficients[which]) for which in (0, 1)]
        group, time = self.group, t if isinstance(t, jax.Array) else np.asarray(t, dtype=float)
        at, size = (group.points, group.normals, *jets), self._block
        if what not in self._programs:
            given = {"residual": group.residual, "orders": self.facts.orders, "what": what}
            self._programs[what] = _programs.for_many(given)

        def of_block(*at):
            return self._programs[what]({"at": at, "time": time})

        if not (self._is_traced or is_traced(jets, time)):
            if len(group.points) <= size:  # the points are padded once
                padded = self._kept("padded", lambda: tuple(as_jax(padded_block(rows, 0, size)) for rows in at[:2]))
                found = of_block(*padded, *(padded_block(rows, 0, size) for rows in jets))
                if not is_traced(found):
                    return jax.tree.map(lambda rows: np.asarray(rows)[: len(group.points)], found)
            else:
                found = in_padded_blocks(of_block, at, size, known=False)
                if found is not None:
                    return found
        return of_block(*map(jnp.asarray, at))  # it reads what is traced

    @functools.cached_property
    def _is_traced(self) -> bool:
        return is_traced(self.group.points, self.group.normals, self.group.residual)

    @functools.cached_property
    def _block(self) -> int:
        """Points of a program: of few sizes, so that other nodes find it, and of one block, as each call takes its
        time.
        """
        count = len(self.group.points)
        size = min(max(BLOCK, 2 ** math.ceil(math.log2(count))), LARGE_BLOCK)
        return SMALL_BLOCK if count <= SMALL_BLOCK else size

    def _jets(self, which: int, coefficients) -> Float[AnyArray, "m J *f"]:
        order = self.facts.orders[which]
        if coefficients is None or not (is_traced(coefficients) or np.any(coefficients)):
            m, dim = self.group.points.shape
            return self._kept(f"no jets {which}", lambda: no_jets(m, dim, order, self.fields))
        units = self._units_of(which)
        if units is None:
            return self.derivatives.jets(coefficients, order)
        if self.derivatives.columns is None or is_traced(units, coefficients):
            return self.derivatives.combined(units, coefficients)
        return (self._sparse_units(which) @ coefficients).reshape(*units.shape[:2], *coefficients.shape[1:])

    def _sparse_units(self, which: int) -> Any:
        """The derivatives of local functions as a matrix, (m·J, n), which multiplies faster than stencil by stencil."""

        def found():
            units, columns = self._units_of(which), np.asarray(self.derivatives.columns)
            m, count, k = units.shape
            everywhere = np.broadcast_to(columns[:, None], units.shape).reshape(m * count, k)
            return for_products(
                SparseRows(np.asarray(units).reshape(m * count, k), everywhere, self.derivatives.space.size)
            )

        return self._kept(f"derivatives {which}", found)

    def _units_of(self, which: int) -> Any:
        """The weights of the derivatives of u, or of its rate, on the basis; None where they are too many."""
        if which not in self._units:
            self._units[which] = self.derivatives.units(self.facts.orders[which])
        return self._units[which]

    def _matrix(self, gradient: Float[AnyArray, "m c f J"], which: int) -> Any:
        once, (m, c, fields, count) = self.is_constant and not is_traced(gradient), gradient.shape
        units = None if once else self._units_of(which)
        if units is None:
            weights = self.derivatives.weights_of_gradient(gradient, self.facts.orders[which])
        else:
            weights = (gradient.reshape(m, c * fields, count) @ units).reshape(m, c, fields, -1)
            weights = weights[:, :, 0] if fields == 1 else weights.swapaxes(2, 3)
        return self.derivatives.matrix(weights, self.fields)


class TimeSystem:
    """The equations of a problem in time, in a space, at the points of a cloud. Coefficients are flat.

    A row with a rate has the weight that makes the size of its operator on the rate 1, as measured on plane waves; any
    other makes that of its operator on u `BOUND`: least squares fulfil it to so much more, as a change of the step must
    not change it. What the two have to do with each other depends on the step (`SemiDiscrete`).
    Raises ValueError as `assemble` does, where a residual is not local, and where none has a rate.

    Everything works under jit and grad where the problem, or the start, is traced; the weights have no derivative.
    """

    def __init__(
        self, problem: Problem, space: Space, points: Cloud | None, time: float, start: Guess, viscosity: float = 0.0
    ):
        self.space, self.fields = space, problem.fields
        groups = matched(problem, space.cloud if points is None else points)
        if viscosity:
            groups[0] = groups[0]._replace(residual=Viscous(groups[0].residual, np.asarray(viscosity)))
        moment = np.asarray(time, dtype=float)
        still = [group._replace(residual=Still(group.residual, moment)) for group in groups]
        around = None if is_traced(start) else start
        stated = state(space, points, problem.fields, still, around, is_local=True, damped=bool(viscosity))
        assert stated is not None  # an error tells of what is not local
        self.rows = [self._rows(part, place, stated.derivatives) for part, place in zip(*stated[:2], strict=True)]
        if not any(rows.facts.has_rate for rows in self.rows):
            raise ValueError(
                "no residual has a rate in it: use mf.time_derivative(u)(x) in the equation, or solve "
                "problem.at(t), which is stationary"
            )
        self._places, self._derivatives = stated.places, stated.derivatives
        self.side = np.zeros((0, space.size)) if space.local_basis is not None else space.side_conditions()  # type: ignore[attr-defined]
        c = without_derivative(start.coefficients)
        sizes = [size for rows in self.rows for size in _weigh(rows, time, c, float(np.median(space.cloud.spacing)))]
        self._layout = self._shared()
        array = module_of(*(on_u for on_u, _ in sizes))
        self.ratio = array.sqrt(array.mean(array.stack([(on_u / on_rate) ** 2 for on_u, on_rate in sizes])))
        if self._layout is not None:
            self.ratio = self._layout.processes.of_first(self.ratio)
        weight = BOUND * np.sqrt(sum(len(rows.group.points) for rows in self.rows))
        self.means = None if problem.mean is None else MeansInTime(problem, space, moment, weight)
        of_means = [] if self.means is None else [np.zeros(len(self.means.matrix), dtype=bool)]
        self.differential: Bool[AnyArray, " rows"] = self._stacked(
            [rows.has_rate for rows in self.rows], False, of_means
        )
        self.is_traced = is_traced(start, self.residual(time, c.reshape(-1), np.zeros(c.size)))
        self._products: tuple[Any, Any] | None = None  # where they are constant
        self._mass: Any = None  # the first of them, likewise

    def _shared(self) -> Layout | None:
        """That of the rows, where processes share them; then all that is asked of this system is collective."""
        partition = self.space.partition
        if partition is None:
            return None
        rows = [
            (", ".join(name for name, _ in rows.group.parts), rows.weights.shape[1], place)
            for rows, place in zip(self.rows, self._places, strict=True)
        ]
        return partition.layout(self.fields, rows)

    def _everywhere(self, here: bool) -> bool:
        """Whether it holds for the rows of all processes."""
        return here if self._layout is None else not self._layout.processes.any(not here)

    def _rows(self, part: Part, place: Any, derivatives: BasisDerivatives) -> Rows:
        group = in_time(part.group)
        at = group.points.shape[1], group.normals.shape[1]
        facts = remembered(read_facts, group.residual, *at, self.fields, part.order)
        return Rows(group, derivatives[place], facts, self.fields)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the coefficients as the space has them."""
        return (self.space.size,) if self.fields == 1 else (self.space.size, self.fields)

    @property
    def is_linear(self) -> bool:
        """Whether F is affine in c and ċ."""
        return self._everywhere(all(rows.facts.affine for rows in self.rows))

    @functools.cached_property
    def is_constant(self) -> bool:
        """Whether the matrices are the same for all t, c and ċ."""
        return self._everywhere(all(rows.is_constant for rows in self.rows))

    @property
    def is_autonomous(self) -> bool:
        """Whether F does not depend on t."""
        driven = any(rows.facts.driven for rows in self.rows) or (self.means is not None and self.means.driven)
        return self._everywhere(not driven)

    @property
    def has_constant_mass(self) -> bool:
        """Whether ∂F/∂ċ is."""
        return self._everywhere(all(rows.facts.mass for rows in self.rows))

    def residual(self, t: Scalar, c: Float[AnyArray, " n"], rates: Float[AnyArray, " n"]) -> Any:
        """F(t, c, ċ)."""
        both = c.reshape(self.shape), rates.reshape(self.shape)
        means = [] if self.means is None else [self.means.values(t, c)]
        return self._stacked([rows.values(t, *both) for rows in self.rows], self.side @ both[0], means)

    def slope(self, t: Scalar, c: Float[AnyArray, " n"], rates: Float[AnyArray, " n"]) -> Any:
        """∂F/∂t."""
        both = c.reshape(self.shape), rates.reshape(self.shape)
        means = [] if self.means is None else [self.means.slope(t)]
        return self._stacked([rows.slope(t, *both) for rows in self.rows], 0.0, means)

    def matrices(self, t: Scalar, c: Float[AnyArray, " n"], rates: Float[AnyArray, " n"]) -> tuple[Any, Any]:
        """∂F/∂c and ∂F/∂ċ, arrays or sparse rows with the same columns."""
        both = c.reshape(self.shape), rates.reshape(self.shape)
        by_c, by_rate = map(list, zip(*(rows.matrices(t, *both) for rows in self.rows), strict=True))
        if self._layout is not None:
            own_c, own_rate = (DistributedRows(stacked(one).to_scipy(), self._layout) for one in (by_c, by_rate))
            return own_c, own_rate
        if self.space.local_basis is not None:
            return self._with_means(stacked(by_c), stacked(by_rate))
        if len(self.side):
            side = np.kron(self.side, np.eye(self.fields))
            by_c, by_rate = [*by_c, side], [*by_rate, np.zeros_like(side)]
        return self._with_means(module_of(*by_c).concatenate(by_c), module_of(*by_rate).concatenate(by_rate))

    def _with_means(self, by_c: Any, by_rate: Any) -> tuple[Any, Any]:
        if self.means is None:
            return by_c, by_rate
        rows, array = self.means.matrix, module_of(self.means.matrix)
        edges = np.zeros((by_c.shape[0], 0)), np.zeros((len(rows), 0))
        return bordered(by_c, edges[0], rows, edges[1]), bordered(by_rate, edges[0], array.zeros_like(rows), edges[1])

    def products(self, t: float, c: Float[np.ndarray, " n"]) -> tuple[Any, Any]:
        """∂F/∂ċ and ∂F/∂c at ċ = 0, to be multiplied by vectors; on the host."""
        if self._products is not None:
            return self._products
        by_c, by_rate = self.matrices(t, c, np.zeros_like(c))
        found = for_products(by_rate), for_products(by_c)
        if self.is_constant:
            self._products = found
        return found

    def mass(self, t: float, c: Float[np.ndarray, " n"]) -> Any:
        """∂F/∂ċ at ċ = 0, to be multiplied by vectors; on the host."""
        if self._mass is not None:
            return self._mass
        found = self.products(t, c)[0]
        if self.has_constant_mass:
            self._mass = found
        return found

    def symbols(self, t: float, c: Float[np.ndarray, " n"]) -> Complex[np.ndarray, " k"] | None:
        """The rates λ of plane waves exp(λt + iκ·x) with |κ| = 1/spacing in the interior's linearised equations, at
        some of the points and in several directions; None where these are not as many as there are fields.
        """
        found = self._symbols(t, c.reshape(self.shape))
        return found if self._layout is None else self._layout.processes.of_first(found)

    def _symbols(self, t: float, c: Float[np.ndarray, "n *f"]) -> Complex[np.ndarray, " k"] | None:
        inside = self.rows[0]
        sample, (_, dim) = sample_of(inside.group.points), inside.group.points.shape
        by_u, by_rate = (
            symbols(gradient[sample], 1 / float(np.median(self.space.cloud.spacing)), dim)
            for gradient in inside.gradients(t, c, np.zeros_like(c))
        )
        if by_u.shape[2] != self.fields:
            return None
        alpha = self.ratio * np.exp(0.5j)  # no eigenvalue, as that of what is damped or turns about
        shifted = by_u + alpha * by_rate
        if not np.all(np.isfinite(shifted)) or np.any(np.linalg.cond(shifted) > 1e12):
            return None
        found = np.linalg.eigvals(np.linalg.solve(shifted, by_rate)).ravel()
        return alpha - 1 / found[np.abs(found) * self.ratio > 1e-9]  # the others are bound by equations without rates

    def values(self, c: Float[np.ndarray, " n"], everywhere: bool = False) -> Float[np.ndarray, "f m"]:
        """What the fields that have a rate are at the points of rows with one, or all fields at all points of the
        cloud; on the host.
        """
        matrix, fields = self._at_all if everywhere else self._at_rates
        found = matrix @ c.reshape(self.space.size, self.fields)[:, fields]
        return (found if self._layout is None else self._layout.gathered(found)).T

    def off(self, X: Float[np.ndarray, "m d"], t: float, c: Float[np.ndarray, " n"], rates: Float[np.ndarray, " n"]):
        """By which share of its terms the interior's equation is off at points that need not be nodes."""
        return self.rows[0].elsewhere(X).off(t, c.reshape(self.shape), rates.reshape(self.shape))

    @property
    def with_rate(self) -> Bool[np.ndarray, " f"]:
        """Which fields have a rate in the equations."""
        return self._at_rates[1]

    @functools.cached_property
    def _at_rates(self) -> tuple[Any, Bool[np.ndarray, " f"]]:
        """The matrix of values at the points of rows with a rate, and which fields have one in them."""
        fields = np.any([rows.fields_with_rate for rows in self.rows], axis=0)
        if self._layout is not None:
            fields = np.any(self._layout.processes.each(fields), axis=0)
        has_rate = [np.any(rows.has_rate, axis=1) for rows in self.rows]
        places = [place[has] for place, has in zip(self._places, has_rate, strict=True)]
        there = self._derivatives[np.unique(np.concatenate(places))]
        return _values_matrix(there), fields

    @functools.cached_property
    def _at_all(self) -> tuple[Any, Bool[np.ndarray, " f"]]:
        own = slice(None) if self.space.partition is None else self.space.partition.own
        return _values_matrix(self._derivatives[own]), np.ones(self.fields, dtype=bool)

    def _stacked(self, blocks: list[Any], side: Any, means: list[Any]) -> Any:
        """The rows of all groups, of the side conditions and of the means."""
        array = module_of(*blocks, side, *means)
        rest = array.broadcast_to(array.ravel(array.asarray(side)), (len(self.side) * self.fields,))
        found = array.concatenate([*map(array.ravel, blocks), rest, *means])
        return found if self._layout is None else self._layout.gathered(found)


def _mean_size(values: Float[np.ndarray, "m *k"]) -> Float[np.ndarray, "*k"]:
    return np.mean(np.abs(values), axis=0)


def _values_matrix(derivatives: BasisDerivatives) -> Any:
    return for_products(derivatives.matrix(derivatives.weights(np.ones((len(derivatives.points), 1, 1)), 0), 1))


def _weigh(rows: Rows, t: float, c: Float[AnyArray, "n *f"], spacing: float) -> list[tuple[Scalar, Scalar]]:
    """Set the weights of the rows, and where they have a rate; the sizes on u and on its rate where there is one."""
    gradients = without_derivative(rows.gradients(t, c, np.zeros(c.shape)))
    array, sample, dim = module_of(*gradients), sample_of(rows.group.points), rows.group.points.shape[1]
    on_u, on_rate = (size_on_waves(gradient[sample], spacing, dim, array) for gradient in gradients)
    sizes = array.where(on_rate > 0, on_rate, on_u)
    weights = array.where(on_rate > 0, 1.0, BOUND) / array.where(array.isfinite(sizes) & (sizes > 0), sizes, 1.0)
    rows.weights = array.broadcast_to(weights, (len(rows.group.points), weights.size))
    rows.has_rate = array.any(gradients[1] != 0, axis=(2, 3))
    rows.fields_with_rate = array.any(gradients[1] != 0, axis=(0, 1, 3))
    if not rows.facts.has_rate:
        return []
    return [(u, array.where(rate > 0, rate, array.inf)) for u, rate in zip(on_u, on_rate, strict=True)]


def read_facts(residual: Any, dim: int, beside: int, fields: int, order: int) -> Facts:
    """Of a residual with `order` derivatives of u in it, and `beside` numbers known at each point, as its normal."""
    point, normal, time = jnp.zeros(dim), jnp.zeros(beside), jnp.zeros(())

    def of_rate(rate, x):
        return residual(Evolving(Zero(fields), rate), x, normal, time)

    orders = order, needed_order(of_rate, dim, fields)
    shape = () if fields == 1 else (fields,)
    zeros = tuple(jnp.zeros((len(total_degree(dim, one)), *shape)) for one in orders)

    def value(D, rate, x, n, t):
        return _value(residual, orders, (x, n, D, rate), t)

    def reads(function, *positions):
        """Whether the program of a function of the arguments of `value` reads those at some positions."""
        arguments = [*zeros, point, normal, time]
        rest = [index for index in range(5) if index not in positions]

        def reordered(*given):
            at = dict(zip([*positions, *rest], given, strict=True))
            return function(*(at[index] for index in range(5)))

        return depends_on_input(reordered, *(arguments[i] for i in positions), known=tuple(arguments[i] for i in rest))

    gradient, mass = jax.jacrev(value, argnums=(0, 1)), jax.jacrev(value, argnums=1)
    return Facts(
        orders=orders,
        affine=not reads(gradient, 0, 1),
        moving=reads(gradient, 4),
        driven=reads(value, 4),
        has_rate=reads(value, 1),
        mass=not reads(mass, 0, 1, 4),
    )


def _value(residual, orders, at, t):
    x, n, D, rate = at
    return jnp.atleast_1d(residual(Evolving(Jet(x, D, orders[0]), Jet(x, rate, orders[1])), x, n, t))


def _asked(arrays, static):
    given = eqx.combine(arrays, static)
    residual, orders, time = given["residual"], given["orders"], given["time"]

    def values(*at):
        return _value(residual, orders, at, time)

    def gradients(x, n, D, rate):
        value, pull = jax.vjp(lambda D, rate: values(x, n, D, rate), D, rate)
        found = jax.vmap(pull)(jnp.eye(len(value)))  # (c, J, *f) each
        return tuple(jnp.moveaxis(one.reshape(*one.shape[:2], -1), 1, 2) for one in found)

    def slope(*at):
        return jax.jvp(lambda t: _value(residual, orders, at, t), (time,), (jnp.ones_like(time),))[1]

    return jax.vmap({"values": values, "gradients": gradients, "slope": slope}[given["what"]])(*given["at"])


_programs = Few(_asked, PROGRAMS)
