"""Sparse translates of compactly supported kernels: the numbers of the dense ones, and when they are taken."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from shared_cases import SQUARE

import meshfree as mf
from meshfree.equations.assemble import assemble
from meshfree.kernels import Stretched
from meshfree.kernels.kernel import unconstrained

CLOUD = SQUARE.cloud(0.08)
NARROW = mf.Collocation(mf.Wendland(6, 3, 0.17), CLOUD)
SPACES = {
    "line": mf.Collocation(mf.Wendland(6, 1, 0.1), mf.Interval(0.0, 2.0).cloud(0.03)),
    "square": NARROW,
    "per dimension": mf.Collocation(mf.Wendland(4, 3, [0.1, 0.17]), CLOUD),
    "product": mf.Collocation(mf.Gaussian(0.3) * mf.Wendland(4, 3, 0.17), CLOUD),
    "other centers": mf.Collocation(mf.Wendland(6, 3, 0.17), CLOUD, centers=0.5 + 1.1 * (CLOUD.points - 0.5)),
    "cube": mf.Collocation(mf.Wendland(4, 3, 0.3), mf.Box((0.0,) * 3, (1.0,) * 3).cloud(0.16)),
}
OPERATORS = {
    "identity": lambda u: u,
    "derivative": lambda u: mf.derivative(u, 0),
    "laplacian": mf.laplacian,
}


def exact(x):
    return jnp.sin(3 * x[0]) * jnp.cos(2 * x[1])


POISSON = mf.Problem(
    SQUARE,
    interior=lambda u, x: mf.laplacian(u)(x) + 13 * exact(x),
    right=mf.neumann(lambda x: 3 * jnp.cos(3 * x[0]) * jnp.cos(2 * x[1])),
    boundary=mf.dirichlet(exact),
    exact=exact,
)
CHECK = SQUARE.cloud(0.1, seed=1000)


def dense(space):
    return eqx.tree_at(lambda s: s.columns, space, None)


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_sparse_matrix_is_the_dense_one(space, operator):
    for X in (None, space.cloud.points[::5] + 0.01):
        matrix, expected = mf.matrix(space, operator, X), mf.matrix(dense(space), operator, X)
        assert isinstance(matrix, scipy.sparse.csr_array)
        np.testing.assert_allclose(matrix.toarray(), expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_the_equations_are_the_dense_ones():
    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: jnp.stack([mf.laplacian(u)(x)[0] + u(x)[1] ** 3, mf.divergence(u)(x) - x[0]]),
        boundary=lambda u, x, n: u(x) - x,
        fields=2,
    )
    c = jnp.asarray(np.random.default_rng(0).standard_normal((NARROW.size, 2)))
    (r, A), (expected_r, expected_A) = (assemble(problem, s).linearised(c) for s in (NARROW, dense(NARROW)))
    np.testing.assert_allclose(A.to_scipy().toarray(), expected_A, rtol=1e-12, atol=1e-12 * np.abs(expected_A).max())
    np.testing.assert_allclose(r, expected_r, rtol=1e-12, atol=1e-12 * np.abs(expected_r).max())


def test_the_solution_and_the_interpolant_are_the_dense_ones():
    X = SQUARE.sample(50, seed=1)
    for solution in (lambda space: mf.solve(POISSON, space), lambda space: mf.interpolate(exact, space)):
        u, expected = solution(NARROW), solution(dense(NARROW))
        np.testing.assert_allclose(u(X), expected(X), atol=1e-11)
        np.testing.assert_allclose(u(X), jax.vmap(u)(jnp.asarray(X)), atol=1e-13)


def test_vector_values_are_interpolated():
    u = mf.interpolate(lambda x: jnp.stack([exact(x), x[1]]), NARROW)
    np.testing.assert_allclose(u(CLOUD.points)[:, 1], CLOUD.points[:, 1], atol=1e-12)
    np.testing.assert_allclose(u(CLOUD.points)[:, 0], mf.interpolate(exact, NARROW)(CLOUD.points), atol=1e-12)


@pytest.mark.parametrize("space", [NARROW, mf.Collocation(mf.Wendland(6, 3, 0.6), CLOUD)], ids=["sparse", "dense"])
def test_stats_tell_the_coupling_and_the_error(space):
    stats = mf.solve(POISSON, space).stats
    inside = np.linalg.norm(CLOUD.points[:, None] - CLOUD.points, axis=2) < float(space.kernel.scale)
    assert stats["support"] == pytest.approx(float(space.kernel.scale))
    assert stats["centers_per_row"] == pytest.approx(np.mean(np.sum(inside, axis=1)))
    assert stats["fill"] == pytest.approx(np.mean(inside))
    assert stats["error"] == mf.error(POISSON, mf.solve(POISSON, space))


def test_matrices_are_sparse_up_to_a_fifth():
    """Of the entries that are kept: the centers within the reach, and one beyond."""
    distances = np.linalg.norm(CLOUD.points[:, None] - CLOUD.points, axis=2)
    kept = {reach: np.max(np.sum(distances <= reach, axis=1)) + 1 for reach in np.linspace(0.2, 0.4, 41)}
    few = max(reach for reach in kept if kept[reach] <= 0.2 * len(CLOUD))
    many = min(reach for reach in kept if kept[reach] > 0.2 * len(CLOUD))
    sparse, full = (mf.Collocation(mf.Wendland(6, 3, 0.15), CLOUD, reach=reach) for reach in (few, many))
    assert sparse.columns.shape == (len(CLOUD), kept[few])
    assert isinstance(mf.matrix(sparse), scipy.sparse.csr_array)
    assert full.local_basis is None
    assert isinstance(mf.matrix(full), jax.Array)


def test_a_tail_or_a_wide_kernel_makes_dense_equations():
    assert NARROW.local_basis is not None
    assert mf.Collocation(mf.Wendland(6, 3, 0.17), CLOUD, degree=0).local_basis is None
    assert mf.Collocation(mf.Gaussian(0.17), CLOUD).local_basis is None


@pytest.mark.parametrize("reach", [None, 0.24], ids=["default", "given"])
def test_tuning_may_widen_the_support_as_far_as_the_reach(reach):
    space = mf.Collocation(mf.Wendland(6, 3, 0.17), CLOUD, reach=reach)
    furthest = 1.25 * 0.17 if reach is None else reach
    # of the default, one beyond the columns kept for the fullest row
    kept = np.linalg.norm(CLOUD.points[space.columns[:, -1]] - CLOUD.points, axis=1)
    assert np.min(kept) >= furthest
    residual = jax.jit(lambda scale: mf.solve(POISSON, with_scale(space, scale)).stats["residual"]["interior"])
    assert residual(0.99 * furthest) < 1e-9, "the residual at the nodes is rounding"
    assert np.isnan(residual(1.01 * np.min(kept)))


def with_scale(space, scale):
    raw = scale + jnp.log(-jnp.expm1(-scale))
    return eqx.tree_at(lambda s: s.kernel.raw_scale, space, raw)


def test_the_gradient_by_the_support_is_that_of_differences():
    loss = mf.losses.residual(POISSON, CHECK)

    def value_of(scale):
        return loss(with_scale(NARROW, scale))

    @jax.jit
    def value_and_slope(scale):
        return jax.jvp(value_of, (scale,), (1.0,))

    scale, step = 0.17, 1e-5
    value, forward = value_and_slope(scale)
    difference = float(value_and_slope(scale + step)[0] - value_and_slope(scale - step)[0]) / (2 * step)
    assert jax.jit(jax.grad(value_of))(scale) == pytest.approx(difference, rel=1e-6)
    assert forward == pytest.approx(difference, rel=1e-6)
    assert value == pytest.approx(float(loss(dense(NARROW))), rel=1e-10)


def test_tuning_the_support_lowers_the_loss():
    loss = mf.losses.residual(POISSON, CHECK)
    best, history = mf.tune(loss, NARROW, steps=2)
    assert history.loss[-1] < history.loss[0] - 0.1
    assert isinstance(mf.matrix(best), scipy.sparse.csr_array)


def test_a_stretched_kernel_is_the_kernel_at_another_scale():
    kernel, expected = Stretched(mf.Wendland(4, 3, [0.5, 0.8]), np.asarray(2.5)), mf.Wendland(4, 3, [1.25, 2.0])
    x, y = jnp.array([0.3, 0.2]), jnp.array([-0.1, 0.9])
    assert kernel.eval(x, y) == pytest.approx(float(expected.eval(x, y)), rel=1e-13)
    assert kernel.laplacian(x, y) == pytest.approx(float(expected.laplacian(x, y)), rel=1e-12)
    assert float(kernel.support) == pytest.approx(2.0)
    assert (kernel.smoothness, kernel.tail) == (expected.smoothness, expected.tail)
    assert kernel.describe() == "Stretched(Wendland(smoothness=4, dim=3))"


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (mf.Wendland(4, 3, 0.2), "reach must be at least the support, 0.2; got 0.1"),
        (mf.Gaussian(0.2), r"reach= is for kernels of compact support; got Gaussian\(\)"),
    ],
)
def test_a_reach_that_makes_no_sense_is_an_error(kernel, message):
    with pytest.raises(ValueError, match=message):
        mf.Collocation(kernel, CLOUD, reach=0.1)


def test_the_scale_of_the_tests_is_that_of_the_kernel():
    assert with_scale(NARROW, 0.17).kernel.raw_scale == pytest.approx(float(unconstrained(0.17, "scale")), rel=1e-14)
