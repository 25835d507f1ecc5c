"""Stencils' functions between the nodes: a smooth partition of unity."""

import gc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.internal import batching
from meshfree.spaces import local_functions

DOMAINS = {1: mf.Interval(0.0, 1.0), 2: mf.Disk(), 3: mf.Ball()}
SPACINGS = {1: 0.05, 2: 0.2, 3: 0.45}
SPACES = {dim: mf.Stencils(None, DOMAINS[dim].cloud(SPACINGS[dim]), {1: 4, 2: 4, 3: 2}[dim]) for dim in (1, 2, 3)}


def f(x):
    return jnp.sin(2 * x[0]) * jnp.exp(x[-1])


def interpolant(dim, function=f):
    return mf.interpolate(function, SPACES[dim])


def batched(function):
    return jax.jit(jax.vmap(lambda x: function(x)))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_nodal_values_are_taken_exactly(dim):
    u = interpolant(dim)
    np.testing.assert_allclose(u(SPACES[dim].cloud.points), u.coefficients, rtol=1e-10, atol=1e-11)


def test_polynomials_up_to_the_degree_are_reproduced_everywhere():
    def quartic(x):
        return x[0] ** 4 - 2 * x[0] ** 3 * x[1] + x[1] ** 2 + 1

    u, X = interpolant(2, quartic), DOMAINS[2].sample(40)
    np.testing.assert_allclose(u(X), jax.vmap(quartic)(jnp.asarray(X)), atol=1e-11)
    np.testing.assert_allclose(batched(mf.laplacian(u))(X), batched(mf.laplacian(quartic))(X), atol=1e-8)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_one_point_many_points_and_traced_points_agree(dim):
    u, X = interpolant(dim), jnp.asarray(DOMAINS[dim].sample(6))
    many = u(X)
    np.testing.assert_allclose([u(x) for x in X], many, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(batched(u)(X), many, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(jax.jit(lambda X: u(X))(X), many, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_gradients_and_laplacians_are_those_of_differences(dim):
    u, X, step = interpolant(dim), jnp.asarray(DOMAINS[dim].sample(5)) * 0.9, 1e-4
    axes = step * np.eye(dim)
    steps = [(u(X + e), u(X - e)) for e in axes[:, None]]
    np.testing.assert_allclose(
        batched(mf.gradient(u))(X), np.stack([(up - down) / (2 * step) for up, down in steps], axis=1), atol=1e-5
    )
    second = sum((up - 2 * u(X) + down) / step**2 for up, down in steps)
    np.testing.assert_allclose(batched(mf.laplacian(u))(X), second, rtol=1e-3, atol=1e-3)


def test_value_gradient_and_laplacian_have_no_jumps_from_stencil_to_stencil():
    """Along a line across many stencils, twentyfold finer steps move each of them a twentieth as far."""
    u = interpolant(2)

    def largest_step(operator, count):
        line = jnp.stack([jnp.linspace(0.0, 0.5, count), jnp.linspace(0.1, 0.4, count)], axis=1)
        return np.abs(np.diff(batched(operator(u))(line), axis=0)).max()

    for operator in (lambda u: u, mf.gradient, mf.laplacian):
        assert largest_step(operator, 2001) < 0.1 * largest_step(operator, 101)


def test_derivatives_are_as_accurate_as_the_method():
    u, X = interpolant(2), jnp.asarray(DOMAINS[2].sample(200))
    for operator, bar in [(mf.gradient, 1e-2), (mf.laplacian, 0.2)]:
        difference = batched(operator(u))(X) - batched(operator(f))(X)
        assert np.sqrt(np.mean(difference**2)) < bar


def test_beyond_the_nodes_it_goes_on():
    u, outside = interpolant(2), jnp.array([1.03, 0.0])
    np.testing.assert_allclose(u(outside), f(outside), atol=1e-2)
    np.testing.assert_allclose(mf.gradient(u)(outside), mf.gradient(f)(outside), atol=0.1)


def test_several_fields_are_evaluated_at_once():
    def pair(x):
        return jnp.stack([f(x), 1 - f(x)])

    u, X = interpolant(2, pair), DOMAINS[2].sample(10)
    assert u(X).shape == (10, 2)
    np.testing.assert_allclose(jnp.sum(u(X), axis=1), 1.0, rtol=1e-10)
    np.testing.assert_allclose(u(X)[:, 0], interpolant(2)(X), rtol=1e-10, atol=1e-12)


OPERATORS = {
    "value": lambda u: u,
    "gradient": mf.gradient,
    "gradient, reverse": jax.jacrev,
    "hessian": mf.hessian,
    "laplacian": mf.laplacian,
    "gradient of the laplacian": lambda u: mf.gradient(mf.laplacian(u)),
}


def all_traced(u, operator, X):
    """By the general route, which solves the stencils of every point anew and differentiates that."""
    patchwork = u.space.function(u.coefficients)

    def values(radii, X):
        return jax.vmap(operator(lambda x: eqx.tree_at(lambda p: p.radii, patchwork, radii)(x)))(X)

    return jax.jit(values)(jnp.asarray(patchwork.radii), X)


GENERAL = [(1, 1, name) for name in OPERATORS]
GENERAL += [(2, 2, name) for name in ("value", "gradient, reverse", "hessian")]
GENERAL += [(3, 1, name) for name in ("gradient", "laplacian")]


@pytest.mark.parametrize("dim, fields, operator", GENERAL)
def test_derivatives_are_those_of_the_general_route(dim, fields, operator):
    def function(x):
        return f(x) if fields == 1 else jnp.stack([f(x), x[0] ** 2 - f(x)])

    u, X = interpolant(dim, function), jnp.asarray(DOMAINS[dim].sample(4))
    X, operator = X.at[0].multiply(1.5), OPERATORS[operator]  # and one beyond all patches, but in 1-D
    expected = np.asarray(all_traced(u, operator, X))
    size = np.abs(expected).max()
    for found in (jax.vmap(operator(u))(X), batched(operator(u))(X), jnp.stack([operator(u)(x) for x in X])):
        np.testing.assert_allclose(found / size, expected / size, rtol=0, atol=2e-11)


def test_a_sum_over_points_has_the_gradients_of_the_points():
    u, X = interpolant(2), jnp.asarray(DOMAINS[2].sample(6)).reshape(2, 3, 2)

    def total(X):
        return jnp.sum(jax.vmap(jax.vmap(u))(X))

    each = jax.vmap(jax.vmap(mf.gradient(u)))(X)
    np.testing.assert_allclose(jax.grad(total)(X), each, rtol=1e-13)
    np.testing.assert_allclose(jax.jit(jax.grad(total))(X), each, rtol=1e-12)
    np.testing.assert_allclose(jax.jit(jax.grad(lambda X: jnp.sum(u(X))))(X.reshape(6, 2)), each.reshape(6, 2), 1e-12)


def test_points_are_evaluated_the_same_in_groups_of_any_size(monkeypatch):
    u, X = interpolant(2), DOMAINS[2].sample(40)
    expected = np.asarray(u(X))
    monkeypatch.setattr(local_functions, "MANY", 0)
    monkeypatch.setattr(local_functions, "FEWER", 5)
    np.testing.assert_allclose(u(X), expected, rtol=1e-13)
    np.testing.assert_allclose(u(X[:1]), expected[:1], rtol=1e-13)


@pytest.fixture
def solved(monkeypatch):
    """The numbers of stencils that were solved, one a time that any were."""
    counts, find = [], local_functions.in_padded_blocks

    def counted(function, arrays, size):
        if len(arrays) == 1:
            counts.append(len(arrays[0]))
        return find(function, arrays, size)

    monkeypatch.setattr(local_functions, "in_padded_blocks", counted)
    return counts


def test_every_stencil_is_solved_once_and_only_where_there_are_points(solved):
    u, X = interpolant(2), jnp.asarray(DOMAINS[2].sample(50))
    u(X[0])
    assert solved[0] <= 9
    u(X)
    jax.vmap(mf.gradient(u))(X)
    batched(mf.laplacian(u))(X)
    mf.hessian(u)(X[0])
    assert sum(solved) == len(SPACES[2].cloud)
    u(np.asarray(X)), jax.jit(jax.vmap(mf.gradient(u)))(X)
    assert sum(solved) == len(SPACES[2].cloud)


def test_values_that_change_in_place_are_solved_again(solved):
    values = np.array(interpolant(2).coefficients)
    u, x = SPACES[2].function(values), np.array([0.1, 0.2])
    before = float(u(x))
    values *= 2
    np.testing.assert_allclose(float(u(x)), 2 * before, rtol=1e-13)
    assert len(solved) == 2


def test_kernels_are_told_apart_by_their_parameters():
    values, x = interpolant(2).coefficients, np.array([0.13, 0.21])
    spaces = [
        eqx.tree_at(lambda space: space.kernel, SPACES[2], kernel)
        for kernel in (mf.Gaussian(0.5), mf.Gaussian(0.6), mf.Polyharmonic(5), mf.Polyharmonic(7))
    ]
    found = [float(space.function(values)(x)) for space in spaces]
    assert len(set(found)) == 4
    assert [float(space.function(values)(x)) for space in spaces] == found


def test_a_traced_function_is_evaluated_in_blocks(monkeypatch):
    u, X = interpolant(1), DOMAINS[1].sample(30)
    monkeypatch.setattr(batching, "CHUNK", 4 * 15**2 * 7)  # seven points at a time
    values = jax.jit(lambda u, X: u(X))(u, X)
    np.testing.assert_allclose(values, u(X), rtol=1e-11)
    slopes = jax.grad(lambda c: jnp.sum(SPACES[1].function(c).at(X)))(u.coefficients)
    np.testing.assert_allclose(slopes @ u.coefficients, jnp.sum(values), rtol=1e-10)  # it is linear in them


def test_no_points_have_no_values():
    u = interpolant(2, lambda x: x)
    assert u(np.empty((0, 2))).shape == (0, 2)
    assert jax.vmap(mf.gradient(u))(np.empty((0, 2))).shape == (0, 2, 2)


def test_what_was_solved_goes_with_the_function():
    gc.collect()
    before = len(local_functions._remembered)
    u = interpolant(2)
    u(np.zeros(2))
    assert len(local_functions._remembered) == before + 1
    del u
    gc.collect()
    assert len(local_functions._remembered) <= before


def test_several_functions_in_one_program_do_not_wait_for_each_other():
    u, v = interpolant(2), interpolant(2, lambda x: x[0] ** 3)
    X = jnp.asarray(DOMAINS[2].sample(20))
    both = jax.jit(
        lambda X: (jax.vmap(mf.gradient(u))(X), jax.vmap(mf.gradient(v))(2 * X), jax.vmap(mf.laplacian(v))(X))
    )
    results = [both(X + 1e-3 * i) for i in range(30)]
    np.testing.assert_allclose(results[0][2], 6 * X[:, 0], atol=1e-7)
    assert np.isfinite(jax.block_until_ready(results)[-1][0]).all()


@pytest.mark.parametrize("outside", [lambda g: g, jax.jit])
def test_a_derivative_that_the_kernel_does_not_have_is_refused(outside):
    u = mf.interpolate(f, mf.Stencils(mf.Polyharmonic(3), DOMAINS[2].cloud(0.3), 2))
    X = jnp.asarray(DOMAINS[2].sample(3))
    with pytest.raises(ValueError, match="continuous derivatives up to order 2"):
        outside(jax.vmap(mf.gradient(mf.laplacian(u))))(X)


def test_gradients_at_many_points_name_a_stencil_that_cannot_be_used():
    x = np.linspace(0, 1, 12)
    lattice = mf.Cloud(np.stack(np.meshgrid(x, [0.0, 1e-9]), axis=-1).reshape(-1, 2))
    u = mf.interpolate(np.ones(24), mf.Stencils(mf.Polyharmonic(3), lattice, 2, size=12))
    with pytest.raises(ValueError, match="do not determine a polynomial of degree 2"):
        jax.vmap(mf.gradient(u))(jnp.asarray(lattice.points[:3]))
