"""Derivatives by the scale, at the limit of a kernel's smoothness too: a kernel must be tunable there."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from kernel_cases import DISTANCES, RADIAL, matern, rational_quadratic, uncompiled, wendland, with_derivatives

import meshfree as mf

POINTS = np.array([[0.0, 0.0], [1e-12, 0.0], [3e-5, -4e-5], [0.3, 0.2], [-0.8, 0.5]])
SCALE = 1.3


def identity(u):
    return u


# a kernel of its parameter, an operator (of the highest order that the kernel has), and the kernel's formula
LIMITS = {
    "Matern-0.5": (lambda scale: mf.Matern(0.5, scale), identity, lambda a, r: matern(0.5)(r / a)),
    "Matern-1.5": (lambda scale: mf.Matern(1.5, scale), mf.laplacian, lambda a, r: matern(1.5)(r / a)),
    "Wendland-C2": (lambda scale: mf.Wendland(2, 3, scale), mf.laplacian, lambda a, r: wendland(2, 3)(r / a)),
    "Matern-2.5": (lambda scale: mf.Matern(2.5, scale), mf.biharmonic, lambda a, r: matern(2.5)(r / a)),
    "alpha": (mf.RationalQuadratic, mf.laplacian, lambda a, r: rational_quadratic(a)(r)),
}


def at_points(make, operator):
    """parameter -> the operator applied to k(x, 0), at all POINTS."""

    def of_parameter(parameter):
        kernel = make(parameter)
        return jax.vmap(operator(lambda x: kernel.eval(x, jnp.zeros(2))))(jnp.asarray(POINTS))

    return of_parameter


def of_radius(formula, operator, parameter, r):
    """The same in the plane: f, Δf = f″ + f′/r or Δ²f; at the centre the limits."""
    with mpmath.workdps(80):
        f = list(mpmath.diffs(lambda t: formula(parameter, abs(r + t)), 0, 4))
        if operator is mf.laplacian:
            return f[2] + f[1] / r if r else 2 * f[2]
        if operator is mf.biharmonic:
            return f[4] + 2 * f[3] / r - f[2] / r**2 + f[1] / r**3 if r else 8 * f[4] / 3
        return f[0]


@functools.cache
def derivative_by_the_parameter(name, order):
    _, operator, formula = LIMITS[name]
    radii = [mpmath.hypot(*map(mpmath.mpf, point)) for point in POINTS]
    return np.array(
        [float(mpmath.diff(lambda a, r=r: of_radius(formula, operator, a, r), SCALE, order)) for r in radii]
    )


def assert_close(found, exact):
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-15 * abs(exact).max())


@pytest.mark.parametrize("name", LIMITS)
def test_derivatives_by_the_parameter(name):
    make, operator, _ = LIMITS[name]
    f, order = at_points(make, operator), 1 if operator is mf.biharmonic else 2
    first, *second = jax.jit(lambda a: [jax.jacfwd(f)(a), jax.jacfwd(jax.jacfwd(f))(a)][:order])(jnp.asarray(SCALE))
    assert_close(first, derivative_by_the_parameter(name, 1))
    for found in second:
        assert_close(found, derivative_by_the_parameter(name, 2))


def in_a_scan(f):
    return lambda a: jax.lax.scan(lambda carry, a: (carry, jax.jacrev(f)(a)), 0, a[None])[1][0]


WAYS = {
    "forward": jax.jacfwd,
    "reverse": jax.jacrev,
    "in a vmap": lambda f: lambda a: jax.vmap(jax.jacrev(f))(jnp.stack([2 * a, a]))[1],
    "in a scan": in_a_scan,
    "after a jit": lambda f: jax.jacrev(jax.jit(f)),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_differentiate(way):
    f = at_points(*LIMITS["Matern-1.5"][:2])
    assert_close(jax.jit(WAYS[way](f))(jnp.asarray(SCALE)), derivative_by_the_parameter("Matern-1.5", 1))


def test_by_the_scale_first_and_by_x_afterwards():
    """A derivative by the scale takes no derivative by x away."""
    make, operator, _ = LIMITS["Matern-1.5"]

    def slope(x):
        return jax.jvp(lambda a: make(a).eval(x, jnp.zeros(2)), (jnp.asarray(SCALE),), (jnp.ones(()),))[1]

    (found,) = uncompiled(operator(slope), POINTS)
    assert_close(np.asarray(found), derivative_by_the_parameter("Matern-1.5", 1))


def test_scales_per_dimension():
    """Matern-3/2: φ′ = −3 e^(−z), φ″ = 9 e^(−z)/z, z = √3 |t|; Δk = φ′ Σ 1/aᵢ² + φ″ Σ δᵢ²/aᵢ⁴."""

    def laplacian(x, y):
        def of_scales(a, b):
            z = mpmath.sqrt(3 * ((x / a) ** 2 + (y / b) ** 2))
            second = 9 * ((x / a**2) ** 2 + (y / b**2) ** 2) / z if z else 0
            return mpmath.exp(-z) * (second - 3 * (1 / a**2 + 1 / b**2))

        return of_scales

    def exact(*orders):
        return [float(mpmath.diff(laplacian(*map(mpmath.mpf, point)), (0.7, 1.6), orders)) for point in POINTS]

    f = at_points(lambda scale: mf.Matern(1.5, scale), mf.laplacian)
    first, second = jax.jit(lambda a: (jax.jacrev(f)(a), jax.jacfwd(jax.jacrev(f))(a)))(jnp.asarray([0.7, 1.6]))
    assert_close(first, np.transpose([exact(1, 0), exact(0, 1)]))
    assert_close(second, np.moveaxis([[exact(2, 0), exact(1, 1)], [exact(1, 1), exact(0, 2)]], 2, 0))


@pytest.mark.parametrize(("name", "in_x", "in_scale"), [("Matern-1.5", 2, 2), ("Matern-2.5", 4, 1)])
def test_single_precision_overflows_nowhere(name, in_x, in_scale):
    """The profile in the second case grows like 1/r⁵: 10³⁸, the largest number, at a distance of 3·10⁻⁸."""
    near = np.array([0.0, 1e-12, 1e-9, 3e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.3], np.float32)

    def found(dtype):
        def in_x_at(x, scale):
            kernel = LIMITS[name][0](scale)
            return with_derivatives(lambda x: kernel.eval(x[None], jnp.zeros(1, dtype)), in_x)(x)[-1]

        def in_both(x):
            return with_derivatives(lambda scale: in_x_at(x, scale), in_scale)(jnp.asarray(SCALE, dtype))[-1]

        return np.asarray(uncompiled(in_both, near.astype(dtype))[0])

    exact = found(np.float64)
    np.testing.assert_allclose(found(np.float32), exact, rtol=0, atol=1e-5 * abs(exact).max())


@pytest.mark.parametrize("case", [case for case in RADIAL if hasattr(case.make(1), "raw_scale")], ids=str)
def test_the_scale_moves_every_kernel(case):
    """∂k/∂scale = −f′(q) q/scale, q = |x − y|/scale; softplus in between has the slope 1 − e^(−scale)."""
    distances = np.array([q for q in DISTANCES if abs(q - 1) > 1e-4])  # C⁰ has a kink at 1
    scale = case.lengths(1)

    def of_scale(raw_scale, x):
        return eqx.tree_at(lambda kernel: kernel.raw_scale, case.make(1), raw_scale).eval(x, jnp.zeros(1))

    raw_scale = jnp.asarray(case.make(1).raw_scale)
    found = np.asarray(uncompiled(lambda x: jax.grad(of_scale)(raw_scale, x), distances[:, None] * scale)[0])
    slopes = np.array([float(case.along_line(q, 1.0)[1]) if q else 0.0 for q in distances])
    np.testing.assert_allclose(found.ravel(), slopes * distances / scale * np.expm1(-scale), rtol=1e-11)
