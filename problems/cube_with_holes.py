"""Heat in a cube with three crossing bores: −Δu = f, u given on the cube, the flux u_n in the bores."""

from functools import reduce

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.075, "degree": 4}
ERROR = 1e-2  # relative L2 that the defaults reach


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1]) * jnp.exp(x[2])


def problem(radius: float = 0.2) -> mf.Problem:
    ends = [
        ((0.5, 0.5, -0.1), (0.5, 0.5, 1.1)),
        ((0.5, -0.1, 0.5), (0.5, 1.1, 0.5)),
        ((-0.1, 0.5, 0.5), (1.1, 0.5, 0.5)),
    ]
    bores = [mf.Cylinder(start, end, radius, name="bores") for start, end in ends]
    cube = mf.Box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return mf.Problem(
        reduce(lambda shape, bore: shape - bore, bores, cube),
        interior=mf.manufactured(lambda u, x: mf.laplacian(u)(x), exact),
        bores=mf.manufactured(mf.neumann(), exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
