"""Conditions on means over the domain: what they fix, their multipliers, and derivatives through them."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

DISK, SQUARE = mf.Disk(), mf.Box()
NODES = DISK.cloud(0.17)
SPACES = {
    "eigenfunctions": (mf.Eigenbasis(mf.Gaussian(1.0), NODES, degree=8), 5e-3),
    "stencils": (mf.Stencils(None, NODES, degree=4), 2e-3),
    "ghosts": (mf.Stencils(None, NODES, degree=4, ghost="boundary"), 1e-3),
    "translates": (mf.Collocation(mf.Polyharmonic(7), NODES, degree=3), 5e-3),
    "compact": (mf.Collocation(mf.Wendland(6, 2, 3.0), NODES), 8e-2),
}


def wave(x):
    """Harmonic: its mean over the disk is its value at the centre, 1."""
    return jnp.exp(x[0]) * jnp.cos(x[1])


def neumann(mean=lambda u, x: u(x) - 1.0, source=0.0):
    return mf.Problem(
        DISK,
        interior=lambda u, x: mf.laplacian(u)(x) - source,
        boundary=mf.neumann(lambda x: jnp.dot(mf.gradient(wave)(x), x)),
        mean=mean,
        exact=wave,
    )


@pytest.mark.parametrize("name", SPACES)
def test_a_mean_fixes_what_neumann_conditions_leave_free(name):
    space, most = SPACES[name]
    problem = neumann()
    u = mf.solve(problem, space)
    assert mf.error(problem, u) < most
    assert mf.integrate(u) == pytest.approx(np.pi, rel=1e-7)
    if name == "eigenfunctions":
        assert "multiplier" not in u.stats and u.stats["rows"] > u.stats["unknowns"]
    else:
        assert u.stats["rows"] == u.stats["unknowns"] and abs(u.stats["multiplier"]) < most


@pytest.mark.parametrize("name", ["stencils", "ghosts", "translates"])
def test_incompatible_data_are_made_compatible_by_a_constant(name):
    """Δu = 2 with no flux through the boundary: 2 is taken away, and u is constant."""
    problem = mf.Problem(
        DISK, interior=lambda u, x: mf.laplacian(u)(x) - 2.0, boundary=mf.neumann(), mean=lambda u, x: u(x) - 3.0
    )
    u = mf.solve(problem, SPACES[name][0])
    assert u.stats["multiplier"] == pytest.approx(2.0, rel=1e-8)
    np.testing.assert_allclose(u(DISK.sample(20)), 3.0, rtol=1e-8)


def flow(x):
    s, c = jnp.sin(2 * x), jnp.cos(2 * x)
    return jnp.stack([s[0] * c[1], -c[0] * s[1], x[0] * x[1]])


def stokes(u, x):
    return jnp.append(mf.gradient(u[2])(x) - mf.laplacian(u[:2])(x), mf.divergence(u[:2])(x))


def natural(mean):
    return mf.Problem(
        SQUARE,
        fields=3,
        interior=mf.manufactured(stokes, flow),
        boundary=lambda u, x, n: u(x)[:2] - flow(x)[:2],
        mean=mean,
        exact=flow,
    )


FLOW_SPACES = {
    "eigenfunctions": (mf.Eigenbasis(mf.Gaussian(1.0), SQUARE.cloud(0.09), degree=10), 8e-3),
    "stencils": (mf.Stencils(None, SQUARE.cloud(0.12), degree=4), 2e-2),
    "translates": (mf.Collocation(mf.Gaussian(0.7), SQUARE.cloud(0.15)), 1e-3),
}


@pytest.mark.parametrize("name", FLOW_SPACES)
def test_stokes_as_it_is_stated_with_no_condition_for_the_pressure(name):
    space, most = FLOW_SPACES[name]
    problem = natural(lambda u, x: u(x)[2] - 0.25)
    u, X = mf.solve(problem, space), SQUARE.sample(200)
    exact = np.asarray(jax.vmap(flow)(X))
    errors = np.linalg.norm(u(X) - exact, axis=0) / np.linalg.norm(exact, axis=0)
    assert errors.max() < most
    assert u.stats["rows"] > u.stats["unknowns"]


@pytest.mark.parametrize("name", FLOW_SPACES)
def test_a_pressure_that_is_free_to_a_constant_has_the_mean_zero_and_a_warning(name):
    space, most = FLOW_SPACES[name]
    with pytest.warns(UserWarning, match=r"have derivatives of u\[2\] only, .*mean=lambda u, x: u\(x\)\[2\]"):
        u = mf.solve(natural(None), space)
    X = SQUARE.sample(200)
    exact = np.asarray(jax.vmap(flow)(X)) - np.array([0.0, 0.0, 0.25])
    errors = np.linalg.norm(u(X) - exact, axis=0) / np.linalg.norm(exact, axis=0)
    assert errors.max() < 4 * most  # the pressure is less by its mean
    assert abs(mf.integrate(u)[2]) < 1e-6


def test_what_more_than_a_constant_is_free_of_is_refused():
    def interior(u, x):
        return jnp.stack([mf.laplacian(u[0])(x) - 1.0, mf.derivative(u[1], 0)(x)])

    problem = mf.Problem(SQUARE, fields=2, interior=interior, boundary=lambda u, x, n: u(x)[0])
    with pytest.raises(ValueError, match="singular"), pytest.warns(UserWarning, match=r"derivatives of u\[1\] only"):
        mf.solve(problem, FLOW_SPACES["eigenfunctions"][0])


class Level(eqx.Module):
    level: jax.Array

    def __call__(self, u, x):
        return u(x) - self.level * (1.0 + x[0] ** 2)


@pytest.mark.parametrize("name, reverse", [("eigenfunctions", True), ("stencils", True), ("translates", False)])
def test_derivatives_by_a_leaf_of_the_mean_and_of_the_equation(name, reverse):
    """u = level · 5/4 + source (|x|² − 1/2)/4 + what does not change, as the mean of x₀² is 1/4."""
    space = SPACES[name][0]
    at = jnp.array([0.3, 0.5])

    def value(level, source):
        problem = mf.Problem(
            DISK,
            interior=jax.tree_util.Partial(lambda s, u, x: mf.laplacian(u)(x) - s, source),
            boundary=jax.tree_util.Partial(lambda s, u, x, n: mf.derivative(u, n)(x) - s / 2, source),
            mean=Level(level),
        )
        return mf.solve(problem, space)(at)

    arguments = jnp.asarray(0.7), jnp.asarray(0.4)
    expected = [1.25, (float(at @ at) - 0.5) / 4]
    if reverse:
        found = jax.grad(value, argnums=(0, 1))(*arguments)
        np.testing.assert_allclose(found, expected, atol=1e-6 if name == "stencils" else 1e-3)
    else:
        moved = jax.jvp(value, arguments, (jnp.ones(()), jnp.ones(())))[1]
        np.testing.assert_allclose(moved, sum(expected), atol=1e-6)


def test_means_of_several_quantities_and_at_a_parameter():
    problem = mf.Problem(
        mf.Interval(0.0, 1.0),
        fields=2,
        interior=lambda u, x, t: mf.laplacian(u)(x),
        boundary=lambda u, x, n, t: mf.derivative(u, n)(x),
        mean=lambda u, x, t: u(x) - jnp.stack([t, t**2]),
    )
    space = mf.Stencils(None, problem.domain.cloud(0.1))
    u = mf.solve(problem.at(3.0), space)
    np.testing.assert_allclose(u(jnp.array([0.4])), [3.0, 9.0], rtol=1e-9)
    np.testing.assert_allclose(u.stats["multiplier"], [0.0, 0.0], atol=1e-8)
    assert "mean" in repr(problem)


def test_what_is_no_mean_is_told():
    def given(mean):
        return neumann(mean)

    with pytest.raises(
        TypeError, match=r"mean= must be a function of \(u, x\).* got 0.0: write mean=lambda u, x: u\(x\)"
    ):
        given(0.0)
    with pytest.raises(TypeError, match=r"got a function of \(u, x, n\): a mean over a boundary part"):
        given(lambda u, x, n: u(x))
    with pytest.raises(TypeError, match="mean: with a parameter"):
        given(lambda u, x, t: u(x) - t)
    space = SPACES["stencils"][0]
    with pytest.raises(ValueError, match="mean= must be affine in u"):
        mf.solve(given(lambda u, x: u(x) ** 2), space)
    with pytest.raises(ValueError, match=r"residual of 'mean' must return \(\) or \(c,\); got shape \(2, 2\)"):
        mf.solve(given(lambda u, x: mf.hessian(u)(x)), space)
    with pytest.raises(ValueError, match="'mean' is not local"):
        mf.solve(given(lambda u, x: u(x + 0.1)), space)
    with pytest.raises(ValueError, match="level by level"):
        mf.solve(given(lambda u, x: u(x)), mf.Multilevel(mf.Wendland(4, 2, 1.0), [DISK.cloud(0.5), NODES]))
    cloud = mf.Cloud(interior=NODES["interior"], boundary=(NODES["boundary"], NODES.normals["boundary"]))
    problem = mf.Problem(None, interior=neumann().interior, boundary=mf.neumann(), mean=lambda u, x: u(x))
    with pytest.raises(ValueError, match="neither the problem nor the cloud has one"):
        mf.solve(problem, mf.Stencils(None, cloud))


def test_more_flows_in_than_out_and_the_divergence_makes_up_for_it():
    """v = x on the boundary needs ∇·v = 2: the momentum, which has p in it, stays as it is, and p is constant."""

    def closed(u, x, n):
        return jnp.append(u(x)[:2] - x, n @ stokes(u, x)[:2])

    problem = mf.Problem(SQUARE, fields=3, interior=stokes, boundary=closed, mean=lambda u, x: u(x)[2] - 1.0)
    u = mf.solve(problem, mf.Stencils(None, SQUARE.cloud(0.2), degree=2))
    assert u.stats["rows"] == u.stats["unknowns"] and u.stats["multiplier"] == pytest.approx(-2.0, rel=1e-8)
    np.testing.assert_allclose(u(AT), [*AT, 1.0], rtol=1e-7)


AT = jnp.array([0.3, 0.6])


@pytest.mark.parametrize("closed", [False, True], ids=["natural", "square"])
def test_newton_takes_few_steps_on_a_flow_with_a_moving_lid(closed):
    """With the normal momentum as a third condition least squares took 50 small steps, as it met no multiplier."""

    def flow(u, x):
        v = u[:2]
        momentum = mf.jacobian(v)(x) @ v(x) + mf.gradient(u[2])(x) - mf.laplacian(v)(x) / 100
        return jnp.append(momentum, mf.divergence(v)(x))

    def wall(speed):
        def held(u, x, n):
            third = (n @ flow(u, x)[:2])[None] if closed else jnp.zeros(0)
            return jnp.concatenate([u(x)[:2] - jnp.array([speed, 0.0]), third])

        return held

    problem = mf.Problem(SQUARE, fields=3, interior=flow, top=wall(1.0), boundary=wall(0.0), mean=lambda u, x: u(x)[2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the lid's corners are not resolved
        u = mf.solve(problem, mf.Stencils(None, SQUARE.cloud(0.06), degree=2))
    assert u.stats["steps"] <= 12


@pytest.mark.parametrize("local", [True, False])
def test_a_mean_at_each_time(local):
    """u₀ = e^(−π²t) cos πx, and u₁ with −Δu₁ = u₀ and no slope at the ends, whose mean is t."""

    def residual(u, x, t):
        return jnp.stack([mf.time_derivative(u)(x)[0] - mf.laplacian(u)(x)[0], mf.laplacian(u)(x)[1] + u(x)[0]])

    line = mf.Interval(0.0, 1.0)
    problem = mf.Problem(
        line,
        fields=2,
        interior=residual,
        boundary=lambda u, x, n, t: mf.derivative(u, n)(x),
        mean=lambda u, x, t: u(x)[1] - t,
        initial=lambda x: jnp.cos(jnp.pi * x[0]) * jnp.array([1.0, jnp.pi**-2]),
    )
    cloud = line.cloud(0.05)
    space = mf.Stencils(None, cloud, degree=6) if local else mf.Eigenbasis(mf.Gaussian(1.0), cloud, degree=12)
    u = mf.evolve(problem, space, times=(0.0, 0.2), tolerance=1e-6)
    faded = np.exp(-0.2 * np.pi**2) * np.cos(0.3 * np.pi)
    np.testing.assert_allclose(u(jnp.array([0.3]), 0.2), [faded, 0.2 + faded / np.pi**2], atol=1e-4)
    with pytest.raises(ValueError, match="coefficients of u that do not depend on time"):
        moving = mf.Problem(
            line, fields=2, interior=residual, boundary=problem.conditions["boundary"], initial=problem.initial,
            mean=lambda u, x, t: t * u(x)[1],
        )  # fmt: skip
        mf.evolve(moving, space, times=(0.0, 0.2))
