"""Scattered values: smoothed as SciPy does, more of them than functions, and judged by leaving each out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator
from shared_cases import SQUARE

import meshfree as mf

RNG = np.random.default_rng(0)
X, BETWEEN = RNG.random((40, 2)), RNG.random((30, 2))
VALUES = {
    "scalar": RNG.standard_normal(40),
    "vector": RNG.standard_normal((40, 2)),
    "complex": RNG.standard_normal(40) + 1j * RNG.standard_normal(40),
}
CLOUD = mf.Cloud(interior=X)
KERNELS = {  # of SciPy: ours, its epsilon, and degrees of the polynomials
    "linear": (mf.Polyharmonic(1), 1.0, (0, 1)),
    "thin_plate_spline": (mf.Polyharmonic(2), 1.0, (1,)),
    "cubic": (mf.Polyharmonic(3), 1.0, (1,)),
    "quintic": (mf.Polyharmonic(5), 1.0, (2,)),
    "multiquadric": (mf.Multiquadric(0.2), 5.0, (0,)),
    "inverse_multiquadric": (mf.InverseMultiquadric(0.2), 5.0, (-1, 0)),
    "inverse_quadratic": (mf.InverseQuadratic(0.2), 5.0, (-1, 1)),
    "gaussian": (mf.Gaussian(0.2), 5.0, (-1, 2)),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_values_are_those_of_scipy(name, smoothing):
    kernel, epsilon, degrees = KERNELS[name]
    kind = "complex" if name in ("cubic", "gaussian") else "vector" if name == "linear" else "scalar"
    for degree in degrees:
        theirs = RBFInterpolator(X, VALUES[kind], kernel=name, epsilon=epsilon, degree=degree, smoothing=smoothing)
        ours = mf.interpolate(VALUES[kind], mf.Collocation(kernel, CLOUD, degree=degree), smoothing=smoothing)
        found = np.asarray(ours(BETWEEN))
        found = found[:, 0] + 1j * found[:, 1] if kind == "complex" else found
        np.testing.assert_allclose(found, theirs(BETWEEN), atol=1e-8)


@pytest.mark.parametrize(
    "kernel", [mf.Polyharmonic(1), mf.Polyharmonic(2), mf.Gaussian(0.2)], ids=lambda k: k.describe()
)
def test_the_penalty_is_that_of_the_smoothed_kernel_matrix(kernel):
    """The same minimum where the centers are in another order, so that no diagonal can be smoothed."""
    degree = 1
    by_diagonal = mf.interpolate(VALUES["vector"], mf.Collocation(kernel, CLOUD, degree=degree), smoothing=0.3)
    turned = mf.Collocation(kernel, CLOUD, degree=degree, centers=X[::-1].copy())
    by_penalty = mf.interpolate(VALUES["vector"], turned, points=X, smoothing=0.3)
    np.testing.assert_allclose(by_penalty(BETWEEN), by_diagonal(BETWEEN), atol=1e-9)
    np.testing.assert_allclose(by_penalty.stats["residual"]["values"], by_diagonal.stats["residual"]["values"])


def test_a_smoothing_for_each_value():
    smoothing = np.linspace(0.01, 1.0, 40)
    theirs = RBFInterpolator(X, VALUES["scalar"], smoothing=smoothing)(BETWEEN)
    ours = mf.interpolate(
        VALUES["scalar"], mf.Collocation(mf.Polyharmonic(2), CLOUD, degree=1), points=X, smoothing=smoothing
    )
    np.testing.assert_allclose(ours(BETWEEN), theirs, atol=1e-9)


@pytest.mark.parametrize(
    "space",
    [
        mf.Collocation(mf.Polyharmonic(3), mf.Cloud(interior=X[:20]), degree=1),
        mf.Stencils(None, SQUARE.cloud(0.3), 2),
        mf.Eigenbasis(mf.Gaussian(1.0), SQUARE.cloud(0.2), 4),
    ],
    ids=["translates", "stencils", "eigenbasis"],
)
def test_more_values_than_functions(space):
    def f(X):
        return np.sin(3 * X[:, 0]) * X[:, 1]

    points = np.random.default_rng(1).random((400, 2))
    noisy = f(points) + 0.05 * np.random.default_rng(2).standard_normal(400)
    u = mf.interpolate(noisy, space, points=points)
    assert np.sqrt(np.mean((np.asarray(u(BETWEEN)) - f(BETWEEN)) ** 2)) < 0.03
    assert u.stats["residual"]["values"] == pytest.approx(0.05, rel=0.2)


def made(points, scale=0.3, centers=None):
    return mf.Collocation(mf.Gaussian(scale), mf.Cloud(interior=points), degree=0, centers=centers)


@pytest.mark.parametrize("centers", [None, X[:8]], ids=["square", "least squares"])
def test_leave_one_out_of_values_is_what_leaving_one_out_gives(centers):
    values, left = np.stack([np.sin(X[:12, 0]), X[:12, 1] ** 2], axis=1), []
    for k in range(12):
        others = np.arange(12) != k
        space = made(X[:12][others], centers=centers)
        u = mf.interpolate(values[others], space, points=X[:12][others], smoothing=1e-3)
        left.append(np.asarray(u(X[k])) - values[k])
    loss = mf.losses.leave_one_out(values, points=X[:12], smoothing=1e-3)
    assert float(loss(made(X[:12], centers=centers))) == pytest.approx(0.5 * np.log(np.mean(np.square(left))), rel=1e-6)


def test_tuning_takes_values_and_its_gradient_is_right():
    values = np.sin(4 * X[:, 0]) * X[:, 1]
    loss = mf.losses.leave_one_out(values[:15], points=X[:15], smoothing=1e-3)

    def of(scale):
        return loss(made(X[:15], scale))

    np.testing.assert_allclose(jax.grad(of)(0.3), (of(0.3001) - of(0.2999)) / 2e-4, rtol=1e-5)
    found, history = mf.tune(loss, made(X[:15]), optimizer="search")
    assert history.loss.min() < history.loss[0] - 0.5
    assert float(loss(found)) == pytest.approx(history.loss.min(), rel=1e-6)


NEAR = {**KERNELS, "gaussian": (mf.Gaussian(0.1), 10.0, (-1, 2))}
MANY = np.random.default_rng(3).random((150, 2))
OF_MANY = np.sin(5 * MANY[:, 0]) * MANY[:, 1] + 0.1 * np.random.default_rng(4).standard_normal(150)


@pytest.mark.parametrize("name", NEAR)
def test_the_nearest_neighbours_are_fitted_as_by_scipy(name):
    kernel, epsilon, degrees = NEAR[name]
    cases = [
        (0.0, OF_MANY),
        (np.linspace(0.01, 1.0, 150), OF_MANY + 1j),
        (0.2, np.stack([OF_MANY, MANY[:, 0]], axis=1)),
    ]
    for degree in degrees:
        for smoothing, values in cases:
            theirs = RBFInterpolator(
                MANY, values, neighbors=15, kernel=name, epsilon=epsilon, degree=degree, smoothing=smoothing
            )(BETWEEN)
            space = mf.Collocation(kernel, mf.Cloud(interior=MANY), degree=degree)
            found = np.asarray(mf.interpolate(values, space, smoothing=smoothing, neighbors=15)(BETWEEN))
            found = found[:, 0] + 1j * found[:, 1] if np.iscomplexobj(values) else found
            np.testing.assert_allclose(found, theirs, atol=1e-8)


def of_nearest(scale=0.2, values=OF_MANY, **more):
    space = mf.Collocation(mf.Matern(4.5, scale), CLOUD, degree=1)
    return mf.interpolate(values, space, points=MANY, neighbors=12, **more)


def test_what_the_nearest_give_is_differentiated(tmp_path):
    u, x, h = of_nearest(smoothing=1e-3), jnp.asarray(BETWEEN[0]), 1e-5
    around = BETWEEN[:1] + np.concatenate([h * np.eye(2), -h * np.eye(2)])
    beside = np.asarray(u(around))
    np.testing.assert_allclose(mf.gradient(u)(x), (beside[:2] - beside[2:]) / (2 * h), rtol=1e-6)
    slopes = np.asarray(jax.vmap(mf.gradient(u))(jnp.asarray(around)))
    bent = sum(slopes[i, i] - slopes[2 + i, i] for i in range(2)) / (2 * h)
    np.testing.assert_allclose(mf.laplacian(u)(x), bent, rtol=1e-6)
    laplacians = mf.matrix(u.space, mf.laplacian, BETWEEN) @ u.coefficients
    np.testing.assert_allclose(laplacians[0], bent, rtol=1e-6)
    u.save(tmp_path / "u.npz")
    np.testing.assert_array_equal(mf.Solution.load(tmp_path / "u.npz")(BETWEEN), u(BETWEEN))
    assert u.stats["residual"]["values"] == pytest.approx(np.sqrt(np.mean((np.asarray(u(MANY)) - OF_MANY) ** 2)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_what_the_nearest_give_has_derivatives_by_scale_and_values(smoothing):
    def of(t):
        values = jnp.asarray(OF_MANY) + t * jnp.asarray(MANY[:, 0])
        changed = smoothing and smoothing + 0.1 * t
        return of_nearest(0.2 + t, values, smoothing=changed)(jnp.asarray(BETWEEN[1]))

    by_differences = (of(1e-5) - of(-1e-5)) / 2e-5
    np.testing.assert_allclose(jax.grad(of)(0.0), by_differences, rtol=1e-6)
    np.testing.assert_allclose(jax.jvp(of, (0.0,), (1.0,))[1], by_differences, rtol=1e-6)


SPACE = mf.Collocation(mf.Polyharmonic(2), CLOUD, degree=1)
ON_A_LINE = np.stack([X[:, 0], X[:, 0]], axis=1)


@pytest.mark.parametrize(
    ("called", "message"),
    [
        (
            lambda: mf.interpolate(np.ones(40), SPACE, smoothing=-1.0),
            "smoothing must be finite and not negative",
        ),
        (lambda: mf.interpolate(np.ones(40), SPACE, smoothing=np.ones(3)), r"smoothing must be a number or \(40,\)"),
        (lambda: mf.interpolate(np.ones(9), SPACE, points=X[:9]), "9 values do not determine the 40 functions"),
        (lambda: mf.interpolate(np.ones(9), SPACE, points=X[:, :1]), r"points must have shape \(m, 2\)"),
        (lambda: mf.interpolate(np.ones(9), SPACE, points=X), r"values must have shape \(40,\)"),
        (lambda: mf.interpolate(np.full(40, np.nan), SPACE, points=X), "values are not finite"),
        (
            lambda: mf.interpolate(np.ones(40), mf.Stencils(None, CLOUD, 2), smoothing=1.0),
            "smoothing= is by the norm of a kernel",
        ),
        (
            lambda: mf.interpolate(np.ones(40), SPACE, neighbors=2),
            "neighbors=2; expected at least 3 for the 3 polynomials",
        ),
        (lambda: mf.interpolate(np.ones(40), SPACE, neighbors=41), "at most 40, all points"),
        (lambda: mf.interpolate(np.ones(40), SPACE, neighbors=9, smoothing=-1.0), "smoothing must be finite and not"),
        (lambda: mf.interpolate(np.ones(40), mf.Stencils(None, CLOUD, 2), neighbors=9), "neighbors= takes the kernel"),
        (
            lambda: mf.interpolate(np.ones(40), SPACE, points=ON_A_LINE, neighbors=9)(BETWEEN),
            "do not determine a polynomial of degree 1.*a larger neighbors=",
        ),
        (lambda: mf.losses.leave_one_out(np.ones(40))(made(X, centers=X[::-1].copy())), "as many centers as points"),
        (lambda: mf.losses.leave_one_out(np.ones(40))(mf.Stencils(None, CLOUD, 2)), "leave-one-out needs the inverse"),
    ],
)
def test_what_cannot_be_is_refused(called, message):
    with pytest.raises(ValueError, match=message):
        called()
