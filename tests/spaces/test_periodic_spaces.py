"""Spaces on periodic domains: derivatives at every point, the seam among them, images, waves, and what is refused."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.kernels.images import Repeated
from meshfree.pde.multi_indices import total_degree

LENGTHS = {1: (2.0,), 2: (2.0, 1.0), 3: (1.0, 1.0, 1.0)}
SPACINGS = {1: 0.05, 2: 0.09, 3: 0.16}


@functools.cache
def cloud_of(dim, periodic=True):
    if dim == 1:
        return mf.Interval(-0.5, 1.5, periodic=periodic).cloud(SPACINGS[1])
    lower = np.full(dim, -0.5)
    return mf.Box(lower, lower + LENGTHS[dim], periodic=periodic).cloud(SPACINGS[dim])


def wave(x):
    turns = [2 * jnp.pi * x[i] / LENGTHS[x.size][i] for i in range(x.size)]
    return (
        jnp.sin(turns[0] + 0.3) + sum(jnp.cos(turn - 0.2) for turn in turns[1:]) + jnp.prod(jnp.cos(jnp.stack(turns)))
    )


def points(dim):
    """Points all over the box, and some within 1e-3 of its sides, its corners, and beyond."""
    lower, length = np.full(dim, -0.5), np.array(LENGTHS[dim])
    inside = lower + length * np.random.default_rng(3).random((20, dim))
    corners = lower + length * np.array(list(itertools.product((1e-3, 1 - 1e-3, 1.0), repeat=dim)))
    return np.concatenate([inside, corners[:12], inside[:5] + length, inside[5:8] - 2 * length])


SPACES = {  # by name: the space on a cloud, and the errors of ∂u/∂x and Δu by dimension
    "stencils 4": (lambda c: mf.Stencils(None, c, 4), {1: (1e-4, 3e-3), 2: (2e-3, 0.2), 3: (6e-2, 1.5)}),
    "stencils 6": (lambda c: mf.Stencils(None, c, 6), {1: (2e-6, 1e-4), 2: (3e-4, 2e-2)}),
    "waves": (lambda c: mf.Eigenbasis(mf.Gaussian(1.0), c, 8), dict.fromkeys((1, 2, 3), (1e-12, 1e-10))),
    "gaussians": (lambda c: mf.Collocation(mf.Gaussian(0.3), c), {1: (1e-6, 1e-4), 2: (3e-4, 1e-2)}),
    "matern": (lambda c: mf.Collocation(mf.Matern(5.5, 0.5), c), {1: (1e-6, 1e-4)}),
    "periodic kernel": (
        lambda c: mf.Collocation(mf.Periodic(LENGTHS[c.dim]), c),
        {1: (1e-7, 1e-5), 2: (1e-6, 1e-4), 3: (2e-2, 0.5)},
    ),
    "wide support": (lambda c: mf.Collocation(mf.Wendland(6, 3, 1.6), c, degree=0), {1: (1e-4, 1e-2)}),
}
CASES = [pytest.param(name, dim, id=f"{name} {dim}-D") for name, (_, errors) in SPACES.items() for dim in errors]


@functools.cache
def interpolant(name, dim):
    return mf.interpolate(wave, SPACES[name][0](cloud_of(dim)))


@pytest.mark.parametrize("name, dim", CASES)
def test_derivatives_at_every_point(name, dim):
    u, X = interpolant(name, dim), points(dim)
    for operator, bound in zip(
        (functools.partial(mf.derivative, direction=0), mf.laplacian), SPACES[name][1][dim], strict=True
    ):
        exact = np.asarray(jax.vmap(operator(wave))(X))
        found = mf.matrix(u.space, operator, X) @ np.asarray(u.coefficients)
        errors = np.abs(found - exact)
        assert errors.max() < bound * 2 * np.pi
        if name.startswith("stencils"):
            assert errors[20:].max() < 4 * errors[:20].max()  # beside the seam as elsewhere
        if operator is mf.laplacian and dim < 3:
            np.testing.assert_allclose(operator(u)(jnp.asarray(X[-9])), exact[-9], atol=2 * np.pi * bound)


@pytest.mark.parametrize("name, dim", [case for case in CASES if case.values[1] == 2])
def test_values_repeat(name, dim):
    u, X = interpolant(name, dim), points(dim)
    shift = np.array(LENGTHS[dim]) * [3, -2]
    np.testing.assert_allclose(u(X + shift), u(X), atol=1e-7)
    seam = np.array([[1.5, 0.1], [-0.5, 0.1]])  # the same point twice
    at = np.asarray(u(seam))
    assert at[0] == pytest.approx(at[1], abs=1e-7)


def test_traced_points_across_the_seam():
    u, x = interpolant("stencils 4", 2), jnp.array([1.4999, 0.4999])
    moved = x + jnp.array([2.0, -3.0])
    known = mf.gradient(u)(x)
    np.testing.assert_allclose(jax.jit(mf.gradient(u))(moved), known, atol=1e-9)
    # with its kernel traced, so that every stencil is solved at the point
    space = mf.Stencils(mf.Gaussian(4.0), cloud_of(2), 4)
    values = np.asarray(jax.vmap(wave)(space.nodes))

    @jax.jit
    def at(raw, x):
        moved = eqx.tree_at(lambda s: s.kernel.raw_scale, space, raw)
        return jnp.stack([moved.function(values)(x), mf.laplacian(moved.function(values))(x)])

    raw = jnp.asarray(space.kernel.raw_scale)
    plain = space.function(values)
    np.testing.assert_allclose(at(raw, x), [plain(x), mf.laplacian(plain)(x)], atol=1e-3)
    np.testing.assert_allclose(at(raw, moved), at(raw, x), atol=1e-3)


@pytest.mark.parametrize("name", ["waves", "gaussians", "periodic kernel"])
def test_rows_agree_with_the_basis(name):
    space, X = interpolant(name, 2).space, points(2)[18:24]
    count = len(total_degree(2, 2))
    rows = space.rows(X, np.broadcast_to(np.eye(count), (len(X), count, count)), 2)
    basis = jax.vmap(lambda x: jnp.stack([space.basis(x), jax.jvp(space.basis, (x,), (jnp.array([0.0, 1.0]),))[1]]))
    laplacians = jax.vmap(space.basis_laplacian)(X)
    places = {tuple(alpha): i for i, alpha in enumerate(total_degree(2, 2).tolist())}
    size = np.abs(rows).max(axis=(0, 2))
    np.testing.assert_allclose(rows[:, 0], basis(X)[:, 0], atol=1e-12 * size[0])
    np.testing.assert_allclose(rows[:, places[0, 1]], basis(X)[:, 1], atol=1e-11 * size[places[0, 1]])
    np.testing.assert_allclose(rows[:, places[2, 0]] + rows[:, places[0, 2]], laplacians, atol=1e-10 * size.max())


MIXED = mf.Box((0, 0), (2, 1), periodic=(0,)).cloud(0.2)


@pytest.mark.parametrize(
    "space",
    [
        pytest.param(mf.Eigenbasis(mf.Gaussian(1.0), MIXED, (8, 6)), id="waves and Hermite functions"),
        pytest.param(mf.Collocation(mf.Gaussian(0.3), MIXED), id="gaussians"),
        pytest.param(mf.Collocation(mf.Matern(4.5, 0.3), MIXED), id="matern"),
    ],
)
def test_rows_along_a_change_of_scale(space):
    X, functionals, step = np.array([[0.01, 0.3], [1.2, 0.9]]), np.zeros((2, 1, 6)), 1e-5
    functionals[:, 0, [3, 5]] = 1.0  # ∂²/∂y² + ∂²/∂x²
    direction = eqx.tree_at(
        lambda s: s.kernel.raw_scale,
        jax.tree.map(lambda leaf: None, space),
        np.array(1.0),
        is_leaf=lambda leaf: leaf is None,
    )
    along = space.rows_along(X, functionals, 2, direction)
    ends = [eqx.tree_at(lambda s: s.kernel.raw_scale, space, space.kernel.raw_scale + sign * step) for sign in (1, -1)]
    difference = (ends[0].rows(X, functionals, 2) - ends[1].rows(X, functionals, 2)) / (2 * step)
    np.testing.assert_allclose(along, difference, atol=1e-6 * np.abs(difference).max())
    if isinstance(space, mf.Eigenbasis):
        constant = np.flatnonzero(space._indices[:, 1] == 0)  # waves times the Gaussian along y
        assert np.abs(along[..., constant]).max() > 0


def test_waves_do_not_depend_on_the_scale():
    one, other = (mf.Eigenbasis(mf.Gaussian(scale), cloud_of(2), 6) for scale in (0.5, 3.0))
    X, ones = points(2), np.ones((len(points(2)), 1, 1))
    np.testing.assert_array_equal(one.rows(X, ones, 0), other.rows(X, ones, 0))


@pytest.mark.parametrize(
    "dim, degree, truncation, size",
    [
        (1, 12, "total", 13),
        (1, 13, "total", 13),
        (2, (8, 8), "total", 1 + 2 * 4 * 5),  # |k| + |l| ≤ 4
        (2, (8, 6), "hyperbolic", None),
        (3, 6, "total", 63),
    ],
)
def test_translates_of_waves_are_in_the_space(dim, degree, truncation, size):
    space = mf.Eigenbasis(mf.Gaussian(1.0), cloud_of(dim), degree, truncation=truncation)
    assert size is None or space.size == size
    shift = np.array([0.31, 0.17, 0.23])[:dim]
    lower, length = np.full(dim, -0.5), np.array(LENGTHS[dim])
    X = lower + length * np.random.default_rng(0).random((3 * space.size, dim))
    ones = np.ones((len(X), 1, 1))
    values, moved = (space.rows(Y, ones, 0)[:, 0] for Y in (X, X + shift))
    found = np.linalg.lstsq(values, moved, rcond=None)[0]
    np.testing.assert_allclose(values @ found, moved, atol=1e-11)
    assert np.linalg.matrix_rank(values) == space.size


def test_images_are_those_of_a_plain_sum():
    kernel, L = mf.Matern(2.5, 0.4) + 2.0 * mf.Gaussian((0.3, 0.5)), np.array([2.0, 1.0])
    space = mf.Collocation(kernel, cloud_of(2))
    x, y = np.array([-0.49, 0.45]), np.array([1.45, -0.3])
    far = np.array(list(itertools.product(range(-20, 21), repeat=2))) * L
    plain = sum(kernel.eval(x, y + shift) for shift in far[np.linalg.norm(far, axis=1) < 12])
    repeated = space._repeated
    np.testing.assert_allclose(repeated.eval(x, y), plain, rtol=1e-13)
    np.testing.assert_allclose(repeated.laplacian(x, y), mf.laplacian(lambda z: repeated.eval(z, y))(x), rtol=1e-11)
    assert repeated.smoothness == kernel.smoothness


def test_a_kernel_that_outgrows_its_images_is_nan():
    space = mf.Collocation(mf.Gaussian(0.1), cloud_of(1))
    X, ones = points(1)[:3], np.ones((3, 1, 1))
    wide = eqx.tree_at(lambda s: s.kernel, space, mf.Gaussian(3.0))
    assert np.isfinite(space.rows(X, ones, 0)).all() and np.isnan(wide.rows(X, ones, 0)).all()
    assert np.isfinite(mf.Collocation(mf.Gaussian(3.0), cloud_of(1)).rows(X, ones, 0)).all()


def test_sparse_translates_wrap():
    cloud = mf.Box((0, 0), (1, 1), periodic=True).cloud(0.05)
    sparse = mf.Collocation(mf.Wendland(4, 2, 0.15), cloud)
    assert sparse.local_basis is not None
    X = points(2)
    dense = np.asarray(jax.vmap(sparse.basis)(X))
    np.testing.assert_allclose(mf.matrix(sparse, lambda u: u, X).toarray(), dense, atol=1e-13)
    shifted = mf.matrix(sparse, mf.laplacian, X + 1.0).toarray()
    np.testing.assert_allclose(shifted, mf.matrix(sparse, mf.laplacian, X).toarray(), atol=1e-8)
    assert sparse.sparsity(cloud.points)["centers_per_row"] == pytest.approx(0.15**2 * np.pi * len(cloud), rel=0.05)


def test_levels_wrap():
    domain = mf.Box((0, 0), (1, 1), periodic=True)
    space = mf.Multilevel(mf.Wendland(4, 2, 0.8), [domain.cloud(0.2), domain.cloud(0.1)])
    assert space.images == ((1, 1), (0, 0))

    def f(x):
        return jnp.sin(2 * jnp.pi * x[0]) * jnp.cos(2 * jnp.pi * x[1])

    u, X = mf.interpolate(f, space), points(2)
    np.testing.assert_allclose(u(X), jax.vmap(f)(X), atol=0.02)
    np.testing.assert_allclose(u(X + 1), u(X), atol=1e-12)


def test_stencils_around_a_hole():
    domain = mf.Box((0, 0), (1, 1), periodic=True) - mf.Disk((0.15, 0.5), 0.14)
    cloud = domain.cloud(0.06)
    u = mf.interpolate(lambda x: jnp.sin(2 * jnp.pi * x[0]) + jnp.cos(2 * jnp.pi * x[1]), mf.Stencils(None, cloud, 4))
    X = domain.sample(200)
    found = mf.matrix(u.space, functools.partial(mf.derivative, direction=0), X) @ np.asarray(u.coefficients)
    np.testing.assert_allclose(found, 2 * np.pi * np.cos(2 * np.pi * X[:, 0]), atol=0.03)
    few = (mf.Box((0, 0), (1, 1), periodic=True) - mf.Disk((0.5, 0.5), 0.3)).cloud(0.17)
    with pytest.raises(ValueError, match="reaches half way around the periodic domain"):
        mf.Stencils(None, few, 4)


def test_few_nodes_around():
    """A stencil of all nodes around a thin channel: each once, at its nearest image."""
    cloud = mf.Box((0, 0), (1, 0.2), periodic=True).cloud(0.06)
    space = mf.Stencils(None, cloud, 2)
    values = np.sin(2 * np.pi * cloud.points[:, 0])
    found = mf.matrix(space, functools.partial(mf.derivative, direction=1), cloud.points) @ values
    assert np.abs(found).max() < 0.6


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda c: mf.Collocation(mf.Multiquadric(0.2), c, degree=0), "does not decay.*Periodic.*Stencils"),
        (lambda c: mf.Collocation(mf.InverseMultiquadric(0.2), c), "does not decay"),
        (lambda c: mf.Collocation(mf.Polyharmonic(3), c, degree=1), "does not decay"),
        (lambda c: mf.Collocation(mf.Periodic(1.5), c), r"another period than the domain, \(2, 1\): use mf.Periodic"),
        (lambda c: mf.Collocation(mf.Matern(2.5, 5.0), c), "images of every point.*use a smaller scale"),
        (lambda c: mf.Collocation(mf.Gaussian(0.2), c, degree=2), "polynomials of degree 2 are not periodic"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(cloud_of(2))


def test_images_are_counted_outside_of_programs():
    with pytest.raises(ValueError, match="make it outside of jit and grad"):
        jax.jit(lambda scale: mf.Collocation(mf.Gaussian(scale), cloud_of(1)).basis(jnp.zeros(1)))(0.1)


def test_products_reach_as_far_as_the_factor_that_decays():
    kernel = mf.Periodic(LENGTHS[2]) * mf.Gaussian(0.2)
    assert float(kernel.reach) == pytest.approx(0.2 * np.sqrt(20 * np.log(10)))
    assert isinstance(mf.Collocation(kernel, cloud_of(2))._repeated, Repeated)
    assert mf.Collocation(mf.Cosine((3.0, 1.0)) * mf.Gaussian(0.2), cloud_of(2)).images == (1, 2)


def test_a_warped_kernel_reaches_no_known_distance_in_the_coordinates_of_the_problem():
    warped = mf.Warped(mf.Gaussian(0.1), np.array([[0.01]]))
    with pytest.raises(ValueError, match="does not decay, so that its images on a periodic domain cannot be summed"):
        mf.Collocation(warped, mf.Interval(0.0, 1.0, periodic=True).cloud(0.1))
