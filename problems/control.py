"""Laplace control: the values at the top edge that make u_y = cos 2πx there (Mowlavi & Nabi 2023, section 4.1).

u = sin 2πx at the bottom. The control is a trigonometric sum, and its optimum sech 2π sin 2πx + tanh 2π cos 2πx / 2π.
"""

import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.04, "degree": 6}
ERROR = 3e-4  # relative L2 that the defaults reach
WAVE = 2 * np.pi


def exact(x):
    falling, rising = jnp.cosh(WAVE * (1 - x[1])), jnp.sinh(WAVE * x[1]) / WAVE
    return (jnp.sin(WAVE * x[0]) * falling + jnp.cos(WAVE * x[0]) * rising) / jnp.cosh(WAVE)


def problem(terms: int = 3) -> mf.Problem:
    k = WAVE * np.arange(1, terms + 1)
    control, top = mf.Unknown(np.zeros(2 * terms)), np.linspace(0.0, 1.0, 42)[1:-1]
    points = np.stack([top, np.ones_like(top)], axis=1)
    return mf.Problem(
        mf.Box(),
        interior=lambda u, x: mf.laplacian(u)(x),
        top=mf.dirichlet(lambda x: jnp.concatenate([jnp.sin(k * x[0]), jnp.cos(k * x[0])]) @ control),
        boundary=mf.dirichlet(exact),
        exact=exact,
        flux=mf.Data(points, np.cos(WAVE * top), 0.1, of=lambda u, x: mf.derivative(u, 1)(x)),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
