"""Poisson's equation on an interval: −u″ = π² sin πx on [0, 1], u = 0 at both ends."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {}
ERROR = 2e-14  # relative L2 that the defaults reach


def problem(length: float = 1.0) -> mf.Problem:
    wavenumber = jnp.pi / length

    def exact(x):
        return jnp.sin(wavenumber * x[0])

    def poisson(u, x):
        return mf.laplacian(u)(x) + wavenumber**2 * exact(x)

    return mf.Problem(mf.Interval(0.0, length), interior=poisson, boundary=mf.dirichlet(0.0), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
