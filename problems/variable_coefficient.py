"""Diffusion with variable coefficients: ∇·(a∇u) = f, a = diag(2 − x² − y², e^(x−y)), u = 16x(1−x)y(1−y), Dirichlet."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 16}
ERROR = 5e-12  # relative L2 that the defaults reach


def exact(x):
    return 16 * x[0] * (1 - x[0]) * x[1] * (1 - x[1])


def flux_divergence(u, x):
    """∇·(a∇u), as it is written: the product rule is JAX's business."""

    def flux(x):
        return jnp.array([2 - x @ x, jnp.exp(x[0] - x[1])]) * mf.gradient(u)(x)

    return mf.divergence(flux)(x)


def problem() -> mf.Problem:
    return mf.Problem(
        mf.Box(),
        interior=mf.manufactured(flux_divergence, exact),
        boundary=mf.dirichlet(0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
