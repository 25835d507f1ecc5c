"""Eigenvalues of problems in time, against known ones, and the verdict on what grows."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import meshfree as mf

DISK = mf.Disk()
CLOUD = DISK.cloud(0.12)
EIGEN = mf.Eigenbasis(mf.Gaussian(1.0), CLOUD, 12)
STENCILS = mf.Stencils(None, CLOUD, 4)


def heat(u, x, t):
    return mf.time_derivative(u)(x) - mf.laplacian(u)(x)


def rotation(u, x, t):
    slope = mf.gradient(u)(x)
    return mf.time_derivative(u)(x) - x[1] * slope[0] + x[0] * slope[1]


def on_the_disk(interior, fields=1):
    return mf.Problem(DISK, interior=interior, boundary=mf.dirichlet(0.0), fields=fields)


def test_heat_decays_as_bessel_functions_do():
    zeros = np.sort(np.concatenate([np.repeat(scipy.special.jn_zeros(n, 3), 1 + (n > 0)) for n in range(5)]))
    found = mf.spectrum(on_the_disk(heat), EIGEN, 4)
    assert found.values.real == pytest.approx(-(zeros[:4] ** 2), rel=1e-4)
    assert "nothing grows" in found.verdict and found.resolved.all()
    first = found[0]
    x = np.array([0.3, 0.4])
    ratio = float(scipy.special.j0(zeros[0] * 0.5))
    assert float(first(x)) / float(first(np.zeros(2))) == pytest.approx(ratio, rel=1e-3)
    stencils = mf.spectrum(on_the_disk(heat), STENCILS, 3)
    assert stencils.values.real == pytest.approx(-(zeros[:3] ** 2), rel=1e-2)


def test_waves_turn_about():
    """u_tt = Δu as two fields: the eigenvalues are ± i times the zeros."""

    def wave(u, x, t):
        rate = mf.time_derivative(u)(x)
        return jnp.stack([rate[0] - u(x)[1], rate[1] - mf.laplacian(u)(x)[0]])

    given = mf.Problem(DISK, interior=wave, boundary=lambda u, x, n, t: u(x), fields=2)
    values = mf.spectrum(given, EIGEN, 300).values
    assert np.min(np.abs(values - 1j * scipy.special.jn_zeros(0, 1)[0])) < 1e-4


def test_what_is_not_resolved_and_grows_is_named_and_damped():
    rough = mf.Stencils(None, CLOUD, 2)
    found = mf.spectrum(on_the_disk(rotation), rough)
    assert found.growth > 0.1 and not found.resolved.all()
    assert "what the nodes do not resolve grows" in found.verdict and "hyperviscosity=True" in found.verdict
    assert mf.spectrum(on_the_disk(rotation), rough, hyperviscosity=True).growth < 1e-10
    with pytest.warns(UserWarning, match="which the nodes do not resolve"):
        mf.evolve(on_the_disk(rotation), rough, (0, 40), 1e-3, "imex", steps=4, initial=lambda x: jnp.exp(-9 * x @ x))


def test_what_grows_by_itself_is_told_apart():
    given = on_the_disk(lambda u, x, t: heat(u, x, t) - 9.0 * u(x))
    found = mf.spectrum(given, STENCILS, 2)
    assert found.growth == pytest.approx(9 - scipy.special.jn_zeros(0, 1)[0] ** 2, rel=1e-2)
    assert "so does the problem" in found.verdict


def test_large_sparse_problems_by_arnoldi(monkeypatch):
    from meshfree.solving import spectrum

    whole = mf.spectrum(on_the_disk(rotation), STENCILS, 3).values
    monkeypatch.setattr(spectrum, "DENSE", 10)
    found = mf.spectrum(on_the_disk(rotation), STENCILS, 3).values
    assert found[0].real == pytest.approx(whole[0].real, rel=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mf.spectrum(on_the_disk(heat), EIGEN, 0), "k is a number of eigenvalues"),
        (lambda: mf.spectrum(mf.Problem(DISK, interior=lambda u, x: u(x), boundary=mf.dirichlet()), EIGEN), "no time"),
    ],
    ids=["no eigenvalues", "a stationary problem"],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
