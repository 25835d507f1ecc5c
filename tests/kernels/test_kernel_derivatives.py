"""Derivatives of every kernel: at the centre, near it, far from it and across the edge of the support."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from kernel_cases import DISTANCES, KERNELS, RADIAL, in_dimensions, uncompiled, with_derivatives
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
    """Both at DISTANCES."""
    bound = RELATIVE * abs(exact) + ABSOLUTE * abs(exact).max()
    wrong = {q: (f, x) for q, f, x, b in zip(DISTANCES, found, exact, bound, strict=True) if not abs(f - x) <= b}
    assert not wrong


def along_lines(kernel, x, y, v, w, order_x, order_y):
    """∂ᵃ/∂sᵃ ∂ᵇ/∂tᵇ of kernel(x + s v, y + t w) at s = t = 0, for a ≤ order_x and b ≤ order_y: a tuple of tuples."""

    def in_y(s):
        return with_derivatives(lambda t: kernel.eval(x + s * v, y + t * w), order_y)(jnp.zeros((), y.dtype))

    return with_derivatives(in_y, order_x)(jnp.zeros((), x.dtype))


def orders_of(smoothness):
    """The highest (order in x, order in y), up to 2 each, that a kernel has."""
    return {(min(2, smoothness - order), order) for order in (0, 1, 2) if order <= smoothness}


def sobol_pairs(dim):
    """128 Sobol points of [−3, 3]^d, each with its successor; the last eight with themselves."""
    X = 6 * qmc.Sobol(dim, scramble=False).random_base2(7) - 3
    return X, np.concatenate([np.roll(X, -1, axis=0)[:-8], X[-8:]])


def pairs(case, dim):
    """The Sobol pairs, then points at DISTANCES from the origin."""
    X, Y = sobol_pairs(dim)
    at_distances = np.multiply.outer(DISTANCES, DIRECTIONS[dim][0]) * case.lengths(dim)
    return np.concatenate([X, at_distances]), np.concatenate([Y, np.zeros_like(at_distances)])


def derivatives(case, dim):
    """{(a, b): ∂ᵃ in x, ∂ᵇ in y}, a, b ≤ 2, each along v or an axis: (pairs, 1 + d, 1 + d)."""
    X, Y = pairs(case, dim)
    along = np.concatenate([[DIRECTIONS[dim][1] * case.lengths(dim)], np.eye(dim)])
    i, j, k = (index.ravel() for index in np.indices((len(X), 1 + dim, 1 + dim)))
    # as many rows in every dimension, the first ones again: then nearly all operations are compiled once for all
    rows = [jnp.asarray(np.resize(array, (16 * len(X), dim))) for array in (X[i], Y[i], along[j], along[k])]
    found = {}
    for orders in orders_of(case.smoothness):
        columns = uncompiled(lambda *row, orders=orders: along_lines(case.make(dim), *row, *orders), *rows)
        for (a, b), column in zip(np.ndindex(orders[0] + 1, orders[1] + 1), columns, strict=True):
            found[a, b] = np.asarray(column)[: i.size].reshape(len(X), 1 + dim, 1 + dim)
    return found


@pytest.fixture(scope="module", params=in_dimensions(KERNELS), ids=lambda case_dim: f"{case_dim[0]}-{case_dim[1]}")
def table(request):
    """One kernel in one dimension, and its derivatives in both arguments: computed once, for all tests of it."""
    return *request.param, derivatives(*request.param)


def test_directional_derivatives_against_mpmath(table):
    """Those of orders 0 to 4 along enough directions determine every partial derivative."""
    case, dim, found = table
    exact = np.array([case.along_line(q, DIRECTIONS[dim][2]) for q in DISTANCES], dtype=float)
    for (a, b), values in found.items():
        assert_agree(values[128:, 0, 0], (-1) ** b * exact[:, a + b])


def operators(found):
    """{(a, b): L_x L_y k}, L₀ the identity, L₁ the derivative along v, L₂ the Laplacian, at all pairs."""

    def applied(array, order):  # to the last axis
        return array[..., 1:].sum(-1) if order == 2 else array[..., 0]

    return {(a, b): applied(applied(array, b), a) for (a, b), array in found.items()}


def closed_forms(case, dim):
    """{(a, b): terms of L_x L_y φ(s), a ≥ b}, from the ladder of profiles; s = ½ δᵀAδ, A = diag(1/scale²).

    With a and b exchanged they are the same, but for the minus of an odd derivative by y.
    """
    kernel, (X, Y) = case.make(dim), sobol_pairs(dim)
    delta, A, v = X - Y, 1 / case.lengths(dim) ** 2, DIRECTIONS[dim][1] * case.lengths(dim)
    t = delta * A
    vt, vAv, vAt, tt, tAt, trace = t @ v, v @ (A * v), (t * A) @ v, (t**2).sum(1), (t**2 * A).sum(1), A.sum()
    s = jnp.asarray(0.5 * (delta * t).sum(1))
    f = [np.asarray(column) for column in uncompiled(lambda s: [kernel.profile(n, s) for n in range(5)], s)]
    return {
        (0, 0): [f[0]],
        (1, 0): [f[1] * vt],
        (2, 0): [f[1] * trace, f[2] * tt],
        (1, 1): [f[2] * vt**2, f[1] * vAv],
        (2, 1): [f[2] * trace * vt, 2 * f[2] * vAt, f[3] * tt * vt],
        (2, 2): [f[2] * (trace**2 + 2 * (A**2).sum()), f[3] * (2 * trace * tt + 4 * tAt), f[4] * tt**2],
    }


def test_operators_in_both_arguments_against_closed_forms(table):
    case, dim, found = table
    if case not in RADIAL:
        pytest.skip("a composed kernel has no profile")
    closed = closed_forms(case, dim)
    for (a, b), values in operators(found).items():
        terms = closed[max(a, b), min(a, b)]
        exact, size = (-1) ** (b == 1) * sum(terms), sum(map(abs, terms))
        size += 1e-3 * size.max()  # where a support ends, (1 − r)ᵃ knows only 1 − r to 1e-16
        assert np.all(abs(values[:128] - exact) <= 1e-13 * size), (a, b)


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


def test_operators_in_both_arguments_against_mpmath(table):
    case, dim, found = table
    if np.ndim(case.scale):
        pytest.skip("not a function of the distance")
    exact = [radial_operators(case.along_line(q, 1.0), q, dim, DIRECTIONS[dim][2]) for q in DISTANCES]
    for (a, b), values in operators(found).items():
        factor = (-1) ** (b == 1) / case.scale ** (2 * ((a == 2) + (b == 2)))
        assert_agree(values[128:], np.array([factor * float(of[max(a, b), min(a, b)]) for of in exact]))


def test_the_closed_laplacian_is_that_of_autodiff(table):
    case, dim, found = table
    X, Y = map(jnp.asarray, pairs(case, dim))
    if case.smoothness < 2:
        with pytest.raises(ValueError, match="a derivative of order 2 was asked for"):
            case.make(dim).laplacian(X[0], Y[0])
        return
    (closed,) = uncompiled(case.make(dim).laplacian, X, Y)
    autodiff = operators(found)[2, 0]
    np.testing.assert_allclose(closed, autodiff, rtol=1e-12, atol=1e-15 * abs(autodiff).max())


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_values_at_the_centre(dim):
    """CASES A1: limits worked out by hand."""
    e, a, x = 1.7, 0.8, jnp.asarray([0.3, -0.7, 0.2])[:dim]

    def at_centre(operator, kernel):
        return operator(lambda y: kernel.eval(y, x))(x)

    @jax.jit
    def found():
        return [
            at_centre(mf.laplacian, mf.Gaussian(1 / e)),
            at_centre(mf.biharmonic, mf.Gaussian(1 / e)),
            at_centre(mf.laplacian, mf.Multiquadric(1 / e)),
            at_centre(mf.laplacian, mf.Matern(2.5)),
            at_centre(mf.biharmonic, mf.Matern(2.5)),
            at_centre(mf.laplacian, mf.Wendland(4, 3, a)),
        ]

    exact = [
        -2 * dim * e**2,
        4 * dim * (dim + 2) * e**4,
        dim * e**2,
        -5 / 3 * dim,
        25 / 3 * dim * (dim + 2),
        -56 / 3 * dim / a**2,
    ]
    np.testing.assert_allclose(found(), exact, rtol=1e-14)


def test_mixed_derivatives_at_the_centre():
    x = jnp.asarray([0.3, -0.7])
    mixed = jax.jit(jax.jacfwd(jax.jacfwd(mf.Matern(2.5).eval, argnums=1), argnums=0))(x, x)
    np.testing.assert_allclose(mixed, 5 / 3 * np.eye(2), rtol=1e-14)


LIMITED = [case for case in RADIAL if case.smoothness <= 4 and 2 in case.dims]


@pytest.mark.parametrize("case", LIMITED, ids=str)
def test_one_derivative_too_many_is_refused_when_traced(case):
    kernel, highest, point = case.make(2), case.smoothness, jax.ShapeDtypeStruct((2,), float)

    def of_order(order):
        return lambda x, y: along_lines(kernel, x, y, x, y, order - order // 2, order // 2)

    jax.eval_shape(of_order(highest), point, point)
    message = rf"continuous derivatives up to order {highest}; a .* of order {highest + 1} was asked for"
    with pytest.raises(ValueError, match=message):
        jax.jit(of_order(highest + 1)).lower(point, point)


def test_the_refusal_names_the_kernel():
    rough = 2.0 * (mf.Matern(0.5) + mf.Gaussian())
    points = jnp.zeros((3, 2))
    with pytest.raises(ValueError, match=r"^Matern\(nu=0.5\) has continuous derivatives up to order 0; a derivative "):
        rough.grad(points, points)
    with pytest.raises(ValueError, match=r"^Matern\(nu=0.5\) .* of order 2 was asked for: use a smoother kernel"):
        rough.laplacian(points[0], points[1])
    with pytest.raises(ValueError, match=r"^Wendland\(smoothness=0, dim=3\) has"):
        jax.grad(mf.Wendland(0).eval)(points[0], points[1])
    with pytest.raises(ValueError, match=r"^Polyharmonic\(degree=2\) has"):
        mf.Polyharmonic(2).laplacian(points[0], points[1])
