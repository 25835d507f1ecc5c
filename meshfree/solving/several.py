"""Solutions of one space, one after another: what modes and branches have in common."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import equinox as eqx
import numpy as np

from ..internal.expected import PATH, expects
from ..internal.printing import aligned, as_html
from ..internal.saved_objects import load_npz, save_npz
from ..spaces.base import Space
from .solution import Solution

Kind = TypeVar("Kind")


class Several(eqx.Module):
    """Solutions by their number, to go through, to print and to save. Abstract."""

    space: eqx.AbstractVar[Space]

    @abc.abstractmethod
    def __getitem__(self, index: int) -> Solution: ...

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def _lines(self) -> list[tuple[str, str]]:
        """What is printed: names and values."""

    def __iter__(self) -> Iterator[Solution]:
        return (self[index] for index in range(len(self)))

    @expects(path=PATH)
    def save(self, path: str | Path, /) -> None:
        """Write everything to an .npz file, with `points` (n, d) beside it; raises as `saved_objects.save_npz`."""
        save_npz(path, self, points=np.asarray(self.space.cloud.points))

    @classmethod
    @expects(path=PATH)
    def load(cls: type[Kind], path: str | Path, /) -> Kind:
        """Read what `save` wrote, bit for bit. Raises as `saved_objects.load_npz`."""
        return load_npz(path, cls).tree

    def __repr__(self) -> str:
        return aligned(type(self).__name__, self._lines())

    def _repr_html_(self) -> str:
        return as_html(type(self).__name__, self._lines())
