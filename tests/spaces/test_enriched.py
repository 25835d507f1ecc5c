"""Spaces with a few more functions: their rows, their settings, and what they refuse."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from corner_functions import ELL, logarithmic, power
from shared_cases import SQUARE

import meshfree as mf
from meshfree.internal.saved_objects import save_npz
from meshfree.pde.jets import derivatives_at
from meshfree.pde.multi_indices import total_degree
from meshfree.pde.operators import laplacian

CLOUD = ELL.cloud(0.3)
LINE = mf.Interval(-1.0, 2.0).cloud(0.2)
BALL = mf.Ball().cloud(0.5)
EIGEN = mf.Eigenbasis(mf.Gaussian(1.5), CLOUD, 4)


class Layer(eqx.Module):
    """exp(rate x₀)."""

    rate: jax.Array | float

    def __call__(self, x):
        return jnp.exp(self.rate * x[0])


SPACES = {
    "corner": mf.Enriched(EIGEN, power(2 / 3)),
    "corners times polynomials": mf.Enriched(EIGEN, [power(2 / 3), logarithmic((-1.0, 1.0), (0.0, -1.0))], 3),
    "translates with a tail": mf.Enriched(mf.Collocation(mf.Matern(5.5, 1.0), CLOUD, degree=2), [power(4 / 3)], 1),
    "layer on a line": mf.Enriched(mf.Eigenbasis(mf.Gaussian(1.0), LINE, 5), [Layer(jnp.array(3.0)), Layer(-9.0)], 2),
    "in space": mf.Enriched(mf.Eigenbasis(mf.Gaussian(1.0), BALL, 3), [lambda x: jnp.sqrt(4.0 + x[0] * x[2])], 2),
    "twice": mf.Enriched(mf.Enriched(EIGEN, [power(2 / 3)], 1), [power(4 / 3)]),
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_rows_are_the_derivatives_of_the_basis(space):
    dim, domain = space.cloud.dim, space.cloud.domain
    X, count = domain.sample(7, seed=1), len(total_degree(dim, 2))
    rows = space.rows(X, np.broadcast_to(np.eye(count), (len(X), count, count)), 2)
    expected = jax.jit(jax.vmap(lambda x: derivatives_at(space.basis, x, 2)))(jnp.asarray(X))
    np.testing.assert_allclose(rows, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_laplacian_and_the_size_are_those_of_the_basis(space):
    X = jnp.asarray(space.cloud.domain.sample(5, seed=2))
    both = jax.jit(lambda X: [jax.vmap(f)(X) for f in (space.basis_laplacian, laplacian(lambda x: space.basis(x)))])
    closed, by_autodiff = both(X)
    np.testing.assert_allclose(closed, by_autodiff, rtol=1e-11, atol=1e-11 * np.abs(by_autodiff).max())
    assert closed.shape == (5, space.size)
    assert space.side_conditions().shape[1] == space.size


def test_moments_close_the_system_of_translates():
    """As those of a polynomial tail do, by hand; eigenfunctions have none."""
    space = SPACES["translates with a tail"]
    count, inner = len(CLOUD), space.space.side_conditions()
    x, y = CLOUD.points.T
    f = np.array([power(4 / 3)(point) for point in jnp.asarray(CLOUD.points)])
    moments = np.stack([f, y * f, x * f])
    expected = np.block([[inner, np.zeros((6, 3))], [moments, np.zeros((3, 6 + 3))]])
    np.testing.assert_allclose(space.side_conditions(), expected, atol=1e-14)
    assert count + 6 + 3 == space.size
    np.testing.assert_allclose(eqx.filter_jit(lambda space: space.side_conditions())(space), expected, atol=1e-14)
    assert SPACES["twice"].side_conditions().shape == (0, EIGEN.size + 3 + 1)
    twice = mf.Enriched(space, power(2 / 3))
    assert twice.side_conditions().shape == (10, space.size + 1)


def test_the_functions_stand_behind_those_of_the_space_times_scaled_monomials():
    """By hand: on ELL the bounding box is [−1, 1]², and the monomials are those in x itself."""
    f, g = power(2 / 3), power(4 / 3)
    space, x = mf.Enriched(EIGEN, [f, g], degree=1), jnp.array([-0.3, 0.4])
    added = space.basis(x)[EIGEN.size :]
    np.testing.assert_allclose(added, [f(x), 0.4 * f(x), -0.3 * f(x), g(x), 0.4 * g(x), -0.3 * g(x)], rtol=1e-14)
    np.testing.assert_allclose(f(x), 0.5 ** (2 / 3) * np.sin(2 / 3 * (np.arctan2(0.4, -0.3) - np.pi / 2)), rtol=1e-14)
    far = mf.Enriched(mf.Eigenbasis(mf.Gaussian(1.0), mf.Interval(3.0, 7.0).cloud(0.2), 2), [Layer(0.0)], 2)
    np.testing.assert_allclose(far.basis(jnp.array([6.0]))[3:], [1.0, 0.5, 0.25], rtol=1e-14)


def test_a_function_gives_back_its_own_coefficients():
    """Also those that are a corner's stress intensity: they are not scaled."""
    f = power(2 / 3)
    u = mf.interpolate(lambda x: 0.25 * f(x) + EIGEN.basis(x)[3], mf.Enriched(EIGEN, f))
    np.testing.assert_allclose(u.coefficients, np.eye(16)[3] + 0.25 * np.eye(16)[-1], atol=1e-12)


def test_its_members():
    space = SPACES["corners times polynomials"]
    assert space.degree == 3
    assert len(space.functions) == 2
    assert space.kernel is EIGEN.kernel
    assert space.cloud is CLOUD
    assert space.local_basis is None
    assert not space.is_nodal
    assert space.size == EIGEN.size + 2 * 10
    assert space.describe() == f"{EIGEN.describe()} + 2 functions times polynomials of degree 3"
    assert SPACES["corner"].describe() == f"{EIGEN.describe()} + 1 function"
    finer = ELL.cloud(0.2)
    moved = space.on(finer)
    assert moved.cloud is finer
    assert moved.functions == space.functions
    assert moved.degree == 3


def test_what_it_is_compared_with_has_all_of_its_functions():
    space = SPACES["corners times polynomials"]
    finer, other = space.compared()
    assert not finer
    assert other.space.degree == EIGEN.degree - 2
    assert other.functions == space.functions
    kept = space.nested()
    np.testing.assert_array_equal(kept, [*EIGEN.nested(), *range(EIGEN.size, space.size)])
    smallest = mf.Enriched(mf.Eigenbasis(mf.Gaussian(1.0), CLOUD, 1), power(2 / 3))
    assert smallest.compared() is None
    assert smallest.nested() is None


def test_a_derivative_that_is_not_used_may_be_infinite():
    """At the corner itself: 0 · ∞ is 0, and what is asked for is told."""
    space, corner = SPACES["corner"], np.zeros((1, 2))
    value, slope = np.array([[[1.0, 0.0, 0.0]]]), np.array([[[0.0, 1.0, 0.0]]])
    assert space.rows(corner, value, 1)[0, 0, -1] == 0.0
    assert not np.isfinite(space.rows(corner, slope, 1)[0, 0, -1])
    assert space.why_not_finite(corner, value, 1) is None
    assert "functions[0] of Enriched (function) has the derivative ∂/∂x1 = nan at the point (0.0, 0.0)" in (
        space.why_not_finite(corner, slope, 1)
    )


def test_one_program_serves_any_number_of_points(programs_kept):
    from meshfree.spaces import enriched

    space = SPACES["corner"]
    for count in (1, 30, 700):
        space.rows(ELL.sample(count), np.ones((count, 1, 6)), 2)
    before = enriched._jets._cached._cache_size()
    same = mf.Enriched(mf.Eigenbasis(mf.Gaussian(0.4), ELL.cloud(0.25), 3), [power(2 / 3)], 2)  # a function made anew
    same.rows(ELL.sample(5), np.ones((5, 1, 6)), 2)
    assert enriched._jets._cached._cache_size() == before


def test_a_number_that_a_function_reads_may_change():
    rate = {"now": 1.0}
    space = mf.Enriched(EIGEN, lambda x: jnp.exp(rate["now"] * x[0]))
    X = np.array([[0.5, -0.5]])
    one = space.values(X, np.eye(space.size)[-1])
    rate["now"] = 2.0
    two = space.values(X, np.eye(space.size)[-1])
    np.testing.assert_allclose([*one, *two], np.exp([0.5, 1.0]), rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: mf.Enriched(EIGEN, []), ValueError, "functions is empty: give a function of x"),
        (lambda: mf.Enriched(EIGEN, [1.0]), TypeError, "needs a function of x, or several of them, as functions"),
        (
            lambda: mf.Enriched(EIGEN, lambda x, y: x[0]),
            TypeError,
            r"several of them.* got the function <lambda>\(x, y\)",
        ),
        (lambda: mf.Enriched([power(1)], EIGEN), TypeError, "got a list, and an Eigenbasis as functions|got a list"),
        (lambda: mf.Enriched(power(1), EIGEN), TypeError, "an Eigenbasis as functions: are the two swapped"),
        (lambda: mf.Enriched(EIGEN, power(1), 1.5), ValueError, "needs an integer as degree; got 1.5"),
        (lambda: mf.Enriched(EIGEN, power(1), -1), ValueError, "polynomials beside each function, at least 0; got -1"),
        (
            lambda: mf.Enriched(EIGEN, [power(1), lambda x: x]),
            ValueError,
            r"functions\[1\] of Enriched \(<lambda>\) must return a number.*returns shape \(2,\)",
        ),
        (lambda: mf.Enriched(EIGEN, lambda x: (x[0], x[1])), TypeError, "must return a number.*it returns a tuple"),
        (
            lambda: mf.Enriched(EIGEN, lambda x: jax.lax.complex(x[0], x[1])),
            TypeError,
            "real number; it returns complex128: give its real",
        ),
        (lambda: mf.Enriched(EIGEN, lambda x: x[0] > 0), TypeError, "must return a real number; it returns bool"),
        (lambda: mf.Enriched(EIGEN, lambda x: np.sin(x[0])), TypeError, "cannot be traced by JAX: write it with jnp"),
        (lambda: mf.Enriched(EIGEN, lambda x: x[0] if x[1] > 0 else 0.0), TypeError, "jnp.where for if"),
        (
            lambda: mf.Enriched(EIGEN, lambda x: jnp.log(x @ x)),
            ValueError,
            r"functions\[0\] of Enriched \(.*\) is -inf at the point \(0\.0, 0\.0\), and its values must be",
        ),
        (
            lambda: mf.Enriched(mf.Stencils(None, CLOUD, 2), power(1)),
            ValueError,
            "needs a global space, Eigenbasis or Collocation with a wide support; got Stencils.*mf.refine",
        ),
        (
            lambda: mf.Enriched(mf.Collocation(mf.Wendland(4, 3, 0.2), SQUARE.cloud(0.06)), power(1)),
            ValueError,
            "needs a global space.*got Collocation",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_functions_are_no_part_of_a_file(tmp_path):
    u = mf.interpolate(lambda x: x[0], SPACES["corner"])
    with pytest.raises(TypeError, match=r"space\.functions\.0 cannot be saved: .*<function .*A file holds arrays"):
        u.save(tmp_path / "u.npz")
    with pytest.raises(TypeError, match=r"functions\.0 cannot be saved: .*is a Layer"):
        save_npz(tmp_path / "u.npz", SPACES["layer on a line"])
    u.save(tmp_path / "u.vtu")
    assert (tmp_path / "u.vtu").stat().st_size > 0
