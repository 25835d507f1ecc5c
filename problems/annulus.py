"""Heat conduction through a pipe's wall: Δu = 0, u given on the inner circle, the flux u_n on the outer one.

u = 1 + a ln r + (r + 1/(4r)) cos θ: the mean heat flow, and its first mode around the pipe.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.06, "degree": 6, "ghost": True}
ERROR = 1e-4  # relative L2 that the defaults reach


def problem(flow: float = 1.0) -> mf.Problem:
    def exact(x):
        square = x @ x
        return 1 + flow / 2 * jnp.log(square) + x[0] * (1 + 0.25 / square)

    return mf.Problem(
        mf.Annulus((0.0, 0.0), inner=0.5, outer=1.0),
        interior=lambda u, x: mf.laplacian(u)(x),
        inner=mf.dirichlet(exact),
        outer=mf.manufactured(mf.neumann(), exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
