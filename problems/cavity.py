"""The driven cavity: v·∇v + ∇p = Δv/Re, ∇·v = 0 in a square whose lid slides, v = (1, 0) there and 0 on other walls.

In the corners of the lid v jumps. The Stokes flow between a sliding and a fixed wall that meet at a right angle
(Batchelor, An Introduction to Fluid Dynamics, 1967, section 4.8) has the same jump: the fields here are v and p without
it. Equations count less near the corners, where the rest still is not smooth. `velocity(u)` is v, which Ghia, Ghia &
Shin (J. Comput. Phys. 48 (1982) 387-411, table I) tell on the vertical centre line; see scripts/flow_cases.py.
"""

import jax.numpy as jnp

import meshfree as mf


def grading(x):
    return jnp.clip(0.5 + 6 * from_corners(x), 0.5, 1.0)


DEFAULTS = {"space": "stencils", "spacing": 0.05, "grading": grading}
ERROR = 5e-2  # relative L2 difference of the defaults from half their spacing
TINY = 1e-9
CORNER = 1 / (1 - jnp.pi**2 / 4)


def from_corners(x):
    return jnp.hypot(jnp.minimum(x[0], 1 - x[0]), 1 - x[1])


def corner_flow(along, down):
    """Of the stream function r f(θ), as velocities along the lid and down from it."""
    angle = jnp.arctan2(down, jnp.where(along + down < TINY, 1.0, along))  # of the corner itself that of the lid
    s, c = jnp.sin(angle), jnp.cos(angle)
    f = CORNER * (-(jnp.pi**2) / 4 * s + angle * c + jnp.pi / 2 * angle * s)
    slope = CORNER * ((1 - jnp.pi**2 / 4) * c + (jnp.pi / 2 - angle) * s + jnp.pi / 2 * angle * c)
    return slope * c + f * s, slope * s - f * c


def velocity(u):
    def of(x):
        left, right = corner_flow(x[0], 1 - x[1]), corner_flow(1 - x[0], 1 - x[1])
        return u(x)[:2] + jnp.stack([left[0] + right[0], right[1] - left[1]])

    return of


def problem(reynolds: float = 100.0) -> mf.Problem:
    def navier_stokes(u, x):
        v, r = velocity(u), jnp.maximum(from_corners(x), TINY)
        momentum = mf.jacobian(v)(x) @ v(x) + mf.gradient(u[2])(x) - mf.laplacian(u[:2])(x) / reynolds
        return r**2 / (r**2 + 0.04) * jnp.append(momentum, mf.divergence(u[:2])(x))

    def wall(speed):
        return lambda u, x, n: velocity(u)(x) - jnp.array([jnp.where(from_corners(x) < TINY, 1.0, speed), 0.0])

    return mf.Problem(
        mf.Box(), fields=3, interior=navier_stokes, top=wall(1.0), boundary=wall(0.0), mean=lambda u, x: u(x)[2]
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
