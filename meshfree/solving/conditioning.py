"""A Gaussian process given functionals: the coefficients of its mean, and its amplitude."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..internal.tracing import AnyArray, Scalar, is_traced, module_of
from ..linalg.cholesky import Cholesky, inverse_diagonal
from ..spaces.gaussian_process import GaussianProcess

AMPLITUDES = np.logspace(-16, 16, 321)  # times the scale of the data: where the likelihood is looked at first
GOLDEN = 60  # halvings of the bracket around the best, about


class Conditioned(NamedTuple):
    """The mean is Σⱼ cⱼ Lⱼ k, the prior covariance `amplitude` times the kernel."""

    coefficients: Float[AnyArray, " n"]
    amplitude: Scalar
    factor: Cholesky  # of K + noise/amplitude, without derivative


def conditioned(space: GaussianProcess, data: Float[AnyArray, " n"]) -> Conditioned:
    """Given that the space's functionals are `data`, up to their noise; differentiable to first order.

    The amplitude of functionals that hold exactly is the mean of wₖ²/(K⁻¹)ₖₖ, w = K⁻¹y: the square of what each misses
    with itself left out, over its variance then. The likelihood's, yᵀK⁻¹y/n, is 5 to 30 times too wide on smooth
    problems [m]. Noisy ones tell the amplitude by their likelihood given the exact ones, which leave-one-out
    underestimates where noise dominates; the larger of the two is taken, as each is blind where the other sees. Data
    that are all 0 tell nothing, and the kernel's own amplitude stays.
    """
    K, noise = space.covariances(), space.functionals.noise
    if is_traced(noise) or not np.any(noise):
        factor = factored(K)
        coefficients = _solved(factor, K, data)
        amplitude = _left_out(factor, K, coefficients)
        array = module_of(coefficients, data)
        return Conditioned(coefficients, array.where(array.any(data != 0), amplitude, 1.0), factor)
    noise = np.asarray(noise)
    amplitude = _amplitude(K, data if is_traced(K, data) else np.asarray(data), noise)
    array = module_of(K, amplitude)
    K = K + array.diag(noise / amplitude)
    factor = factored(K)
    return Conditioned(_solved(factor, K, data), amplitude, factor)


def with_noise(space: GaussianProcess, amplitude: Scalar) -> Float[AnyArray, "n n"]:
    """The covariances of what is observed over the amplitude, noise included."""
    K, noise = space.covariances(), space.functionals.noise
    if not is_traced(noise) and not np.any(noise):
        return K
    return K + module_of(K, noise).diag(noise / amplitude)


def factored(K: Float[AnyArray, "n n"]) -> Cholesky:
    """Its factor, without derivative; K stays as it is."""
    return Cholesky.of(jax.lax.stop_gradient(K) if is_traced(K) else np.array(K))


def _solved(factor: Cholesky, K, y):
    """K⁻¹y with its derivative K⁻¹(dy − dK K⁻¹y)."""
    if not is_traced(K, y):
        return factor.solve(np.asarray(y))
    fixed = jax.lax.stop_gradient(factor.solve(jax.lax.stop_gradient(y)))
    missing = y - K @ fixed
    return fixed + factor.solve(missing - jax.lax.stop_gradient(missing))


def _left_out(factor: Cholesky, K, coefficients) -> Scalar:
    if not is_traced(K, coefficients):
        return float(np.mean(coefficients**2 / np.diagonal(factor.inverse())))
    return jnp.mean(coefficients**2 / inverse_diagonal(K, factor.inverse()))


def _amplitude(K, data, noise: Float[np.ndarray, " n"]) -> Scalar:
    """The larger of what the exact rows and the noisy ones say; differentiable to first order."""
    noisy, traced = noise > 0, is_traced(K, data)
    of_noisy, exact, rest = K[np.ix_(noisy, noisy)], 0.0, data[noisy]
    if not noisy.all():
        own = K[np.ix_(~noisy, ~noisy)]
        factor = factored(own)
        c = _solved(factor, own, data[~noisy])
        exact = _left_out(factor, own, c)
        mixed = K[np.ix_(~noisy, noisy)]
        of_noisy, rest = of_noisy - explained(factor, own, mixed), rest - mixed.T @ c
    if not traced:
        return max(exact, likely_amplitude(of_noisy, rest, noise[noisy]), np.finfo(float).tiny)
    return jnp.maximum(jnp.maximum(exact, _traced_amplitude(of_noisy, rest, noise[noisy])), np.finfo(float).tiny)


def explained(factor: Cholesky, K, mixed: Float[AnyArray, "n m"]) -> Float[AnyArray, "m m"]:
    """mixedᵀ K⁻¹ mixed, differentiable to first order."""
    if not is_traced(K, mixed):
        half = factor.half(mixed)
        return half.T @ half
    fixed = jax.lax.stop_gradient(mixed)
    weights = jax.lax.stop_gradient(factor.solve(fixed))
    half = jax.lax.stop_gradient(factor.half(fixed))
    moved = weights.T @ mixed
    moved = moved + moved.T - weights.T @ (K @ weights)
    return half.T @ half + moved - jax.lax.stop_gradient(moved)


def _traced_amplitude(K, data, noise: Float[np.ndarray, " n"]) -> Scalar:
    """`likely_amplitude` by a callback, with its derivative: the slope g of the loss by log a vanishes at it, so that
    d log a = −dg/g′.
    """

    def slope(log_amplitude, K, data):
        signal = jnp.exp(log_amplitude) * K
        whole = signal + jnp.diag(noise)
        weights = jnp.linalg.solve(whole, data)
        return jnp.trace(jnp.linalg.solve(whole, signal)) - weights @ (signal @ weights)

    K_fixed, fixed = jax.lax.stop_gradient(K), jax.lax.stop_gradient(data)
    shape = jax.ShapeDtypeStruct((), K_fixed.dtype)
    found = jax.pure_callback(_likely_on_host, shape, K_fixed, fixed, jnp.asarray(noise), vmap_method="sequential")
    log_amplitude = jnp.log(found)
    bend = jax.lax.stop_gradient(jax.grad(slope)(log_amplitude, K_fixed, fixed))
    moved = slope(log_amplitude, K, data)
    return jnp.exp(log_amplitude - (moved - jax.lax.stop_gradient(moved)) / bend)


def _likely_on_host(K, data, noise) -> np.ndarray:
    return np.asarray(likely_amplitude(np.asarray(K), np.asarray(data), np.asarray(noise)))


def likely_amplitude(
    K: Float[np.ndarray, "n n"], data: Float[np.ndarray, " n"], noise: Float[np.ndarray, " n"]
) -> float:
    """The a that maximises the likelihood of data with the covariance a K + diag(noise)."""
    size = np.sqrt(noise)
    values, vectors = np.linalg.eigh(K / size[:, None] / size[None, :])
    values, squares = np.maximum(values, 0.0), (vectors.T @ (data / size)) ** 2

    def loss(log_amplitude):
        total = 1 + np.exp(log_amplitude) * values
        return np.sum(np.log(total) + squares / total)

    unit = max(float(np.sum(data**2) / max(np.trace(K), np.finfo(float).tiny)), np.finfo(float).tiny)
    grid = np.log(AMPLITUDES) + np.log(unit)
    best = int(np.argmin([loss(a) for a in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(GOLDEN):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))
