"""The wave equation on the unit square: u_tt = c²Δu, u = 0 on the boundary, 20 periods of a standing wave.

Two fields, u and its rate v: u_t = v, v_t = c²Δu. u = cos(√2 πct) sin πx sin πy.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 14, "times": (0.0, 20 * 2**0.5), "tolerance": 1e-7}
ERROR = 2e-5  # relative L2 at the last time that the defaults reach


def problem(speed: float = 1.0) -> mf.Problem:
    def exact(x, t):
        phase, shape = jnp.sqrt(2.0) * jnp.pi * speed * t, jnp.prod(jnp.sin(jnp.pi * x))
        return shape * jnp.array([jnp.cos(phase), -jnp.sqrt(2.0) * jnp.pi * speed * jnp.sin(phase)])

    def wave(u, x, t):
        v, (rate, acceleration) = u(x)[1], mf.time_derivative(u)(x)
        return jnp.array([rate - v, acceleration - speed**2 * mf.laplacian(u)(x)[0]])

    return mf.Problem(
        mf.Box(),
        interior=wave,
        boundary=mf.dirichlet(0.0),
        initial=lambda x: exact(x, 0.0),
        exact=exact,
        fields=2,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
