"""Components of fields as fields, wherever a residual gets its u from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

SQUARE = mf.Box()
EIGEN = mf.Eigenbasis(mf.Gaussian(1.0), SQUARE.cloud(0.13), degree=9)
STENCILS = mf.Stencils(None, SQUARE.cloud(0.2), degree=4)
AT = jnp.array([0.3, 0.6])


def exact(x):
    return jnp.stack([x[0] ** 2 * x[1], x[1] ** 3, jnp.sin(x[0])])


def test_operators_apply_to_components_of_any_function():
    one, some = mf.component(exact, 1), mf.component(exact, slice(2))
    assert one(AT) == exact(AT)[1] and some(AT).shape == (2,) and mf.component(some, -1)(AT) == one(AT)
    np.testing.assert_allclose(mf.laplacian(one)(AT), 6 * AT[1])
    np.testing.assert_allclose(mf.gradient(one)(AT), [0.0, 3 * AT[1] ** 2])
    np.testing.assert_allclose(mf.divergence(some)(AT), 2 * AT[0] * AT[1] + 3 * AT[1] ** 2)


def by_components(u, x):
    v, p = u[:2], u[2]
    return jnp.append(mf.laplacian(v)(x) + mf.gradient(p)(x), mf.divergence(v)(x) + mf.laplacian(u[2])(x))


def by_indices(u, x):
    second, first = mf.laplacian(u)(x), mf.jacobian(u)(x)
    return jnp.append(second[:2] + first[2], first[0, 0] + first[1, 1] + second[2])


@pytest.mark.parametrize("space", [EIGEN, STENCILS], ids=["global", "local"])
def test_a_residual_of_components_is_the_same_as_of_entries(space):
    solutions = [
        mf.solve(mf.Problem(SQUARE, fields=3, interior=mf.manufactured(r, exact), boundary=mf.dirichlet(exact)), space)
        for r in (by_components, by_indices)
    ]
    np.testing.assert_allclose(solutions[0](AT), solutions[1](AT), rtol=1e-8)
    u = solutions[0]
    np.testing.assert_allclose(u[1](np.stack([AT, AT]))[0], u(AT)[1])
    np.testing.assert_allclose(mf.laplacian(u[0])(AT), mf.laplacian(u)(AT)[0], rtol=1e-6)
    np.testing.assert_allclose(mf.divergence(u[:2])(AT), jnp.trace(mf.jacobian(u)(AT)[:2]), rtol=1e-6)


def test_a_traced_space_makes_the_same_equations():
    """Its equations are made of the functions themselves, and not of their derivatives at points."""

    def first_order(u, x):
        return jnp.stack([mf.gradient(u[0])(x)[0] + u[1](x), mf.component(u, 1)(x) - x[1]])

    def value(scale):
        space = mf.Eigenbasis(mf.Gaussian(scale), SQUARE.cloud(0.3), degree=3)
        problem = mf.Problem(SQUARE, fields=2, interior=first_order, boundary=lambda u, x, n: u(x))
        return mf.solve(problem, space)(AT)

    np.testing.assert_allclose(jax.jit(value)(1.0), value(1.0), rtol=1e-6)


def test_rates_of_components_in_time():
    def residual(u, x, t):
        return jnp.stack([mf.time_derivative(u[0])(x) + u[1](x), mf.time_derivative(u[1])(x) - u(x)[0]])

    problem = mf.Problem(
        mf.Interval(0.0, 1.0),
        fields=2,
        interior=residual,
        boundary=lambda u, x, n, t: residual(u, x, t),
        initial=lambda x: jnp.array([1.0, 0.0]),
    )
    space = mf.Collocation(mf.Polyharmonic(3), problem.domain.cloud(0.3), degree=1)
    u = mf.evolve(problem, space, times=(0.0, 1.0), tolerance=1e-6)
    np.testing.assert_allclose(u(jnp.array([0.4]), 1.0), [np.cos(1.0), np.sin(1.0)], atol=1e-4)
    np.testing.assert_allclose(mf.time_derivative(u.at(1.0)[0])(jnp.array([0.4])), -np.sin(1.0), atol=1e-3)


def test_what_is_no_component_is_told():
    u = mf.interpolate(exact, STENCILS)
    with pytest.raises(IndexError, match=r"u\[3\] of a field with 3 components, numbered from 0"):
        u[3]
    with pytest.raises(IndexError, match=r"u\[3:\] of a field with 3 components"):
        u[3:]
    with pytest.raises(IndexError, match=r"u\[5\] of a field with 3"):
        mf.component(exact, 5)(AT)
    with pytest.raises(TypeError, match=r"a component is u\[0\], or some are u\[:2\]; got u\['p'\]"):
        u["p"]
    with pytest.raises(ValueError, match=r"u\[0\] of a scalar field"):
        mf.component(lambda x: x[0], 0)(AT)
    with pytest.raises(ValueError, match=r"u\[0\] of a scalar field"):
        u[1][0]
    with pytest.raises(TypeError, match="not iterable"):
        list(u)
    with pytest.raises(ValueError, match="time_derivative takes u itself"):
        mf.time_derivative(u[0])
