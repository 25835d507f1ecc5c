"""A solution: a space, its coefficients, and what the solver has to say about them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from .files import load_npz, save_npz
from .spaces import Space


class Solution(eqx.Module):
    """A function u(x) of a space. Operators apply to it as to any function: `laplacian(u)(x)`.

    u(x): (d,) -> () or (fields,).  u(X): (m, d) -> (m,) or (m, fields). In one dimension an array whose length is not
    1 is m points. `coefficients` is (n,) or (n, fields).

    `stats` is a mapping: `unknowns`, `rows`, `steps` (Newton), `residual` (root mean square of each part, without the
    weights), `rank`, `condition` (an estimate) and `seconds` (of `assembly` and `solve`; NaN under jit).
    """

    space: Space
    coefficients: Float[Array, "n *f"]
    stats: Mapping[str, Any]

    def __call__(self, x: ArrayLike) -> Float[Array, "..."]:
        x = jnp.asarray(x, dtype=self.coefficients.dtype)
        dim = self.space.cloud.dim
        if x.ndim == 1 and dim == 1 and x.size != 1:
            x = x[:, None]
        if x.ndim not in (1, 2) or x.shape[-1] != dim:
            raise ValueError(f"u takes a point of shape ({dim},) or points of shape (m, {dim}); got shape {x.shape}")
        return self._expansion(x) if x.ndim == 1 else self._expansion.at(x)

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "..."]:
        """Δu at one point, by the space's closed form; `mf.laplacian(u)` takes it."""
        return self._expansion.laplacian(x)

    def save(self, path: str | Path, /, **settings: Any) -> None:
        """Write the solution to an NPZ file, with `settings` that tell how it came about, for information.

        For other programs: `points` (n, d), `values` of u there, `coefficients`, the kernel's arrays (such as
        `space.kernel.raw_scale`), and two texts in JSON, `parameters` and `settings`. Raises as `files.save_npz`.
        """
        points = self.space.cloud.points
        save_npz(path, self, settings=settings, points=points, values=self(points))

    @classmethod
    def load(cls, path: str | Path, /) -> Solution:
        """Read what `save` wrote, bit for bit, the space with its tuned kernel included. Raises as `files.load_npz`."""
        return load_npz(path, cls).tree

    @property
    def _expansion(self):
        return self.space.function(self.coefficients)
