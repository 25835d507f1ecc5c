"""A solution in time: what its space, coefficients and rates were at the ends of all steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..internal.expected import NUMBER, PATH, expects
from ..internal.files import check_path
from ..internal.plain import Text
from ..internal.printing import aligned, as_html, shown
from ..internal.processes import at_work
from ..internal.saved_objects import load_npz, save_npz
from ..internal.tracing import AnyArray, as_jax, is_traced, module_of
from ..spaces.base import Space
from .series_files import as_fields, save_series
from .solution import Snapshot
from .solution_files import exact_at_times
from .time_interpolation import between_steps

SUFFIXES = (".npz", ".pvd")
AT_ONCE = 2**19  # values: of so many points and times together
OUTSIDE = 1e-12  # of the time it spans, by which rounding may lead beyond its ends


class Trajectory(eqx.Module):
    """A function u(x, t) of a space and time, what `evolve` returns.

    u(x, t): (d,), () -> () or (fields,).  u(X, t): (m, d) -> (m,) or (m, fields); for times t (k,) with k in front.
    `at(t)` is a Solution, to which operators apply, `time_derivative` too. `times` (s,) are the ends of the steps, or
    those that were to be saved; `coefficients` (s, n) or (s, n, fields) and `rates`, their derivatives, belong to
    them. Between two of them u is the polynomial that has these, and those of the step before (Hermite).

    `stats` is a mapping: `method`, `steps`, `rejected` (steps that were repeated), `factorisations`, `solves`,
    `residuals` (evaluations of the equations), `unknowns`, `rows`, `seconds`, `tolerance`, `complete` (whether the last
    time is the one that was asked for), `message`, and `off_nodes`, the share of its terms by which the equation of the
    interior is off between the nodes at the last time: near 1 the solution means nothing.
    """

    space: Space
    times: Float[np.ndarray, " s"]
    coefficients: Float[AnyArray, "s n *f"]
    rates: Float[AnyArray, "s n *f"]
    stats: Mapping[str, Any]

    def __call__(self, x: ArrayLike, t: ArrayLike) -> Float[AnyArray, "..."]:
        if np.ndim(t) == 0:
            return self.at(t)(x)  # type: ignore[arg-type]
        if np.ndim(t) > 1:
            raise ValueError(f"u(x, t) takes a time or times (k,); got shape {np.shape(t)}")
        return jnp.stack([self.at(one)(x) for one in np.asarray(t)])

    @expects(t=NUMBER)
    def at(self, t: ArrayLike) -> Snapshot:
        """u at time t, a Solution with its rate. ValueError for a time that it does not span."""
        if is_traced(t):
            raise TypeError("u.at(t) and u(x, t) need a known time: use mf.time_derivative(u.at(t)) for the rate")
        first, last, t = float(self.times[0]), float(self.times[-1]), float(np.asarray(t))
        slack = OUTSIDE * (last - first)
        if not first - slack <= t <= last + slack:
            raise ValueError(f"u is known from t = {first:.6g} to {last:.6g}; got t = {t:.6g}")
        c, rates = (as_jax(found) for found in self._at(min(max(t, first), last)))
        return Snapshot(self.space, c, {"time": t}, rates)

    def _at(self, t: float) -> tuple[AnyArray, AnyArray]:
        """The coefficients and rates at a time."""
        given: Any = [arrays.reshape(len(self.times), -1) for arrays in (self.coefficients, self.rates)]
        c, rates = between_steps(self.times, given[0], given[1], t)
        shape = self.coefficients.shape[1:]
        return c.reshape(shape), rates.reshape(shape)

    def values(
        self, X: Float[np.ndarray, "m d"], times: Float[np.ndarray, " k"] | None = None
    ) -> Float[np.ndarray, "k m *f"]:
        """u at points (m, d) and times, by default its own, as it comes out, NaN included: for files and pictures."""
        of_times = self.coefficients if times is None else np.stack([self._at(t)[0] for t in times])
        size = max(AT_ONCE // max(len(X), 1), 1)
        parts = [self._values(X, of_times[start : start + size]) for start in range(0, len(of_times), size)]
        return np.concatenate(parts)

    def _values(self, X: np.ndarray, of_times: AnyArray) -> np.ndarray:
        """The times as fields of one function, so that what is known of the points serves them all."""
        found = self.space.function(jnp.asarray(as_fields(of_times))).at(X)
        return np.moveaxis(np.asarray(found).reshape(len(X), len(of_times), *of_times.shape[2:]), 1, 0)

    def on(self, times: Float[np.ndarray, " k"]) -> Trajectory:
        """The same with other times, all within the present ones: it has fewer numbers, or more."""
        c, rates = (module_of(*found).stack(found) for found in zip(*map(self._at, times), strict=True))
        return Trajectory(self.space, times, c, rates, self.stats)

    @property
    def final(self) -> Snapshot:
        """u at the last time."""
        return self.at(self.times[-1])

    @expects(path=PATH)
    def save(
        self, path: str | Path, /, *, exact: Callable | None = None, frames: int | ArrayLike | None = None
    ) -> None:
        """Write the trajectory to a file as its extension says; a failed write leaves old files as they were.

        `.npz`: everything, to be loaded again by `Trajectory.load`, bit for bit; `evolve(..., initial=)` goes on from
        it. For other programs: `points` (n, d), `times` (s,), `values` of u there, (s, n) or (s, n, fields), and the
        `error` u − exact where `exact`, a function of (x, t), is given.

        `.pvd` (through meshio, extra `geometry`): for ParaView, with a VTU file for each time, as `Solution.save`
        writes them, in a folder of the same name beside it.

        - `frames`: only so many equally spaced times, 2 at least, or the growing times to keep; by default all

        Of several processes all call it, and the first writes. Raises ValueError for another extension and times that u
        does not span, and as `Solution.save`.
        """
        path = check_path(path, SUFFIXES)
        at_work().by_first(lambda: self._save(path, exact, frames))

    def _save(self, path: Path, exact: Callable | None, frames: Any) -> None:
        kept = self if frames is None else self.on(self.frames(frames))
        points = np.asarray(self.space.cloud.points)
        values = kept.values(points)
        error = {} if exact is None else {"error": values - exact_at_times(exact, points, kept.times, values)}
        if path.suffix.lower() == ".npz":
            whole = eqx.tree_at(lambda u: u.space, kept, self.space.complete())
            save_npz(path, whole, points=points, values=values, **error)
        else:
            save_series(path, self.space, kept.times, np.asarray(kept.coefficients), values, **error)

    @classmethod
    @expects(path=PATH)
    def load(cls, path: str | Path, /) -> Trajectory:
        """Read what `save` wrote. Raises as `saved_objects.load_npz`."""
        return load_npz(path, cls).tree

    def frames(self, frames: Any = None) -> Float[np.ndarray, " k"]:
        """Times for pictures and files: those given, so many from the first to the last, or all of `times`.

        ValueError for fewer than two, and for times that do not grow or that u does not span.
        """
        if frames is None:
            return np.asarray(self.times)
        first, last = float(self.times[0]), float(self.times[-1])
        slack = OUTSIDE * (last - first)
        if np.ndim(frames) == 0 and frames == int(frames) >= 2:
            return np.linspace(first, last, int(frames))
        times = np.asarray(frames, dtype=float)
        known = times.ndim == 1 and len(times) > 1 and first - slack <= times[0] and times[-1] <= last + slack
        if not (known and np.all(np.diff(times) > 0)):
            raise ValueError(
                f"frames is a number of times, at least 2, or growing times from {first:.6g} to {last:.6g}; "
                f"got {frames!r}"
            )
        return np.clip(times, first, last)

    def check_restored(self) -> None:
        """Raise an error of any kind for what is no trajectory: of a file."""
        named = {key: Text(value) if isinstance(value, str) else value for key, value in self.stats.items()}
        object.__setattr__(self, "stats", named)
        expected = (len(self.times), self.space.size)
        if self.coefficients.shape[:2] != expected or self.rates.shape != self.coefficients.shape:
            raise ValueError(
                f"coefficients and rates have the shapes {self.coefficients.shape} and {self.rates.shape}, and the "
                f"times and functions are {expected}"
            )
        if not np.all(np.isfinite(self.times)) or not np.all(np.diff(self.times) > 0) or len(self.times) < 2:
            raise ValueError("its times do not grow")
        self.final.check_restored()

    def __repr__(self) -> str:
        return aligned("Trajectory", self._lines())

    def _repr_html_(self) -> str:
        return as_html("Trajectory", self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        times = f"{len(self.times)} from {float(self.times[0]):.6g} to {float(self.times[-1]):.6g}"
        names = (
            "method",
            "tolerance",
            "unknowns",
            "rows",
            "steps",
            "rejected",
            "factorisations",
            "off_nodes",
            "message",
        )
        told = [(name, shown(self.stats[name])) for name in names if name in self.stats]
        return [("space", self.space.describe()), ("times", times), *told]
