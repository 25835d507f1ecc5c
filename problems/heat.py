"""The heat equation on the unit disk: ∂u/∂t = κ Δu, Dirichlet, u = exp(−κk²t) sin k(x + 2y)/√5."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 14, "times": (0.0, 0.2), "tolerance": 1e-8}
ERROR = 5e-8  # relative L2 at the last time that the defaults reach


def problem(kappa: float = 1.0, k: float = 3.0) -> mf.Problem:
    def exact(x, t):
        return jnp.exp(-kappa * k**2 * t) * jnp.sin(k * (x[0] + 2 * x[1]) / jnp.sqrt(5.0))

    def heat(u, x, t):
        return mf.time_derivative(u)(x) - kappa * mf.laplacian(u)(x)

    return mf.Problem(
        mf.Disk(),
        interior=heat,
        boundary=mf.dirichlet(exact),
        initial=lambda x: exact(x, 0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
