"""A point charge's potential in a ball with an off-centre cavity: Δu = 0, u given outside, u_n in the cavity."""

import jax.numpy as jnp

import meshfree as mf

CHARGE = jnp.array([0.25, 0.0, 0.0])


def grading(x):
    return jnp.clip(jnp.linalg.norm(x - CHARGE), 0.4, 1.0)


DEFAULTS = {"space": "stencils", "spacing": 0.16, "grading": grading, "ghost": True}
ERROR = 1e-2  # relative L2 that the defaults reach


def exact(x):
    return 1 / jnp.linalg.norm(x - CHARGE)


def problem(radius: float = 0.45) -> mf.Problem:
    return mf.Problem(
        mf.Ball() - mf.Ball(CHARGE, radius, name="cavity"),
        interior=lambda u, x: mf.laplacian(u)(x),
        cavity=mf.manufactured(mf.neumann(), exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
