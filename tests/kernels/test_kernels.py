"""Kernels as functions of two sets of points: values, shapes, types, definiteness, the algebra, and what is refused."""

import inspect

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from kernel_cases import PER_DIMENSION, RADIAL, wendland

import meshfree as mf

FAMILIES = [
    mf.Gaussian(0.7),
    mf.Multiquadric(1.3),
    mf.InverseMultiquadric(0.8),
    mf.InverseQuadratic(1.1),
    mf.RationalQuadratic(0.6, 0.9),
    mf.Matern(2.5, 1.2),
    mf.Wendland(4, 3, 2.5),
    mf.Polyharmonic(3),
    mf.Polyharmonic(4),
    mf.Gaussian(PER_DIMENSION[:2]),
    mf.Gaussian(0.7) + mf.Matern(2.5),
    mf.Wendland(6, 3, 1.0) * mf.Polyharmonic(5),
    2.5 * mf.Matern(3.5),
    mf.Cosine([3.0, -1.0]),
    mf.SpectralMixture([[3.0, 4.0], [5.0, -1.0]], 0.7),
    mf.Periodic([1.5, 2.0], 0.8),
    mf.Warped(mf.Matern(2.5), [[1.0, 0.5], [0.0, 2.0]]),
]
families = pytest.mark.parametrize("kernel", FAMILIES, ids=mf.Kernel.describe)


def points(number, dim, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (number, dim))


# ---------------------------------------------------------------------------------------- values


@families
def test_gram_matrix(kernel):
    X, Y = points(4, 2), points(5, 2, seed=1)
    K = kernel(X, Y)
    assert K.shape == (4, 5)
    assert K[1, 2] == pytest.approx(float(kernel.eval(jnp.asarray(X[1]), jnp.asarray(Y[2]))), rel=1e-14)
    np.testing.assert_allclose(K, kernel(Y, X).T, rtol=1e-14)


@pytest.mark.parametrize("kernel", [FAMILIES[i] for i in (5, 6, 8, 9, 11)], ids=mf.Kernel.describe)
def test_gradient_by_either_point(kernel):
    """All kernels here depend on x − y alone; the derivatives themselves are in test_kernel_derivatives."""
    X, Y = points(4, 2), np.concatenate([points(4, 2)[:1], points(4, 2, seed=1)])
    gradient = kernel.grad(X, Y)
    assert gradient.shape == (4, 5, 2)
    np.testing.assert_array_equal(gradient[0, 0], 0.0)
    np.testing.assert_allclose(kernel.grad(X, Y, wrt="y"), -gradient, rtol=1e-13)
    step = 1e-5 * np.eye(2)
    differences = [(kernel(X + h, Y) - kernel(X - h, Y)) / 2e-5 for h in step]
    np.testing.assert_allclose(gradient, np.stack(differences, axis=-1), rtol=1e-7, atol=1e-8)


def test_one_dimensional_arrays_are_points_of_the_line():
    kernel, x, y = mf.Matern(2.5, 0.4), points(4, 1), points(5, 1, seed=1)
    np.testing.assert_array_equal(kernel(x.ravel(), y.ravel()), kernel(x, y))
    np.testing.assert_array_equal(kernel(x.ravel(), y), kernel(x, y))
    np.testing.assert_array_equal(kernel.grad(x.ravel(), y.ravel()), kernel.grad(x, y)[..., 0])
    np.testing.assert_array_equal(kernel.grad(x.ravel(), y.ravel(), wrt="y"), kernel.grad(x, y, wrt="y")[..., 0])


def test_no_points_at_all():
    assert mf.Gaussian()(np.zeros((0, 2)), np.zeros((3, 2))).shape == (0, 3)


@families
def test_single_precision(kernel):
    X, Y = points(4, 2).astype(np.float32), points(5, 2, seed=1).astype(np.float32)
    assert kernel(X, Y).dtype == np.float32
    np.testing.assert_allclose(kernel(X, Y), kernel(X.astype(float), Y.astype(float)), rtol=2e-5, atol=1e-6)


def test_the_wider_type_and_whole_numbers():
    kernel = mf.Gaussian(0.5)
    whole, half = np.array([[0, 0], [1, 2]]), np.array([[0.5, 0.25]])
    exact = np.exp(-4 * ((whole - half) ** 2).sum(1, keepdims=True))
    for X, Y in [(whole, half), (whole.tolist(), half.tolist()), (whole.astype(np.float32), half)]:
        assert kernel(X, Y).dtype == np.float64
        np.testing.assert_allclose(kernel(X, Y), exact, rtol=1e-14)
    assert kernel.eval(jnp.array([0, 0]), jnp.array([0, 1])) == pytest.approx(np.exp(-4), rel=1e-14)
    assert kernel.grad(half.astype(np.float32), half.astype(np.float32)).dtype == np.float32
    assert kernel.eval(jnp.zeros(1, jnp.float32), jnp.ones(1)).dtype == np.float64


# the factor beside (1 − r)₊^exponent: Wendland (2005), Table 9.1; Fasshauer (2007), Table 11.1; the last of d = 1 and
# d = 5 continue the table
PRINTED = {
    (1, 0): (1, [1]),
    (1, 2): (3, [1, 3]),
    (1, 4): (5, [1, 5, 8]),
    (1, 6): (7, [1, 7, 19, 21]),
    (3, 0): (2, [1]),
    (3, 2): (4, [1, 4]),
    (3, 4): (6, [3, 18, 35]),
    (3, 6): (8, [1, 8, 25, 32]),
    (5, 0): (3, [1]),
    (5, 2): (5, [1, 5]),
    (5, 4): (7, [1, 7, 16]),
    (5, 6): (9, [5, 45, 159, 231]),
}


@pytest.mark.parametrize(("dim", "smoothness"), PRINTED)
def test_wendland_polynomials(dim, smoothness):
    """CASES A3: the printed table, the kernel, and the repeated integral are the same function."""
    exponent, factor = PRINTED[dim, smoothness]
    r = np.linspace(0, 1.2, 25)
    printed = np.maximum(1 - r, 0) ** exponent * np.polynomial.Polynomial(factor)(r) / factor[0]
    integral = [float(wendland(smoothness, dim)(mpmath.mpf(q))) for q in r]
    np.testing.assert_allclose(mf.Wendland(smoothness, dim)(r, np.zeros(1))[:, 0], printed, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(integral, printed, rtol=1e-13, atol=1e-15)


# ---------------------------------------------------------------------------------------- definiteness

# the degree of the polynomials to which the coefficients must be orthogonal, and the sign
CONDITIONAL = {"Multiquadric": (0, -1)} | {f"Polyharmonic-{m}": (m // 2, (-1) ** (m // 2 + 1)) for m in range(1, 8)}


def orthogonal_to_polynomials(X, degree):
    """(sets, n, d) -> (sets, n, n − q): an orthonormal basis of the complement of the polynomials at each set."""
    exponents = [i for i in np.ndindex(*[degree + 1] * X.shape[-1]) if sum(i) <= degree]
    P = np.stack([np.prod(X**i, axis=-1) for i in exponents], axis=-1)
    return np.linalg.qr(P, mode="complete").Q[..., len(exponents) :]


@pytest.mark.parametrize("case", RADIAL, ids=str)
def test_positive_definite(case):
    """CASES A4: on 100 random sets of 50 points, in the highest dimension for which a Wendland function is made."""
    dim = getattr(case.make(2), "dim", 2)
    degree, sign = CONDITIONAL.get(case.name, (None, 1))
    X = np.random.default_rng(3).uniform(-3, 3, (100, 50, dim))
    kernel, pairs = case.make(dim), (np.repeat(X, 50, axis=1), np.tile(X, (1, 50, 1)))
    K = sign * np.asarray(jax.vmap(jax.vmap(kernel.eval))(*map(jnp.asarray, pairs))).reshape(100, 50, 50)
    if degree is not None:
        Z = orthogonal_to_polynomials(X, degree)
        K = np.swapaxes(Z, 1, 2) @ K @ Z
    eigenvalues = np.linalg.eigvalsh((K + np.swapaxes(K, 1, 2)) / 2)
    assert np.all(eigenvalues[:, 0] > -1e-14 * eigenvalues[:, -1])
    if case.smoothness <= 4 and not degree:  # conditioned well enough to see that none is zero
        assert np.all(eigenvalues[:, 0] > 0)


# ---------------------------------------------------------------------------------------- algebra

X, Y = points(4, 2), points(5, 2, seed=1)
A, B = mf.Gaussian(0.7), mf.Matern(2.5, 1.3)
ALGEBRA = {
    "sum": (A + B, lambda of: of(A) + of(B)),
    "product": (A * B, lambda of: of(A) * of(B)),
    "factor on the left": (2.0 * A, lambda of: 2 * of(A)),
    "factor on the right": (A * 3, lambda of: 3 * of(A)),
    "factors that are arrays": (np.float64(2.0) * A * jnp.asarray(0.25), lambda of: of(A) / 2),
    "nested": (
        0.5 * (A + 4.0 * B) * (A * B + B),
        lambda of: 0.5 * (of(A) + 4 * of(B)) * (of(A) * of(B) + of(B)),
    ),
}


@pytest.mark.parametrize("name", ALGEBRA)
def test_the_algebra_is_that_of_the_values(name):
    kernel, combined = ALGEBRA[name]
    np.testing.assert_allclose(kernel(X, Y), combined(lambda k: k(X, Y)), rtol=1e-14)


@pytest.mark.parametrize("name", ["sum", "factor on the left"])
def test_the_laplacian_is_linear(name):
    kernel, combined = ALGEBRA[name]
    x, y = jnp.asarray(X[0]), jnp.asarray(Y[0])
    assert kernel.laplacian(x, y) == pytest.approx(float(combined(lambda k: k.laplacian(x, y))), rel=1e-14)


def test_the_parts_can_be_reached():
    kernel = 2.0 * (A + B) * A
    assert kernel.left.kernel.left is A
    assert kernel.right is A
    assert kernel.left.amplitude == pytest.approx(2.0, rel=1e-14)
    assert kernel.left.kernel.smoothness == B.smoothness == 4
    assert A.smoothness == float("inf")
    assert kernel.describe() == "Product(Scaled(Sum(Gaussian(), Matern(nu=2.5))), Gaussian())"


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: A + 1.0,
        lambda: 1.0 + A,
        lambda: A * "2",
        lambda: A * None,
        lambda: [2.0] * A,
        lambda: sum([A, B]),
    ],
)
def test_nonsense_is_a_type_error(nonsense):
    with pytest.raises(TypeError):
        nonsense()


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (0.0, r"a kernel's factor must be positive and finite; got 0\.0"),
        (-1.0, r"a kernel's factor must be positive and finite; got -1\.0"),
        (np.ones(2), r"a kernel's factor must be one number; got an array of shape \(2,\)"),
    ],
)
def test_factors_are_positive_numbers(factor, message):
    with pytest.raises(ValueError, match=message):
        A * factor


# ---------------------------------------------------------------------------------------- refusals

SCALED = [
    mf.Gaussian,
    mf.Multiquadric,
    mf.InverseMultiquadric,
    mf.InverseQuadratic,
    mf.RationalQuadratic,
    mf.Matern,
    mf.Wendland,
]


@pytest.mark.parametrize("family", SCALED)
@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, [1.0, -2.0]], ids=str)
def test_scales_are_positive(family, scale):
    with pytest.raises(ValueError, match="scale must be positive and finite; got"):
        family(scale=scale)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: mf.Gaussian([[1.0, 2.0]]),
            r"scale must be one number, or one per dimension; got shape \(1, 2\)",
        ),
        (lambda: mf.Matern(2.0), r"nu must be one of 0\.5, 1\.5, \.\.\., 11\.5; got 2\.0"),
        (lambda: mf.Matern(12.5), r"nu must be one of .*; got 12\.5"),
        (lambda: mf.Matern(np.nan), r"nu must be one of .*; got nan"),
        (lambda: mf.Wendland(3), "smoothness must be one of 0, 2, 4, 6; got 3"),
        (lambda: mf.Wendland(4, 0), "dim must be a positive integer; got 0"),
        (lambda: mf.Polyharmonic(0), "degree must be a positive integer; got 0"),
        (lambda: mf.RationalQuadratic(-1.0), r"alpha must be positive and finite; got -1\.0"),
        (lambda: mf.RationalQuadratic([1.0, 2.0]), r"alpha must be one number; got an array of shape \(2,\)"),
    ],
)
def test_parameters_outside_the_family(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("kernel", "shapes", "message"),
    [
        (A, [(4, 2), (4, 3)], r"points of different dimensions: shapes \(4, 2\) and \(4, 3\)"),
        (A, [(4,), (4, 2)], r"points of different dimensions: shapes \(4, 1\) and \(4, 2\)"),
        (A, [(), (4, 2)], r"points must have shape \(n, d\), or \(n,\) on the line; got \(\)"),
        (A, [(4, 2), (2, 2, 2)], r"points must have shape .*; got \(2, 2, 2\)"),
        (
            mf.Gaussian([1.0, 2.0]),
            [(4, 3), (4, 3)],
            r"Gaussian\(\) has 2 scales and the points 3 coordinates",
        ),
        (mf.Gaussian([1.0, 2.0]), [(4,), (4,)], r"Gaussian\(\) has 2 scales and the points 1 coordinates"),
        (
            mf.Wendland(4, 2),
            [(4, 3), (4, 3)],
            r"Wendland\(smoothness=4, dim=2\) is positive definite in up to 2 dimensions, .* give dim=3",
        ),
    ],
)
def test_points_that_do_not_fit(kernel, shapes, message):
    X, Y = map(np.zeros, shapes)
    with pytest.raises(ValueError, match=message):
        kernel(X, Y)
    with pytest.raises(ValueError, match=message):
        kernel.grad(X, Y)


@pytest.mark.parametrize("shapes", [[(4, 2), (2,)], [(2,), (3,)], [(), ()]])
def test_eval_takes_two_points(shapes):
    with pytest.raises(ValueError, match=r"eval takes two points of shape \(d,\); got .* Call kernel\(X, Y\)"):
        A.eval(*map(jnp.zeros, shapes))


def test_wrt_is_x_or_y():
    grad = inspect.unwrap(mf.Kernel.grad)  # without the type checker, which would be first
    with pytest.raises(ValueError, match="wrt is 'z'; it is 'x'"):
        grad(A, X, Y, wrt="z")
