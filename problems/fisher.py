"""Fisher's equation: u_t = u_xx + ρ u (1 − u) on [−10, 20], Dirichlet, a wave of the speed 5√(ρ/6).

u = (1 + exp(√(ρ/6) x − 5ρt/6))⁻², of Ablowitz & Zeppetella, Bull. Math. Biol. 41 (1979) 835-840.
"""

import jax
import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.1, "degree": 6, "times": (0.0, 5.0), "tolerance": 1e-7}
ERROR = 1e-6  # relative L2 at the last time that the defaults reach


def problem(growth: float = 1.0) -> mf.Problem:
    def exact(x, t):
        return jax.nn.sigmoid(5 * growth * t / 6 - jnp.sqrt(growth / 6) * x[0]) ** 2

    def fisher(u, x, t):
        return mf.time_derivative(u)(x) - mf.laplacian(u)(x) - growth * u(x) * (1 - u(x))

    return mf.Problem(
        mf.Interval(-10.0, 20.0),
        interior=fisher,
        boundary=mf.dirichlet(exact),
        initial=lambda x: exact(x, 0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
