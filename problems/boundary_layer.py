"""Convection and diffusion with a layer: −εΔu + u_x = f on the unit square, Dirichlet, a layer of width ε at x = 1.

u = (x − (e^((x−1)/ε) − e^(−1/ε))/(1 − e^(−1/ε))) sin πy. The nodes are graded to the layer, which they resolve.
"""

import jax.numpy as jnp

import meshfree as mf

SPACING, VISCOSITY = 0.03, 1e-3


def grading(x):
    return jnp.minimum((0.45 * VISCOSITY + 0.1 * (1 - x[0])) / SPACING, 1.0)


DEFAULTS = {"space": "stencils", "spacing": SPACING, "degree": 6, "grading": grading}
ERROR = 1e-4  # relative L2 that the defaults reach


def problem(viscosity: float = VISCOSITY) -> mf.Problem:
    def exact(x):
        layer = jnp.exp((x[0] - 1) / viscosity) - jnp.exp(-1 / viscosity)
        return (x[0] + layer / jnp.expm1(-1 / viscosity)) * jnp.sin(jnp.pi * x[1])

    def convection_diffusion(u, x):
        return -viscosity * mf.laplacian(u)(x) + mf.derivative(u, 0)(x)

    return mf.Problem(
        mf.Box(),
        interior=mf.manufactured(convection_diffusion, exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
