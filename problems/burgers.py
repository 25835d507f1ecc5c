"""Burgers' equation with a layer: u_t + u u_x = ν u_xx on [−1, 1], u = 0 at both ends, u = −sin πx at first.

By Cole and Hopf u is a quotient of integrals over the heat kernel, here by Gauss-Hermite quadrature (Basdevant et al.,
Computers & Fluids 14 (1986) 23-41). Steepest at t = 1.6/π; the nodes are graded to the layer at 0.
"""

import jax.numpy as jnp
import numpy as np

import meshfree as mf

Z, WEIGHTS = np.polynomial.hermite.hermgauss(120)  # to z = 15: the integrals come from up to z = 9
SPACING = 0.015


def grading(x):
    return jnp.minimum((2e-4 + 0.03 * jnp.abs(x[0])) / SPACING, 1.0)


DEFAULTS = {"space": "stencils", "spacing": SPACING, "degree": 6, "grading": grading, "tolerance": 1e-7}
ERROR = 1e-6  # relative L2 at the last time that the defaults reach


def problem(viscosity: float = 0.01 / np.pi) -> mf.Problem:
    def exact(x, t):
        y = x[0] - jnp.sqrt(4 * viscosity * t) * Z
        exponents = jnp.log(WEIGHTS) - jnp.cos(jnp.pi * y) / (2 * jnp.pi * viscosity)
        shares = jnp.exp(exponents - jnp.max(exponents))
        return -jnp.sum(shares * jnp.sin(jnp.pi * y)) / jnp.sum(shares)

    def burgers(u, x, t):
        return mf.time_derivative(u)(x) + u(x) * mf.derivative(u, 0)(x) - viscosity * mf.laplacian(u)(x)

    return mf.Problem(
        mf.Interval(-1.0, 1.0),
        interior=burgers,
        boundary=mf.dirichlet(0.0),
        initial=lambda x: -jnp.sin(jnp.pi * x[0]),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
