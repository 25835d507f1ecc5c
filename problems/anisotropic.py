"""Diffusion a hundred times slower along x: −u_xx/100 − u_yy = f on the unit square, Dirichlet, u = sin 16x cos y."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 26, "scale": (0.7, 3.0)}
ERROR = 1e-12  # relative L2 that the defaults reach


def problem(k: float = 16.0, along: float = 0.01) -> mf.Problem:
    def exact(x):
        return jnp.sin(k * x[0]) * jnp.cos(x[1])

    def diffusion(u, x):
        return -jnp.array([along, 1.0]) @ jnp.diag(mf.hessian(u)(x))

    return mf.Problem(mf.Box(), interior=mf.manufactured(diffusion, exact), boundary=mf.dirichlet(exact), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
