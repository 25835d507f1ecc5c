"""Advection and diffusion on a periodic square: u_t + a·∇u = νΔu, a pulse that crosses the seams and comes back.

u is the heat kernel of the torus, Gaussians of the variance σ² + 2νt over all images of the center.
"""

import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"degree": 30, "tolerance": 1e-7}
ERROR = 3e-6  # relative L2 at the last time that the defaults reach
IMAGES = np.arange(-2.0, 4.0)  # all that reach the square while the center crosses it


def problem(viscosity: float = 1e-3, width: float = 0.1, across: float = 1.0, up: float = 0.0) -> mf.Problem:
    def exact(x, t):
        variance, center = width**2 + 2 * viscosity * t, 0.5 + jnp.array([across, up]) * t
        offsets = (x - center)[:, None] + IMAGES[None]
        return width**2 / variance * jnp.prod(jnp.sum(jnp.exp(-(offsets**2) / (2 * variance)), axis=1))

    def transport(u, x, t):
        velocity = jnp.array([across, up])
        return mf.time_derivative(u)(x) + mf.derivative(u, velocity)(x) - viscosity * mf.laplacian(u)(x)

    return mf.Problem(
        mf.Box((0.0, 0.0), (1.0, 1.0), periodic=True),
        interior=transport,
        initial=lambda x: exact(x, 0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
