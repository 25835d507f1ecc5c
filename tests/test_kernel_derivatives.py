"""Derivatives of every kernel: at the centre, near it, far from it and across the edge of the support."""

import functools
import itertools
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from kernel_cases import DISTANCES, KERNELS, RADIAL, in_dimensions
from scipy.stats import qmc

import meshfree as mf

# unit vectors e and v, and e·v, in 1, 2 and 3 dimensions
DIRECTIONS = {
    1: (np.array([1.0]), np.array([1.0]), 1.0),
    2: (np.array([0.6, 0.8]), np.array([-0.28, 0.96]), 0.6),
    3: (np.array([2.0, 3.0, 6.0]) / 7, np.array([6.0, 3.4, 1.2]) / 7, 0.6),
}

# 1 − r of the support's edge is known to 1e-16/(1 − r); the derivatives that are 0 at r = 0 or 1 are compared
# with their size elsewhere
RELATIVE = np.select([np.equal(DISTANCES, 1 - 1e-9), np.isclose(DISTANCES, 1, atol=2e-3)], [1e-5, 1e-11], 1e-12)
ABSOLUTE = np.where(np.isin(DISTANCES, (0, 1)), 1e-15, 0)


def assert_agree(found, exact):
    """Rows are DISTANCES, columns derivatives."""
    assert np.all(np.isfinite(found))
    bound = RELATIVE[:, None] * abs(exact) + ABSOLUTE[:, None] * abs(exact).max(axis=0)
    worst = np.unravel_index(np.argmax(abs(found - exact) - bound), exact.shape)
    assert np.all(abs(found - exact) <= bound), (
        f"at {DISTANCES[worst[0]]}, column {worst[1]}: {found[worst]} is not {exact[worst]}"
    )


def with_derivatives(f, order):
    """t -> (f, f', ..., f^(order))(t), by nested forward differentiation."""
    if order == 0:
        return lambda t: (f(t),)

    def extended(t):
        values, slopes = jax.jvp(with_derivatives(f, order - 1), (t,), (jnp.ones_like(t),))
        return *values, slopes[-1]

    return extended


def along_line(kernel, point, direction, order):
    """dⁿ/dtⁿ of kernel(point + t direction, 0) at t = 0, n = 0 ... order: (order + 1,)."""

    def on_line(t):
        return kernel.eval(point + t * direction, jnp.zeros_like(point))

    return jnp.stack(with_derivatives(on_line, order)(jnp.zeros((), point.dtype)))


@pytest.mark.parametrize(("case", "dim"), in_dimensions(KERNELS), ids=str)
def test_directional_derivatives(case, dim):
    """Those of orders 0 to 4 along enough directions determine every partial derivative."""
    e, v, cosine = DIRECTIONS[dim]
    order = min(case.smoothness, 4)
    exact = np.array([case.along_line(q, cosine)[: order + 1] for q in DISTANCES], dtype=float)
    points = jnp.asarray(np.multiply.outer(DISTANCES, e) * case.lengths(dim))
    kernel, direction = case.make(dim), jnp.asarray(v * case.lengths(dim))
    assert_agree(jax.vmap(lambda point: along_line(kernel, point, direction, order))(points), exact)


def jet(f, direction, order):
    """x -> (f, ∂f along the direction, Δf)(x), the first order + 1 of them."""

    def along(x, d):
        (value, slope), (_, second) = jax.jvp(lambda y: jax.jvp(f, (y,), (d,)), (x,), (d,))
        return value, slope, second

    def expanded(x):
        directions = jnp.concatenate([direction[None], jnp.eye(x.size)])
        values, slopes, seconds = jax.vmap(along, (None, 0))(x, directions)
        return jnp.stack([values[0], slopes[0], jnp.sum(seconds[1:], axis=0)])

    if order == 2:
        return expanded
    return lambda x: jnp.stack(jax.jvp(f, (x,), (direction,)) if order else (f(x),))


def orders_of(smoothness):
    """The highest (order in x, order in y) up to 2 each that a kernel has."""
    return {(min(2, smoothness - order), order) for order in (0, 1, 2) if order <= smoothness}


def sobol_pairs(dim):
    """128 Sobol points of [−3, 3]^d, each with its successor; the last eight with themselves."""
    X = 6 * qmc.Sobol(dim, scramble=False).random_base2(7) - 3
    return X, np.concatenate([np.roll(X, -1, axis=0)[:-8], X[-8:]])


@functools.cache
def in_both_arguments(case, dim):
    """{(a, b): L_x L_y k}, L₀ the identity, L₁ the derivative along v/scale, L₂ = Δ: at the Sobol pairs, then DISTANCES."""
    e, v, _ = DIRECTIONS[dim]
    X, Y = sobol_pairs(dim)
    X = jnp.asarray(np.concatenate([X, np.multiply.outer(DISTANCES, e) * case.lengths(dim)]))
    Y = jnp.asarray(np.concatenate([Y, np.zeros((len(DISTANCES), dim))]))
    kernel, direction = case.make(dim), jnp.asarray(v * case.lengths(dim))
    found = {}
    for order_x, order_y in orders_of(case.smoothness):

        def both(x, y, order_x=order_x, order_y=order_y):
            in_y = lambda p: jet(lambda q: kernel.eval(p, q), direction, order_y)(y)  # noqa: E731
            return jet(in_y, direction, order_x)(x)

        values = np.asarray(jax.vmap(both)(X, Y))
        found |= {(a, b): values[:, a, b] for a in range(order_x + 1) for b in range(order_y + 1)}
    return found


def closed_forms(case, dim):
    """{(a, b): terms of L_x L_y φ(s)} from the ladder of profiles, s = ½ δᵀAδ, A = diag(1/scale²); b = 1 has the minus."""
    X, Y = sobol_pairs(dim)
    delta, A, v = X - Y, 1 / case.lengths(dim) ** 2, DIRECTIONS[dim][1] * case.lengths(dim)
    t = delta * A
    vt, vAv, vAt, tt, tAt, trace = t @ v, v @ (A * v), (t * A) @ v, (t**2).sum(1), (t**2 * A).sum(1), A.sum()
    s = jnp.asarray(0.5 * (delta * t).sum(1))
    f = [np.asarray(jax.vmap(lambda s, n=n: case.make(dim).profile(n, s))(s)) for n in range(5)]
    return {
        (0, 0): [f[0]],
        (1, 0): [f[1] * vt],
        (2, 0): [f[1] * trace, f[2] * tt],
        (1, 1): [f[2] * vt**2, f[1] * vAv],
        (2, 1): [f[2] * trace * vt, 2 * f[2] * vAt, f[3] * tt * vt],
        (2, 2): [f[2] * (trace**2 + 2 * (A**2).sum()), f[3] * (2 * trace * tt + 4 * tAt), f[4] * tt**2],
    }


@pytest.mark.parametrize(("case", "dim"), in_dimensions(RADIAL), ids=str)
def test_operators_in_both_arguments_against_closed_forms(case, dim):
    closed = closed_forms(case, dim)
    for (a, b), found in in_both_arguments(case, dim).items():
        terms = closed[max(a, b), min(a, b)]
        exact, size = (-1) ** (b == 1) * sum(terms), sum(map(abs, terms))
        assert np.all(abs(found[:128] - exact) <= 1e-13 * size), (a, b)


def radial_operators(f, q, dim, cosine):
    """{(a, b): L_x L_y f(|x − y|)} in d dimensions, of the derivatives f, f′, ... at q; at q = 0 the limits."""
    if q == 0:
        second, fourth = dim * f[2], dim * (dim + 2) * f[4] / 3
        return {(0, 0): f[0], (1, 0): 0, (2, 0): second, (1, 1): f[2], (2, 1): 0, (2, 2): fourth}
    with mpmath.workdps(60):
        q, rest = mpmath.mpf(q), dim - 1
        return {
            (0, 0): f[0],
            (1, 0): cosine * f[1],
            (2, 0): f[2] + rest * f[1] / q,
            (1, 1): cosine**2 * f[2] + (1 - cosine**2) * f[1] / q,
            (2, 1): cosine * (f[3] + rest * (f[2] / q - f[1] / q**2)),
            (2, 2): f[4] + 2 * rest * f[3] / q + rest * (dim - 3) * (f[2] / q**2 - f[1] / q**3),
        }


@pytest.mark.parametrize(
    ("case", "dim"), in_dimensions([case for case in KERNELS if np.ndim(case.scale) == 0]), ids=str
)
def test_operators_in_both_arguments_against_mpmath(case, dim):
    exact = [radial_operators(case.along_line(q, 1.0), q, dim, DIRECTIONS[dim][2]) for q in DISTANCES]
    for (a, b), found in in_both_arguments(case, dim).items():
        factor = (-1) ** (b == 1) / case.scale ** (2 * ((a == 2) + (b == 2)))
        column = [factor * float(operators[max(a, b), min(a, b)]) for operators in exact]
        assert_agree(found[128:, None], np.array(column)[:, None])
