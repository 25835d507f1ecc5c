"""A point charge's potential in a ball with an off-centre cavity: Δu = 0, u given outside, u_n in the cavity."""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.12, "degree": 4}
ERROR = 1e-3  # relative L2 that the defaults reach


def problem(offset: float = 0.3, radius: float = 0.4) -> mf.Problem:
    charge = jnp.array([offset, 0.0, 0.0])

    def exact(x):
        return 1 / jnp.linalg.norm(x - charge)

    return mf.Problem(
        mf.Ball() - mf.Ball((offset, 0.0, 0.0), radius, name="cavity"),
        interior=lambda u, x: mf.laplacian(u)(x),
        cavity=lambda u, x, n: mf.derivative(u, n)(x) - mf.derivative(exact, n)(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
