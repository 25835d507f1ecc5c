"""A solution: a space, its coefficients, and what the solver has to say about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..internal.devices import HOST
from ..internal.expected import PATH, expects
from ..internal.files import check_path
from ..internal.plain import Text
from ..internal.printing import aligned, as_html, concrete, shown
from ..internal.processes import at_work
from ..internal.saved_objects import load_npz, save_npz
from ..internal.tracing import AnyArray, is_traced
from ..pde.components import WithComponents
from ..spaces.base import Space
from .finite_values import as_point, check_points, first_not_finite, not_finite
from .solution_files import SUFFIXES, error_of, save_fields, save_in_pieces

AFAR = 1e10  # extents of the cloud from which on powers of the distance overflow


class Solution(WithComponents):
    """A function u(x) of a space. Operators apply to it as to any function: `laplacian(u)(x)`.

    u(x): (d,) -> () or (fields,).  u(X): (m, d) -> (m,) or (m, fields). In one dimension an array whose length is not
    1 is m points. `u[0]` and `u[:2]` are fields, too (`mf.component`). `coefficients` is (n,) or (n, fields).
    ValueError for points that are not finite, and where u comes out NaN or infinite, unless JAX traces the call.

    `stats` is a mapping: `unknowns`, `rows`, `steps` (Newton), `residual` (root mean square of each part, without the
    weights), `rank`, `condition` (an estimate), `converged` and `unique` (see `solve`), `seconds` (of `assembly` and
    `solve`; NaN under jit), `device` (where the dense linear algebra ran, `"cpu"`, or as `"cuda:0 (NVIDIA H100)"` or
    `"4 × cuda (NVIDIA H100)"`; sparse matrices are factored on the CPU), and of a solved problem `off_nodes`, the
    residual between the nodes over the data.
    """

    space: Space
    coefficients: Float[Array, "n *f"]
    stats: Mapping[str, Any]

    def __call__(self, x: ArrayLike) -> Float[AnyArray, "..."]:
        x = self._points(x)
        dim = self.space.cloud.dim
        if x.ndim == 1 and dim == 1 and x.size != 1:
            x = x[:, None]
        if x.ndim not in (1, 2) or x.shape[-1] != dim:
            raise ValueError(f"u takes a point of shape ({dim},) or points of shape (m, {dim}); got shape {x.shape}")
        check_points(x, "u")
        values = self._expansion(x) if x.ndim == 1 else self._expansion.at(x)
        if not is_traced(x, values) and not np.isfinite(np.asarray(values)).all():
            X, values = np.atleast_2d(x), values if x.ndim == 2 else values[None]
            raise not_finite("u", values, X, _cause(self.space, self.coefficients, X[first_not_finite(values)]))
        return values

    @property
    def components(self):
        return 0 if self.coefficients.ndim == 1 else self.coefficients.shape[1]

    @property
    def unknowns(self) -> dict[str, Any]:
        """The values of the problem's unknown numbers (`mf.Unknown`) by name, floats, or arrays; empty without any."""
        return dict(self.stats.get("unknown_numbers", {}))

    @property
    def std_of_unknowns(self) -> dict[str, Any]:
        """Their standard deviations, by Laplace's approximation: of the inverse of JᵀJ, J the matrix of the equations
        over the noise of the data at the solution, where everything counts that is unknown. ValueError without data.

        They tell what the noise does. What the discretisation does is estimated in `stats["shift_of_unknowns"]`, by one
        step in another space, and `mf.solve` warns where that is more.
        """
        if "std_of_unknowns" not in self.stats:
            raise ValueError("no standard deviations are known: the problem has no unknown numbers, or no mf.Data")
        return dict(self.stats["std_of_unknowns"])

    @property
    def covariance_of_unknowns(self) -> Float[AnyArray, "p p"]:
        """Their covariance, of all numbers one after the other in the order of `unknowns`, arrays flattened: that of a
        field φ(x)·k has the standard deviation √(φᵀ C φ). As `std_of_unknowns`, the square roots of its diagonal.
        """
        if "covariance_of_unknowns" not in self.stats:
            raise ValueError("no standard deviations are known: the problem has no unknown numbers, or no mf.Data")
        return self.stats["covariance_of_unknowns"]

    def as_computed(self, X: ArrayLike) -> Float[Array, "m *f"]:
        """u at points (m, d) as it comes out, NaN included: for files and pictures, which show where that is."""
        return self._expansion.at(self._points(X))

    def _points(self, X: ArrayLike) -> AnyArray:
        """Points in the precision of the coefficients; NumPy's stay so, as JAX would compile a program for them."""
        array = jnp if isinstance(X, jax.Array) else np
        return array.asarray(X, dtype=self.coefficients.dtype)

    def laplacian(self, x: Float[AnyArray, " d"]) -> Float[AnyArray, "..."]:
        """Δu at one point, by the space's closed form; `mf.laplacian(u)` takes it."""
        return self._expansion.laplacian(x)

    @expects(path=PATH)
    def save(self, path: str | Path, /, *, exact: Callable | None = None, **settings: Any) -> None:
        """Write the solution to a file as its extension says; a failed write leaves an old file as it was.

        `.npz`: everything, to be loaded again, with `settings` that tell how it came about, for information. For other
        programs: `points` (n, d), `values` of u there, the `error` u − exact where `exact`, a function of one point,
        is given, `coefficients`, the kernel's arrays (such as `space.kernel.raw_scale`), and two texts in JSON,
        `parameters` and `settings`. Raises as `saved_objects.save_npz`.

        `.vtu`, `.vtk`, `.xdmf` (through meshio, extra `geometry`): for ParaView and the like, the fields on the cloud's
        points, see `solution_files.save_fields`. Settings are not kept there, and it cannot be loaded again. `.pvtu`:
        the same in pieces, one of each of the processes that have solved together, see `solution_files.save_in_pieces`.

        Of these all call `save`; other files are written by the first, while the others wait.
        """
        path = check_path(path, SUFFIXES)
        if path.suffix.lower() == ".pvtu":
            save_in_pieces(path, self.space, self.coefficients, lambda X: np.asarray(self.as_computed(X)), exact)
        else:
            at_work().by_first(lambda: self._save(path, exact, settings))

    def _save(self, path: Path, exact: Callable | None, settings: Mapping[str, Any]) -> None:
        points = np.asarray(self.space.cloud.points)
        fields = {"values": np.asarray(self.as_computed(points))}
        if exact is not None:
            fields["error"] = error_of(fields["values"], exact, points)
        if path.suffix.lower() == ".npz":
            whole = eqx.tree_at(lambda u: u.space, self, self.space.complete())
            save_npz(path, whole, settings=settings, points=points, **fields)
        else:
            save_fields(path, self.space, self.coefficients, **fields)

    @classmethod
    @expects(path=PATH)
    def load(cls, path: str | Path, /) -> Solution:
        """Read what `save` wrote, bit for bit, its tuned kernel included. Raises as `saved_objects.load_npz`."""
        return load_npz(path, cls).tree

    def check_restored(self) -> None:
        """Raise an error of any kind for what is no function: of a file, by a trace of u at a point."""
        named = jax.tree.map(lambda leaf: Text(leaf) if isinstance(leaf, str) else leaf, self.stats)
        object.__setattr__(self, "stats", named)
        n, dim = self.space.size, self.space.cloud.dim
        if self.coefficients.shape[0] != n:
            raise ValueError(f"coefficients have the shape {self.coefficients.shape}, and the space {n} functions")
        value = jax.eval_shape(lambda c, x: self.space.function(c)(x), self.coefficients, np.zeros(dim))
        if value.shape != self.coefficients.shape[1:]:
            raise ValueError(f"u(x) has the shape {value.shape}; expected {self.coefficients.shape[1:]}")

    def __repr__(self) -> str:
        return aligned("Solution", self._lines())

    def _repr_html_(self) -> str:
        return as_html("Solution", self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        """What is printed of it: names and values."""
        stats = self.stats
        residuals = " · ".join(f"{part} {_short(value)}" for part, value in stats.get("residual", {}).items())
        return [
            ("space", self.space.describe()),
            *((name, shown(stats[name])) for name in ("unknowns", "rows", "steps", "rank") if name in stats),
            *[("residual", residuals)] * bool(residuals),
            *[("device", stats.get("device", HOST))] * (stats.get("device", HOST) != HOST),
            *((name, _short(stats[name])) for name in ("condition", "off_nodes", "estimate", "error") if name in stats),
            ("message", _message(stats)),
        ]

    @property
    def _expansion(self):
        return self.space.function(self.coefficients)


class Snapshot(Solution):
    """A solution at one time, which knows its rate: `time_derivative(u)(x)`."""

    rates: Float[Array, "n *f"]

    @property
    def time(self) -> float:
        """When it was."""
        return float(self.stats["time"])

    @property
    def rate(self) -> Any:
        """∂u/∂t, a function of one point."""
        return self.space.function(self.rates)

    def check_restored(self) -> None:
        """Raise an error of any kind for what is no function with a rate: of a file."""
        super().check_restored()
        np.float64(self.time)
        if self.rates.shape != self.coefficients.shape:
            raise ValueError(f"rates have the shape {self.rates.shape}, coefficients {self.coefficients.shape}")


def _cause(space: Space, coefficients: Float[Array, "n *f"], x: Float[np.ndarray, " d"]) -> str:
    """Why u(x) is not finite, and what to do."""
    lost = int(np.sum(~np.isfinite(np.asarray(coefficients))))
    if lost:
        return f"{lost} of its {coefficients.size} coefficients are not finite: use a solution of finite coefficients"
    points = np.asarray(space.cloud.points)
    away = np.max(np.abs(x - points.mean(axis=0))) / np.max(np.ptp(points, axis=0))
    if away > AFAR:
        return f"This is {away:.1g} times the cloud's extent away from the cloud: use points near the cloud"
    told = space.why_not_finite(x[None], np.ones((1, 1, 1)), 0)
    if told is not None:
        return told
    kernel: Any = getattr(space, "kernel", None)
    values = np.ones(1) if kernel is None else np.asarray(kernel(x[None], points))[0]
    bad = first_not_finite(values)
    if bad is not None:
        return (
            f"The kernel {kernel.describe()} is {values[bad]} between this point and the node {as_point(points[bad])}: "
            "check its `eval`, in which a root or a quotient at coincident points is the usual cause"
        )
    return (
        "Its coefficients and its kernel are finite there, so that a program may be compiled wrongly: use another "
        "version of jaxlib, and report it, please, with what `meshfree info` prints"
    )


def _short(value: Any) -> str:
    """A size with two digits."""
    return f"{float(value):.1e}" if concrete(value) is not None else shown(value)


def _message(stats: Mapping[str, Any]) -> str:
    steps = stats.get("steps")
    if "eigenvalue" in stats:
        turning = f" {stats['eigenvalue_imag']:+.6g}i" if "eigenvalue_imag" in stats else ""
        return f"a function of the eigenvalue {stats['eigenvalue']:.10g}{turning}"
    if "parameter" in stats:
        return f"on a branch, at the parameter {stats['parameter']:.10g}"
    if steps is None:
        return "made from given coefficients"
    if concrete(steps) is None:
        return "inside a traced program: not solved yet"
    told = {0: "the coefficients are the given values", 1: "solved in one step"}
    return told.get(int(steps), f"Newton's method converged in {steps} steps")
