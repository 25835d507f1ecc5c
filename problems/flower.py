"""A cubic nonlinearity on a flower: −Δu + u³ = f inside r = 1 + a cos 5θ, u = sin πx sin πy + sin 2πx cos πy."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.04, "degree": 6}
ERROR = 1e-5  # relative L2 that the defaults reach


def exact(x):
    s, t = jnp.pi * x
    return jnp.sin(s) * jnp.sin(t) + jnp.sin(2 * s) * jnp.cos(t)


def cubic(u, x):
    return -mf.laplacian(u)(x) + u(x) ** 3


def problem(petals: int = 5, depth: float = 0.3) -> mf.Problem:
    def rim(t):
        return (1 + depth * jnp.cos(petals * t)) * jnp.array([jnp.cos(t), jnp.sin(t)])

    return mf.Problem(
        mf.Curve(rim),
        interior=mf.manufactured(cubic, exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
