"""Kernels that oscillate, and kernels on mapped points: against mpmath, at coincident points too."""

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from kernel_cases import gaussian, matern, uncompiled, with_derivatives

import meshfree as mf

DISTANCES = (0.0, 1e-12, 1e-5, 1e-3, 0.1, 0.7, 1.6)
ALONG = {1: ([1.0], [1.0]), 2: ([0.6, 0.8], [-0.28, 0.96])}  # x − y, and the direction of the derivatives
VECTORS = [[40.0, 25.0], [-40.0, 25.0], [3.0, 0.0]]
WEIGHTS = [0.5, 0.25, 2.0]


class Bend(eqx.Module):
    """(d,) -> (2,), smooth, of a leaf in single precision."""

    factor: jax.Array

    def __call__(self, x):
        return jnp.stack([jnp.tanh(self.factor * x[0]), x[0] + jnp.sin(jnp.sum(x))])


def waves(vectors, weights):
    def formula(delta):
        phases = [sum(mpmath.mpf(k) * d for k, d in zip(vector, delta, strict=True)) for vector in vectors]
        return sum(mpmath.mpf(w) * mpmath.cos(phase) for w, phase in zip(weights, phases, strict=True))

    return formula


def radial(profile, scale):
    def formula(delta):
        scales = np.broadcast_to(scale, len(delta)).tolist()
        return profile(mpmath.sqrt(sum((d / mpmath.mpf(a)) ** 2 for d, a in zip(delta, scales, strict=True))))

    return formula


def periodic(periods, scales):
    def formula(delta):
        sines = [mpmath.sin(mpmath.pi * d / mpmath.mpf(p)) for d, p in zip(delta, periods, strict=True)]
        return mpmath.exp(-2 * sum((sine / mpmath.mpf(a)) ** 2 for sine, a in zip(sines, scales, strict=True)))

    return formula


def product(*factors):
    return lambda delta: mpmath.fprod(factor(delta) for factor in factors)


def turned(delta):
    return radial(gaussian, 1.0)([2 * delta[0] + delta[1] / 2, 3 * delta[1]])


CASES = {
    "Cosine": (1, mf.Cosine(94.0), waves([[94]], [1])),
    "Cosine-vector": (2, mf.Cosine([3.0, -40.0]), waves([[3, -40]], [1])),
    "SpectralMixture": (
        1,
        mf.SpectralMixture([94.0, 106.0], 0.7),
        product(waves([[94], [106]], [0.5, 0.5]), radial(gaussian, 0.7)),
    ),
    "SpectralMixture-vectors": (
        2,
        mf.SpectralMixture(VECTORS, [0.7, 1.3], weights=WEIGHTS),
        product(waves(VECTORS, WEIGHTS), radial(gaussian, [0.7, 1.3])),
    ),
    "SpectralMixture-Matern": (
        2,
        mf.SpectralMixture([[30.0, 1.0]], kernel=mf.Matern(5.5, 1.2)),
        product(waves([[30, 1]], [1]), radial(matern(5.5), 1.2)),
    ),
    "Cosine-times-Gaussian": (
        1,
        mf.Cosine(100.0) * mf.Gaussian(1.0),
        product(waves([[100]], [1]), radial(gaussian, 1.0)),
    ),
    "Periodic": (1, mf.Periodic(0.8, 0.6), periodic([0.8], [0.6])),
    "Periodic-per-axis": (2, mf.Periodic([0.8, 1.7], [0.6, 1.1]), periodic([0.8, 1.7], [0.6, 1.1])),
    "Warped-matrix": (2, mf.Warped(mf.Gaussian(1.0), [[2.0, 0.5], [0.0, 3.0]]), turned),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """The derivatives of orders (a in x, b in y), a, b ≤ 2, along one direction at DISTANCES, and the exact ones."""
    dim, kernel, formula = CASES[request.param]
    e, v = (np.array(vector) for vector in ALONG[dim])
    X = np.multiply.outer(DISTANCES, e)

    def along_line(x):
        def in_y(s):
            return with_derivatives(lambda t: kernel.eval(x + s * v, t * v), 2)(jnp.zeros(()))

        return with_derivatives(in_y, 2)(jnp.zeros(()))

    found = np.reshape(uncompiled(along_line, jnp.asarray(X)), (3, 3, len(X)))
    with mpmath.workdps(60):
        exact = [
            mpmath.diffs(
                lambda t, x=x: formula([mpmath.mpf(a) + t * mpmath.mpf(b) for a, b in zip(x, v, strict=True)]), 0, 4
            )
            for x in X.tolist()
        ]
        exact = np.array([list(map(float, values)) for values in exact]).T
    return kernel, X, found, exact


def test_derivatives_up_to_the_fourth_against_mpmath(case):
    """To 1e-13 of the largest of their order: a phase of 150 is known to 3e-14."""
    _, _, found, exact = case
    for a, b in np.ndindex(3, 3):
        np.testing.assert_allclose(found[a, b], (-1) ** b * exact[a + b], rtol=0, atol=1e-13 * abs(exact[a + b]).max())


def test_the_closed_laplacian_is_that_of_autodiff(case):
    kernel, X, _, _ = case

    def both(x):
        y = jnp.zeros_like(x)
        return kernel.laplacian(x, y), mf.laplacian(lambda z: kernel.eval(z, y))(x)

    closed, autodiff = map(np.asarray, uncompiled(both, jnp.asarray(X)))
    np.testing.assert_allclose(closed, autodiff, rtol=0, atol=1e-13 * abs(autodiff).max())


def test_a_module_maps_both_points():
    module = Bend(jnp.asarray(1.5, jnp.float32))
    x, y = jnp.array([0.3, -0.2]), jnp.array([-0.4, 0.9])

    def exact(s):
        def mapped(p, q):
            return mpmath.tanh(1.5 * p), p + mpmath.sin(p + q)

        (a, b), (c, d) = mapped(mpmath.mpf(float(x[0])) + s, float(x[1])), mapped(float(y[0]), float(y[1]))
        return mpmath.exp(-((a - c) ** 2) - (b - d) ** 2)

    kernel = mf.Warped(mf.Gaussian(1.0), module)
    found = with_derivatives(lambda s: kernel.eval(x + s * jnp.array([1.0, 0.0]), y), 4)(jnp.zeros(()))
    with mpmath.workdps(40):
        np.testing.assert_allclose(found, [float(d) for d in mpmath.diffs(exact, 0, 4)], rtol=1e-12)
    laplacian = mf.laplacian(lambda z: kernel.eval(z, y))(x)
    np.testing.assert_allclose(kernel.laplacian(x, y), laplacian, rtol=1e-13)
    assert kernel(np.float32([[0.3, 0.1]]), np.float32([[0.3, 0.1]])).dtype == np.float32


# ---------------------------------------------------------------------------------------- parameters


def of_parameters(frequency, scale, weight):
    return mf.SpectralMixture(jnp.stack([frequency, 1.1 * frequency]), scale, weights=jnp.stack([weight, weight**2]))


@pytest.mark.parametrize("x", [0.0, 1e-5, 0.3, -0.8])
def test_derivatives_by_frequency_scale_and_weight(x):
    """Of the Laplacian at a distance x, first and second, through the softplus and back."""
    given = (30.0, 0.7, 0.8)

    def exact(omega, scale, weight):
        def k(t):
            waves = weight * mpmath.cos(omega * t) + weight**2 * mpmath.cos(mpmath.mpf(1.1) * omega * t)
            return waves * mpmath.exp(-((t / scale) ** 2))

        return mpmath.diff(k, x, 2)

    def found(parameters):
        return of_parameters(*parameters).laplacian(jnp.array([x]), jnp.zeros(1))

    def by_both(parameters):
        return jax.jacfwd(found)(parameters), jax.jacfwd(jax.jacrev(found))(parameters)

    first, second = jax.jit(by_both)(jnp.array(given))
    with mpmath.workdps(40):
        for i in range(3):
            orders = tuple(np.eye(3, dtype=int)[i].tolist())
            size = abs(np.asarray(first)).max()
            np.testing.assert_allclose(
                first[i], float(mpmath.diff(exact, given, orders)), rtol=1e-12, atol=1e-13 * size
            )
            twice = tuple((2 * np.eye(3, dtype=int)[i]).tolist())
            size = abs(np.asarray(second)).max()
            np.testing.assert_allclose(
                second[i, i], float(mpmath.diff(exact, given, twice)), rtol=1e-12, atol=1e-13 * size
            )


def test_derivatives_by_the_period_and_by_the_map():
    x, y, period = jnp.array([0.3, -0.2]), jnp.array([-0.4, 0.9]), 0.9

    def exact(p):
        sines = [mpmath.sin(mpmath.pi * (a - b) / p) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        return mpmath.exp(-2 * sum(sine**2 for sine in sines) / mpmath.mpf(0.6) ** 2)

    found = jax.grad(lambda p: mf.Periodic(p, 0.6).eval(x, y))(period)
    np.testing.assert_allclose(found, float(mpmath.diff(exact, period)), rtol=1e-13)
    matrix = jnp.array([[2.0, 0.5], [0.1, 3.0]])
    slope = jax.grad(lambda m: mf.Warped(mf.Gaussian(1.0), m).eval(x, y))(matrix)
    t = matrix @ (x - y)
    np.testing.assert_allclose(slope, -2 * jnp.exp(-t @ t) * jnp.outer(t, x - y), rtol=1e-13)


def test_only_positive_parameters_and_directions_are_leaves():
    kernel = mf.SpectralMixture([[3.0, -4.0], [0.0, 2.0]], 0.7, weights=[0.5, 2.0])
    np.testing.assert_allclose(kernel.frequency, [[3.0, -4.0], [0.0, 2.0]], rtol=1e-15)
    np.testing.assert_allclose(np.logaddexp(0, kernel.raw_frequency), [5.0, 2.0], rtol=1e-15)
    np.testing.assert_allclose(kernel.weights, [0.5, 2.0], rtol=1e-15)
    assert len(jax.tree.leaves(kernel)) == 4
    assert len(jax.tree.leaves(mf.SpectralMixture([94.0, 106.0]))) == 3
    assert len(jax.tree.leaves(mf.Cosine(94.0))) == 1
    assert kernel.raw_scale is kernel.kernel.raw_scale


def test_a_batch_of_frequencies_is_one_program():
    X, frequencies = np.linspace(0, 1, 4), jnp.array([[3.0, 5.0], [7.0, 9.0]])
    grams = eqx.filter_vmap(lambda kernel: kernel(X, X))(eqx.filter_vmap(mf.SpectralMixture)(frequencies))
    np.testing.assert_allclose(
        grams, [mf.SpectralMixture(f)(X, X) for f in frequencies.tolist()], rtol=1e-13, atol=1e-14
    )
    traces = []

    @eqx.filter_jit
    def gram(kernel):
        traces.append(kernel)
        return kernel(X, X)

    for frequency in (3.0, np.float64(4.0)):
        gram(mf.Cosine(frequency))
    assert len(traces) == 1


# ---------------------------------------------------------------------------------------- definiteness

DEFINITE = [
    mf.SpectralMixture([[3.0, 4.0], [-3.0, 4.0]], 1.0),
    mf.SpectralMixture([[7.0, 0.1]], kernel=mf.Matern(2.5)),
    mf.Periodic(5.0),
    mf.Periodic([5.0, 9.0], [0.5, 1.0]),
    mf.Warped(mf.Matern(1.5), [[1.0, 0.5], [0.0, 2.0], [1.0, 1.0]]),
    mf.Cosine([3.0, 4.0]) * mf.Gaussian(1.0),
]


@pytest.mark.parametrize("kernel", [*DEFINITE, mf.Cosine([3.0, 4.0])], ids=repr)
def test_positive_semi_definite(kernel):
    """CASES A4: on 100 random sets of 50 points."""
    sets = np.random.default_rng(3).uniform(-3, 3, (100, 50, 2))
    pairs = np.repeat(sets, 50, axis=1), np.tile(sets, (1, 50, 1))
    K = np.asarray(jax.vmap(jax.vmap(kernel.eval))(*map(jnp.asarray, pairs))).reshape(100, 50, 50)
    eigenvalues = np.linalg.eigvalsh((K + np.swapaxes(K, 1, 2)) / 2)
    assert np.all(eigenvalues[:, 0] > -1e-14 * eigenvalues[:, -1])
    if isinstance(kernel, mf.Cosine):
        assert np.all(eigenvalues[:, -2] > 1)
        assert np.all(eigenvalues[:, -3] < 1e-13 * eigenvalues[:, -1])
        K = np.cos(sets[0] @ [3.0, 4.0])[:, None] * np.cos(sets[0] @ [3.0, 4.0])
        K += np.sin(sets[0] @ [3.0, 4.0])[:, None] * np.sin(sets[0] @ [3.0, 4.0])
        np.testing.assert_allclose(kernel(sets[0], sets[0]), K, atol=1e-13)


# ---------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mf.Cosine(-3.0), r"frequency must be positive and finite; got -3\.0"),
        (lambda: mf.Cosine([0.0, 0.0]), r"the length of a wave vector must be positive and finite; got 0\.0"),
        (lambda: mf.Cosine([[1.0, 2.0]]), r"one wave vector \(d,\); got shape \(1, 2\)\. .* mf\.SpectralMixture"),
        (lambda: mf.SpectralMixture([1.0, 0.0]), r"frequency must be positive and finite; got \[1\.0, 0\.0\]"),
        (lambda: mf.SpectralMixture([]), r"frequency must be one wave number, .*; got shape \(0,\)"),
        (lambda: mf.SpectralMixture(np.ones((1, 1, 1))), r"wave vectors \(q, d\); got shape \(1, 1, 1\)"),
        (lambda: mf.SpectralMixture([1.0, 2.0], weights=[1.0]), r"one for each of the 2 frequencies; got \(1,\)"),
        (lambda: mf.SpectralMixture([1.0], weights=[-1.0]), r"weights must be positive and finite"),
        (lambda: mf.SpectralMixture("auto", weights=[1.0]), "frequency='auto' does not tell how many"),
        (lambda: mf.SpectralMixture(1.0, 2.0, kernel=mf.Matern(2.5)), r"kernel Matern\(nu=2\.5\) has its own: drop"),
        (lambda: mf.Periodic(0.0), r"period must be positive and finite; got 0\.0"),
        (lambda: mf.Periodic([[1.0]]), r"period must be one number, or one per dimension; got shape \(1, 1\)"),
        (lambda: mf.Warped(mf.SpectralMixture("auto"), [[1.0]]), "frequency='auto' is found in the coordinates of"),
    ],
)
def test_parameters_that_are_none(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mf.SpectralMixture("automatic"), r"needs a wave number, .* or 'auto' as frequency; got 'automatic'"),
        (lambda: mf.Warped(mf.Gaussian(), [1.0]), r"needs a function of one point, .* as module; got a list"),
        (lambda: mf.Warped([[1.0]], mf.Gaussian()), r"Warped\(kernel, module\) needs a Kernel as kernel"),
    ],
)
def test_what_is_of_another_kind(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (mf.Cosine(3.0), r"^Cosine\(\) has wave numbers, for points of the line, and the points have 3 coordinates"),
        (mf.SpectralMixture([[3.0, 1.0]]), r"has wave vectors \(2,\), and .* 3 coordinates: give wave vectors \(3,\)"),
        (mf.Periodic([1.0, 2.0]), r"Periodic\(\) has 2 periods and the points 3 coordinates"),
        (mf.Periodic(1.0, [1.0, 2.0]), r"Periodic\(\) has 2 scales and the points 3 coordinates"),
        (mf.Warped(mf.Gaussian(), [[1.0, 2.0]]), r"matrix of a Warped kernel has 2 columns, and the points have 3"),
        (mf.Warped(mf.Gaussian(), jnp.sum), r"must return a point \(q,\); it returns shape \(\)"),
        (mf.SpectralMixture("auto"), r"frequency='auto' is found from a problem, by mf\.solve\(problem, space\)"),
        (mf.Gaussian() + 2.0 * mf.SpectralMixture("auto"), r"frequency='auto' is found from a problem"),
    ],
    ids=lambda value: value.describe() if isinstance(value, mf.Kernel) else "",
)
def test_points_that_do_not_fit(kernel, message):
    points = np.zeros((2, 3))
    for evaluate in (kernel, kernel.grad, lambda X, Y: kernel.laplacian(jnp.asarray(X[0]), jnp.asarray(Y[0]))):
        with pytest.raises(ValueError, match=message):
            evaluate(points, points)


def test_smoothness_is_that_of_the_envelope():
    assert mf.Cosine(3.0).smoothness == mf.Periodic(1.0).smoothness == mf.SpectralMixture(3.0).smoothness == np.inf
    rough = mf.SpectralMixture([3.0], kernel=mf.Matern(1.5))
    assert rough.smoothness == mf.Warped(mf.Matern(1.5), [[1.0]]).smoothness == 2
    with pytest.raises(ValueError, match=r"Matern\(nu=0.5\) has continuous derivatives up to order 0"):
        mf.SpectralMixture([3.0], kernel=mf.Matern(0.5)).laplacian(jnp.zeros(1), jnp.ones(1))
    assert mf.SpectralMixture([3.0], kernel=mf.Wendland(4, 1, 0.5)).support == pytest.approx(0.5)
    assert mf.SpectralMixture([3.0], kernel=mf.Multiquadric()).tail is None
    assert mf.SpectralMixture([3.0]).tail == mf.Warped(mf.Gaussian(), [[1.0]]).tail == -1
