"""Kovasznay's flow behind a grid: v·∇v + ∇p = Δv/Re, ∇·v = 0, v given on the boundary, the mean of p zero.

An exact solution of the Navier-Stokes equations, v = (1 − e^(λx) cos 2πy, λ/2π e^(λx) sin 2πy), with
λ = Re/2 − √(Re²/4 + 4π²) (Kovasznay, Math. Proc. Cambridge Philos. Soc. 44 (1948) 58-62).
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 18, "scale": (1.0,)}
ERROR = 2e-7  # relative L2 of v and p together that the defaults reach


def problem(reynolds: float = 20.0) -> mf.Problem:
    decay = reynolds / 2 - jnp.sqrt(reynolds**2 / 4 + 4 * jnp.pi**2)
    left, right = -0.5, 1.0
    squares = (jnp.exp(2 * decay * right) - jnp.exp(2 * decay * left)) / (2 * decay * (right - left))

    def exact(x):
        size, angle = jnp.exp(decay * x[0]), 2 * jnp.pi * x[1]
        along, across = 1 - size * jnp.cos(angle), decay / (2 * jnp.pi) * size * jnp.sin(angle)
        return jnp.stack([along, across, (squares - size**2) / 2])

    def navier_stokes(u, x):
        v, p = u[:2], u[2]
        momentum = mf.jacobian(v)(x) @ v(x) + mf.gradient(p)(x) - mf.laplacian(v)(x) / reynolds
        return jnp.append(momentum, mf.divergence(v)(x))

    return mf.Problem(
        mf.Box((left, -0.5), (right, 0.5)),
        fields=3,
        interior=navier_stokes,
        boundary=lambda u, x, n: u(x)[:2] - exact(x)[:2],
        mean=lambda u, x: u(x)[2],
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
