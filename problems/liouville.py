"""Liouville's equation on the unit disk: Δu + λeᵘ = 0, u = 0 on the circle; the lower of its two solutions, λ ≤ 2."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {}
ERROR = 3e-13  # relative L2 that the defaults reach


def problem(rate: float = 1.0) -> mf.Problem:
    beta = (4 - rate - jnp.sqrt(16 - 8 * rate)) / rate

    def exact(x):
        return jnp.log(8 * beta / (rate * (1 + beta * x @ x) ** 2))

    return mf.Problem(
        mf.Disk(),
        interior=lambda u, x: mf.laplacian(u)(x) + rate * jnp.exp(u(x)),
        boundary=mf.dirichlet(0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
