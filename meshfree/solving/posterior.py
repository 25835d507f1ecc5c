"""What a Gaussian process leaves open once it knows the equations: standard deviations, covariances, samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..equations.conditions import Group, Interior
from ..equations.residual_jets import at_jets, facts_of
from ..equations.symmetric_system import symmetric_system
from ..internal.expected import FUNCTION, INTEGER, NUMBERS, expects
from ..internal.tracing import AnyArray, Scalar, as_jax, is_traced, module_of
from ..internal.watched import watch
from ..linalg.cholesky import Cholesky, inverse_diagonal
from ..pde.problem import Problem
from ..spaces.functional_rows import between, variances
from .conditioning import factored, with_noise
from .finite_values import check_points
from .solution import Solution

AT_ONCE = 2**24  # covariances of points with the equations that are held at a time


class Posterior(Solution):
    """The mean u(x) of a Gaussian process given the equations, and what they leave open: what `mf.solve` returns in a
    `GaussianProcess`.

    The covariance is `amplitude` times (k − kᵀK⁻¹k), K and k the kernel under the linearised equations. The amplitude
    is that of leave-one-out, or of the likelihood of noisy data (see `solving.conditioning.conditioned`). Of a
    nonlinear problem it is the posterior of the equations linearised at the solution (Laplace's approximation). `of`
    is any function (u, x) -> () or (c,), as a residual is: what is asked is its linearisation at the mean. Below
    3e-7 √amplitude, the root of the nugget of the factorisation, standard deviations are that of the nugget.
    """

    space: Any  # a GaussianProcess with its functionals
    amplitude: Float[Array, ""]

    @property
    def components(self):
        return self._expansion.components

    @expects(X=NUMBERS, of=FUNCTION)
    def std(self, X: ArrayLike, *, of: Callable | None = None) -> Float[AnyArray, "*m"]:
        """The standard deviation of u, or of `of`, at points: (m, d) -> (m,) or (m, c); (d,) -> () or (c,)."""
        if self._points(X).shape == (self.space.cloud.dim,):
            return self.std(self._points(X)[None], of=of)[0]
        X = self._points_of(X)
        found = []
        size = max(AT_ONCE // len(self.coefficients), 1)
        for start in range(0, len(X), size):
            _, F, shape = self._asked(X[start : start + size], of)
            points = self._repeated_points(X[start : start + size], F)
            prior: Any = variances(self.space.repeated, points, F)
            given = self.space.cross(points, F).T
            explained = self._explained(given)
            variance = self._factor_of_kernel * ((prior if is_traced(prior) else np.asarray(prior)) - explained)
            array = module_of(variance)
            found.append(array.sqrt(array.maximum(variance, 0.0)).reshape(shape))
        return _result(module_of(*found).concatenate(found))

    @expects(X=NUMBERS, Y=NUMBERS, of=FUNCTION)
    def covariance(self, X: ArrayLike, Y: ArrayLike | None = None, *, of: Callable | None = None) -> Any:
        """The covariance of u, or of `of`, at points with itself at others, by default the same: (m, n), of several
        components (m, c, n, c).
        """
        X = self._points_of(X)
        Y = X if Y is None else self._points_of(Y)
        _, F, rows = self._asked(X, of)
        _, G, columns = self._asked(Y, of)
        return _result(
            self._covariance(self._repeated_points(X, F), F, self._repeated_points(Y, G), G).reshape(*rows, *columns)
        )

    @expects(n=INTEGER, X=NUMBERS, of=FUNCTION)
    def sample(self, key: Any, n: int, X: ArrayLike, *, of: Callable | None = None) -> Float[AnyArray, "n m *c"]:
        """n functions drawn from the posterior, or `of` of them, at points: (n, m) or (n, m, c).

        `key`: of JAX, `jax.random.key(0)`. The values at all points are drawn together, at the price of m³.
        """
        _check_key(key)
        if n < 1:
            raise ValueError(f"n is the number of samples, at least 1; got {n}")
        X = self._points_of(X)
        mean, F, shape = self._asked(X, of)
        points = self._repeated_points(X, F)
        covariance = self._covariance(points, F, points, F)
        array = module_of(covariance)
        values, vectors = array.linalg.eigh((covariance + covariance.T) / 2)
        normal = jax.random.normal(key, (n, len(values)), dtype=float)
        drawn: Any = normal if array is jnp or is_traced(normal) else np.asarray(normal)
        sampled = (drawn * array.sqrt(array.maximum(values, 0.0))) @ vectors.T
        return _result(mean.reshape(1, -1) + sampled).reshape(n, *shape)

    def check_restored(self) -> None:
        """Raise an error of any kind for what is no posterior: of a file."""
        named = jax.tree.map(lambda leaf: leaf, self.stats)
        object.__setattr__(self, "stats", named)
        at, count = self.space.functionals, len(self.coefficients)
        shapes = np.shape(at.points)[:1], np.shape(at.gradient)[:1], np.shape(at.noise), np.shape(self.coefficients)
        if set(shapes) != {(count,)}:
            raise ValueError(f"functionals, noise and coefficients have the shapes {shapes}")
        float(self.amplitude)
        jax.eval_shape(lambda c, x: self.space.function(c)(x), self.coefficients, np.zeros(self.space.cloud.dim))

    def _points_of(self, X: ArrayLike) -> AnyArray:
        X, dim = self._points(X), self.space.cloud.dim
        if X.ndim == 1 and dim == 1:
            X = X[:, None]
        if X.ndim != 2 or X.shape[1] != dim:
            raise ValueError(f"points have shape (m, {dim}); got {X.shape}")
        check_points(X, "the posterior")
        return X

    def _asked(self, X: AnyArray, of: Callable | None) -> tuple[Any, Float[AnyArray, "r f J"], tuple[int, ...]]:
        """The mean of what is asked at points, its functionals, and the shape of the answer."""
        fields = self.space.functionals.fields
        if of is None:
            shape = (len(X),) if fields == 1 else (len(X), fields)
            return self.space.jets(X, 0, self.coefficients), np.tile(np.eye(fields)[:, :, None], (len(X), 1, 1)), shape
        group = Group((), Interior(watch(of)), X, module_of(X).zeros_like(X))
        order = facts_of(group, fields).order
        value, gradient = at_jets(group, self.space.jets(X, order, self.coefficients), order)
        m, c = value.shape
        point = jax.ShapeDtypeStruct(X.shape[1:], float)
        scalar = jax.eval_shape(lambda x: of(self._expansion, x), point).shape == ()
        return value, gradient.reshape(m * c, *gradient.shape[2:]), (m,) if scalar else (m, c)

    @staticmethod
    def _repeated_points(X, F):
        return module_of(X).repeat(X, len(F) // len(X), axis=0)

    def _covariance(self, X, F, Y, G):
        prior = between(self.space.repeated, X, F, Y, G)
        K, factor = self._known()
        of_x, of_y = self.space.cross(X, F).T, self.space.cross(Y, G).T
        if is_traced(K, of_x, of_y):
            left, right = (jax.lax.stop_gradient(factor.solve(jax.lax.stop_gradient(v))) for v in (of_x, of_y))
            explained = left.T @ of_y + of_x.T @ right - left.T @ (K @ right)
        else:
            explained = factor.half(of_x).T @ factor.half(of_y)
        return self._factor_of_kernel * (prior - explained)

    def _explained(self, given):
        """diag(kᵀK⁻¹k), differentiable to first order where something is traced."""
        K, factor = self._known()
        if not is_traced(K, given):
            return np.sum(factor.half(given) ** 2, axis=0)
        fixed = jax.lax.stop_gradient(given)
        weights = jax.lax.stop_gradient(factor.solve(fixed))
        moved = 2 * jnp.sum(weights * given, axis=0) - jnp.sum(weights * (K @ weights), axis=0)
        value = jnp.sum(jax.lax.stop_gradient(factor.half(fixed)) ** 2, axis=0)
        return value + moved - jax.lax.stop_gradient(moved)

    def _known(self) -> tuple[Float[AnyArray, "n n"], Cholesky]:
        """K with its factor, kept with the solution once they are made."""
        if is_traced(self):
            K = with_noise(self.space, self.amplitude)
            return K, factored(K)
        if "_kept" not in vars(self):
            K = with_noise(self.space, float(self.amplitude))
            object.__setattr__(self, "_kept", (K, factored(K)))
        return vars(self)["_kept"]

    @property
    def _factor_of_kernel(self) -> Scalar:
        return self.amplitude if is_traced(self.amplitude) else float(self.amplitude)


def left_out(problem: Problem, u: Any) -> Float[AnyArray, " n"]:
    """What each equation misses with itself left out, eₖ = wₖ/(K⁻¹)ₖₖ, with its row weight; differentiable."""
    K = with_noise(u.space, u.amplitude)
    inverse = factored(K).inverse()
    weights = symmetric_system(problem, u.space).weights(u.space.functionals)
    if not is_traced(K, u.coefficients, weights):
        return np.asarray(u.coefficients) / np.diagonal(inverse) * np.asarray(weights)
    return u.coefficients / inverse_diagonal(K, jnp.asarray(inverse)) * weights


def negative_log_likelihood(u: Any) -> Scalar:
    """−log p of what a posterior was given, of the kernel without its amplitude; differentiable."""
    K, c, noise = u.space.covariances(), u.coefficients, u.space.functionals.noise
    data = with_noise(u.space, u.amplitude) @ c
    K = K + module_of(K).diag(noise)
    factor = factored(K)
    fixed = jax.lax.stop_gradient(data) if is_traced(data) else np.asarray(data)
    weights = factor.solve(fixed)
    value = (fixed @ weights + factor.log_determinant() + len(fixed) * np.log(2 * np.pi)) / 2
    if not is_traced(K, data):
        return float(value)
    moved = weights @ data - (weights @ (K @ weights) - jnp.sum(factor.inverse() * K)) / 2
    return value + moved - jax.lax.stop_gradient(moved)


def _result(found):
    return found if is_traced(found) else as_jax(found)


def _check_key(key: Any) -> None:
    dtype = getattr(key, "dtype", None)
    is_key = dtype is not None and (
        jnp.issubdtype(dtype, jax.dtypes.prng_key) or (dtype == np.uint32 and key.ndim == 1)
    )
    if not is_key:
        raise TypeError(
            f"sample needs a key of JAX before all else, as in u.sample(jax.random.key(0), 5, X); got {key!r:.80}"
        )
