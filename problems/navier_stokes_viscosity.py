"""Kovasznay's flow with its viscosity unknown, found from 30 noisy velocities: v·∇v + ∇p = ν Δv, ∇·v = 0, ν = 1/20.

Source of the flow: see `kovasznay.py`.
"""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"space": "eigenbasis", "degree": 14, "scale": (2.0,)}
ERROR = 3e-4  # relative L2 of v and p together that the defaults reach
BOX = mf.Box((-0.5, -0.5), (1.0, 0.5))
REYNOLDS = 20.0
DECAY = REYNOLDS / 2 - np.sqrt(REYNOLDS**2 / 4 + 4 * np.pi**2)


def exact(x):
    size, angle = jnp.exp(DECAY * x[0]), 2 * jnp.pi * x[1]
    squares = (np.exp(2 * DECAY) - np.exp(-DECAY)) / (3 * DECAY)  # so that the mean of p is zero
    across = DECAY / (2 * jnp.pi) * size * jnp.sin(angle)
    return jnp.stack([1 - size * jnp.cos(angle), across, (squares - size**2) / 2])


def problem(noise: float = 0.01) -> mf.Problem:
    viscosity, points = mf.Unknown(0.2), BOX.sample(30, seed=3)
    velocities = jax.vmap(exact)(points)[:, :2] + noise * np.random.default_rng(0).standard_normal((30, 2))

    def navier_stokes(u, x):
        v, p = u[:2], u[2]
        momentum = mf.jacobian(v)(x) @ v(x) + mf.gradient(p)(x) - viscosity * mf.laplacian(v)(x)
        return jnp.append(momentum, mf.divergence(v)(x))

    return mf.Problem(
        BOX,
        fields=3,
        interior=navier_stokes,
        boundary=lambda u, x, n: u(x)[:2] - exact(x)[:2],
        mean=lambda u, x: u(x)[2],
        exact=exact,
        velocities=mf.Data(points, velocities, noise, of=lambda u, x: u(x)[:2]),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
