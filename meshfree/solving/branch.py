"""A branch of solutions over the parameter of a problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..internal.plain import Text
from ..internal.tracing import as_jax
from ..spaces.base import Space
from .several import Several
from .solution import Solution


class Branch(Several):
    """Solutions one after another along a curve over the parameter: what `trace` returns.

    `parameters` (m,) may come back, and `branch[i]` is the Solution there. `norms` (m,) are root mean squares of u over
    the nodes. `folds` (q,) are the values of the parameter at which it turned, `turns` (q,) the places of these points
    on the branch. `stats` is a mapping: `steps`, `rejected`, `solves`, `unknowns`, `rows`, `seconds`, `complete` (it
    ends as was asked for) and `message`. `mf.plot(branch)` draws the norm over the parameter.
    """

    space: Space
    parameters: Float[np.ndarray, " m"]
    coefficients: Float[np.ndarray, "m n *f"]
    norms: Float[np.ndarray, " m"]
    turns: tuple[int, ...] = eqx.field(static=True)
    stats: Mapping[str, Any]

    @property
    def folds(self) -> Float[np.ndarray, " q"]:
        """The values of the parameter at which the branch turned."""
        return self.parameters[list(self.turns)]

    def __getitem__(self, index: int) -> Solution:
        told = {name: self.stats[name] for name in ("unknowns", "rows")}
        return Solution(
            self.space, as_jax(self.coefficients[index]), {"parameter": float(self.parameters[index]), **told}
        )

    def __len__(self) -> int:
        return len(self.parameters)

    def check_restored(self) -> None:
        """Raise an error of any kind for what is no branch: of a file."""
        named = {key: Text(value) if isinstance(value, str) else value for key, value in self.stats.items()}
        object.__setattr__(self, "stats", named)
        expected = (len(self.parameters), self.space.size)
        if self.coefficients.shape[:2] != expected or len(self.norms) != expected[0]:
            raise ValueError(
                f"coefficients have the shape {self.coefficients.shape}, its points and functions {expected}"
            )
        self.parameters[list(self.turns)]
        self[0].check_restored()

    def _lines(self) -> list[tuple[str, str]]:
        folds = ", ".join(f"{value:.9g}" for value in self.folds)
        return [
            ("space", self.space.describe()),
            ("points", str(len(self))),
            ("parameter", f"from {self.parameters[0]:.6g} to {self.parameters[-1]:.6g}"),
            *[("folds", folds)] * bool(folds),
            ("message", str(self.stats["message"])),
        ]
