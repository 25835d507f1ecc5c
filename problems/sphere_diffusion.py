"""Diffusion on the unit sphere: ∂u/∂t = κ Δu, Δ the Laplace–Beltrami operator, u a sum of spherical harmonics.

Those of degree l are harmonic polynomials at |x| = 1 and decay as exp(−κ l(l + 1) t); here l = 1, 3 and 6.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.1, "degree": 6, "times": (0.0, 0.2), "tolerance": 1e-7}
ERROR = 4e-5  # relative L2 at the last time that the defaults reach


def harmonics(x):
    a, b, z = x
    cubic, sextic = a**3 - 3 * a * b**2, (a**4 - 6 * a**2 * b**2 + b**4) * (11 * z**2 - 1)
    return jnp.array([z, cubic, sextic])


def problem(kappa: float = 0.1) -> mf.Problem:
    decays = jnp.array([2.0, 12.0, 42.0])

    def exact(x, t):
        return jnp.sum(jnp.exp(-kappa * decays * t) * harmonics(x / jnp.linalg.norm(x)))

    def diffusion(u, x, t):
        return mf.time_derivative(u)(x) - kappa * mf.laplacian(u)(x)

    sphere = mf.Surface(mf.Ball((0.0, 0.0, 0.0), 1.0))
    return mf.Problem(sphere, interior=diffusion, initial=lambda x: exact(x, 0.0), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
