"""Problems: a domain, one residual for each part of it, and the usual boundary conditions.

A residual is any callable on ONE point: `residual(u, x)` in the interior, `residual(u, x, n)` on a boundary part
with unit outward normal n. It returns () or (c,), and vanishes for the solution.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..internal.expected import (
    DATA_IN_TIME,
    FUNCTION,
    INTEGER,
    OF_A_POINT,
    OF_A_POINT_IN_TIME,
    Kind,
    came,
    expects,
)
from ..internal.printing import aligned, shown
from ..internal.tracing import is_traced
from .components import Function
from .data import Data, DataError
from .operators import Field, derivative
from .parameter import At, ParameterDerivative, takes_parameter
from .unknown import Bound, Unknown

Residual = Callable[..., Float[Array, "..."]]


def _with_parts(domain: Any) -> Any:
    if not (domain is None or hasattr(domain, "part_names")) or isinstance(domain, type):
        raise TypeError
    return domain


_RESIDUAL = FUNCTION._replace(
    phrase="a residual, a function of (u, x), or None,",
    read=lambda given: None if given is None else FUNCTION.read(given),
)
_ON_THE_BOUNDARY = 1e-6  # of the domain's size, that data may lie outside: boundary nodes are rounded
_DOMAIN = Kind("a domain such as mf.Box(), or None,", _with_parts)


class Problem(eqx.Module):
    """A partial differential equation with its boundary conditions.

    `interior` is the residual of the equation; every other keyword is the residual of the boundary part of that
    name, and `boundary=` serves all parts that are not named themselves. `None` is no condition on a part, such as the
    final time of a box in space and time: its points have no equation. `interior=None` is no equation at all: data are
    then smoothed, or interpolated, by a `GaussianProcess`, the only space that takes such a problem. `exact(x)` is the
    solution where it is known, used by `error` and the pictures only. `fields=1` makes u(x) a scalar (), `fields=f` a
    vector (f,).

    An equation of fourth order has two conditions at every boundary node: a residual of two components, as
    `jnp.stack([u(x), mf.derivative(u, n)(x)])` of a clamped plate, `jnp.stack([u(x), mf.laplacian(u)(x)])` of a
    supported one. A corner is one node of one part, so that no side asks again what the other does. Where two free
    edges of a plate meet, the force on the corner is free as well: make it a part of its own, with u_xy = 0.

    A parameter, such as time, is the last argument of every callable: `residual(u, x, t)`, `residual(u, x, n, t)`,
    values `g(x, t)` of conditions, `exact(x, t)`. `evolve` calls it time, and starts from `initial`, a function of x;
    `at(t)` is the problem at one value of it. For `eigen` it is the eigenvalue, for `trace` what a branch is followed
    over; `exact_parameters` are known eigenvalues, as `eigen` gives them, or folds, for the command line to compare.

    `mean(u, x)`, () or (c,), affine in u, vanishes in the mean over the domain, as in `mean=lambda u, x: u(x)[2]` of a
    pressure that the equations leave free to a constant, or `mean=lambda u, x: u(x)` with nothing but Neumann
    conditions. Where there are as many equations as unknowns each such condition brings a multiplier, a constant that
    is added to the equation: it makes data compatible as in finite elements, and is told in `stats["multiplier"]`.

    A keyword that is `mf.Data` is a part of its own, at its own points: what was measured, with its noise, in least
    squares beside the equations. Under the name of a boundary part it takes the place of a condition there.

    A problem is a pytree: numbers and arrays held by residuals that are pytrees themselves (an `eqx.Module`, a
    `jax.tree_util.Partial`) are its leaves, may be differentiated, and may change without recompilation.

    Residuals hold point by point, and no derivative at a point sees a jump: a coefficient that jumps, as by
    `jnp.where`, is taken for a smooth one on either side, without its interface. Give each side a field of its own, and
    the interface the conditions that join them (`problems/interface.py`).

    Raises ValueError for a part of the domain without a condition, or with two, and for a condition on a part
    that the domain does not have; both sets of names are printed; for data outside the domain. TypeError where some
    callables have a parameter and others have not.
    """

    domain: Any = eqx.field(static=True)
    interior: Residual | None
    conditions: dict[str, Residual | None]
    data: dict[str, Data]
    exact: Callable | None
    exact_parameters: tuple[float, ...] = eqx.field(static=True)
    initial: Callable | None
    mean: Callable | None
    fields: int = eqx.field(static=True)
    has_parameter: bool = eqx.field(static=True)

    @expects(domain=_DOMAIN, interior=_RESIDUAL, exact=OF_A_POINT_IN_TIME, initial=OF_A_POINT, fields=INTEGER)
    def __init__(
        self,
        domain,
        *,
        interior: Residual | None,
        exact: Callable | None = None,
        exact_parameters: Iterable[float] = (),
        initial: Callable | None = None,
        mean: Any = None,
        fields: int = 1,
        **conditions,
    ):
        if fields < 1:
            raise ValueError(f"fields is the number of components of u, at least 1; got {fields}")
        self.data = {name: one for name, one in conditions.items() if isinstance(one, Data)}
        conditions = {name: one for name, one in conditions.items() if name not in self.data}
        residuals = {"interior": interior, **conditions}
        self.has_parameter = _agreed(
            {name: _with_parameter(name, residual) for name, residual in residuals.items()}
            | {f"the value in {name}": _value_with_parameter(name, g) for name, g in _values(residuals)}
            | ({} if exact is None else {"exact": takes_parameter(exact, ("x",))})
            | ({} if mean is None else {"mean": _mean_with_parameter(mean)})
        )
        self.domain, self.interior, self.conditions = domain, interior, conditions
        self.exact_parameters = tuple(float(value) for value in exact_parameters)
        self.exact, self.initial, self.mean, self.fields = exact, initial, mean, fields
        if domain is not None:
            self.match(domain.part_names)
            self.check_data(domain)

    def at(self, parameter: Any) -> Problem:
        """The problem at one value of its parameter, a number: one without parameter. ValueError for one without."""
        return self._with(lambda function: At(function, _one_number(parameter)))

    def parameter_derivative(self, parameter: Any, order: int = 1) -> Problem:
        """The derivatives of all residuals by the parameter, of some order, at one value of it, as `at`."""
        return self._with(lambda function: ParameterDerivative(function, _one_number(parameter), order))

    def _with(self, made: Callable[[Callable], Callable]) -> Problem:
        """The problem without parameter of which each callable is `made` of one of this."""
        if not self.has_parameter:
            raise ValueError("the problem has no parameter: its residuals are (u, x) and (u, x, n), not (u, x, t)")
        conditions: dict[str, Any] = {name: residual and made(residual) for name, residual in self.conditions.items()}
        conditions |= self.data
        return Problem(
            self.domain,
            interior=None if self.interior is None else made(self.interior),
            exact=None if self.exact is None else made(self.exact),
            mean=None if self.mean is None else made(self.mean),
            fields=self.fields,
            **conditions,
        )

    def with_unknowns(self, unknowns: Iterable[Unknown], values: Any) -> Problem:
        """The problem with numbers in place of its unknowns: `values` (p,), those of all of them in a row."""
        numbers, shapes = tuple(one.number for one in unknowns), tuple(one.shape for one in unknowns)

        def bound(function: Any) -> Any:
            return None if function is None else Bound(function, values, numbers, shapes)

        conditions = {name: bound(residual) for name, residual in self.conditions.items()}
        data = {name: Data(one.points, one.values, one.noise, bound(one.of)) for name, one in self.data.items()}
        return eqx.tree_at(
            lambda problem: (problem.interior, problem.conditions, problem.data),
            self,
            (bound(self.interior), conditions, data),
            is_leaf=lambda found: found is None,
        )

    def check_with_equation(self) -> None:
        """ValueError for a problem of data alone."""
        if self.interior is None:
            raise ValueError(
                "the problem has no equation, interior=None: it is solved in a mf.GaussianProcess only. For values in "
                "other spaces use mf.interpolate"
            )

    def check_without_data(self, what: str) -> None:
        """ValueError for a problem with data, which `what` knows nothing of."""
        if self.data:
            raise ValueError(
                f"{what} takes no data, and the problem has {_names(self.data)}: leave them out, or solve it by "
                "mf.solve(problem, space), of a problem in time with the time as a coordinate of the domain"
            )

    def check_data(self, domain: Any) -> None:
        """ValueError, naming the first, for data at points that are not in the domain, or of another dimension."""
        for name, one in self.data.items():
            if one.points.shape[1] != domain.dim:
                raise ValueError(
                    f"{name}= has data at points of shape {one.points.shape}, and {shown(domain)} has {domain.dim} "
                    "dimensions"
                )
            if is_traced(one.points) or not hasattr(domain, "contains"):
                continue
            X = np.asarray(one.points)
            outside = np.flatnonzero(~np.asarray(domain.contains(X)))
            outside = outside[np.abs(domain.distance(X[outside])) > _ON_THE_BOUNDARY * domain.extent]
            if len(outside):
                point = ", ".join(f"{coordinate:.6g}" for coordinate in X[outside[0]])
                raise ValueError(
                    f"{name}= has data outside the domain {shown(domain)}: {len(outside)} of {len(X)} points, the "
                    f"first, number {outside[0]}, at ({point})"
                )

    def check_without_parameter(self) -> None:
        """ValueError for a problem that is not one problem but one for each value of its parameter."""
        if self.has_parameter:
            raise ValueError(
                "the problem has a parameter, the last argument of its residuals: where it is time, "
                "mf.evolve(problem, space); at one value of it, problem.at(value) is a problem without"
            )

    def match(self, parts: Iterable[str]) -> dict[str, Residual | None]:
        """The residual of every boundary part in `parts`, None for no condition; ValueError unless each has one."""
        parts = [part for part in parts if part != "interior"]
        # `boundary` is the default also where one of several parts has that very name
        measured = dict.fromkeys(name for name in self.data if name in (*parts, "boundary"))  # they are the condition
        conditions: dict[str, Residual | None] = {**self.conditions, **measured}
        named = {name: residual for name, residual in conditions.items() if name in parts and name != "boundary"}
        default, given = conditions.get("boundary"), "boundary" in conditions
        rest = [part for part in parts if part not in named]
        unknown = [name for name in conditions if name not in parts and name != "boundary"]
        sets = f"conditions given: {_names(conditions)}; boundary parts: {_names(parts)}"
        if unknown:
            raise ValueError(f"no boundary part is named {_names(unknown)}; {sets}{self._periodic_hint(unknown)}")
        if rest and not given:
            raise ValueError(f"no condition on {_names(rest)}; {sets}. Name them, or give boundary= for all the rest")
        if given and not rest:
            raise ValueError(
                f"boundary= would be a second condition: no part is without its own; {sets}. Drop boundary="
                + ": the domain, a closed surface or periodic along every axis, has no boundary" * (not parts)
            )
        return {part: named.get(part, default) for part in parts}

    def _periodic_hint(self, unknown: Iterable[str]) -> str:
        """What is to be said of names that are sides at which the domain repeats."""
        sides = [name for name in unknown if name in getattr(self.domain, "periodic_sides", ())]
        return "".join(f". {name} is a periodic side of the box: it has no condition" for name in sides)

    def __repr__(self) -> str:
        rows = [("fields", shown(self.fields)), ("interior", shown(self.interior))]
        rows += [(name, shown(residual) + self._served(name)) for name, residual in self.conditions.items()]
        rows += [(name, shown(one)) for name, one in self.data.items()]
        rows += [("mean", shown(self.mean))] * (self.mean is not None)
        rows.append(("exact", "no" if self.exact is None else "yes"))
        rows += [("initial", shown(self.initial))] * (self.initial is not None)
        return aligned("Problem without a domain" if self.domain is None else f"Problem on {shown(self.domain)}", rows)

    def _served(self, name: str) -> str:
        """The parts that `boundary=` serves, where its name does not say it: ` on left, top`."""
        parts = () if self.domain is None or name != "boundary" else self.domain.part_names
        served = ", ".join(part for part in parts if part == name or part not in self.conditions)
        return "" if served in ("", name) else f" on {served}"


def _one_number(parameter: Any) -> Array:
    parameter = jnp.asarray(parameter, dtype=float)
    if parameter.shape != ():
        raise ValueError(f"the parameter is one number; got an array of shape {parameter.shape}")
    return parameter


def _with_parameter(name: str, residual: Any) -> bool | None:
    """Whether the residual of the interior or of the part of that name needs a parameter, None where it may have one;
    TypeError for what cannot be a residual.
    """
    if residual is None:
        return None
    if not callable(residual):
        raise TypeError(
            f"{name}= must be a residual, a callable; got {residual!r}. "
            f"For a given value write mf.dirichlet({residual!r}), for no condition on a part None"
        )
    if isinstance(residual, type) or any(residual is made for made in (dirichlet, neumann, robin)):
        raise TypeError(f"{name}= must be a residual; got {came(residual)}: write {residual.__name__}(...)")
    arguments = ("u", "x") if name == "interior" else ("u", "x", "n")
    try:
        return takes_parameter(residual, arguments)
    except TypeError as error:
        raise TypeError(f"{name}= must be a residual({', '.join(arguments)}); got {came(residual)}: {error}") from None


def _mean_with_parameter(mean: Any) -> bool | None:
    """Whether `mean` needs a parameter, as `_with_parameter`; TypeError for what is no function of (u, x)."""
    here = "mean= must be a function of (u, x), whose mean over the whole domain vanishes"
    if not callable(mean) or isinstance(mean, type | Dirichlet | Neumann | Robin):
        raise TypeError(f"{here}; got {came(mean)}: write mean=lambda u, x: u(x), or u(x)[2] of several fields")
    try:
        needed = takes_parameter(mean, ("u", "x"))
    except TypeError as error:
        raise TypeError(f"{here}; got {came(mean)}: {error}") from None
    if needed and _last_argument(mean) == "n":
        raise TypeError(f"{here}; got a function of (u, x, n): a mean over a boundary part is none of its conditions")
    return needed


def _value_with_parameter(name: str, value: Callable) -> bool | None:
    """Whether the value of a usual condition needs a parameter, as `_with_parameter`; TypeError for one of (x, n)."""
    if _last_argument(value) == "n":
        raise TypeError(
            f"{name} has a value of (x, n); expected g(x), or g(x, t). A flux that depends on the normal vector is a "
            f"residual: {name}lambda u, x, n: mf.gradient(u)(x) @ n - g(x, n)"
        )
    return takes_parameter(value, ("x",))


def _last_argument(function: Callable) -> str:
    """Its name; empty where it cannot be known."""
    try:
        return list(inspect.signature(function, follow_wrapped=False).parameters)[-1]
    except (TypeError, ValueError, IndexError):
        return ""


def _agreed(parameters: dict[str, bool | None]) -> bool:
    """Whether callables, by their names, have a parameter; TypeError unless all have one, or none has."""
    having, lacking = ([name for name, has in parameters.items() if has is kind] for kind in (True, False))
    if having and lacking:
        raise TypeError(
            f"{', '.join(having)}: with a parameter, such as time; {', '.join(lacking)}: without. It is the last "
            "argument of all callables of a problem, or of none: residual(u, x, t), residual(u, x, n, t), g(x, t), "
            "exact(x, t)"
        )
    return bool(having)


def _values(residuals: dict[str, Any]) -> list[tuple[str, Callable]]:
    """The functions that the usual conditions were given as values, each with the name of the part."""
    return [
        (f"{name}=", value)
        for name, residual in residuals.items()
        if isinstance(residual, Dirichlet | Neumann | Robin)
        for value in vars(residual).values()
        if callable(value)
    ]


class Dirichlet(eqx.Module):
    """u = value."""

    value: Any

    def __call__(self, u: Field, x: Float[Array, " d"], n: Float[Array, " d"], *t: Any) -> Float[Array, "..."]:
        given = u(x)
        return given - at(self.value, x, given, *t)

    def __repr__(self) -> str:
        return f"dirichlet({shown(self.value)})"


class Neumann(eqx.Module):
    """∂u/∂n = flux, n the unit outward normal."""

    flux: Any

    def __call__(self, u: Field, x: Float[Array, " d"], n: Float[Array, " d"], *t: Any) -> Float[Array, "..."]:
        slope = derivative(u, n)(x)
        return slope - at(self.flux, x, slope, *t)

    def __repr__(self) -> str:
        return f"neumann({shown(self.flux)})"


class Robin(eqx.Module):
    """a u + b ∂u/∂n = value, n the unit outward normal."""

    a: Any
    b: Any
    value: Any

    def __call__(self, u: Field, x: Float[Array, " d"], n: Float[Array, " d"], *t: Any) -> Float[Array, "..."]:
        given, slope = u(x), derivative(u, n)(x)
        a, b, value = (at(data, x, given, *t) for data in (self.a, self.b, self.value))
        return a * given + b * slope - value

    def __repr__(self) -> str:
        return f"robin({shown(self.a)}, {shown(self.b)}, {shown(self.value)})"


@expects(value=DATA_IN_TIME)
def dirichlet(value: Any = 0.0) -> Dirichlet:
    """The condition u = value on a boundary part: a number, a vector (fields,) or a function of x, or of (x, t)."""
    return Dirichlet(value)


@expects(flux=DATA_IN_TIME)
def neumann(flux: Any = 0.0) -> Neumann:
    """The condition ∂u/∂n = flux, n the outward normal: a number, a vector (fields,), a function of x or of (x, t)."""
    return Neumann(flux)


@expects(a=DATA_IN_TIME, b=DATA_IN_TIME, value=DATA_IN_TIME)
def robin(a: Any, b: Any, value: Any = 0.0) -> Robin:
    """The condition a u + b ∂u/∂n = value; each a number, a vector (fields,) or a function of x, or (x, t)."""
    return Robin(a, b, value)


def at(value: Any, x: Float[Array, " d"], given: Float[Array, "..."], *t: Any) -> Float[Array, "..."]:
    """`value(x, *t)` for a function, t the parameter of a problem that has one, `value` itself for a constant, in the
    precision of x.

    Raises DataError unless it is real, and () or of the shape of `given`, the field at x.
    """
    data = value(x, *t) if callable(value) else value
    found = jnp.asarray(data)
    if found.dtype.kind not in "fiu":
        raise DataError(
            f"a condition was given values of {found.dtype}; use real numbers"
            + ("; for a complex field use two, its real and its imaginary part: fields=2" * (found.dtype.kind == "c"))
        )
    if found.shape not in ((), given.shape):
        raise DataError(
            f"a condition was given a value of shape {found.shape} where u has {given.shape}; use a number, a vector "
            "(fields,) or a function of ONE point x with such values. For values at the nodes, interpolate them: "
            "mf.dirichlet(mf.interpolate(values, space))"
        )
    return found.astype(x.dtype)


def linearise(residual: Callable[[Field], Array], u: Field, v: Field) -> Array:
    """The derivative of residual(u + εv) by ε at ε = 0; `residual` maps a field to its residual at one point."""
    return jax.jvp(lambda t: residual(Function(lambda x: u(x) + t * v(x))), (jnp.zeros(()),), (jnp.ones(()),))[1]


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
