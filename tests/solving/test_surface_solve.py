"""Solving on surfaces: spherical harmonics, global spaces, constants left free, time, derivatives, files."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

SPHERE = mf.Surface(mf.Ball((0.0, 0.0, 0.0), 1.0))


def harmonics(x):
    x = x / jnp.linalg.norm(x)
    return jnp.array([x[2], x[0] * x[1] * x[2]])


def exact(x):
    return jnp.sum(harmonics(x))


def data(x):
    return jnp.array([3.0, 13.0]) @ harmonics(x)


@functools.cache
def cloud_of(spacing):
    return SPHERE.cloud(spacing)


@functools.cache
def harmonic_problem():
    return mf.Problem(SPHERE, interior=lambda u, x: -mf.laplacian(u)(x) + u(x) - data(x), exact=exact)


@pytest.fixture(scope="module")
def solution():
    return mf.solve(harmonic_problem(), mf.Stencils(None, cloud_of(0.2), 4))


def test_stencils_solve_the_laplace_beltrami_equation(solution):
    error = mf.error(harmonic_problem(), solution)
    assert error < 3e-3
    finer = mf.solve(harmonic_problem(), mf.Stencils(None, cloud_of(0.1), 4))
    assert mf.error(harmonic_problem(), finer) < error / 8
    assert 0.3 < mf.estimate_error(harmonic_problem(), solution) / error < 3
    assert solution.stats["off_nodes"] < 1e-2
    assert mf.residual_norm(harmonic_problem(), solution, cloud_of(0.2)) < 1e-10


def test_eigenfunctions_solve_it_in_least_squares_with_equations_along_the_normals():
    u = mf.solve(harmonic_problem(), mf.Eigenbasis(mf.Gaussian(2.0), cloud_of(0.25), 8))
    assert u.stats["rank"] < u.stats["unknowns"]  # polynomials that vanish on the sphere to the third order
    assert set(u.stats["residual"]) == {"interior", "normals"}
    assert mf.error(harmonic_problem(), u) < 1e-12
    x = np.array([0.36, 0.48, 0.8])
    assert float(mf.derivative(u, jnp.asarray(x))(x)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("make", [lambda c: mf.Stencils(None, c, 3), lambda c: mf.Eigenbasis(mf.Gaussian(2.0), c, 5)])
def test_a_constant_that_nothing_determines_is_refused(make):
    problem = mf.Problem(SPHERE, interior=lambda u, x: -mf.laplacian(u)(x) - x[0])
    with pytest.raises(ValueError, match="singular"):
        mf.solve(problem, make(cloud_of(0.3)))


@pytest.mark.parametrize(
    ("make", "bar"),
    [(lambda c: mf.Stencils(None, c, 4), 1e-2), (lambda c: mf.Eigenbasis(mf.Gaussian(2.0), c, 8), 1e-9)],
)
def test_eigenvalues_are_those_of_spherical_harmonics_and_a_mean_fixes_the_constant(make, bar):
    space = make(cloud_of(0.2))
    modes = mf.eigen(
        mf.Problem(SPHERE, interior=lambda u, x, lam: mf.laplacian(u)(x) + lam * u(x)), space, k=9, near=-0.5
    )
    assert modes.values == pytest.approx([0, 2, 2, 2, 6, 6, 6, 6, 6], abs=bar)
    problem = mf.Problem(
        SPHERE,
        interior=lambda u, x: -mf.laplacian(u)(x) - 6 * x[0] * x[1],
        mean=lambda u, x: u(x),
        exact=lambda x: x[0] * x[1] / (x @ x),
    )
    assert mf.error(problem, mf.solve(problem, space)) < bar


def test_coordinates_are_no_functions_that_an_equation_leaves_free():
    """−Δu + u − x·∇u sees no plane function x[k], and x·∇u vanishes on the sphere."""
    problem = mf.Problem(
        SPHERE, interior=lambda u, x: -mf.laplacian(u)(x) + u(x) - mf.gradient(u)(x) @ x - data(x), exact=exact
    )
    assert mf.error(problem, mf.solve(problem, mf.Stencils(None, cloud_of(0.2), 4))) < 3e-3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda c: mf.Collocation(mf.Matern(3.5), c), "translates for .* nodes of a surface"),
        (lambda c: mf.Collocation(mf.Wendland(2, 3, 0.3), c), "few functions at each point"),
    ],
)
def test_spaces_that_cannot_be_constant_along_normals_are_refused(make, words):
    with pytest.raises(ValueError, match=words + ".*Stencils"):
        mf.solve(harmonic_problem(), make(cloud_of(0.3)))


@pytest.mark.parametrize("make", [lambda c: mf.Stencils(None, c, 4), lambda c: mf.Eigenbasis(mf.Gaussian(2.0), c, 5)])
def test_equations_of_fourth_order_are_refused_for_two_fields(make):
    problem = mf.Problem(SPHERE, interior=lambda u, x: mf.biharmonic(u)(x) + u(x))
    with pytest.raises(ValueError, match=r"order 4.*two fields"):
        mf.solve(problem, make(cloud_of(0.3)))


def test_two_fields_solve_the_fourth_order():
    """Δ²u + u = f with v = Δu: of degrees 1 and 3 Δ² is 4 and 144."""

    def pair(u, x):
        return jnp.array(
            [mf.laplacian(u)(x)[0] - u(x)[1], mf.laplacian(u)(x)[1] + u(x)[0] - harmonics(x) @ jnp.array([5.0, 145.0])]
        )

    problem = mf.Problem(
        SPHERE, interior=pair, fields=2, exact=lambda x: jnp.array([exact(x), harmonics(x) @ jnp.array([-2.0, -12.0])])
    )
    assert mf.error(problem, mf.solve(problem, mf.Stencils(None, cloud_of(0.2), 4))) < 4e-3


def test_diffusion_in_time_is_by_stencils():
    def decaying(x, t):
        return harmonics(x) @ jnp.array([jnp.exp(-2 * t), jnp.exp(-12 * t)])

    problem = mf.Problem(
        SPHERE,
        interior=lambda u, x, t: mf.time_derivative(u)(x) - mf.laplacian(u)(x),
        initial=exact,
        exact=decaying,
    )
    u = mf.evolve(problem, mf.Stencils(None, cloud_of(0.25), 4), (0.0, 0.2), 1e-4)
    assert mf.error(problem, u.at(0.2)) < 5e-3
    with pytest.raises(ValueError, match="does not make them so: use Stencils"):
        mf.evolve(problem, mf.Eigenbasis(mf.Gaussian(2.0), cloud_of(0.25), 5), (0.0, 0.2))


def test_the_derivative_of_a_solution_by_a_coefficient():
    space, x = mf.Stencils(None, cloud_of(0.3), 4), jnp.array([0.6, 0.0, 0.8])

    def value(a):
        problem = mf.Problem(SPHERE, interior=lambda u, x: -a * mf.laplacian(u)(x) + u(x) - x[2])
        u = mf.solve(problem, space)
        return u(x) + mf.derivative(u, 2)(x)

    found = float(jax.grad(value)(2.0))
    assert found == pytest.approx(float((value(2.001) - value(1.999)) / 0.002), rel=1e-5)
    assert found == pytest.approx(-2 / 25 * (0.8 + 0.36), rel=2e-2)  # u = z/(1 + 2a), ∂u/∂z = (1 − z²)/(1 + 2a)


def test_the_integral_is_over_the_surface(solution):
    one = mf.interpolate(lambda x: 1 + x[2] ** 2, solution.space)
    assert float(mf.integrate(one)) == pytest.approx(16 * np.pi / 3, rel=1e-5)


def test_files_and_refinement(tmp_path, solution):
    solution.save(tmp_path / "u.npz")
    X = SPHERE.sample(20)
    np.testing.assert_array_equal(mf.Solution.load(tmp_path / "u.npz")(X), solution(X))
    solution.save(tmp_path / "u.vtu", exact=exact)
    import meshio

    mesh = meshio.read(tmp_path / "u.vtu")
    assert mesh.cells[0].type == "triangle" and len(mesh.cells[0].data) == 2 * len(solution.space.cloud) - 4
    along = np.einsum("nd,nd->n", mesh.point_data["gradient"], mesh.points)
    assert along == pytest.approx(0, abs=1e-3)
    assert len(mf.refine(solution, harmonic_problem()).cloud) > 1.5 * len(solution.space.cloud)


def test_a_tolerance_alone_is_reached():
    u = mf.solve(harmonic_problem(), tol=1e-4)
    assert u.stats["reached"] and mf.error(harmonic_problem(), u) < 1e-4
