"""Derivatives through time, forward and reverse, against differences."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import meshfree as mf

LINE = mf.Interval(0.0, 1.0)
STENCILS = mf.Stencils(None, LINE.cloud(0.1), 2)
EIGEN = mf.Eigenbasis(mf.Gaussian(1.0), LINE.cloud(0.08), 6)
X = np.array([[0.33], [0.7]])


def loss_of(space, reaction, **options):
    """The squares of u at two points at the end, by the diffusion and the size of the initial values."""

    def loss(diffusion, size):
        problem = mf.Problem(
            LINE,
            interior=lambda u, x, t: mf.time_derivative(u)(x) - diffusion * mf.laplacian(u)(x) + reaction * u(x) ** 3,
            left=mf.dirichlet(lambda x, t: jnp.sin(t)),
            right=mf.neumann(0.0),
            initial=lambda x: size * jnp.sin(jnp.pi * x[0] / 2) ** 2,
        )
        u = mf.evolve(problem, space, (0, 0.5), 1e-5, **options)
        return jnp.sum(u(X, 0.5) ** 2)

    return loss


def differences(loss, *at, h=1e-3):
    """Central differences of order 4."""
    found = []
    for axis in range(len(at)):
        moved = [loss(*(x + k * h * (axis == i) for i, x in enumerate(at))) for k in (-2, -1, 1, 2)]
        found.append(float(moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * h))
    return np.array(found)


@pytest.mark.parametrize("space", [STENCILS, EIGEN], ids=["Stencils", "Eigenbasis"])
def test_reverse_and_forward_mode_agree_with_differences(space):
    loss = loss_of(space, 1.0, steps=4)
    reverse = np.array(jax.jit(jax.grad(loss, (0, 1)))(0.2, 1.0))
    _, forward = jax.jit(lambda d: jax.jvp(lambda d: loss(d, 1.0), (d,), (1.0,)))(0.2)
    assert reverse[0] == pytest.approx(float(forward), rel=1e-8)
    assert reverse == pytest.approx(differences(jax.jit(loss), 0.2, 1.0), rel=1e-7)  # Newton's to the end


def test_steps_are_chosen_under_grad_and_are_to_be_given_under_jit():
    loss = loss_of(EIGEN, 0.0)
    value, slope = jax.value_and_grad(loss)(0.2, 1.0)
    assert float(value) == pytest.approx(float(loss(0.2, 1.0)), rel=1e-4)
    assert float(slope) == pytest.approx(differences(loss_of(EIGEN, 0.0, steps=20), 0.2, 1.0)[0], rel=5e-3)
    with pytest.raises(ValueError, match="give steps=, the number of equal ones"):
        jax.jit(loss)(0.2, 1.0)


def test_tune_finds_a_coefficient_from_observations_in_time():
    true = 0.3

    def at_sensors(diffusion, **options):
        problem = mf.Problem(
            LINE,
            interior=lambda u, x, t: mf.time_derivative(u)(x) - diffusion * mf.laplacian(u)(x),
            boundary=mf.dirichlet(0.0),
            initial=lambda x: jnp.sin(jnp.pi * x[0]),
        )
        u = mf.evolve(problem, EIGEN, (0, 0.4), 1e-6, **options)
        return jnp.concatenate([u(X, 0.2), u(X, 0.4)])

    observed = np.asarray(at_sensors(true))

    def loss(diffusion):
        return jnp.sum((at_sensors(diffusion, steps=8) - observed) ** 2)

    found, _ = mf.tune(loss, jnp.array(0.1), where=lambda d: d, optimizer=optax.adam(0.05), steps=40)
    assert float(found) == pytest.approx(true, rel=1e-2)
