"""Whether a solution is the only one, judged on functions: a basis that is merely ill-conditioned has one, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..equations.system import Matrix, System
from ..internal.batching import map_in_blocks
from ..internal.tracing import AnyArray, Scalar, module_of
from ..linalg.factor import factor
from ..linalg.interface import Factor

WELL_CONDITIONED = 1e5  # below it a unique solution is beyond doubt
BACKWARD_STABLE = 1e10  # below it values are taken to five digits and more
VANISHING = 1e-12  # of the largest response to a polynomial of degree ≤ 1: what is less is rounding
VISIBLE = 1e-6  # a share of a polynomial's terms that is named
RESPONDING = 1e-2  # of the typical response of the equations to a function: no function is free
ROUNDING = 20  # times the rounding of the equations: less of a response is none
# of the response in a smaller space: null functions' 0.004 to 0.13 [m], others' 0.5 near a resonance, 0.21 of flow
FALLING = 0.18
RANDOM = 4  # functions, as one by itself may have little of a null function
LEFT_OUT = 1e-9  # what is missed times the least response: 1e-13 by rounding, 1e-5 of a null function [m]
NOT_UNIQUE = 1e-2  # a random function is recovered from its own data to this share, unless the problem is singular

SINGULAR_HINT = (
    "is there a condition that fixes the solution on some part of the boundary, and none twice? "
    "With solver='lu', use solver='qr'"
)
SURFACE_HINT = (
    "a closed surface has no boundary whose conditions fix the solution: let the equation contain u itself, as "
    "−Δu + u = f"
)
DATA_HINT = (
    "data alone determine few functions: use a space of fewer, as an Eigenbasis of a lower degree, add a small term "
    "such as a derivative of u to the equations, or condition a mf.GaussianProcess on the data"
)
NO_BOUNDARY_HINT = (
    "the nodes have no boundary whose conditions fix the solution: let the equation contain u itself, as −Δu + u = f, "
    "or make one node a part of its own, mf.Cloud(interior=X[1:], pin=(X[:1], normal), domain=...), with a condition "
    "pin=mf.dirichlet(0.0) in a Problem of domain None"
)


class NotUniqueError(ValueError):
    """The equations leave a function free."""


def check_unique(
    system: System,
    matrix: Matrix,
    factored: Factor,
    coefficients: Float[AnyArray, "n *f"],
    stats: Mapping[str, Any],
    affine: bool,
) -> None:
    """NotUniqueError where the equations leave a function free.

    First polynomials of degree ≤ 1 are put into the equations themselves, whatever the space. Then, in spaces whose
    factors do not refuse singular matrices, the function that the equations see least is looked for: of a unique
    problem its response converges as the space grows, that of a null function falls until rounding hides it.
    """
    check_polynomials(system, coefficients, affine)
    if factored.refuses_singular:
        return
    well = BACKWARD_STABLE if system.reads_values else WELL_CONDITIONED
    if stats["rank"] == stats["unknowns"] and stats["condition"] <= well:
        return
    if system.reads_values:
        _check_recovered(system, matrix, factored, stats)
        return
    missed, response, rounding, typical = map(float, _signs(system, matrix, factored, coefficients))
    if not np.isfinite(response):
        raise NotUniqueError(f"the system is singular: {_why_unmeasured(typical, affine)}")
    responds = response > RESPONDING or _responds(system, matrix, coefficients, response, rounding)
    if not (responds and _is_recovered(missed, response)):
        raise NotUniqueError(
            f"the system is singular: rank {stats['rank']} of {stats['unknowns']} unknowns; a random function is "
            f"recovered from its own data to {missed:.0e}, and some function changes the equations by only "
            f"{response:.0e} of what is typical ({_hint(system)})"
        )


def _is_recovered(missed: Scalar, response: Scalar) -> Scalar:
    """Whether random functions are found again from their own data, as far as rounding lets them. What is missed of
    them by more than that is a function that the factors left out, which the search for the least response cannot see.
    """
    return (missed < NOT_UNIQUE) & (missed * response < LEFT_OUT)


def _check_recovered(system: System, matrix: Matrix, factored: Factor, stats: Mapping[str, Any]) -> None:
    """NotUniqueError where random functions are not found again from their own values."""
    with np.errstate(all="ignore"):
        given = matrix @ _random((RANDOM, stats["unknowns"])).T
        missed = given - matrix @ factored.solve(given)
        values = slice(stats["rows"] - system.side_rows)
        shares = np.linalg.norm(missed[values], axis=0) / np.linalg.norm(given[values], axis=0)
    if not np.all(np.isfinite(shares)):
        raise NotUniqueError(
            "the system is singular: the values of the space's functions at its nodes are all 0, or leave the range of "
            "double precision: use another scale or kernel"
        )
    if not np.max(shares) < NOT_UNIQUE:
        raise NotUniqueError(
            f"the system is singular: rank {stats['rank']} of {stats['unknowns']} unknowns; a random function is "
            f"recovered from its own values to {np.max(shares):.0e} ({SINGULAR_HINT})"
        )


@eqx.filter_jit
def is_unique(
    system: System, matrix: Matrix, factored: Factor, coefficients: Float[AnyArray, "n *f"], affine: bool
) -> Scalar:
    """What `check_unique` finds, for traced values: all its numbers are computed where the program asks for them."""
    found = system.on_polynomials(coefficients, affine)
    unique = jnp.all(jnp.isfinite(coefficients))
    if found is not None:
        sizes = jnp.linalg.svd(jnp.where(jnp.all(jnp.isfinite(found)), found, 1.0), compute_uv=False)
        vanishing = (found.shape[0] < found.shape[1]) | (sizes[-1] <= VANISHING * sizes[0])
        unique &= ~(vanishing & jnp.all(jnp.isfinite(found)))
    if factored.refuses_singular:
        return unique

    def judged():
        missed, response, rounding, _ = _signs(system, matrix, factored, coefficients)
        smaller = _in_smaller_space(system, matrix, coefficients)
        responds = (response > ROUNDING * rounding) & (True if smaller is None else response > FALLING * smaller)
        return ((response > RESPONDING) | responds) & _is_recovered(missed, response)

    well = (factored.rank() == coefficients.size) & (factored.condition() <= WELL_CONDITIONED)
    return unique & jax.lax.cond(well, lambda: jnp.array(True), judged)


def _why_unmeasured(typical: float, affine: bool) -> str:
    """What it means that no response is a number, in words."""
    if typical == 0:
        around = "" if affine else ", linearised at the solution found,"
        return (
            f"the equation of the interior{around} does not contain u, or with a factor so small that it is lost: "
            "does its residual use u? Divide it by the size of its coefficients"
        )
    return (
        "the numbers in the equations leave the range of double precision, about 1e-150 to 1e150 for their squares: "
        "divide them by the size of their coefficients"
    )


def _responds(system: System, matrix: Matrix, coefficients, response: float, rounding: float) -> bool:
    """Whether a small response is one: above rounding, and no smaller than in a smaller space."""
    if not response > ROUNDING * rounding:
        return False
    smaller = _in_smaller_space(system, matrix, coefficients)
    return smaller is None or response > FALLING * float(smaller)


def check_polynomials(system: System, coefficients, affine: bool) -> None:
    """NotUniqueError, with its name, for a polynomial of degree ≤ 1 that satisfies every homogeneous equation."""
    found = system.on_polynomials(coefficients, affine)
    if found is None:
        return
    sizes, directions = map(np.asarray, _sizes_and_directions(found))
    if not np.all(np.isfinite(sizes)):
        return
    if len(sizes) < found.shape[1] or sizes[-1] <= VANISHING * sizes[0]:
        raise NotUniqueError(
            f"the system is singular: u = {_named(directions[-1], system.free_axes)} satisfies every homogeneous "
            f"equation ({_hint_for(system, directions[-1])})"
        )


def _hint_for(system: System, direction: np.ndarray) -> str:
    """What fixes a polynomial: a constant its mean."""
    fields = len(direction) // (len(system.free_axes) + 1)
    shares = np.abs(direction) / np.max(np.abs(direction))
    if np.max(shares[fields:], initial=0.0) > VISIBLE:
        return _hint(system)
    field = int(np.argmax(shares))
    of_field = "u(x)" if fields == 1 else f"u(x)[{field}]"
    return f"fix it by its mean over the domain, Problem(..., mean=lambda u, x: {of_field}); otherwise: {_hint(system)}"


def _hint(system: System) -> str:
    if any(group.is_data for group in getattr(system, "groups", ())):
        return DATA_HINT
    if system.space.cloud.surface_normals is not None:
        return SURFACE_HINT
    return SINGULAR_HINT if system.space.cloud.normal_vectors.shape[0] else NO_BOUNDARY_HINT


def _sizes_and_directions(columns: Float[AnyArray, "m q"]):
    """The singular values and right singular vectors, not finite where the columns are not; few columns."""
    if isinstance(columns, np.ndarray):
        finite = np.all(np.isfinite(columns))
        return np.linalg.svd(columns, full_matrices=False)[1:] if finite else (np.full(1, np.nan), columns[:0])
    return _compiled_sizes_and_directions(columns)


@eqx.filter_jit
def _compiled_sizes_and_directions(columns):
    return jnp.linalg.svd(jnp.linalg.qr(columns, mode="r"))[1:]


def _named(direction: np.ndarray, axes: Sequence[int]) -> str:
    """A polynomial of degree ≤ 1 in words; its terms are those of `System.on_polynomials`."""
    fields = len(direction) // (len(axes) + 1)
    terms = ["1", *(f"(x[{k}] − c{k})" for k in axes)]
    scaled = (direction / direction[np.argmax(np.abs(direction))]).reshape(-1, fields).T
    each = [
        " + ".join(
            term if factor == 1 else f"{factor:.3g} {term}" for factor, term in zip(row, terms, strict=True) if factor
        )
        for row in np.where(np.abs(scaled) < 1e-6, 0.0, np.round(scaled, 6))
    ]
    return each[0] if fields == 1 else f"({', '.join(one or '0' for one in each)})"


def _signs(system: System, matrix: Matrix, factored: Factor, coefficients):
    """Signs of a problem without a unique solution, which a basis that is merely ill-conditioned does not show, since
    its null vectors are null functions: how far random functions are from what its own data give back; ‖A c‖/‖u‖ over
    its typical size for the function that the equations see least, by inverse iteration; the rounding of that; and the
    typical size.
    """
    make = _signs_of if isinstance(coefficients, np.ndarray) else _compiled_signs
    with np.errstate(all="ignore"):  # what is not finite is told in words
        return make(system, matrix, factored, coefficients)


def _signs_of(system: System, matrix: Matrix, factored: Factor, coefficients):
    array = module_of(coefficients)
    values, pull = _values(system)
    functions = _random((RANDOM, *coefficients.shape))
    # side by side: a triangular solve with one right-hand side takes as long, on an accelerator above all
    recovered = factored.solve(matrix @ functions.reshape(RANDOM, -1).T).T.reshape(functions.shape)
    misses = [
        array.linalg.norm(values(c - again)) / array.linalg.norm(values(c))
        for c, again in zip(functions, recovered, strict=True)
    ]
    missed, c = array.max(array.stack(misses)), functions[-1]
    c = _least_seen(values, pull, factored.solve_normal, c, array)
    size = system.typical_size(coefficients)
    typical = size * _rms(values(c), array)
    noise = np.finfo(float).eps * array.sqrt(array.mean(matrix**2 @ c.reshape(-1) ** 2))  # of sums of terms that cancel
    return missed, _rms(matrix @ c.reshape(-1), array) / typical, noise / typical, size


@eqx.filter_jit
def _compiled_signs(system, matrix, factored, coefficients):
    return _signs_of(system, matrix, factored, coefficients)


def _in_smaller_space(system: System, matrix: Matrix, coefficients) -> Scalar | float | None:
    """The response of `_signs` among fewer basis functions; None where none of such a space are known."""
    kept = system.nested()
    if kept is None:
        return None
    fields = coefficients.size // len(coefficients)
    unknowns = (kept[:, None] * fields + np.arange(fields)).ravel()
    factored = factor(matrix[:, unknowns])
    make = _smaller_response if isinstance(coefficients, np.ndarray) else _compiled_smaller_response
    return make(system, matrix, factored, kept, coefficients)


def _smaller_response(system: System, matrix: Matrix, factored: Factor, kept, coefficients):
    array = module_of(coefficients)
    values, pull = _values(system)

    def padded(c):
        zero = array.zeros_like(coefficients)
        if array is np:
            zero[kept] = c
            return zero
        return zero.at[kept].set(c)

    c = _random((len(kept), *coefficients.shape[1:]))
    c = padded(_least_seen(lambda c: values(padded(c)), lambda u: pull(u)[kept], factored.solve_normal, c, array))
    return _rms(matrix @ c.reshape(-1), array) / (system.typical_size(coefficients) * _rms(values(c), array))


@eqx.filter_jit
def _compiled_smaller_response(system, matrix, factored, kept, coefficients):
    return _smaller_response(system, matrix, factored, kept, coefficients)


def _values(system: System) -> tuple[Callable, Callable]:
    """The linear map from coefficients to values at the cloud's points, and its transpose."""
    values = system.values_matrix()
    if values is not None:
        return lambda c: values @ system.field_of(c), lambda u: system.unknowns_of(values.T @ u)
    points = jnp.asarray(system.space.cloud.points)

    def of(c):
        return map_in_blocks(system.space.function(jnp.asarray(system.field_of(c))), points, system.space.size)

    def transposed(u):
        zero = jax.ShapeDtypeStruct((system.space.size, *u.shape[1:]), u.dtype)
        like = jax.eval_shape(system.unknowns_of, zero)
        return jax.linear_transpose(of, like)(u)[0]

    return of, transposed


def _least_seen(values: Callable, pull: Callable, solve_normal: Callable, c, array: ModuleType):
    """The coefficients of the function with the least ‖A c‖/‖u‖, by two steps of inverse iteration from c."""
    for _ in range(2):
        c = solve_normal(pull(values(c / array.linalg.norm(c))).reshape(-1)).reshape(c.shape)
    return c


def _random(shape: tuple[int, ...]) -> Float[np.ndarray, "n *f"]:
    return np.random.default_rng(0).standard_normal(shape)


def _rms(values, array: ModuleType):
    return array.sqrt(array.mean(values**2))
