"""Components of vector fields, which are fields themselves: `u[0]`, `u[:2]`, `component(u, i)`."""

from __future__ import annotations

import operator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..internal.expected import FIELD, expects
from ..internal.tracing import AnyArray
from .operators import Field, laplacian

Index = int | tuple[int | None, int | None, int | None]  # a slice as a tuple, which can be hashed


class WithComponents(eqx.Module):
    """A field whose components are fields, too."""

    __iter__ = None  # Python would ask for u[0], u[1], … without end

    def __getitem__(self, index: Any) -> Component:
        return component(self, index)  # type: ignore[arg-type]

    @property
    def components(self) -> int | None:
        """How many it has, 0 for a scalar field; None where that is known by its values only."""
        return None


class Function(WithComponents):
    """Any function of one point as such a field."""

    function: Field

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, "..."]:
        return self.function(x)

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "..."]:
        """Δu, in closed form where the function has one."""
        return laplacian(self.function)(x)


class Component(WithComponents):
    """One component of a field, or some of them."""

    function: Field
    index: Index = eqx.field(static=True)

    def __call__(self, x: Any) -> Float[AnyArray, "..."]:
        """At a point, and at many where the field takes them."""
        return self._of(self.function(x), jnp.ndim(x))

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "..."]:
        """Δu, in closed form where the whole field has one."""
        return self._of(laplacian(self.function)(x), 1)

    def _of(self, value: Any, ndim: int) -> Any:
        if jnp.ndim(value) < ndim:
            raise ValueError(f"u[{self._shown}] of a scalar field: it has no components")
        _check(self.index, jnp.shape(value)[-1])
        return value[..., self.index if isinstance(self.index, int) else slice(*self.index)]

    @property
    def components(self):
        known = getattr(self.function, "components", None)
        if isinstance(self.index, int):
            return 0
        return None if known is None else len(range(known)[slice(*self.index)])

    @property
    def _shown(self) -> str:
        return _shown(self.index)


class ComponentWithRate(Component):
    """One of a field that changes in time, which knows its rate."""

    @property
    def rate(self) -> Component:
        """∂u/∂t of it."""
        return Component(self.function.rate, self.index)  # type: ignore[attr-defined]


@expects(u=FIELD)
def component(u: Field, index: Any) -> Component:
    """A component of a vector field as a field, (d,) -> (), or those of a slice, (d,) -> (k,).

    The same as `u[index]` for the u of a residual and for a solution, and for any function of one point besides.
    Operators apply to it: `laplacian(component(u, 0))`, `divergence(u[:2])`, `gradient(u[2])`, `time_derivative(u[0])`.
    Raises TypeError for an index that is no integer or slice of integers; where the components are known, and otherwise
    where it is evaluated, IndexError for one that there is not, and ValueError for a scalar field.
    """
    try:
        at: Index = operator.index(index)
    except TypeError:
        if not isinstance(index, slice):
            raise TypeError(f"a component is u[0], or some are u[:2]; got u[{index!r}]") from None
        ends = (index.start, index.stop, index.step)
        at = tuple(None if end is None else operator.index(end) for end in ends)  # type: ignore[assignment]
    known = getattr(u, "components", None)
    if known == 0:
        raise ValueError(f"u[{_shown(at)}] of a scalar field: it has no components")
    if known is not None:
        _check(at, known)
    return (ComponentWithRate if hasattr(u, "rate") else Component)(u, at)


def _check(index: Index, count: int) -> None:
    found = -count <= index < count if isinstance(index, int) else len(range(count)[slice(*index)]) > 0
    if not found:
        raise IndexError(f"u[{_shown(index)}] of a field with {count} components, numbered from 0")


def _shown(index: Index) -> str:
    if isinstance(index, int):
        return str(index)
    start, stop, step = ("" if end is None else str(end) for end in index)
    return f"{start}:{stop}" + f":{step}" * bool(step)
