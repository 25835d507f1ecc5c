"""A simply supported square plate under a uniform load, as two equations of second order: Δu = w, Δw = 1, u = w = 0.

By Lévy's series (Timoshenko & Woinowsky-Krieger, Theory of Plates and Shells (1959), section 30), whose deflection of
the middle is 0.00406; w is like r² log r near the corners.
"""

import jax.numpy as jnp
import numpy as np

import meshfree as mf

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def grading(x):
    return jnp.clip(2 * jnp.min(jnp.linalg.norm(CORNERS - x[None], axis=1)), 0.1, 1.0)


DEFAULTS = {"space": "stencils", "spacing": 0.05, "degree": 6, "grading": grading, "ghost": True}
ERROR = 1e-5  # relative L2 that the defaults reach


def deflection(x, terms=200):
    k = jnp.pi * jnp.arange(1.0, 2 * terms, 2.0)
    half, s = k / 2, jnp.abs(2 * x[1] - 1)
    near, far = jnp.exp(-half * (1 - s)), jnp.exp(-half * (1 + s))
    # cosh(half s)/cosh(half) and s sinh(half s)/cosh(half), without overflow
    cosh, sinh = (near + far) / (1 + jnp.exp(-k)), s * (near - far) / (1 + jnp.exp(-k))
    edges = ((half * jnp.tanh(half) + 2) * cosh - half * sinh) / k**5
    return (x[0] ** 4 - 2 * x[0] ** 3 + x[0]) / 24 - 2 * jnp.sum(edges * jnp.sin(k * x[0]))


def problem() -> mf.Problem:
    return mf.Problem(
        mf.Box((0.0, 0.0), (1.0, 1.0)),
        fields=2,
        interior=lambda v, x: mf.laplacian(v)(x) - jnp.array([v(x)[1], 1.0]),
        boundary=mf.dirichlet(0.0),
        exact=lambda x: jnp.stack([deflection(x), mf.laplacian(deflection)(x)]),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
