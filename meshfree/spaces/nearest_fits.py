"""Interpolation by the nearest points: at every point of its own a fit to the values around it."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..geometry.cloud import Cloud
from ..internal.batching import in_padded_blocks, map_in_blocks
from ..internal.tracing import AnyArray, as_jax, is_traced, module_of
from ..kernels import Kernel
from ..linalg.batched import side_by_side, solve_many
from ..pde.components import WithComponents
from ..pde.jets import derivatives_at, monomial_derivatives
from ..pde.multi_indices import monomials, total_degree
from ..pde.operators import laplacian
from .base import LocalBasis, Space
from .neighbours import nearest
from .stencil_checks import check_weights
from .stencil_weights import BLOCK, TOGETHER


class NearestFits(Space, LocalBasis):
    """Values at points. At every x u is Σⱼ aⱼ k(x, yⱼ) + Σᵢ bᵢ pᵢ(x), yⱼ the `count` points nearest to x, pᵢ all
    polynomials up to `degree`, with

        ⎡K + λI  P⎤ ⎡a⎤   ⎡values⎤
        ⎣Pᵀ      0⎦ ⎣b⎦ = ⎣0     ⎦

    there: SciPy's `RBFInterpolator(neighbors=count)`. u jumps a little where another point becomes one of the nearest;
    its derivatives are those of the fit at x.
    """

    kernel: Kernel
    cloud: Cloud
    nodes: Float[np.ndarray | Array, "n d"]
    smoothing: Float[np.ndarray | Array, " n"] | None  # λ with the sign that makes K definite; None: none
    degree: int = eqx.field(static=True)
    count: int = eqx.field(static=True)

    @classmethod
    def of(cls, kernel: Kernel, cloud: Cloud, nodes, smoothing, degree: int, count: int) -> NearestFits:
        """From its fields, with λ ≥ 0, one for all or (n,), whatever the kernel's sign."""
        polynomials = len(total_degree(nodes.shape[1], degree))
        least = max(polynomials, 2)
        if not least <= count <= len(nodes):
            raise ValueError(
                f"neighbors={count}; expected at least {least} for the {polynomials} polynomials of degree {degree}, "
                f"and at most {len(nodes)}, all points"
            )
        if smoothing is not None:
            if kernel.tail is None:
                raise ValueError(f"smoothing= needs a kernel of known sign, and {kernel.describe()} may have either")
            smoothing = (-1) ** (kernel.tail + 1) * module_of(smoothing).broadcast_to(smoothing, (len(nodes),))
        return cls(kernel=kernel, cloud=cloud, nodes=nodes, smoothing=smoothing, degree=degree, count=count)

    @property
    def size(self) -> int:
        return len(self.nodes)

    @property
    def local_basis(self) -> LocalBasis:
        return self

    def on(self, cloud):
        return type(self).of(self.kernel, cloud, cloud.points, None, self.degree, self.count)

    def describe(self):
        tail = f", polynomials of degree {self.degree}" * (self.degree >= 0)
        return f"fits to the {self.count} nearest points{tail}, {self.kernel!r}"

    @property
    def own_columns(self):
        return self.columns_at(self.cloud.points)

    def columns_at(self, X):
        return nearest(self.nodes, X, self.count)

    def weights(self, X, columns, functionals, order):
        smoothing = np.zeros(len(self.nodes)) if self.smoothing is None else self.smoothing
        if is_traced(self, X, columns, functionals):
            around, theirs = jnp.asarray(self.nodes)[columns], jnp.asarray(smoothing)[columns]
            systems = _systems(self, around, theirs, jnp.asarray(X), jnp.asarray(functionals), order)
            return jnp.swapaxes(solve_many(*systems)[:, : self.count], 1, 2)
        nodes, penalty, columns = np.asarray(self.nodes), np.asarray(smoothing), np.asarray(columns)
        X, functionals = np.asarray(X), np.asarray(functionals)
        width = self.count + len(total_degree(nodes.shape[1], self.degree))
        with side_by_side() as solve:

            def block(columns, X, functionals):
                systems = _systems(self, nodes[columns], penalty[columns], X, functionals, order)
                return solve(*map(np.asarray, systems))[:, : self.count].swapaxes(1, 2)

            found: Any = in_padded_blocks(block, (columns, X, functionals), min(max(BLOCK // width**2, 1), TOGETHER))
        check_weights(self, nodes, columns, X, functionals, order, found, larger="neighbors=")
        return found

    def function(self, coefficients):
        return NearestFit(self, coefficients)

    def matrix(self, around: Float[Array, "k d"], smoothing: Float[Array, " k"]) -> Float[Array, "b b"]:
        """That of the fit to the values at some points; polynomials are about the first, in units of its distance from
        the last.
        """
        K = jax.vmap(lambda x: self._translates(around, x))(around) + jnp.diag(smoothing)
        exponents = total_degree(around.shape[1], self.degree)
        P = jax.vmap(lambda y: monomials(y, exponents))((around - around[:1]) * _inverse_reach(around))
        return jnp.block([[K, P], [P.T, jnp.zeros((P.shape[1], P.shape[1]))]])

    def basis_at(self, around: Float[Array, "k d"], x: Float[Array, " d"]) -> Float[Array, " b"]:
        """The translates and polynomials of that fit at x."""
        t = (x - around[0]) * _inverse_reach(around)
        return jnp.concatenate([self._translates(around, x), monomials(t, total_degree(x.size, self.degree))])

    def _translates(self, around, x):
        return jax.vmap(lambda y: self.kernel.eval(x, y))(around)


class NearestFit(WithComponents):
    """u(x) of `NearestFits`: (d,) -> () or (f,)."""

    space: NearestFits
    values: Float[AnyArray, "n *f"]

    def __call__(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        if not is_traced(self, x):
            return self.at(np.asarray(x)[None])[0]
        x, space = jnp.asarray(x), self.space
        columns = nearest(space.nodes, x, space.count)
        around, values = jnp.asarray(space.nodes)[columns], jnp.asarray(self.values)[columns]
        penalty = jnp.zeros(space.count) if space.smoothing is None else jnp.asarray(space.smoothing)[columns]
        matrix, given = space.matrix(around, penalty), values.reshape(space.count, -1)
        right = jnp.pad(given, ((0, len(matrix) - space.count), (0, 0)))
        found = space.basis_at(around, x) @ solve_many(matrix, right)
        return found.reshape(self.values.shape[1:])

    @property
    def components(self):
        return 0 if self.values.ndim == 1 else self.values.shape[1]

    def laplacian(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        """Δu, by automatic differentiation."""
        return laplacian(lambda y: self(y))(jnp.asarray(x))

    def at(self, X: ArrayLike) -> Float[Array, "m *f"]:
        """u at many points: (m, d) -> (m,) or (m, f)."""
        space = self.space
        if is_traced(self, X):
            return map_in_blocks(self, jnp.asarray(X), space.count**2)
        X = np.asarray(X)
        columns = space.columns_at(X)
        weights: Any = space.weights(X, columns, np.ones((len(X), 1, 1)), 0)
        return as_jax(np.einsum("mk,mk...->m...", weights[:, 0], np.asarray(self.values)[columns]))


@eqx.filter_jit
def _systems(space: NearestFits, around, smoothing, X, functionals, order: int):
    """The matrices of many fits, and the functionals Σ_α g_α Dᵅ of their functions: (m, b, b), (m, b, r)."""
    dim = around.shape[2]
    exponents, degrees = total_degree(dim, space.degree), total_degree(dim, order).sum(axis=1)

    def right(around, x, functionals):
        inverse = _inverse_reach(around)
        translates = derivatives_at(lambda y: space._translates(around, y), x, order)
        polynomials = monomial_derivatives((x - around[0]) * inverse, exponents, order)
        polynomials = polynomials * jnp.stack([inverse ** int(q) for q in degrees])[:, None]
        return (functionals @ jnp.concatenate([translates, polynomials], axis=1)).T

    matrices = jax.vmap(space.matrix)(jnp.asarray(around), jnp.asarray(smoothing))
    return matrices, jax.vmap(right)(jnp.asarray(around), jnp.asarray(X), jnp.asarray(functionals))


def _inverse_reach(around):
    """One over the distance of the first point from the farthest, which is the last."""
    return jax.lax.rsqrt(jnp.max(jnp.sum((around - around[:1]) ** 2, axis=1)))
