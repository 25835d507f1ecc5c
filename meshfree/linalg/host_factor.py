"""Sparse matrices factored on the host, for JAX: at once where the matrix is known, by callbacks where it is traced."""

from __future__ import annotations

import collections
import hashlib
import threading
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..internal.tracing import as_jax, is_traced, without_derivative
from .bordered import Bordered
from .interface import Factor
from .sparse_factors import SparseFactor, factor_sparse
from .sparse_rows import SparseRows

CONDITIONED = 100_000  # unknowns up to which the condition is estimated
KEPT = 3  # factors of traced matrices that the host remembers: Newton's last and the adjoint's are the same


class HostFactor(Factor):
    """A factored concrete matrix. The host solves; right-hand sides and solutions are JAX arrays."""

    refuses_singular: ClassVar[bool] = True
    runs_on_host: ClassVar[bool] = True

    held: SparseFactor = eqx.field(static=True)

    @classmethod
    def of(cls, A: SparseRows | Bordered, solver: str = "auto") -> HostFactor:
        return cls(factor_sparse(A.to_scipy(), solver))

    @property
    def solver(self) -> str:
        """The name of the solver that was really used."""
        return self.held.solver

    def solve(self, b):
        return _like(b, self.held.solve(np.asarray(b)))

    def solve_transposed(self, b):
        return _like(b, self.held.solve_transposed(np.asarray(b)))

    def solve_normal(self, b):
        return _like(b, self.held.solve_normal(np.asarray(b)))

    def rank(self):
        return self.held.rank()

    def condition(self):
        return self.held.condition() if self.rank() <= CONDITIONED else np.nan


def _like(b, x: np.ndarray):
    """x as an array of the library that b is of."""
    return x if isinstance(b, np.ndarray) else as_jax(x)


class TracedFactor(Factor):
    """A matrix whose solves are callbacks, differentiable in b; a traced one is factored when the program runs."""

    refuses_singular: ClassVar[bool] = True  # by solutions of NaN
    runs_on_host: ClassVar[bool] = True

    matrix: SparseRows | Bordered
    solver: str = eqx.field(static=True)
    held: SparseFactor | None = eqx.field(static=True)  # of a concrete matrix, as there is outside of jit

    @classmethod
    def of(cls, A: SparseRows | Bordered, solver: str = "auto") -> TracedFactor:
        A = without_derivative(A)
        return cls(A, solver, None if is_traced(A) else factor_sparse(A.to_scipy(), solver))

    def solve(self, b):
        if self._square:
            return self._solved(b)
        return self.solve_normal(self.matrix.transposed_times(b))

    def solve_transposed(self, b):
        if self._square:
            # the transposed solve is the derivative's adjoint of the plain one, so that one rule serves both
            return jax.lax.custom_linear_solve(
                self.matrix.transposed_times,
                b,
                lambda _, b: self._call("solve_transposed", b),
                lambda _, b: self._call("solve", b),
            )
        return self.matrix @ self.solve_normal(b)

    def solve_normal(self, b):
        if self._square:
            return self.solve(self.solve_transposed(b))

        def normal(x):
            return self.matrix.transposed_times(self.matrix @ x)

        return jax.lax.custom_linear_solve(normal, b, lambda _, b: self._call("solve_normal", b), symmetric=True)

    def rank(self):
        return jnp.asarray(self.matrix.shape[1])

    def condition(self):
        return jnp.asarray(jnp.nan)  # its estimate costs five solves: not inside a traced program

    @property
    def _square(self) -> bool:
        return self.matrix.shape[0] == self.matrix.shape[1]

    def _solved(self, b):
        return jax.lax.custom_linear_solve(
            lambda x: self.matrix @ x,
            b,
            lambda _, b: self._call("solve", b),
            lambda _, b: self._call("solve_transposed", b),
        )

    def _call(self, method: str, b):
        shape = jax.ShapeDtypeStruct((self.matrix.shape[1], *b.shape[1:]), b.dtype)
        if self.held is not None:
            of_held = getattr(self.held, method)
            return jax.pure_callback(lambda b: of_held(np.asarray(b)), shape, b, vmap_method="sequential")
        leaves, structure = jax.tree.flatten(self.matrix)
        solver = self.solver

        def on_host(leaves, b):
            try:
                factor = _remembered(jax.tree.unflatten(structure, map(np.asarray, leaves)), solver)
                return getattr(factor, method)(np.asarray(b))
            except ValueError:  # singular: a tuning step there is taken back
                return np.full(shape.shape, np.nan)

        return jax.pure_callback(on_host, shape, leaves, b, vmap_method="sequential")


_factors: collections.OrderedDict[bytes, SparseFactor] = collections.OrderedDict()
_in_turn = threading.Lock()  # for threads that solve at once


def _remembered(A: SparseRows | Bordered, solver: str) -> SparseFactor:
    """The factor of a matrix on the host, made once as long as it is among the last few."""
    digest = hashlib.blake2b(f"{solver} {A.shape}".encode())
    for array in jax.tree.leaves(A):
        digest.update(np.ascontiguousarray(array).data)
    key = digest.digest()
    with _in_turn:
        found = _factors.get(key)
    if found is None:
        found = factor_sparse(A.to_scipy(), solver)
    with _in_turn:
        _factors[key] = found
        _factors.move_to_end(key)
        while len(_factors) > KEPT:
            _factors.popitem(last=False)
    return found
