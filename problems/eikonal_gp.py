"""The eikonal equation with viscosity by a Gaussian process: |∇u|² = 1 + εΔu on the unit disk, u = 0 on the circle.

With u = −ε log v it is −ε²Δv + v = 0, v = 1 on the circle, so that v = I₀(r/ε)/I₀(1/ε). The standard deviation is that
of the equations linearised at the solution. Chen, Hosseini, Owhadi & Stuart, Solving and learning nonlinear PDEs with
Gaussian processes, J. Comput. Phys. 447 (2021) 110668, section 4.3, on the square.
"""

import jax.numpy as jnp
from jax.scipy.special import i0e

import meshfree as mf

DEFAULTS = {"space": "gaussian-process", "kernel": "matern", "kernel_order": 4.5, "scale": (0.4,), "spacing": 0.1}
ERROR = 2e-4  # relative L2 that the defaults reach


def problem(viscosity: float = 0.1) -> mf.Problem:
    def exact(x):
        r = jnp.sqrt(x @ x)
        return 1 - r - viscosity * jnp.log(i0e(r / viscosity) / i0e(1 / viscosity))

    def eikonal(u, x):
        slope = mf.gradient(u)(x)
        return slope @ slope - 1 - viscosity * mf.laplacian(u)(x)

    return mf.Problem(mf.Disk(), interior=eikonal, boundary=mf.dirichlet(0.0), exact=exact)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
