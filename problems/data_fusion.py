"""Poisson's equation with an edge of unknown values and 30 noisy ones inside: Δu = −3 u, u = sin 2x exp y."""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.06, "degree": 4}
ERROR = 5e-3  # relative L2 that the defaults reach


def exact(x):
    return jnp.sin(2 * x[0]) * jnp.exp(x[1])


def problem(noise: float = 0.01) -> mf.Problem:
    points = mf.Box().sample(30, seed=3)
    values = jax.vmap(exact)(points) + noise * np.random.default_rng(0).standard_normal(len(points))
    return mf.Problem(
        mf.Box(),
        interior=lambda u, x: mf.laplacian(u)(x) + 3 * exact(x),
        right=None,
        boundary=mf.dirichlet(exact),
        exact=exact,
        measured=mf.Data(points, values, noise),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
