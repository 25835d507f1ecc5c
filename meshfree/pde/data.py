"""Measured values: what is known of a field at points, with its noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..internal.expected import FUNCTION, NUMBERS, expects
from ..internal.printing import shown
from ..internal.tracing import is_traced
from .operators import Field

_POINTS = NUMBERS._replace(phrase="points, an array (m, d),")
_VALUES = NUMBERS._replace(phrase="values, an array (m,) or (m, c),")
_OF = FUNCTION._replace(phrase="a functional, a function of (u, x),")


class DataError(ValueError):
    """Values of a condition, or data, that do not fit the field."""


class Data(eqx.Module):
    """Values that were measured: of(u, xᵢ) = vᵢ + noise at points of their own, as `Problem(..., heads=Data(X, v))`.

    points: (m, d), or (m,) on the line. values: (m,), or (m, c) of a functional with c components. `noise`: the
    standard deviation of the values in their own unit, positive, one number or (m,). `of(u, x)`: what was measured, ()
    or (c,), of u and its derivatives at x, such as `lambda u, x: mf.derivative(u, 0)(x)`; default u(x).

    Under the name of a boundary part they are its condition: with the nodes of that part as points, values at nodes.

    The rows are κ (of(u, xᵢ) − vᵢ)/noiseᵢ, beside the weighted equations, in least squares. κ is one number for all
    data of a problem: on waves as long as the cloud, the rows of the surest data are a tenth of the equation's.
    So the noise weighs data against data, and equations are ten times surer than any of them: data decide what
    the equations leave open. `weights={"heads": ...}` of `mf.solve` gives another κ. `stats["residual"]` tells the
    misfit of each in standard deviations: about 1 where the noise is as stated, and much more where equations and data
    contradict one another. `stats["misfit"]` is the mean square of all misfits, and `stats["misfit_chance"]` an upper
    bound of the chance of one as large by normal noise alone (a chi-square test): `mf.solve` warns below 1e-4, as of a
    noise stated too small, a wrong coefficient or a space that is too coarse.

    Raises ValueError for values or noise of another length than the points, for numbers that are not finite, and for a
    noise that is not positive.
    """

    points: Float[np.ndarray | Array, "m d"]
    values: Float[np.ndarray | Array, "m *c"]
    noise: Float[np.ndarray | Array, " m"]
    of: Callable | None

    @expects(points=_POINTS, values=_VALUES, noise=NUMBERS, of=_OF)
    def __init__(self, points: Any, values: Any, noise: Any = 0.01, of: Callable | None = None):
        points, values, noise = (_real(name, one) for name, one in _named(points, values, noise))
        points = points[:, None] if points.ndim == 1 else points
        if points.ndim != 2 or not len(points):
            raise ValueError(f"Data: points must be an array (m, d); got shape {points.shape}")
        if values.ndim not in (1, 2) or len(values) != len(points) or values.size == 0:
            raise ValueError(f"Data: values must be ({len(points)},) or ({len(points)}, c); got shape {values.shape}")
        if noise.shape not in ((), (len(points),)):
            raise ValueError(f"Data: noise must be one number or ({len(points)},), as the points; got {noise.shape}")
        for name, one in _named(points, values, noise):
            if not is_traced(one) and not np.all(np.isfinite(one)):
                place = int(np.argmin(np.isfinite(one).reshape(np.atleast_1d(one).shape[0], -1).all(axis=1)))
                raise ValueError(f"Data: {name} are not finite, as entry {place}: leave out what was not measured")
        if not is_traced(noise) and not np.all(noise > 0):
            raise ValueError(
                f"Data: noise is a standard deviation, a positive number; got {np.min(noise):.6g}. For values that are "
                "exact give a small one, or state them as a condition"
            )
        self.points, self.values, self.of = points, values, of
        self.noise = (jnp if is_traced(noise) else np).broadcast_to(noise, (len(points),))

    def misfit(self) -> Misfit:
        """The residual of all its points: see there."""
        return Misfit(self.of, self.values.ndim == 1)

    @property
    def given(self) -> Float[np.ndarray | Array, "m p"]:
        """What `Misfit` has beside each point: the values there, and one over the noise."""
        array = jnp if is_traced(self.values, self.noise) else np
        return array.concatenate([self.values.reshape(len(self.points), -1), 1 / self.noise[:, None]], axis=1)

    def __repr__(self) -> str:
        kind = "" if self.of is None else f" of {shown(self.of)}"
        return f"Data({len(self.points)} values{kind})"


class Misfit(eqx.Module):
    """(of(u, x) − value)/noise as a residual, with `Data.given` where others have a normal."""

    of: Callable | None
    scalar: bool = eqx.field(static=True)

    def __call__(self, u: Field, x: Float[Array, " d"], given: Float[Array, " p"]) -> Float[Array, "*c"]:
        found = u(x) if self.of is None else self.of(u, x)
        shape = () if self.scalar else (given.size - 1,)
        if jnp.shape(found) != shape:
            what = "u(x) has" if self.of is None else "of(u, x) has"
            raise DataError(f"{what} shape {jnp.shape(found)}, and its values are {shape} at each point")
        return (found - given[:-1].reshape(shape)) * given[-1]


def _named(points: Any, values: Any, noise: Any) -> list[tuple[str, Any]]:
    return [("points", points), ("values", values), ("noise", noise)]


def _real(name: str, given: Any) -> Any:
    found = (jnp if is_traced(given) else np).asarray(given)
    if found.dtype.kind not in "biuf":
        advice = ": give real and imaginary part as two fields, (m, 2)" * (found.dtype.kind == "c")
        raise TypeError(f"Data: {name} must be real numbers; got {found.dtype}{advice}")
    return found.astype(float)
