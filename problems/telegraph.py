"""The telegraph equation: u_tt + 2a u_t + b²u = c²u_xx on [0, 1], u = 0 at both ends, a wave that fades.

Two fields, u and its rate v. u = e^(−at) cos ωt sin kπx, ω² = (ckπ)² + b² − a².
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 24, "times": (0.0, 2.0), "tolerance": 1e-8}
ERROR = 1e-6  # relative L2 at the last time that the defaults reach


def problem(damping: float = 0.5, leakage: float = 1.0, speed: float = 1.0, k: int = 3) -> mf.Problem:
    omega = jnp.sqrt((speed * k * jnp.pi) ** 2 + leakage**2 - damping**2)

    def exact(x, t):
        cosine, sine = jnp.cos(omega * t), jnp.sin(omega * t)
        both = jnp.array([cosine, -damping * cosine - omega * sine])
        return jnp.exp(-damping * t) * jnp.sin(k * jnp.pi * x[0]) * both

    def telegraph(u, x, t):
        (voltage, v), (rate, acceleration) = u(x), mf.time_derivative(u)(x)
        force = speed**2 * mf.laplacian(u)(x)[0] - leakage**2 * voltage - 2 * damping * v
        return jnp.array([rate - v, acceleration - force])

    return mf.Problem(
        mf.Interval(),
        interior=telegraph,
        boundary=mf.dirichlet(0.0),
        initial=lambda x: exact(x, 0.0),
        exact=exact,
        fields=2,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
