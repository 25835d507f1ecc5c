"""The Allen-Cahn equation: u_t = ε²u_xx + u − u³ on [−1, 1], Dirichlet, a front that invades the unstable u = 0.

u = (1 − tanh((x − 3εt/√2)/(2√2 ε)))/2, a front of width 2√2 ε that starts at the middle.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.01, "times": (0.0, 5.0)}
ERROR = 1e-5  # relative L2 at the last time that the defaults reach


def problem(epsilon: float = 0.05) -> mf.Problem:
    def exact(x, t):
        return (1 - jnp.tanh((x[0] - 3 * epsilon * t / jnp.sqrt(2.0)) / (2 * jnp.sqrt(2.0) * epsilon))) / 2

    def allen_cahn(u, x, t):
        return mf.time_derivative(u)(x) - epsilon**2 * mf.laplacian(u)(x) - u(x) + u(x) ** 3

    return mf.Problem(
        mf.Interval(-1.0, 1.0),
        interior=allen_cahn,
        boundary=mf.dirichlet(exact),
        initial=lambda x: exact(x, 0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
