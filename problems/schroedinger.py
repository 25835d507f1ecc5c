"""Schrödinger's equation: iψ_t = −ψ_xx/2 + x²ψ/2 on [−9, 9], a Gaussian packet that swings in a trap, one period.

Two fields, the real and the imaginary part of ψ = π^(−1/4) exp(−(x − a cos t)²/2 − i(t/2 + ax sin t − a² sin(2t)/4)).
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.06, "degree": 8, "times": (0.0, 2 * 3.141592653589793), "tolerance": 1e-7}
ERROR = 1e-5  # relative L2 at the last time that the defaults reach


def problem(displacement: float = 3.0) -> mf.Problem:
    def exact(x, t):
        size = jnp.pi**-0.25 * jnp.exp(-((x[0] - displacement * jnp.cos(t)) ** 2) / 2)
        phase = t / 2 + displacement * x[0] * jnp.sin(t) - displacement**2 * jnp.sin(2 * t) / 4
        return size * jnp.array([jnp.cos(phase), -jnp.sin(phase)])

    def schroedinger(u, x, t):
        real, imaginary = -mf.laplacian(u)(x) / 2 + x[0] ** 2 * u(x) / 2
        return mf.time_derivative(u)(x) - jnp.array([imaginary, -real])

    return mf.Problem(
        mf.Interval(-9.0, 9.0),
        interior=schroedinger,
        boundary=mf.dirichlet(0.0),
        initial=lambda x: exact(x, 0.0),
        exact=exact,
        fields=2,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
