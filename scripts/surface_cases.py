"""The reference cases on surfaces: see `accuracy.py`."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from reference import Row, made
from scipy.integrate import solve_ivp

import meshfree as mf

SPHERE, TORUS = mf.Surface(mf.Ball((0.0, 0.0, 0.0), 1.0)), mf.Surface(mf.Torus())
MAJOR, MINOR = 1.0, 0.4


def on_sphere(x):
    return x / jnp.linalg.norm(x)


def on_torus(x):
    """The nearest point of the torus."""
    ring = MAJOR * x[:2] / jnp.linalg.norm(x[:2])
    away = x - jnp.append(ring, 0.0)
    return jnp.append(ring, 0.0) + MINOR * away / jnp.linalg.norm(away)


def reaction_diffusion(surface: mf.Surface, values: Callable, nearest: Callable) -> mf.Problem:
    """−Δu + u = f for u = values at the nearest point, which is constant along the normals."""

    def exact(x):
        return values(nearest(x))

    def equation(u, x):
        return -mf.laplacian(u)(x) + u(x)

    return mf.Problem(surface, interior=mf.manufactured(equation, exact), exact=exact)


def waves(x):
    return jnp.exp(x[0]) * jnp.sin(2 * x[1])


def sphere() -> Iterator[Row]:
    """S1: −Δu + u = f on the unit sphere, by stencils, and by eigenfunctions in least squares."""
    problem = reaction_diffusion(SPHERE, waves, on_sphere)
    cloud = SPHERE.cloud(0.0803)
    if not 1900 <= len(cloud) <= 2042:
        raise RuntimeError(f"{len(cloud)} nodes; expected about 2042, and no more")
    u = mf.solve(problem, mf.Stencils(None, cloud, 6))
    yield Row("S1 sphere, tangent stencils of degree 6", len(cloud), mf.error(problem, u), 2e-6)
    u = mf.solve(problem, mf.Eigenbasis(mf.Gaussian(2.0), SPHERE.cloud(0.13), 14))
    yield Row("S1 sphere, eigenfunctions of degree 14", u.stats["unknowns"], mf.error(problem, u), 1e-6)


def torus() -> Iterator[Row]:
    """S2: the same on a torus, its tube of radius 0.4."""

    def values(x):
        return jnp.sin(2 * x[0]) * jnp.cos(x[1]) + x[2] * x[0]

    problem, cloud = reaction_diffusion(TORUS, values, on_torus), TORUS.cloud(0.04)
    for degree in (4, 6):
        u = mf.solve(problem, mf.Stencils(None, cloud, degree))
        yield Row(f"S2 torus, stencils of degree {degree}, h = 0.04", len(cloud), mf.error(problem, u), 1e-4)


def diffusion() -> Iterator[Row]:
    """S3: spherical harmonics that decay."""
    problem = made("sphere_diffusion")
    u = mf.evolve(problem, mf.Stencils(None, SPHERE.cloud(0.1), 6), (0.0, 0.2), 1e-7)
    yield Row("S3 diffusion on the sphere", u.stats["unknowns"], mf.error(problem.at(0.2), u.final), 4e-5)


def pattern() -> Iterator[Row]:
    """S4: spots on the torus against Fourier series in its two angles."""
    diffusion, end = 0.02, 40.0
    problem = made("torus_pattern", diffusion=diffusion)
    X, W = pattern_by_fourier(problem, diffusion, end)
    u = mf.evolve(problem, mf.Stencils(None, TORUS.cloud(0.08), 4), (0.0, end), 1e-4)
    error = np.linalg.norm(np.asarray(u.final(X)) - W) / np.linalg.norm(W)
    yield Row("S4 Turing pattern on the torus against Fourier", u.stats["unknowns"], float(error), 1e-2)


def pattern_by_fourier(problem: mf.Problem, diffusion: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Points, and the two fields of `torus_pattern` there at the end: a pseudo-spectral method and Runge and Kutta's.

    In the angles φ, θ, with ρ = R + r cos θ: Δu = u_φφ/ρ² + u_θθ/r² − sin θ u_θ/(rρ).
    """
    n, m, alpha, beta, tau1, tau2 = 96, 64, 0.899, -0.91, 0.02, 0.2
    phi, theta = np.meshgrid(np.arange(n) * 2 * np.pi / n, np.arange(m) * 2 * np.pi / m, indexing="ij")
    rho = MAJOR + MINOR * np.cos(theta)
    X = np.stack([rho * np.cos(phi), rho * np.sin(phi), MINOR * np.sin(theta)], axis=-1).reshape(-1, 3)
    k, p = np.fft.fftfreq(n, 1 / n)[:, None], np.fft.fftfreq(m, 1 / m)[None]
    odd = np.where(np.abs(p) < m / 2, p, 0)

    def laplacian(u):
        around, along = np.fft.fft(u, axis=0), np.fft.fft(u, axis=1)
        twice = np.fft.ifft(-(k**2) * around, axis=0).real, np.fft.ifft(-(p**2) * along, axis=1).real
        slope = np.fft.ifft(1j * odd * along, axis=1).real
        return twice[0] / rho**2 + twice[1] / MINOR**2 - np.sin(theta) * slope / (MINOR * rho)

    def rates(t, w):
        u, v = w.reshape(2, n, m)
        f = alpha * u * (1 - tau1 * v**2) + v * (1 - tau2 * u)
        g = beta * v + alpha * tau1 * u * v**2 + u * (-alpha + tau2 * v)
        return np.stack([0.516 * diffusion * laplacian(u) + f, diffusion * laplacian(v) + g]).ravel()

    assert problem.initial is not None
    start = np.asarray(jax.vmap(problem.initial)(jnp.asarray(X))).T
    found = solve_ivp(rates, (0.0, end), start.ravel(), rtol=1e-6, atol=1e-8)
    return X, found.y[:, -1].reshape(2, -1).T


CASES: dict[str, Callable[[], Iterator[Row]]] = {"S1": sphere, "S2": torus, "S3": diffusion, "S4": pattern}
