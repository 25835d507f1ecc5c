"""The eikonal equation with viscosity: |∇u|² = 1 + εΔu on the unit square, u = 0 on the boundary.

With u = −ε log v it is −ε²Δv + v = 0, v = 1 on the boundary, whose sine series gives the exact solution.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 36, "scale": (0.7,)}
ERROR = 2e-5  # relative L2 that the defaults reach
TERMS = 400  # odd wavenumbers of the series


def problem(viscosity: float = 0.1) -> mf.Problem:
    k = jnp.pi * jnp.arange(1.0, 2 * TERMS, 2)
    decay = jnp.sqrt(k**2 + viscosity**-2)

    def across(distance, rate):
        """cosh(rate (t − ½))/cosh(rate/2) at this distance t from a side, without overflow."""
        return (jnp.exp(-rate * distance) + jnp.exp(-rate * (1 - distance))) / (1 + jnp.exp(-rate))

    def exact(x):
        layer = across(x[1], 1 / viscosity)  # solves the linear equation, 1 at y = 0 and 1
        rest = 4 / (k * (1 + (viscosity * k) ** 2)) * jnp.sin(k * x[1]) * across(x[0], decay)
        return -viscosity * jnp.log(layer + jnp.sum(rest))

    def eikonal(u, x):
        slope = mf.gradient(u)(x)
        return slope @ slope - 1 - viscosity * mf.laplacian(u)(x)

    return mf.Problem(mf.Box(), interior=eikonal, boundary=mf.dirichlet(0.0), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
