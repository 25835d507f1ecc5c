"""Eigenvalues with their functions: of a problem with a parameter, and of one in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex, Inexact

from ..geometry.cloud import Cloud
from ..geometry.quadrature import rule
from ..internal.printing import aligned, as_html
from ..internal.tracing import AnyArray, is_traced
from ..spaces.base import Space
from .several import Several
from .solution import Solution

SOBOL = 2**13  # points at most, of a rule of equal weights
CLEAR = 0.9  # of the largest value, which the first positive one has at least


class Modes(Several):
    """Eigenvalues λ, nearest to `near` first, and their functions: what `eigen` returns.

    `values` (k,) are real where all are, and complex otherwise. `modes[i]` is the function of the i-th as a Solution,
    of root mean square 1 over the domain and positive at its first extreme; of a complex one the real part, of
    `coefficients` (k, n, *f) all. Its stats hold `eigenvalue` (and `eigenvalue_imag`), `residual` by part and
    `off_nodes`, the share of its terms by which an equation is off between the nodes. `simple` (k,) says which
    eigenvalues occur once: only these have a derivative, that of others is NaN.

    `stats` is a mapping: `unknowns`, `rows`, `dropped` (spurious pairs among those that were nearer than the last
    one), `shift` (where the equations were factored), `seconds`. `mf.plot(modes)` draws them.
    """

    space: Space
    values: Inexact[AnyArray, " k"]
    coefficients: Inexact[np.ndarray, "k n *f"]
    simple: Bool[np.ndarray, " k"]
    of_each: tuple[Mapping[str, Any], ...]
    stats: Mapping[str, Any]

    @property
    def dropped(self) -> int:
        """How many spurious pairs were left out."""
        return int(self.stats["dropped"])

    def __getitem__(self, index: int) -> Solution:
        stats = self.of_each[index]
        c = self.coefficients[index]
        c = normalised(self.space, c.real[None])[0] if np.iscomplexobj(c) else c
        return Solution(self.space, jnp.asarray(c), stats)

    def __len__(self) -> int:
        return len(self.of_each)

    def check_restored(self) -> None:
        """Raise an error of any kind for what are no modes: of a file."""
        count = {len(one) for one in (self.values, self.coefficients, self.simple, self.of_each)}
        if count != {len(self)} or self.coefficients.shape[1] != self.space.size:
            raise ValueError(f"it holds {sorted(count)} values and functions, of {self.coefficients.shape} numbers")
        self[0].check_restored()

    def _lines(self) -> list[tuple[str, str]]:
        known = not is_traced(self.values)
        first = ", ".join(f"{value:.6g}" for value in np.asarray(self.values)[:6]) if known else "traced"
        worst = max(stats["off_nodes"] for stats in self.of_each)
        return [
            ("space", self.space.describe()),
            ("eigenvalues", first + ", ..." * (known and len(self) > 6)),
            ("off the nodes", f"{worst:.1e} of the equations' terms, at most"),
            *[("dropped", f"{self.dropped} spurious")] * (self.dropped > 0),
        ]


class Spectrum(eqx.Module):
    """Eigenvalues λ of the linearised equations, u ~ exp(λt) v(x), the rightmost first.

    `values` (k,) are complex, per unit of time; `spectrum[i]` is the real part of the i-th function v, a Solution.
    `growth` is the largest real part, `resolved` (k,) says which functions have a wavelength of at least 6 spacings,
    and `verdict` what follows in words. `mf.plot(spectrum)` draws the values.
    """

    space: Space
    values: Complex[np.ndarray, " k"]
    vectors: Complex[np.ndarray, "n k *f"]
    resolved: Any
    verdict: str = eqx.field(static=True)

    @property
    def growth(self) -> float:
        """The largest real part: u grows as exp(growth · t) where it is positive."""
        return float(self.values[0].real)

    def __getitem__(self, index: int) -> Solution:
        value = self.values[index]
        vector = self.vectors[:, index]
        turned = vector * np.exp(-1j * np.angle(vector.reshape(-1)[np.argmax(np.abs(vector))]))
        stats = {"eigenvalue_real": float(value.real), "eigenvalue_imag": float(value.imag)}
        return Solution(self.space, jnp.asarray(turned.real), stats)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return aligned("Spectrum", self._lines())

    def _repr_html_(self) -> str:
        return as_html("Spectrum", self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        first = ", ".join(f"{value:.4g}" for value in self.values[:4])
        return [("space", self.space.describe()), ("rightmost", first), ("verdict", self.verdict)]


def normalised(space: Space, coefficients: Inexact[np.ndarray, "k n *f"]) -> Inexact[np.ndarray, "k n *f"]:
    """Functions made to have root mean square 1 over the domain of the cloud, or over its points without one.

    Where |u| first comes near its largest value, u becomes positive; of complex functions the largest value does.
    """
    X, weights = _points(space.cloud)
    k, n = coefficients.shape[:2]
    columns = np.moveaxis(coefficients.reshape(k, n, -1), 0, 2).reshape(n, -1)
    values = np.asarray(space.function(jnp.asarray(np.ascontiguousarray(columns.real))).at(X)).astype(columns.dtype)
    if np.iscomplexobj(columns):
        values = values + 1j * np.asarray(space.function(jnp.asarray(np.ascontiguousarray(columns.imag))).at(X))
    values = values.reshape(len(X), -1, k)
    size = np.sqrt(np.einsum("m,mfk->k", weights, np.abs(values) ** 2) / np.sum(weights))
    flat = values.reshape(-1, k)
    first = np.argmax(np.abs(flat) >= CLEAR * np.max(np.abs(flat), axis=0), axis=0)
    turn = flat[first, np.arange(k)]
    factor = np.conj(turn) / np.abs(turn) / size
    return coefficients * factor.reshape(k, *(1 for _ in coefficients.shape[1:]))


def _points(cloud: Cloud) -> tuple[np.ndarray, np.ndarray]:
    if cloud.domain is None:
        points = np.asarray(cloud.points)
        return points, np.ones(len(points))
    X, weights = rule(cloud.domain)
    return (X, weights) if np.ptp(weights) else (X[:SOBOL], weights[:SOBOL])
