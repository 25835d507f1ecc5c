"""Problems with one solution are solved, however small the coefficient that fixes it; those with many are refused."""

import jax.numpy as jnp
import pytest
from shared_cases import SQUARE

import meshfree as mf

LINE = mf.Interval()
FINE, CLOUD = LINE.cloud(1 / 60), SQUARE.cloud(0.1)
PI = float(jnp.pi)
LONG = mf.Box((0.0, 0.0), (2.0, 1.0))


def eigenfunctions(cloud, degree):
    return mf.Eigenbasis(mf.Gaussian(1.0), cloud, degree)


def screened(s):
    """−u″ + s u = f, u′ = 0: unique for every s > 0."""

    def exact(x):
        return jnp.cos(PI * x[0]) + 2

    def interior(u, x):
        return -mf.laplacian(u)(x) + s * u(x) - PI**2 * jnp.cos(PI * x[0]) - s * exact(x)

    return mf.Problem(LINE, interior=interior, boundary=mf.neumann(0.0), exact=exact)


def cooled(biot):
    """A rod that loses heat by Bi u + u_n = g at its ends."""

    def exact(x):
        return jnp.cos(3 * x[0])

    def end(x):
        return jnp.where(x[0] < 0.5, -1.0, 1.0) * -3 * jnp.sin(3 * x[0]) + biot * exact(x)

    def interior(u, x):
        return mf.laplacian(u)(x) + 9 * exact(x)

    return mf.Problem(LINE, interior=interior, boundary=mf.robin(biot, 1.0, end), exact=exact)


def helmholtz(domain, k):
    def exact(x):
        return jnp.sin(k * x[0]) + jnp.cos(2 * x[0])

    def interior(u, x):
        return mf.laplacian(u)(x) + k**2 * u(x) - (k**2 - 4) * jnp.cos(2 * x[0])

    return mf.Problem(domain, interior=interior, boundary=mf.dirichlet(exact), exact=exact)


def units(c):
    """Two fields of unlike size: Δu = v/c, Δv = 0."""

    def exact(x):
        return jnp.stack([x[0] ** 3 / 6, c * x[0]])

    def interior(w, x):
        u, v = mf.laplacian(w)(x)
        return jnp.stack([u - w(x)[1] / c, v / c])

    return mf.Problem(SQUARE, fields=2, interior=interior, boundary=mf.dirichlet(exact), exact=exact)


UNIQUE = {
    "screened 1e-2": (screened(1e-2), eigenfunctions(FINE, 20), 1e-8),
    "screened 1e-4": (screened(1e-4), eigenfunctions(FINE, 20), 1e-6),
    "screened 1e-6": (screened(1e-6), eigenfunctions(FINE, 20), 1e-4),
    "small Biot number": (cooled(1e-3), eigenfunctions(FINE, 20), 1e-7),
    "near resonance": (helmholtz(LINE, 3 * PI + 1e-3), eigenfunctions(FINE, 30), 1e-8),
    "near a high resonance": (helmholtz(LINE, 10 * PI + 0.01), eigenfunctions(LINE.cloud(1 / 120), 80), 1e-9),
    "near resonance by translates": (
        helmholtz(SQUARE, float(jnp.sqrt(2.0)) * PI + 1e-2),
        mf.Collocation(mf.Matern(5.5, 1.0), CLOUD),
        1e-1,
    ),
    "unlike units": (units(1e3), eigenfunctions(CLOUD, 8), 1e-2),
}


@pytest.mark.parametrize("name", UNIQUE)
def test_a_unique_solution_is_found(name):
    problem, space, bound = UNIQUE[name]
    assert mf.error(problem, mf.solve(problem, space)) < bound


def neumann(rate=0.0):
    return mf.Problem(
        SQUARE, interior=lambda u, x: -mf.laplacian(u)(x) - 1.0 + rate * u(x) ** 3, boundary=mf.neumann(0.0)
    )


def pulled():
    """A body without a support: displacements and a rotation are free."""

    def stress(w, x):
        strain = (mf.jacobian(w)(x) + mf.jacobian(w)(x).T) / 2
        return 2 * strain + jnp.trace(strain) * jnp.eye(2)

    return mf.Problem(
        SQUARE,
        fields=2,
        interior=lambda w, x: jnp.stack(
            [mf.divergence(lambda y: stress(w, y)[0])(x), mf.divergence(lambda y: stress(w, y)[1])(x)]
        ),
        boundary=lambda w, x, n: stress(w, x) @ n,
    )


def no_slope():
    """∂u/∂y = 0 all over: any function of x."""
    return mf.Problem(
        SQUARE, interior=lambda u, x: mf.derivative(u, 1)(x), boundary=lambda u, x, n: n[1] * mf.derivative(u, 1)(x)
    )


def inflow_left_free():
    """u_x + u_y/2 = f: below the line y = x/2 nothing is known of u."""
    return mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.derivative(u, 0)(x) + mf.derivative(u, 1)(x) / 2 - jnp.exp(x[0]),
        left=mf.dirichlet(0.0),
        right=None,
        bottom=None,
        top=None,
    )


SINGULAR = {
    "insulated, Matern": (neumann(), mf.Collocation(mf.Matern(2.5, 0.3), CLOUD), "u = 1 satisfies every homogeneous"),
    "insulated, degree 8": (neumann(), eigenfunctions(CLOUD, 8), "u = 1 satisfies every homogeneous equation"),
    "insulated, degree 12": (neumann(), eigenfunctions(CLOUD, 12), "u = 1 satisfies every homogeneous equation"),
    "insulated, stencils": (neumann(), mf.Stencils(None, CLOUD, 2), "singular"),
    "a body without support": (pulled(), eigenfunctions(CLOUD, 8), r"satisfies every homogeneous equation"),
    "free along a line": (no_slope(), eigenfunctions(CLOUD, 8), "satisfies every homogeneous equation"),
    "at resonance": (helmholtz(LINE, 3 * PI), eigenfunctions(FINE, 30), "singular"),
    "at a high resonance": (helmholtz(LINE, 10 * PI), eigenfunctions(LINE.cloud(1 / 120), 80), "singular"),
    "an inflow part without a condition": (inflow_left_free(), eigenfunctions(SQUARE.cloud(0.05), 16), "singular"),
    "at resonance, the null function left out by the factors": (
        helmholtz(SQUARE, float(jnp.sqrt(2.0)) * PI),
        mf.Eigenbasis(mf.Gaussian(3.0), SQUARE.cloud(0.06, cluster=1.0), 16),
        "singular",
    ),
    "at resonance on a long box, with a degree for each axis": (
        mf.Problem(
            LONG,
            interior=lambda u, x: mf.laplacian(u)(x) + 1.25 * PI**2 * u(x) - jnp.prod(jnp.sin(2 * PI * x)),
            boundary=mf.dirichlet(0.0),
        ),
        mf.Eigenbasis(mf.Gaussian(3.0), LONG.cloud(0.06, cluster=1.0), 16),
        "singular",
    ),
    "at resonance on the square": (
        helmholtz(SQUARE, float(jnp.sqrt(2.0)) * PI),
        eigenfunctions(SQUARE.cloud(0.06), 16),
        "singular",
    ),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_many_solutions_are_refused(name):
    problem, space, words = SINGULAR[name]
    with pytest.raises(ValueError, match=words):
        mf.solve(problem, space)


def test_without_a_solution_newton_says_that_it_did_not_converge():
    """Bratu's equation beyond its fold, at 3.5138: not for want of conditions."""
    problem = mf.Problem(
        LINE, interior=lambda u, x: mf.laplacian(u)(x) + 3.6 * jnp.exp(u(x)), boundary=mf.dirichlet(0.0)
    )
    with pytest.raises(mf.solving.newton.ConvergenceError, match="Newton's method stopped after"):
        mf.solve(problem, eigenfunctions(LINE.cloud(1 / 40), 20))


@pytest.mark.parametrize(
    ("interior", "told"),
    [
        (lambda u, x: x[0] ** 2, "the equation of the interior does not contain u"),
        (lambda u, x: u(x) ** 2, "interior, linearised at the solution found, does not contain u"),
        (lambda u, x: 1e200 * mf.laplacian(u)(x) - 1.0, "leave the range of double precision"),
    ],
    ids=["without u", "of second order in u", "overflow"],
)
def test_what_cannot_be_measured_is_told_in_words(interior, told):
    problem = mf.Problem(LINE, interior=interior, boundary=mf.dirichlet(0.0))
    with pytest.raises(ValueError, match=f"the system is singular: .*{told}"):
        mf.solve(problem, mf.Collocation(mf.Gaussian(1.0), LINE.cloud(0.1)))
