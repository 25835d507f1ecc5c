"""What a picture of a solution shows: its values, those of the exact one, and their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..geometry.cloud import Cloud
from ..pde.data import Data
from ..pde.problem import Problem
from ..solving.solution_files import exact_at_times
from .style import italic


class Subject(NamedTuple):
    """A function to be drawn, and the words on its picture.

    `u`: a Solution, whose values are drawn where they are finite; `exact`: one point -> () or (fields,), where known;
    `domain`: anything with `bounds` and `distance`, where known; `labels`: the coordinates, as they are written.
    Where `u` is a Trajectory, `exact` is a function of (x, t), and `times` are those of the pictures. `problem` lends
    its data, and where it has no equation the nodes are of no interest.
    """

    u: Any
    exact: Callable | None
    cloud: Cloud
    domain: Any
    name: str
    labels: tuple[str, ...]
    times: np.ndarray = np.zeros(0)
    problem: Problem | None = None

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corner of the bounding box of the domain; without one, of the nodes."""
        X = np.asarray(self.cloud.points)
        return (X.min(axis=0), X.max(axis=0)) if self.domain is None else self.domain.bounds

    @property
    def has_nodes(self) -> bool:
        """Whether equations hold at the nodes."""
        return self.problem is None or self.problem.interior is not None

    @property
    def data(self) -> dict[str, Data]:
        """What was measured."""
        return {} if self.problem is None else self.problem.data

    def field_names(self, fields: int) -> list[str]:
        """The function's name, numbered where it has several fields."""
        letter = italic(self.name)
        return [letter] if fields == 1 else [f"{letter}$_{i + 1}$" for i in range(fields)]

    def values(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """u and, where known, the exact solution at points (m, d): both (m, fields).

        Raises ValueError where one of their fields is nowhere finite, and where their shapes differ.
        """
        values = np.asarray(self.u.as_computed(X))
        _check_finite(self.name, values)
        if self.exact is None:
            return values.reshape(len(X), -1), None
        exact = np.asarray(jax.jit(lambda X: jax.lax.map(self.exact, X, batch_size=4096))(jnp.asarray(X)))
        if exact.shape != values.shape:
            raise ValueError(
                f"exact has values of shape {exact.shape[1:]}, {self.name} of shape {values.shape[1:]}: "
                "use a function of one point x, (d,), that returns what u(x) does"
            )
        _check_finite("exact", exact)
        return values.reshape(len(X), -1), exact.reshape(len(X), -1)

    def deviations(self, X: np.ndarray) -> np.ndarray | None:
        """The standard deviation of a posterior at points, (m, fields); None of another function."""
        std = getattr(self.u, "std", None)
        return None if std is None else np.asarray(std(X)).reshape(len(X), -1)

    def series(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """u and, where known, the exact solution at points (m, d) and all times, (k, m, fields); raises as `values`."""
        values = self.u.values(X, self.times)
        shape, flat = (*values.shape[:2], -1), (-1, *values.shape[2:])
        _check_finite(self.name, values.reshape(flat))
        if self.exact is None:
            return values.reshape(shape), None
        exact = exact_at_times(self.exact, X, self.times, values)
        _check_finite("exact", exact.reshape(flat))
        return values.reshape(shape), exact.reshape(shape)

    def at(self, t: float) -> Subject:
        """The picture of a Trajectory at one time."""
        exact = self.exact
        return self._replace(u=self.u.at(t), exact=None if exact is None else lambda x: exact(x, jnp.asarray(float(t))))


def _check_finite(what: str, values: np.ndarray) -> None:
    if not np.isfinite(values).any(axis=0).all():
        raise ValueError(f"{what}, or one of its fields, is nowhere finite: there is nothing to draw")
