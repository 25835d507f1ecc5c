"""A rod's diffusivity and the history of its far end, from three thermometers: u_t = k u_xx in space and time, k = 0.2.

u = exp(−k π² t/4) sin(πx/2); the end x = 1 has no condition, 60 values of deviation 0.005 are known instead.
"""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.06, "degree": 5}
ERROR = 1e-2  # relative L2 that the defaults reach
RATE = 0.2 * np.pi**2 / 4


def exact(x):
    return jnp.exp(-RATE * x[1]) * jnp.sin(jnp.pi * x[0] / 2)


def problem(noise: float = 0.005) -> mf.Problem:
    k, times = mf.Unknown(1.0), np.linspace(0.05, 1.0, 20)
    points = np.stack([np.repeat([0.4, 0.7, 0.95], 20), np.tile(times, 3)], axis=1)
    read = jax.vmap(exact)(points) + noise * np.random.default_rng(0).standard_normal(60)
    return mf.Problem(
        mf.Box(),
        interior=lambda u, x: mf.derivative(u, 1)(x) - k * mf.hessian(u)(x)[0, 0],
        left=mf.dirichlet(0.0),
        bottom=mf.dirichlet(exact),
        right=None,
        top=None,
        exact=exact,
        thermometers=mf.Data(points, read, noise),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
