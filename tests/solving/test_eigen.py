"""Eigenvalues against known ones, and their derivatives against differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import meshfree as mf

DISK = mf.Disk()
EIGEN = mf.Eigenbasis(mf.Gaussian(1.0), DISK.cloud(0.15, cluster=1.0), 14)
SMALL = mf.Eigenbasis(mf.Gaussian(1.0), DISK.cloud(0.15, cluster=1.0), 8)
STENCILS = mf.Stencils(None, DISK.cloud(0.15), 4)
ZEROS = np.sort(np.concatenate([np.repeat(scipy.special.jn_zeros(n, 5), 1 + (n > 0)) for n in range(9)]))


def fixed(u, x, n, lam):
    return u(x)


def vibration(u, x, lam):
    return mf.laplacian(u)(x) + lam * u(x)


def drum(interior=vibration, boundary=fixed, **more):
    return mf.Problem(DISK, interior=interior, boundary=boundary, **more)


@pytest.mark.parametrize(("space", "tolerance"), [(EIGEN, 1e-7), (STENCILS, 1e-2)])
def test_drum(space, tolerance):
    modes = mf.eigen(drum(), space, 6)
    assert modes.values.dtype == float and len(modes) == 6 and modes.dropped == 0
    assert modes.values == pytest.approx(ZEROS[:6] ** 2, rel=tolerance)
    assert modes.simple.tolist() == [True, False, False, False, False, True]
    first = modes[0]
    x = np.array([[0.0, 0.0], [0.3, 0.4]])
    exact = scipy.special.j0(ZEROS[0] * np.linalg.norm(x, axis=1)) / scipy.special.j1(ZEROS[0])
    assert np.asarray(first(x)) == pytest.approx(exact, rel=tolerance)  # of root mean square 1
    assert first.stats["eigenvalue"] == modes.values[0] and first.stats["off_nodes"] < 0.03
    assert "5.7" in repr(modes) and "Modes" in modes._repr_html_() and [u.stats["eigenvalue"] for u in modes]


def test_pairs_span_the_eigenspace():
    """The second and the third are J₁(kr) cos θ and J₁(kr) sin θ turned by some angle, and no two the same."""
    modes = mf.eigen(drum(), STENCILS, 3)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    both = np.stack([np.asarray(modes[i](ring)) for i in (1, 2)], axis=1)
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    factors = np.linalg.lstsq(both, waves, rcond=None)[0]
    assert both @ factors == pytest.approx(waves, abs=1e-2)


def test_parameter_on_the_boundary():
    """Steklov: 0, 1, 1, 2, 2, ..., with `near` an eigenvalue itself."""

    def flux(u, x, n, lam):
        return mf.derivative(u, n)(x) - lam * u(x)

    modes = mf.eigen(drum(lambda u, x, lam: mf.laplacian(u)(x), flux), EIGEN, 5)
    assert modes.values == pytest.approx([0, 1, 1, 2, 2], abs=1e-7)
    assert np.asarray(modes[0](np.array([[0.1, 0.2], [0.5, 0.5]]))) == pytest.approx(1.0)


def test_two_fields_and_another_place():
    """Δv = w, Δw = λ v with v = w = 0: the squares of the drum's eigenvalues, from the second pair on."""

    def pair(u, x, lam):
        bent = mf.laplacian(u)(x)
        return jnp.stack([bent[0] - u(x)[1], bent[1] - lam * u(x)[0]])

    modes = mf.eigen(drum(pair, fields=2), STENCILS, 2, near=700.0)
    assert modes.values == pytest.approx(ZEROS[3:5] ** 4, rel=3e-2)
    assert modes[0].coefficients.shape == (STENCILS.size, 2)


def test_damped_vibration():
    """u_tt + 2 u_t = Δu for u ~ exp(λt): λ = −1 ± i √(k² − 1)."""
    modes = mf.eigen(drum(lambda u, x, lam: mf.laplacian(u)(x) - lam * (lam + 2.0) * u(x)), EIGEN, 4)
    pair = -1 + 1j * np.sqrt(ZEROS[:2] ** 2 - 1)
    assert sorted(modes.values[:2], key=np.imag) == pytest.approx([np.conj(pair[0]), pair[0]], rel=1e-7)
    assert abs(modes.values[2] - pair[1].real) == pytest.approx(pair[1].imag, rel=1e-7)
    assert modes.simple.tolist() == [True, True, False, False]
    assert float(modes[0](np.zeros(2))) == pytest.approx(1 / scipy.special.j1(ZEROS[0]), rel=1e-6)


def test_many_equal_eigenvalues():
    """On a periodic box all but the first occur four times, by exact symmetry, and Arnoldi's method finds all."""
    box = mf.Box((0.0, 0.0), (1.0, 1.0), periodic=True)
    axis = np.arange(21) / 21
    cloud = mf.Cloud(interior=np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2), domain=box)
    space = mf.Stencils(None, cloud, 4)
    modes = mf.eigen(mf.Problem(box, interior=vibration), space, 9)
    assert modes.values / (4 * np.pi**2) == pytest.approx([0, 1, 1, 1, 1, 2, 2, 2, 2], abs=2e-2)


@pytest.mark.parametrize("space", [EIGEN, STENCILS])
def test_derivative_of_a_simple_eigenvalue(space):
    def interior(a, u, x, lam):
        return (1 + a * x[0] ** 2) * mf.laplacian(u)(x) + lam * u(x)

    def value(a):
        return mf.eigen(drum(jax.tree_util.Partial(interior, a)), space, 1).values[0]

    step = 1e-4
    given = (value(0.3 + step) - value(0.3 - step)) / (2 * step)
    assert float(jax.grad(value)(0.3)) == pytest.approx(float(given), rel=1e-7)


def test_derivative_by_the_scale_and_of_pairs():
    cloud = DISK.cloud(0.3, cluster=1.0)

    def values(scale):
        return mf.eigen(drum(), mf.Eigenbasis(mf.Gaussian(scale), cloud, 8), 2).values

    found, moved = jax.jvp(values, (0.8,), (1.0,))
    step = 1e-4
    given = (values(0.8 + step)[0] - values(0.8 - step)[0]) / (2 * step)
    assert float(moved[0]) == pytest.approx(given, rel=1e-5) and np.isnan(moved[1])
    assert np.isfinite(jax.grad(lambda s: values(s)[0])(0.8)) and found.shape == (2,)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (mf.Problem(DISK, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.dirichlet()), "has no parameter"),
        (drum(lambda u, x, lam: mf.laplacian(u)(x) + jnp.exp(lam) * u(x)), "no polynomial of degree at most 2"),
        (drum(lambda u, x, lam: mf.laplacian(u)(x) + lam * u(x) ** 2), "not affine in u"),
        (drum(lambda u, x, lam: mf.laplacian(u)(x) + lam * u(x) + 1.0), "u = 0 does not satisfy .* 'interior'"),
        (drum(boundary=mf.dirichlet(lambda x, lam: 1.0 + lam)), "u = 0 does not satisfy .* 'boundary'"),
        (drum(lambda u, x, lam: mf.laplacian(u)(x)), "no residual depends on the parameter"),
    ],
)
def test_what_is_no_eigenvalue_problem(problem, message):
    with pytest.raises(ValueError, match=message):
        mf.eigen(problem, SMALL, 2)


def test_a_condition_is_missing():
    with pytest.raises(ValueError, match="at no value of the parameter are the equations solvable"):
        mf.eigen(drum(boundary=None), EIGEN, 2)


def test_bad_numbers():
    with pytest.raises(ValueError, match=f"from 1 to the {STENCILS.size} unknowns"):
        mf.eigen(drum(), STENCILS, STENCILS.size + 1)
    with pytest.raises(ValueError, match="outside of it"):
        jax.jit(lambda a: mf.eigen(drum(lambda u, x, lam: a * vibration(u, x, lam)), STENCILS, 1).values)(1.0)


def test_poor_and_spurious_pairs():
    """Stencils with a condition on the flux have spurious pairs: dropped, or told of; with ghosts there are none."""

    def flux(u, x, n, lam):
        return mf.derivative(u, n)(x) - lam * u(x)

    steklov, cloud = drum(lambda u, x, lam: mf.laplacian(u)(x), flux), DISK.cloud(0.2)
    with pytest.warns(UserWarning, match=r"2\.98063 \(12%\)"):
        assert mf.eigen(steklov, mf.Stencils(None, cloud, 4), 7).dropped > 0
    ghosts = mf.eigen(steklov, mf.Stencils(None, cloud, 4, ghost=True), 5)
    assert ghosts.dropped == 0 and ghosts.values == pytest.approx([0, 1, 1, 2, 2], abs=1e-2)
