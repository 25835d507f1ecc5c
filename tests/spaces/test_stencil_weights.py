"""The small systems of stencils: weights by hand, on monomials, and by two ways of elimination."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.linalg import batched_numba
from meshfree.pde.multi_indices import total_degree
from meshfree.spaces import stencil_weights
from meshfree.spaces.stencil_weights import LocalInterpolant, many_weights

KERNELS = {
    "phs3": mf.Polyharmonic(3),
    "phs5": mf.Polyharmonic(5),
    "thin plate": mf.Polyharmonic(4),
    "gaussian": mf.Gaussian(1.0),
    "multiquadric": mf.Multiquadric(0.7),
    "matern": mf.Matern(5.5, 2.0),
}
DIRECTION = np.array([0.6, -0.8, 0.5])
SPACINGS = {1: 0.13, 2: 0.25, 3: 0.35}


def box(dim):
    return mf.Interval(-1.0, 1.0) if dim == 1 else mf.Box((-1.0,) * dim, (1.0,) * dim)


CLOUDS = {dim: box(dim).cloud(spacing) for dim, spacing in SPACINGS.items()}


def second_order(u):
    """The value, a directional derivative, the Laplacian and a mixed second derivative, all of them at once."""

    def along(x):
        return mf.derivative(u, DIRECTION[: x.size])(x)

    def mixed(x):
        return mf.derivative(mf.derivative(u, 0), x.size - 1)(x)

    return lambda x: jnp.stack([u(x), along(x), mf.laplacian(u)(x), mixed(x)])


def fourth_order(u):
    """The same and Δ²."""
    return lambda x: jnp.append(second_order(u)(x), mf.biharmonic(u)(x))


def expected(X, exponents):
    """Each of these of all monomials, by hand: a list of (m, q)."""
    axes = np.eye(X.shape[1], dtype=int)

    def derived(alpha):
        factors = np.prod([[math.perm(p, a) for p, a in zip(row, alpha, strict=True)] for row in exponents], axis=1)
        return factors * np.prod(X[:, None] ** np.maximum(exponents - alpha, 0), axis=2)

    return [
        derived(0 * axes[0]),
        sum(v * derived(e) for v, e in zip(DIRECTION, axes, strict=False)),
        sum(derived(2 * e) for e in axes),
        derived(axes[0] + axes[-1]),
        sum(derived(2 * e + 2 * f) for e in axes for f in axes),
    ]


def assert_exact_on_monomials(kernel, dim, degree, operators):
    cloud, exponents = CLOUDS[dim], total_degree(dim, degree)
    X = np.concatenate([box(dim).sample(12, seed=3), cloud.points[:2], cloud["interior"][:2]])
    at_nodes = np.prod(cloud.points[:, None] ** exponents, axis=2)
    matrices = mf.matrix(mf.Stencils(kernel, cloud, degree), operators, X)
    for matrix, values in zip(matrices, expected(X, exponents), strict=operators is fourth_order):
        np.testing.assert_allclose(matrix @ at_nodes, values, atol=1e-10 * max(np.abs(values).max(), 1), rtol=0)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@pytest.mark.filterwarnings("ignore:polynomials of degree")
def test_first_derivatives_on_three_nodes_by_hand(kernel):
    cloud = mf.Cloud(interior=[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    matrix = mf.matrix(mf.Stencils(kernel, cloud, 1, size=3), lambda u: mf.derivative(u, 0), [[0.25, 0.25]])
    np.testing.assert_allclose(matrix.toarray(), [[-1.0, 1.0, 0.0]], atol=1e-14)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_second_derivatives_on_the_line_by_hand(kernel):
    space = mf.Stencils(kernel, mf.Cloud(interior=[[0.0], [1.0], [2.0]]), 2, size=3)
    np.testing.assert_allclose(mf.matrix(space, mf.laplacian, [1.0]).toarray(), [[1.0, -2.0, 1.0]], atol=1e-13)


@pytest.mark.parametrize("degree", range(7))
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.filterwarnings("ignore:polynomials of degree")
def test_every_operator_is_exact_on_every_monomial(dim, degree):
    assert_exact_on_monomials(mf.Polyharmonic(5), dim, degree, fourth_order if dim == 1 else second_order)


@pytest.mark.parametrize(("dim", "degree"), [(2, 4), (2, 6)])
def test_the_biharmonic_is_exact_on_every_monomial(dim, degree):
    assert_exact_on_monomials(mf.Polyharmonic(5), dim, degree, fourth_order)


@pytest.mark.parametrize(("dim", "degree"), [(1, 4), (2, 0), (2, 3)])
@pytest.mark.parametrize("kernel", [KERNELS["gaussian"], KERNELS["multiquadric"]], ids=["gaussian", "multiquadric"])
def test_smooth_kernels_with_a_tail_are_exact_on_monomials(kernel, dim, degree):
    assert_exact_on_monomials(kernel, dim, degree, second_order)


def test_a_stencil_takes_its_scale_with_it():
    """Weights of a Laplacian go like spacing⁻², for a kernel with a scale too: it is measured in radii."""
    cloud = CLOUDS[2]
    fine = mf.Cloud(interior=cloud.points / 64)
    coarse = mf.Cloud(interior=cloud.points)
    weights = [mf.matrix(mf.Stencils(KERNELS["gaussian"], c, 2), mf.laplacian) for c in (coarse, fine)]
    np.testing.assert_allclose(weights[1].toarray(), 64**2 * weights[0].toarray(), rtol=1e-9, atol=1e-6)


def arguments_of(kernel, dim, degree):
    """The arguments of `many_weights`, with the value and the Laplacian as functionals."""
    space = mf.Stencils(kernel, CLOUDS[dim], degree)
    X = np.asarray(CLOUDS[dim].points)
    functional = np.zeros((len(X), 2, len(total_degree(dim, 2))))
    functional[:, 0, 0] = 1.0
    functional[:, 1] = np.all(total_degree(dim, 2) % 2 == 0, axis=1) * (total_degree(dim, 2).sum(axis=1) == 2)
    return space.interpolant, X, np.asarray(space.stencils), X + 0.01, functional, 2


@pytest.fixture
def eliminated(monkeypatch):
    """The number of systems that the compiled elimination solved, a list; it takes batches of any size meanwhile."""
    pytest.importorskip("numba")
    monkeypatch.setattr(stencil_weights, "MANY", 0)
    real, counts = batched_numba.solved, []
    monkeypatch.setattr(batched_numba, "solved", lambda *systems: counts.append(systems[2].shape[2]) or real(*systems))
    return counts


@pytest.mark.parametrize(
    ("name", "dim", "degree"),
    [("phs3", 1, 2), ("phs5", 2, 4), ("thin plate", 2, 2), ("multiquadric", 2, 2), ("matern", 3, 1)],
)
def test_elimination_side_by_side_gives_the_weights_of_lapack(name, dim, degree, eliminated, monkeypatch):
    arguments = arguments_of(KERNELS[name], dim, degree)
    found = many_weights(*arguments)
    assert sum(eliminated) >= len(found)
    calls = len(eliminated)
    monkeypatch.setattr(batched_numba, "available", lambda: False)
    weights = many_weights(*arguments)
    assert len(eliminated) == calls  # not called again
    # what makes the kernel definite costs up to three digits on one-sided stencils
    np.testing.assert_allclose(found, weights, rtol=0, atol=1e-8 * np.abs(weights).max())
    assert np.median(np.abs(found - weights)) < 1e-11 * np.abs(weights).max()


def test_unsound_systems_are_made_again_with_pivoting(monkeypatch, eliminated):
    arguments = arguments_of(KERNELS["phs3"], 2, 2)
    sound = many_weights(*arguments)
    real = batched_numba.solved

    def broken(*systems):
        weights, is_sound = real(*systems)
        weights[..., 5:40] = np.nan
        is_sound[5:40] = False
        return weights, is_sound

    monkeypatch.setattr(batched_numba, "solved", broken)
    np.testing.assert_allclose(many_weights(*arguments), sound, rtol=0, atol=1e-9 * np.abs(sound).max())


@pytest.mark.parametrize(
    ("kernel", "degree"),
    [(mf.Polyharmonic(5), 1), (mf.Gaussian(1.0) * mf.Multiquadric(1.0), 2)],
    ids=["tail", "product"],
)
@pytest.mark.filterwarnings("ignore:polynomials of degree")
def test_kernels_that_are_not_known_to_be_definite_go_to_lapack(kernel, degree, eliminated):
    assert LocalInterpolant(kernel, degree).definite() is None
    many_weights(*arguments_of(kernel, 2, degree))
    assert eliminated == []


def systems(count, k=7, q=3, r=2):
    """Random systems ((K, P), (Pᵀ, 0)) with K definite: the matrices (m, n, n), and the form that `solved` takes."""
    random = np.random.default_rng(count)
    root, P = random.standard_normal((count, k, k)), random.standard_normal((count, k, q))
    K = root @ root.swapaxes(1, 2) + np.eye(k)
    A = np.block([[K, P], [P.swapaxes(1, 2), np.zeros((count, q, q))]])
    lower = np.moveaxis(K[:, *np.tril_indices(k)], 0, -1)
    right = random.standard_normal((r, k + q, count))
    return A, np.ascontiguousarray(lower), np.moveaxis(P, 0, -1).copy(), right


@pytest.fixture(params=["compiled", "in Python"])
def numba(request, monkeypatch):
    """Numba as it is, and one that leaves functions as they are: the same elimination, line by line."""
    numba = pytest.importorskip("numba")
    if request.param == "in Python":
        monkeypatch.setattr(numba, "njit", lambda function, **options: function)
        plain = batched_numba._jitted()
        monkeypatch.setattr(batched_numba, "_compiled", lambda: plain)
        monkeypatch.setattr(batched_numba, "LANES", 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # lanes without a system divide by zero, in silence in Numba
        yield


@pytest.mark.parametrize("count", [1, 64, 130])
@pytest.mark.parametrize("k", [6, 7], ids=["odd", "even"])
@pytest.mark.usefixtures("numba")
def test_elimination_solves_as_numpy_does(count, k):
    A, *packed = systems(count, k)
    weights, sound = batched_numba.solved(*packed)
    expected = np.linalg.solve(A, np.moveaxis(packed[-1], (2, 0), (0, 2)))[:, :k]
    assert sound.all()
    np.testing.assert_allclose(np.moveaxis(weights, (2, 0), (0, 2)), expected, rtol=1e-8, atol=1e-10)


def test_indefinite_and_singular_systems_are_not_sound():
    pytest.importorskip("numba")
    _, lower, polynomials, right = systems(70)
    lower[:, 3] *= -1
    lower[:, 66] = np.nan
    polynomials[:, 1, 20] = polynomials[:, 0, 20]
    _, sound = batched_numba.solved(lower, polynomials, right)
    np.testing.assert_array_equal(np.flatnonzero(~sound), [3, 20, 66])
