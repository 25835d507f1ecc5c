"""Solutions that oscillate: kernels with their frequencies, given or read off the problem's data."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import meshfree as mf
from meshfree.solving.frequencies import wave_vectors

LINE = mf.Interval(0, 2 * np.pi)
NODES = LINE.cloud(2 * np.pi / 399)  # 400


def poisson(exact, domain=LINE):
    data = mf.laplacian(exact)
    return mf.Problem(
        domain,
        interior=lambda u, x: mf.laplacian(u)(x) - data(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


WAVE = poisson(lambda x: jnp.sin(100 * x[0]))
BEAT = poisson(lambda x: jnp.sin(6 * x[0]) * jnp.cos(100 * x[0]))  # of the frequencies 94 and 106

SLOW, FEW = poisson(lambda x: jnp.sin(20 * x[0])), LINE.cloud(2 * np.pi / 99)


def by_collocation(kernel, cloud=NODES):
    return mf.Collocation(kernel, cloud)


@pytest.mark.parametrize(
    ("problem", "frequency"),
    [(WAVE, [100.0]), (BEAT, [94.0, 106.0]), (WAVE, "auto"), (BEAT, "auto")],
    ids=["wave", "beat", "wave-auto", "beat-auto"],
)
def test_high_frequencies(problem, frequency):
    u = mf.solve(problem, by_collocation(mf.SpectralMixture(frequency)))
    assert len(NODES) == 400
    assert mf.error(problem, u) < 1e-7
    found = np.sort(u.space.kernel.frequency)
    np.testing.assert_allclose(found, [94.0, 106.0] if problem is BEAT else [100.0], rtol=1e-10)


@pytest.mark.parametrize(
    "kernel", [mf.Cosine(100.0) * mf.Gaussian(1.0), mf.SpectralMixture(100.0, kernel=mf.Matern(5.5))]
)
def test_other_envelopes(kernel):
    assert mf.error(WAVE, mf.solve(WAVE, by_collocation(kernel))) < 1e-7


def test_the_scale_is_tuned_and_the_frequencies_found():
    space, history = mf.tune(BEAT, by_collocation(mf.SpectralMixture("auto", 3.0)))
    np.testing.assert_allclose(np.sort(space.kernel.frequency), [94.0, 106.0], rtol=1e-10)
    assert history.loss.min() < history.loss[0]
    assert mf.error(BEAT, mf.solve(BEAT, space)) < 1e-7


def test_a_frequency_is_tuned_by_descent_and_by_search():
    space = by_collocation(mf.SpectralMixture([19.0], 6.0), FEW)

    def where(space):
        return space.kernel.raw_frequency

    found, _ = mf.tune(SLOW, space, where, optimizer=optax.adam(0.01), steps=20)
    np.testing.assert_allclose(found.kernel.frequency, [20.0], atol=0.5)
    assert mf.error(SLOW, mf.solve(SLOW, found)) < 0.1 * mf.error(SLOW, mf.solve(SLOW, space))
    start = by_collocation(mf.SpectralMixture([17.0, 26.0], 1.0), FEW)
    found, history = mf.tune(SLOW, start, lambda s: (s.kernel.raw_frequency, s.kernel.raw_scale), steps=30)
    assert history.loss.min() < history.loss[0] - 1
    before, after = (mf.error(SLOW, mf.solve(SLOW, space)) for space in (start, found))
    assert after < 0.5 * before


def test_in_the_plane():
    """By 1014 nodes for 47 radians per unit of length, where a Gaussian does not begin to resolve."""
    problem = poisson(lambda x: jnp.sin(40 * x[0]) * jnp.cos(25 * x[1]), mf.Disk())
    cloud = mf.Disk().cloud(0.06, cluster=1)
    u = mf.solve(problem, by_collocation(mf.SpectralMixture("auto"), cloud))
    assert mf.error(problem, u) < 1e-6
    found = np.asarray(u.space.kernel.frequency)
    np.testing.assert_allclose(np.abs(found), [[40.0, 25.0]] * 2, rtol=1e-8)
    assert np.sign(found.prod(axis=1)).sum() == 0


def test_what_does_not_oscillate_has_a_kernel_of_its_own():
    problem = poisson(lambda x: jnp.sin(100 * x[0]) + x[0] ** 2)
    u = mf.solve(problem, by_collocation(mf.SpectralMixture("auto") + mf.Gaussian(1.0)))
    assert mf.error(problem, u) < 1e-5
    np.testing.assert_allclose(u.space.kernel.left.frequency, [100.0], rtol=1e-4)


def test_a_period():
    exact = lambda x: jnp.exp(jnp.sin(x[0]))  # noqa: E731
    problem = mf.Problem(
        LINE,
        interior=lambda u, x: mf.laplacian(u)(x) - u(x) - mf.laplacian(exact)(x) + exact(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )
    u = mf.solve(problem, by_collocation(mf.Periodic(2 * np.pi), LINE.cloud(0.2)))
    assert mf.error(problem, u) < 1e-13
    np.testing.assert_allclose(u(np.array([[0.3 + 2 * np.pi]])), u(np.array([[0.3]])), rtol=1e-13)


class Tanh(mf.Kernel):
    """A map of a class derived from meshfree's, so that it can be saved; its kernel is unused."""

    raw_width: jax.Array
    smoothness = float("inf")

    def eval(self, x, y):
        raise NotImplementedError

    def __call__(self, x):
        return jnp.concatenate([x, jnp.tanh((x - 0.5) / self.raw_width)])


def test_a_map_follows_a_steep_front():
    problem = poisson(lambda x: jnp.tanh((x[0] - 0.5) / 0.1), mf.Interval(0, 1))
    cloud = problem.domain.cloud(0.025)
    errors = [
        mf.error(problem, mf.solve(problem, by_collocation(kernel, cloud)))
        for kernel in (mf.Gaussian(1.0), mf.Warped(mf.Gaussian(1.0), Tanh(np.asarray(0.1))))
    ]
    assert errors[1] < 0.01 * errors[0]


@pytest.mark.parametrize(
    "kernel",
    [
        mf.SpectralMixture("auto"),
        mf.SpectralMixture([20.0], kernel=mf.Matern(5.5), weights=[2.0]),
        mf.Cosine(20.0) * mf.Gaussian(1.0),
        mf.Periodic(2 * np.pi, 0.1) + mf.Gaussian(1.0),
        mf.Warped(mf.Gaussian(0.1), [[1.0]]),
        mf.Warped(mf.Gaussian(0.1), Tanh(np.asarray(3.0))),
    ],
    ids=repr,
)
def test_a_saved_solution_comes_back(kernel, tmp_path):
    u = (
        mf.interpolate(jnp.sin, by_collocation(kernel))
        if not kernel.is_open
        else mf.solve(WAVE, by_collocation(kernel))
    )
    u.save(tmp_path / "u.npz")
    again, X = mf.Solution.load(tmp_path / "u.npz"), np.array([[0.3], [1.7]])
    np.testing.assert_array_equal(again(X), u(X))
    assert repr(again.space.kernel) == repr(u.space.kernel)


# ---------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "use",
    [
        lambda space: mf.interpolate(lambda x: x[0], space),
        lambda space: mf.matrix(space, mf.laplacian),
        mf.losses.leave_one_out(WAVE),
    ],
    ids=["interpolate", "matrix", "loss"],
)
def test_without_a_problem_nothing_is_found(use):
    with pytest.raises(ValueError, match=r"frequency='auto' is found from a problem, by mf\.solve"):
        use(by_collocation(mf.SpectralMixture("auto")))


def test_data_without_a_frequency():
    space = by_collocation(mf.SpectralMixture("auto"))
    helmholtz = mf.Problem(LINE, interior=lambda u, x: mf.laplacian(u)(x) + 1e4 * u(x), boundary=mf.dirichlet(1.0))
    with pytest.raises(ValueError, match=r"zero at all interior nodes: .* as k of a Helmholtz equation"):
        mf.solve(helmholtz, space)
    broken = mf.Problem(LINE, interior=lambda u, x: mf.laplacian(u)(x) + jnp.log(x[0] - 1), boundary=mf.dirichlet(1.0))
    with pytest.raises(ValueError, match="not finite at all interior nodes: give frequencies"):
        mf.solve(broken, space)
    with pytest.raises(ValueError, match="at interior nodes, at least 4; got 3"):
        mf.solve(WAVE, by_collocation(mf.SpectralMixture("auto"), LINE.cloud(1.6)))


def test_numbers_are_needed_and_not_tracers():
    cloud = LINE.cloud(0.5)

    def solved(amplitude):
        interior = jax.tree_util.Partial(lambda a, u, x: mf.laplacian(u)(x) - a * jnp.sin(3 * x[0]), amplitude)
        problem = mf.Problem(LINE, interior=interior, boundary=mf.dirichlet(0.0))
        return mf.solve(problem, by_collocation(mf.SpectralMixture("auto"), cloud))

    with pytest.raises(ValueError, match="JAX traces the problem or the nodes: give frequencies"):
        jax.grad(lambda a: solved(a)(jnp.ones(1)))(1.0)
    outside = solved(1.0)
    inside = jax.jit(lambda: solved(1.0).coefficients)()  # all is known while it is traced
    np.testing.assert_allclose(inside, outside.coefficients, rtol=1e-6)


@pytest.mark.parametrize("kernel", [mf.SpectralMixture(94.0), 2.0 * mf.Cosine(3.0), mf.Periodic(1.0)], ids=repr)
def test_spaces_that_scale_their_kernels_refuse(kernel):
    with pytest.raises(ValueError, match=r"Stencils shifts and scales its kernel .*: use Collocation"):
        mf.Stencils(kernel, NODES)
    compact = kernel * mf.Wendland(4, 1, 1.0)
    with pytest.raises(ValueError, match=r"Multilevel shifts and scales its kernel .*: use Collocation"):
        mf.Multilevel(compact, [NODES])


# ---------------------------------------------------------------------------------------- the periodogram

RANDOM = np.random.default_rng(7).uniform(-1, 1, (3000, 3))
SIGNALS = {
    "one": (1, [[50.3]], [1.0]),
    "of unlike sizes": (1, [[50.3], [200.7], [9.1]], [1.0, 0.02, 0.1]),
    "plane": (2, [[30.0, -41.7], [30.0, 41.7]], [1.0, 0.5]),
    "space": (3, [[12.0, 7.0, -9.0], [0.5, 15.0, 3.0]], [1.0, 1.0]),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_waves_at_scattered_points_are_found(name):
    dim, vectors, amplitudes = SIGNALS[name]
    X = RANDOM[:, :dim]
    values = np.cos(X @ np.transpose(vectors) + 0.4) @ amplitudes
    found = wave_vectors(X, values[:, None], 0.8 * np.pi * (3000 / 2**dim) ** (1 / dim))
    found = found * np.sign(found @ np.arange(1.0, dim + 1))[:, None]
    expected = np.array(vectors) * np.sign(np.array(vectors) @ np.arange(1.0, dim + 1))[:, None]
    assert len(found) == len(expected)
    np.testing.assert_allclose(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)], rtol=1e-8)


def test_a_long_strip_tells_more_along_it_than_across():
    X = RANDOM[:, :2] * [10.0, 1.0]
    values = np.cos(X @ [20.0, 9.0]) + 0.5 * np.cos(X @ [22.0, 9.0])
    found = wave_vectors(X, values[:, None], 40.0)
    np.testing.assert_allclose(found * np.sign(found[:, :1]), [[20.0, 9.0], [22.0, 9.0]], rtol=1e-8)


def test_waves_of_several_components_count_together():
    X = RANDOM[:, :1]
    values = np.stack([np.sin(40 * X[:, 0]), np.cos(70 * X[:, 0])], axis=1)
    np.testing.assert_allclose(np.sort(np.abs(wave_vectors(X, values, 1000.0)[:, 0])), [40.0, 70.0], rtol=1e-8)


def test_what_is_no_wave_has_few():
    X = np.linspace(0, 1, 300)[:, None]
    flat = wave_vectors(X, np.ones((300, 1)), 900.0)
    np.testing.assert_allclose(flat, [[0.02 * np.pi]], rtol=1e-12)
    packet = wave_vectors(X, np.exp(-40 * (X - 0.5) ** 2) * np.sin(300 * X), 900.0)
    assert len(packet) <= 2
    np.testing.assert_allclose(np.abs(packet), 300.0, atol=15.0)
    noise = wave_vectors(X, np.random.default_rng(0).normal(size=(300, 1)), 900.0)
    assert len(noise) == 1
