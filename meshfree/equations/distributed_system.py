"""The equations of a problem on several processes: each has those at its own points, and all know every residual."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np

from ..internal.tracing import without_derivative
from ..linalg.distributed_rows import DistributedRows, Layout
from ..spaces.base import Space
from .system import System


class Distributed(System):
    """The equations of all processes, those of the first first. Coefficients and residuals are whole on every one.

    What is shared are the stencils, their weights and the matrix: a vector is a small part of that. Everything here but
    `elsewhere` is collective.
    """

    space: Space
    own: Any  # the `JetSystem` at the points of this process
    layout: Layout = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)  # of all parts: a process need not have points in each
    affine: bool = eqx.field(static=True)
    # the residual of `own` and its linearisation as functions of the coefficients, where something else in them was
    # traced and is held constant
    held: tuple[Callable, Callable] | None = None

    @classmethod
    def of(cls, own: Any) -> Distributed:
        """From the equations at the points of each process; ValueError where a node has not as many as unknowns."""
        partition = own.space.partition
        assert partition is not None
        parts = [", ".join(name for name, _ in group.parts) for group in own.groups]
        components = [len(own.row_weights[group.parts[0][0]]) for group in own.groups]
        layout = partition.layout(own.fields, zip(parts, components, own.places, strict=True))
        named = partition.processes.each([name for group in own.groups for name, _ in group.parts])
        names = tuple(dict.fromkeys(name for names in named for name in names))
        affine = not partition.processes.any(not own.is_affine(None))
        return cls(space=own.space, own=own, layout=layout, names=names, affine=affine)

    @property
    def is_sparse(self):
        return True

    @property
    def side_rows(self):
        return 0

    def residual(self, coefficients):
        of_own = self.own.residual if self.held is None else self.held[0]
        return self.layout.gathered(of_own(np.asarray(coefficients)))

    def linearised(self, coefficients):
        of_own = self.own.linearised if self.held is None else self.held[1]
        residual, matrix = of_own(np.asarray(coefficients))
        return self.layout.gathered(residual), DistributedRows(matrix.to_scipy(), self.layout)

    def is_affine(self, coefficients):
        return self.affine

    def per_part(self, residual):
        found, start = np.zeros((len(self.names), 2)), self.layout.rows.start
        for group in self.own.groups:
            for name, count in group.parts:
                weight = self.own.row_weights[name]
                stop = start + count * len(weight)
                block = residual[start:stop].reshape(count, len(weight)) / weight
                found[self.names.index(name)] += np.sum(block**2), block.size
                start = stop
        squares, counts = self.layout.processes.summed(found).T
        return dict(zip(self.names, np.sqrt(squares / counts), strict=True))

    def typical_size(self, coefficients):
        return self.layout.processes.of_first(float(self.own.typical_size(coefficients)))

    def on_polynomials(self, coefficients, affine):
        # a residual may have closed over what is traced
        return self.layout.gathered(without_derivative(self.own.on_polynomials(coefficients, affine)))

    def elsewhere(self, points, coefficients):
        return self.own.elsewhere(points, coefficients) if self.held is None else None

    def check_finite(self, coefficients):
        self.own.check_finite(coefficients)
