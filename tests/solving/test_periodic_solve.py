"""Solving on periodic domains: exact solutions, Fourier's, shifted data, constants that nothing determines, files."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

TORUS = mf.Box((0, 0), (1, 1), periodic=True)
CHANNEL = mf.Box((0, 0), (2, 1), periodic=(0,))
HOLED = CHANNEL - mf.Disk((0.25, 0.5), 0.2, name="hole")


def smooth(x):
    return jnp.exp(jnp.sin(2 * jnp.pi * x[0])) * jnp.sin(2 * jnp.pi * x[1])


def in_channel(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.exp(x[1])


@functools.cache
def helmholtz(domain, exact, factor=1.0):
    """−Δu + factor u = f, u given on the boundary but for the slope on top, if there is one."""
    conditions = {"boundary": mf.dirichlet(exact)} if domain.part_names else {}
    if "top" in domain.part_names:
        conditions["top"] = mf.neumann(lambda x: mf.derivative(exact, 1)(x))
    return mf.Problem(
        domain,
        interior=lambda u, x: mf.laplacian(exact)(x) - mf.laplacian(u)(x) + factor * (u(x) - exact(x)),
        exact=exact,
        **conditions,
    )


@functools.cache
def cloud_of(domain, spacing):
    return domain.cloud(spacing)


@pytest.mark.parametrize(
    "make, spacing, bound",
    [
        pytest.param(lambda c: mf.Eigenbasis(mf.Gaussian(1.0), c, 24), 0.045, 1e-10, id="waves"),
        pytest.param(lambda c: mf.Stencils(None, c, 4), 0.06, 2e-2, id="stencils 4"),
        pytest.param(lambda c: mf.Stencils(None, c, 6), 0.06, 2e-2, id="stencils 6"),
        pytest.param(lambda c: mf.Collocation(mf.Gaussian(0.2), c), 0.06, 1e-6, id="gaussians"),
        pytest.param(lambda c: mf.Collocation(mf.Periodic(1.0), c), 0.06, 1e-7, id="periodic kernel"),
    ],
)
def test_on_the_torus(make, spacing, bound):
    problem = helmholtz(TORUS, smooth)
    u = mf.solve(problem, make(cloud_of(TORUS, spacing)))
    assert mf.error(problem, u) < bound
    np.testing.assert_allclose(mf.integrate(u), 0.0, atol=bound)


@pytest.mark.parametrize("domain", [CHANNEL, HOLED], ids=["channel", "with a hole"])
@pytest.mark.parametrize(
    "make, bound",
    [
        pytest.param(lambda c: mf.Eigenbasis(mf.Gaussian(3.0), c, (20, 14)), 1e-6, id="waves and Hermite functions"),
        pytest.param(lambda c: mf.Stencils(None, c, 4, ghost="top"), 2e-3, id="stencils"),
    ],
)
def test_sides_and_waves_together(domain, make, bound):
    problem = helmholtz(domain, in_channel)
    u = mf.solve(problem, make(cloud_of(domain, 0.08)))
    assert mf.error(problem, u) < bound
    assert mf.residual_norm(problem, u, cloud_of(domain, 0.07)) < 100 * bound


def test_on_the_circle_and_in_space():
    circle = mf.Interval(0, 2, periodic=True)
    problem = helmholtz(circle, lambda x: jnp.exp(jnp.cos(jnp.pi * x[0])))
    assert mf.error(problem, mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), circle.cloud(0.03), 40))) < 1e-12
    assert mf.error(problem, mf.solve(problem, mf.Stencils(None, circle.cloud(0.03), 6))) < 2e-5
    cube = mf.Box((0, 0, 0), (1, 1, 1), periodic=True)
    problem = helmholtz(cube, lambda x: jnp.sin(2 * jnp.pi * (x[0] + x[1])) * jnp.cos(2 * jnp.pi * x[2]))
    assert mf.error(problem, mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), cube.cloud(0.15), 6))) < 1e-12


def test_against_fourier_transforms():
    """−Δu + u = f for an f of no known solution: by the FFT on a lattice."""
    n = 64

    def f(x):
        return 1 / (1.2 + jnp.sin(2 * jnp.pi * x[0]) * jnp.cos(2 * jnp.pi * (x[1] - x[0]) + 0.4))

    grid = np.stack(np.meshgrid(*[np.arange(n) / n] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    k = 2 * np.pi * np.fft.fftfreq(n, 1 / n)
    values = np.asarray(jax.vmap(f)(grid)).reshape(n, n)
    exact = np.fft.ifft2(np.fft.fft2(values) / (1 + k[:, None] ** 2 + k**2)).real.ravel()
    problem = mf.Problem(TORUS, interior=lambda u, x: -mf.laplacian(u)(x) + u(x) - f(x))
    spaces = {
        1e-5: mf.Eigenbasis(mf.Gaussian(1.0), cloud_of(TORUS, 0.035), 32),
        1e-2: mf.Stencils(None, cloud_of(TORUS, 0.035), 6),
    }
    for bound, space in spaces.items():
        u = mf.solve(problem, space)
        assert np.linalg.norm(u(grid) - exact) < bound * np.linalg.norm(exact)


def test_shifted_data_shift_the_solution():
    shift = jnp.array([0.37, 0.81])

    def problem(shift):
        return mf.Problem(TORUS, interior=lambda u, x: -mf.laplacian(u)(x) + u(x) - smooth(x - shift))

    nodes = cloud_of(TORUS, 0.045)
    moved = mf.Cloud(interior=(nodes.points + np.asarray(shift)) % 1.0, domain=TORUS)
    X = TORUS.sample(50)
    for make in (lambda c: mf.Eigenbasis(mf.Gaussian(1.0), c, 24), lambda c: mf.Stencils(None, c, 4)):
        u, v = mf.solve(problem(jnp.zeros(2)), make(nodes)), mf.solve(problem(shift), make(moved))
        np.testing.assert_allclose(v(X + np.asarray(shift)), u(X), atol=1e-8)


@pytest.mark.parametrize("make", [lambda c: mf.Eigenbasis(mf.Gaussian(1.0), c, 8), lambda c: mf.Stencils(None, c, 4)])
def test_a_constant_that_nothing_determines(make):
    def poisson(u, x):
        return -mf.laplacian(u)(x) - 4 * jnp.pi**2 * jnp.sin(2 * jnp.pi * x[0])

    nodes = cloud_of(TORUS, 0.1)
    with pytest.raises(ValueError, match="singular"):
        mf.solve(mf.Problem(TORUS, interior=poisson), make(nodes))
    X = nodes.points
    pinned = mf.Cloud(interior=X[1:], pin=(X[:1], [[1.0, 0.0]]), domain=TORUS)
    problem = mf.Problem(None, interior=poisson, pin=mf.dirichlet(lambda x: jnp.sin(2 * jnp.pi * x[0])))
    u = mf.solve(problem, make(pinned))
    np.testing.assert_allclose(u(X), np.sin(2 * np.pi * X[:, 0]), atol=2e-2)


def test_what_is_said_of_the_constant():
    with pytest.raises(
        ValueError,
        match=r"u = 1 satisfies every homogeneous equation \(fix it by its mean .* the nodes have no boundary",
    ):
        space = mf.Eigenbasis(mf.Gaussian(1.0), cloud_of(TORUS, 0.1), 8)
        mf.solve(mf.Problem(TORUS, interior=lambda u, x: mf.laplacian(u)(x)), space)
    # along the channel x₁ is no function, so that slopes on both sides leave 1 alone
    problem = mf.Problem(CHANNEL, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.neumann(0.0))
    with pytest.raises(
        ValueError, match=r"u = 1 satisfies every homogeneous equation \(fix it by its mean .* is there a condition"
    ):
        mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), cloud_of(CHANNEL, 0.15), 6))


@pytest.mark.parametrize(
    "domain, conditions, message",
    [
        (
            CHANNEL,
            {"boundary": mf.dirichlet(), "left": mf.dirichlet()},
            "left is a periodic side of the box: it has no",
        ),
        (TORUS, {"top": mf.dirichlet()}, "top is a periodic side of the box: it has no condition"),
        (TORUS, {"boundary": mf.dirichlet()}, "periodic along every axis, has no boundary"),
        (CHANNEL, {"bottom": mf.dirichlet()}, "no condition on top"),
    ],
)
def test_conditions_on_periodic_sides_are_refused(domain, conditions, message):
    with pytest.raises(ValueError, match=message):
        mf.Problem(domain, interior=lambda u, x: u(x), **conditions)


def test_a_tolerance_alone():
    problem = helmholtz(TORUS, smooth)
    u = mf.solve(problem, tol=1e-5)
    assert u.stats["reached"] and mf.error(problem, u) < 1e-5
    assert [rung["unknowns"] for rung in u.stats["ladder"]][:2] == [41, 85]


def test_refinement_and_estimates():
    def sharp(x):
        return jnp.exp(-(jnp.sin(jnp.pi * x[0]) ** 2 + jnp.sin(jnp.pi * x[1]) ** 2) / 0.1)  # at the corner

    problem = helmholtz(TORUS, sharp, 100.0)
    u = mf.solve(problem, mf.Stencils(None, cloud_of(TORUS, 0.06), 4))
    error, estimate = mf.error(problem, u), mf.estimate_error(problem, u)
    assert 0.2 < estimate / error < 5
    largest = u.space.cloud.points[np.argmax(mf.indicator(problem, u))]
    assert np.abs(np.sin(np.pi * largest)).max() < 0.5
    finer = mf.refine(u, problem)
    assert mf.error(problem, mf.solve(problem, finer)) < 0.5 * error
    v = mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), cloud_of(TORUS, 0.045), 24))
    assert 0.1 < mf.estimate_error(problem, v) / mf.error(problem, v) < 20


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda c: mf.Collocation(mf.Gaussian(0.3), c), id="gaussians"),
        pytest.param(lambda c: mf.Stencils(None, c, 4), id="stencils"),
        pytest.param(lambda c: mf.Eigenbasis(mf.Gaussian(1.0), c, 8), id="waves"),
    ],
)
def test_solutions_in_files(make, tmp_path):
    u = mf.interpolate(smooth, make(cloud_of(TORUS, 0.1)))
    u.save(tmp_path / "u.npz")
    again, X = mf.Solution.load(tmp_path / "u.npz"), np.array([[0.01, 0.99], [3.2, -0.4]])
    assert again.space.cloud.domain == TORUS
    np.testing.assert_array_equal(again(X), u(X))


def test_scales_are_tuned():
    problem = helmholtz(TORUS, smooth)
    space = mf.Collocation(mf.Gaussian(0.12), cloud_of(TORUS, 0.1))
    loss = mf.losses.residual(problem, cloud_of(TORUS, 0.09))
    better, history = mf.tune(loss, space, steps=4)
    # the scan before looks at wider ones, too, whose images are not all summed
    assert np.nanmin(history.loss) < history.loss[0] - 1 and better.kernel.scale > 0.12
