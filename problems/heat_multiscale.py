"""Heat conduction of two scales: u_t = u_xx/(kπ)² + u_yy/π² on the unit square, u = sin kπx sin πy e^(−2t), Dirichlet.

With k = 500, as it is usually posed, a space needs to know of the waves: translates of mf.Gaussian(0.5) times
mf.Cosine((500 * jnp.pi, 0.0)), as in case T8 of scripts/accuracy.py. Here k = 8 lets the eigenfunctions resolve them.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 30, "scale": (1.0,), "tolerance": 1e-7, "method": "esdirk"}
ERROR = 1e-7  # relative L2 at the last time that the defaults reach


def problem(k: int = 8) -> mf.Problem:
    def exact(x, t):
        return jnp.exp(-2 * t) * jnp.sin(k * jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])

    def heat(u, x, t):
        along, across = jnp.diagonal(mf.hessian(u)(x))
        return mf.time_derivative(u)(x) - along / (k * jnp.pi) ** 2 - across / jnp.pi**2

    return mf.Problem(
        mf.Box(),
        interior=heat,
        boundary=mf.dirichlet(0.0),
        initial=lambda x: exact(x, 0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
