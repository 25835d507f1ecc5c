"""Potential flow past a NACA 0012 aerofoil, chord 1: Δu = 0 in a disk around it, the flux u_n on the aerofoil given.

u is the potential of a uniform stream and of two sources outside the disk, so that it is known exactly. The sharp
trailing edge is a node, and nodes are finer at both edges.
"""

import jax.numpy as jnp

import meshfree as mf

SOURCES = ((-1.3, 0.6, 0.8), (2.2, -1.0, -0.5))  # x, y, strength


def grading(x):
    chord = jnp.hypot(x[0] - jnp.clip(x[0], 0.0, 1.0), x[1])
    ends = jnp.minimum(jnp.hypot(x[0], x[1]), jnp.hypot(x[0] - 1, x[1]))
    return jnp.clip(jnp.minimum(0.2 + 0.5 * chord, 0.1 + 0.4 * ends), 0.0, 1.0)


DEFAULTS = {"space": "stencils", "spacing": 0.13, "degree": 6, "grading": grading}
ERROR = 1e-5  # relative L2 that the defaults reach


def aerofoil(c):
    """The section with a closed trailing edge, at c = ±1; x = c² (Ladson & Brooks, NASA TM X-3284, 1975)."""
    thickness = 0.2969 - abs(c) * (0.1260 + c**2 * (0.3516 - 0.2843 * c**2 + 0.1036 * c**4))
    return jnp.array([c**2, 0.6 * c * thickness])


def exact(x):
    return x[0] + sum(m * jnp.log(jnp.hypot(x[0] - a, x[1] - b)) for a, b, m in SOURCES)


def problem(radius: float = 1.5) -> mf.Problem:
    foil = mf.Curve(aerofoil, interval=(-1.0, 1.0), corners=(-1.0, 0.0), name="aerofoil")
    return mf.Problem(
        mf.Disk((0.5, 0.0), radius) - foil,
        interior=lambda u, x: mf.laplacian(u)(x),
        aerofoil=mf.manufactured(mf.neumann(), exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
