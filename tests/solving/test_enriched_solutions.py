"""Problems with corners and layers, in spaces enriched with what is known of them."""

import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from corner_functions import ELL, logarithmic, power
from shared_cases import SQUARE

import meshfree as mf

FINE = ELL.cloud(0.13, cluster=1.0)
KERNEL = mf.Gaussian(2.0)


def corner(x):
    return power(2 / 3)(x)


def smooth(x):
    return jnp.exp(x[0]) * jnp.cos(x[1])


def laplace(exact, **conditions):
    conditions = conditions or {"boundary": mf.dirichlet(exact)}
    return mf.Problem(ELL, interior=lambda u, x: mf.laplacian(u)(x), exact=exact, **conditions)


def test_a_corner_and_a_smooth_part():
    def exact(x):
        return corner(x) + smooth(x)

    problem, plain = laplace(exact), mf.Eigenbasis(KERNEL, FINE, 12)
    u = mf.solve(problem, mf.Enriched(plain, corner))
    assert mf.error(problem, u) < 1e-6
    assert abs(float(u.coefficients[-1]) - 1) < 1e-5
    assert mf.error(problem, mf.solve(problem, plain)) > 1e-2
    assert 0.2 < mf.estimate_error(problem, u) / mf.error(problem, u) < 5
    x = jnp.array([-0.4, 0.3])
    np.testing.assert_allclose(mf.gradient(u)(x), jax.grad(exact)(x), atol=1e-5)
    assert np.isfinite(mf.indicator(problem, u)).all()


def test_polynomials_stand_for_the_series_behind_the_first_term():
    """r^(2/3) sin(2θ/3) times a smooth function."""

    def exact(x):
        return corner(x) * smooth(x) + jnp.sin(x[0] + 2 * x[1])

    problem = mf.Problem(
        ELL, interior=mf.manufactured(lambda u, x: mf.laplacian(u)(x), exact), boundary=mf.dirichlet(exact), exact=exact
    )
    plain = mf.Eigenbasis(KERNEL, FINE, 12)
    for degree, reached in ((0, 1e-1), (4, 1e-5), (8, 1e-8)):
        u = mf.solve(problem, mf.Enriched(plain, corner, degree))
        assert mf.error(problem, u) < reached
        assert 0.2 < mf.estimate_error(problem, u) / mf.error(problem, u) < 5


def test_the_same_under_jit():
    """By the traced basis, with the corner, where its derivative is infinite, a node."""
    problem, space = laplace(corner), mf.Enriched(mf.Eigenbasis(KERNEL, ELL.cloud(0.3), 3), [corner], 1)
    assert np.any(np.all(space.cloud.points == 0, axis=1))
    known, traced = mf.solve(problem, space), jax.jit(lambda space: mf.solve(problem, space)(jnp.array([0.3, -0.4])))
    np.testing.assert_allclose(traced(space), known(jnp.array([0.3, -0.4])), rtol=1e-9)


def test_no_more_than_what_the_functions_bring():
    """Torsion of the L: −Δu = 1, u = 0. Every corner has its own singular term.

    The values are those of Gopal & Trefethen's lightning solver (SIAM J. Numer. Anal. 57 (2019) 2074-2094): rational
    functions with poles that cluster at the corners, errors on the boundary 2e-12.
    """
    X = np.array([[-0.5, -0.5], [-0.25, -0.25], [-0.5, 0.5], [0.3, -0.6], [-0.1, 0.05]])
    values = [0.13105296203056, 0.14414583738118, 0.10236215765603, 0.11290526081254, 0.06191300078507]
    edges = {(1.0, 0.0): (-1.0, 0.0), (-1.0, 1.0): (0.0, -1.0), (-1.0, -1.0): (1.0, 0.0), (1.0, -1.0): (0.0, 1.0)}
    edges |= {(0.0, 1.0): (-1.0, 0.0), (0.0, 0.0): (0.0, 1.0)}
    functions = [power(2 * k / 3) for k in (1, 2, 4, 5, 7, 8)] + [logarithmic(*at) for at in edges.items()]
    problem = mf.Problem(ELL, interior=lambda u, x: mf.laplacian(u)(x) + 1.0, boundary=mf.dirichlet(0.0))
    u = mf.solve(problem, mf.Enriched(mf.Eigenbasis(KERNEL, FINE, 12), functions))
    assert u.coefficients.size == 103
    np.testing.assert_allclose(u(X), values, atol=1e-6)
    assert mf.estimate_error(problem, u) < 1e-5


def test_the_first_eigenvalue_of_the_l_shape():
    """9.6397238440219 (Trefethen & Betcke, Computed eigenmodes of planar regions (2006)): the λ at which some function
    of size 1, of the space and of the interior residual together, leaves the least of Δu + λu inside and of u outside
    (Betcke & Trefethen, SIAM Review 47 (2005), section 5, with a residual in place of particular solutions).
    """
    known = 9.6397238440219
    functions = [power(2 * k / 3, cosine) for k in (1, 2) for cosine in (False, True)]
    cloud = ELL.cloud(0.1, cluster=1.0)
    space = mf.Enriched(mf.Eigenbasis(mf.Gaussian(1.0), cloud, 12), functions, 6)
    assert space.size == 203
    inside, edges = cloud["interior"], np.concatenate([cloud[part] for part in cloud.normals])
    values, laplacians = np.asarray(mf.matrix(space, None, inside)), np.asarray(mf.matrix(space, mf.laplacian, inside))
    on_edges = 10 * np.sqrt(len(inside) / len(edges)) * np.asarray(mf.matrix(space, None, edges))
    functions = np.concatenate([values, laplacians / known, on_edges])
    Q, R, _ = scipy.linalg.qr(functions, mode="economic", pivoting=True)
    Q = Q[:, np.abs(np.diagonal(R)) > 1e-13 * abs(R[0, 0])]
    values, laplacians, on_edges = np.split(Q, [len(inside), 2 * len(inside)])

    def least(eigenvalue):
        rows = np.concatenate([laplacians + eigenvalue / known * values, on_edges])
        return scipy.linalg.svdvals(rows)[-1]

    found = scipy.optimize.minimize_scalar(least, bracket=(9.6, 9.64, 9.68), tol=1e-9)
    assert abs(found.x / known - 1) < 1e-6


def test_the_corners_of_a_square_by_symmetry():
    """CASES B3, problems/lshape.py: u is like r² log r at the corners (0, 0), (2, 0) and (0, 2)."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "problems"))
    try:
        import lshape
    finally:
        sys.path.pop(0)
    problem = lshape.problem()
    cloud = problem.domain.cloud(0.14, cluster=1.0)
    places = [((0.0, 0.0), (1.0, 0.0)), ((2.0, 0.0), (0.0, 1.0)), ((0.0, 2.0), (0.0, -1.0))]
    plain = mf.Eigenbasis(KERNEL, cloud, 14)
    u = mf.solve(problem, mf.Enriched(plain, [logarithmic(*place) for place in places]))
    assert mf.error(problem, u) < 1e-6
    assert mf.error(problem, mf.solve(problem, plain)) > 1e-4
    np.testing.assert_allclose(u.coefficients[-3:], -1 / np.pi, atol=1e-4)  # what −Δu = 1 makes at a right angle


def test_a_boundary_layer():
    """−ε u″ + u′ = 1, u = 0 at both ends; the layer is resolved by no node."""
    epsilon = 1e-3

    def layer(x):
        return jnp.exp((x[0] - 1) / epsilon)

    line = mf.Interval()
    problem = mf.Problem(
        line,
        interior=lambda u, x: -epsilon * mf.laplacian(u)(x) + mf.derivative(u, 0)(x) - 1,
        boundary=mf.dirichlet(0.0),
        exact=lambda x: x[0] - (layer(x) - jnp.exp(-1 / epsilon)) / (1 - jnp.exp(-1 / epsilon)),
    )
    u = mf.solve(problem, mf.Enriched(mf.Eigenbasis(KERNEL, line.cloud(0.05, cluster=1.0), 16), layer))
    X = np.concatenate([np.linspace(0, 1, 101), 1 - 10.0 ** np.linspace(-6, -1, 100)])[:, None]
    np.testing.assert_allclose(u(X), jax.vmap(problem.exact)(jnp.asarray(X)), atol=1e-12)


def test_every_field_has_the_functions():
    def exact(x):
        return jnp.stack([corner(x), 2 * corner(x) + smooth(x)])

    problem = mf.Problem(
        ELL, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.dirichlet(exact), fields=2, exact=exact
    )
    u = mf.solve(problem, mf.Enriched(mf.Eigenbasis(KERNEL, FINE, 10), corner))
    assert mf.error(problem, u) < 1e-5
    np.testing.assert_allclose(u.coefficients[-1], [1.0, 2.0], atol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "degree", "reached"),
    [(mf.Gaussian(1.0), -1, 1e-6), (mf.Polyharmonic(7), 3, 2e-5)],
    ids=["smooth", "tail"],
)
def test_translates(kernel, degree, reached):
    """At their own nodes, as many equations as unknowns, and at more of them; interpolation too."""

    def exact(x):
        return corner(x) + smooth(x)

    problem, cloud = laplace(exact), ELL.cloud(0.2, cluster=0.5)
    plain = mf.Collocation(kernel, cloud, degree=degree)
    space = mf.Enriched(plain, corner)
    u, v = mf.solve(problem, space), mf.solve(problem, space, points=ELL.cloud(0.13, cluster=0.5))
    assert u.stats["rows"] == u.stats["unknowns"]
    assert mf.error(problem, u) < reached
    assert mf.error(problem, v) < reached
    assert mf.error(problem, mf.solve(problem, plain)) > 1e-3
    assert 0.2 < mf.estimate_error(problem, u) / mf.error(problem, u) < 5
    assert mf.error(problem, mf.interpolate(exact, space)) < 1e-4


def test_a_nonlinear_problem():
    def exact(x):
        return 1 + corner(x)

    problem = mf.Problem(
        ELL,
        interior=lambda u, x: mf.laplacian(u)(x) - u(x) ** 2 + exact(x) ** 2,
        boundary=mf.dirichlet(exact),
        exact=exact,
    )
    u = mf.solve(problem, mf.Enriched(mf.Eigenbasis(KERNEL, FINE, 8), corner))
    assert mf.error(problem, u) < 1e-5


@pytest.mark.parametrize("nonlinear", [False, True])
def test_an_infinite_derivative_that_is_used_is_told(nonlinear):
    """A node at the corner with a Neumann condition."""

    def end(u, x, n):
        return mf.derivative(u, n)(x) * (u(x) if nonlinear else 1.0) + u(x)

    cloud = ELL.cloud(0.3)
    part = next(name for name in cloud.normals if np.any(np.all(cloud[name] == 0, axis=1)))
    problem = laplace(corner, **{part: end, "boundary": mf.dirichlet(corner)})
    with pytest.raises(
        ValueError, match=r"functions\[0\].*has the derivative ∂/∂x\d = nan at the point \(0\.0, 0\.0\)"
    ):
        mf.solve(problem, mf.Enriched(mf.Eigenbasis(KERNEL, cloud, 3), corner))


def test_a_matrix_without_a_derivative_is_told():
    space = mf.Enriched(mf.Eigenbasis(KERNEL, ELL.cloud(0.3), 3), corner)
    with pytest.raises(ValueError, match=r"has the derivative ∂²/∂x\d∂x\d = nan at the point \(0\.0, 0\.0\)"):
        mf.matrix(space, mf.laplacian)
    assert np.isfinite(mf.matrix(space)).all()


def test_a_value_that_is_not_finite_names_the_function():
    def pole(x):
        return jnp.log((x[0] + 0.5) ** 2 + (x[1] + 0.51) ** 2)

    u = mf.interpolate(pole, mf.Enriched(mf.Eigenbasis(KERNEL, FINE, 4), pole))
    with pytest.raises(ValueError, match=r"functions\[0\] of Enriched \(pole\) is -inf at the point \(-0.5, -0.51\)"):
        u(jnp.array([-0.5, -0.51]))


def test_functions_that_repeat_are_left_out():
    """The same function twice, and one that the space has nearly: no harm is done."""
    problem = laplace(lambda x: corner(x) + smooth(x))
    u = mf.solve(problem, mf.Enriched(mf.Eigenbasis(KERNEL, FINE, 12), [corner, corner, lambda x: x[0] * x[1]]))
    assert u.stats["rank"] < u.stats["unknowns"]
    assert mf.error(problem, u) < 1e-6


def test_singular_problems_are_refused_as_without():
    domain, cloud = SQUARE, SQUARE.cloud(0.1, cluster=1.0)
    space = mf.Enriched(mf.Eigenbasis(mf.Gaussian(1.0), cloud, 14), lambda x: jnp.exp(-20 * x[0]))
    neumann = mf.Problem(domain, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.neumann(0.0))
    resonant = mf.Problem(
        domain,
        interior=lambda u, x: mf.laplacian(u)(x) + 2 * np.pi**2 * u(x) - x[0] * jnp.exp(x[1]),
        boundary=mf.dirichlet(0.0),
    )
    for problem in (neumann, resonant):
        with pytest.raises(ValueError, match="the system is singular"):
            mf.solve(problem, space)


class Layer(eqx.Module):
    rate: jax.Array

    def __call__(self, x):
        return jnp.exp(-self.rate * x[0])


def test_leaves_of_functions_and_of_the_kernel_can_be_tuned():
    """By the slope of the loss: of the kernel by hand, of a function through the solve; both against differences."""
    line = mf.Interval()
    problem = mf.Problem(
        line, interior=lambda u, x: mf.laplacian(u)(x) - jnp.exp(-20 * x[0]), boundary=mf.dirichlet(0.0)
    )
    loss, step = mf.losses.residual(problem, line.cloud(0.04, seed=4)), 1e-4
    plain = mf.Eigenbasis(KERNEL, line.cloud(0.05, cluster=1.0), 3)
    space = mf.Enriched(plain, Layer(jnp.array(15.0)))

    def direction(where):
        nothing = jax.tree.map(lambda _: None, space)
        return eqx.tree_at(where, nothing, jnp.array(1.0), is_leaf=lambda leaf: leaf is None)

    def difference(where):
        up, down = (loss(eqx.tree_at(where, space, where(space) + h)) for h in (step, -step))
        return (up - down) / (2 * step)

    (slope,) = loss.slopes(space, [direction(lambda s: s.kernel.raw_scale)])[1]
    np.testing.assert_allclose(slope, difference(lambda s: s.kernel.raw_scale), rtol=1e-5)
    tuned, history = mf.tune(problem, space, steps=4)
    assert history.loss.min() <= history.loss[0]
    assert tuned.functions[0].rate == 15.0

    assert loss.slopes(space, [direction(lambda s: s.functions[0].rate)]) is None
    through = jax.jit(jax.grad(lambda rate: loss(eqx.tree_at(lambda s: s.functions[0].rate, space, rate))))
    enclosed = jax.jit(jax.grad(lambda rate: loss(mf.Enriched(plain, lambda x: jnp.exp(-rate * x[0])))))
    np.testing.assert_allclose(through(jnp.array(15.0)), difference(lambda s: s.functions[0].rate), rtol=1e-5)
    np.testing.assert_allclose(enclosed(15.0), through(jnp.array(15.0)), rtol=1e-9)


def test_a_picture(tmp_path, coarse_pictures):
    problem = laplace(corner)
    u = mf.solve(problem, mf.Enriched(mf.Eigenbasis(KERNEL, ELL.cloud(0.3), 3), corner))
    mf.plot(u, path=tmp_path / "u.png")
    assert (tmp_path / "u.png").stat().st_size > 0
