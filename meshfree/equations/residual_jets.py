"""The residuals of a problem at points as functions of the jets of u there: their values, gradients and facts.

The values of a residual and their gradient come from one program, on blocks of points of one size. It knows nothing of
the space, so that another space, spacing or degree compiles nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..internal.batching import in_padded_blocks
from ..internal.compile_cache import Few
from ..internal.remembered import remembered
from ..internal.tracing import is_traced
from ..pde.jets import Jet, derivatives_at, jet_at, needed_order
from ..pde.linearity import depends_on_input, hides_nan
from ..pde.multi_indices import total_degree
from ..pde.problem import Residual
from .conditions import Group, Zero, sample_of

BLOCK, LARGE_BLOCK = 512, 16_384  # points that a program is compiled for
PROGRAMS = 48  # of residuals that are kept: two or three a problem
MANY = 100_000  # points from which on the large blocks are used


class Part(NamedTuple):
    """A group, and what is known of its residual before the rows are made."""

    group: Group
    order: int
    affine: bool
    values: Any  # of u = 0, (m, c), where affine
    gradient: Any  # by the jets, (m, c, f, J): at all points where affine, otherwise at some
    again: bool = False  # the equation of the interior once more, on the boundary


class Facts(NamedTuple):
    """What is read off the traced program of a residual."""

    order: int  # of the derivatives that it uses
    affine: bool  # in u
    hides_nan: bool  # u at other points, NaN by its jet, need not make it NaN: whether it is local is not known then


def at_jets(group: Group, jets, order: int) -> tuple[Any, Any]:
    """The residual of a group at its points for jets of u (m, J, *f), (m, c), and its gradient, (m, c, f, J)."""
    at, residual = (group.points, group.normals, jets), group.residual
    if is_traced(residual, at):
        return _at_jets(residual, tuple(map(jnp.asarray, at)), order, is_traced(group.points))
    size = LARGE_BLOCK if len(jets) >= MANY else BLOCK
    found = in_padded_blocks(lambda *block: _at_jets(residual, block, order, False), at, size, known=False)
    # a residual that has closed over something traced is found out by what it returns
    return _at_jets(residual, tuple(map(jnp.asarray, at)), order, False) if found is None else found


def _at_jets(residual, at: tuple, order: int, moves: bool):
    return _programs({"residual": residual, "at": at, "order": order, "moves": moves})


def at_jets_along(group: Group, jets, moved, order: int) -> tuple[Any, Any, Any]:
    """The gradient of `at_jets`, and how its values and gradients change where the jets move along `moved`."""

    def of_block(*block):
        return _programs_along({"residual": group.residual, "at": block[:3], "moved": block[3], "order": order})

    return in_padded_blocks(of_block, (group.points, group.normals, jets, moved), BLOCK)


def _values_and_gradients(arrays, static):
    given = eqx.combine(arrays, static)
    return _values_and_gradients_at(given["residual"], given["at"], given["order"], given["moves"])


def _changes(arrays, static):
    given = eqx.combine(arrays, static)
    x, n, jets = given["at"]

    def of(jets):
        return _values_and_gradients_at(given["residual"], (x, n, jets), given["order"], False)

    (_, gradient), (values_along, gradient_along) = jax.jvp(of, (jets,), (given["moved"],))
    return gradient, values_along, gradient_along


def _values_and_gradients_at(residual, at: tuple, order: int, moves: bool):

    def at_one(x, n, D):
        def value_of(D):
            return jnp.atleast_1d(residual(jet_at(x, D, order, moves), x, n))

        value, pull = jax.vjp(value_of, D)
        gradient = jax.vmap(lambda e: pull(e)[0])(jnp.eye(len(value)))  # (c, J, *f)
        return value, jnp.moveaxis(gradient.reshape(*gradient.shape[:2], -1), 1, 2)

    return jax.vmap(at_one)(*at)


def facts_of(group: Group, fields: int) -> Facts:
    """What is read off the residual of a group, once."""
    return remembered(_read_facts, group.residual, group.points.shape[1], group.normals.shape[1], fields)


def _read_facts(residual: Residual, dim: int, beside: int, fields: int) -> Facts:
    order = needed_order(lambda u, x: residual(u, x, jnp.zeros(beside, x.dtype)), dim, fields)
    point, normal = (jax.ShapeDtypeStruct((size,), jnp.result_type(float)) for size in (dim, beside))

    def value(D, x, n):
        return jnp.atleast_1d(residual(Jet(x, D, order), x, n))

    no_jet, known = no_jets(1, dim, order, fields)[0], (point, normal)
    affine = not depends_on_input(jax.jacrev(value), no_jet, known=known)
    return Facts(order, affine, hides_nan(value, no_jet, known=known))


def no_jets(count: int, dim: int, order: int, fields: int) -> Float[np.ndarray, "m J *f"]:
    """The jets of u = 0."""
    return np.zeros((count, len(total_degree(dim, order)), *([] if fields == 1 else [fields])))


def part_of(group: Group, fields: int, around: Any, is_local: bool) -> Part | None:
    """None for a residual that is not local, or reads something traced, in a global space."""
    try:
        order, affine, uncertain = facts_of(group, fields)
    except Exception:
        if is_local:
            raise
        return None  # the general path says what is wrong, if anything is
    if uncertain and not is_local:
        return None
    sample = slice(None) if affine else sample_of(group.points)
    some = Group((), group.residual, group.points[sample], group.normals[sample])
    jets = no_jets(len(some.points), some.points.shape[1], order, fields)
    if around is not None and not affine:
        jets = jets_of(around, some.points, order)
    values, gradient = at_jets(some, jets, order)
    if is_traced(values, gradient):
        return Part(group, order, affine, values, gradient) if is_local else None
    if not (np.all(np.isfinite(values)) and np.all(np.isfinite(gradient))):
        elsewhere = elsewhere_of(group, fields, order)
        if elsewhere is not None:
            if is_local:
                raise ValueError(_not_local(group, elsewhere))
            return None
    return Part(group, order, affine, values, gradient)


def jets_of(function: Any, points: Any, order: int) -> Any:
    """The derivatives of a function of a space at points, (m, J, *f), by a program of its own where the space does not
    know them.
    """
    known = function.jets(points, order)
    return jets_of_function(function, points, order) if known is None else known


@eqx.filter_jit
def jets_of_function(function: Callable, points, order: int):
    """The derivatives of any function at points, (m, J, *f), by automatic differentiation."""
    return jax.vmap(lambda x: derivatives_at(lambda y: function(y), x, order))(jnp.asarray(points))


def elsewhere_of(group: Group, fields: int, order: int) -> Float[np.ndarray, " d"] | None:
    """A point x at which a residual uses u at another point, where a jet is NaN; None where there is none."""
    jets = jnp.asarray(no_jets(1, group.points.shape[1], order, fields)[0])
    by_jet, by_function = map(
        np.asarray, _of_zero(group.residual, group.points, group.normals, Zero(fields), jets, order)
    )
    found = np.flatnonzero(np.any(np.isnan(by_jet) & np.isfinite(by_function), axis=1))
    return None if len(found) == 0 else np.append(found[0], group.points[found[0]])


@eqx.filter_jit
def _of_zero(residual, points, normals, zero_function, jets, order: int):
    """The residual of u = 0 at every point, (m, c), by its jet and by the function itself."""

    def at_one(x, n):
        functions = Jet(x, jets, order), zero_function
        return tuple(jnp.atleast_1d(residual(u, x, n)) for u in functions)

    return jax.vmap(at_one)(jnp.asarray(points), jnp.asarray(normals))


def _not_local(group: Group, elsewhere) -> str:
    names = [name for name, count in group.parts for _ in range(count)]
    what = f"residual of {names[int(elsewhere[0])]!r}" if names else "operator"
    point = ", ".join(f"{coordinate:.6g}" for coordinate in elsewhere[1:])
    return (
        f"the {what} is not local: at x = ({point}) it uses u at another point than x. A local space has u and its "
        "derivatives at x only; use a global one, Collocation or Eigenbasis"
    )


_programs = Few(_values_and_gradients, PROGRAMS)
_programs_along = Few(_changes, PROGRAMS)
