"""Stokes flow in a square: −νΔv + ∇p = f, ∇·v = 0, v given, ψ = sin πx sin πy/π, p = sin πx sin πy − 4/π².

Nothing is given for p on the boundary, which is free to a constant: its mean over the square is made zero.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 16, "scale": (1.0,)}
ERROR = 1e-6  # relative L2 of v and p together that the defaults reach


def problem(viscosity: float = 1.0) -> mf.Problem:
    def exact(x):
        (s, t), (c, d) = jnp.sin(jnp.pi * x), jnp.cos(jnp.pi * x)
        return jnp.stack([s * d, -c * t, s * t - 4 / jnp.pi**2])

    def stokes(u, x):
        v, p = u[:2], u[2]
        return jnp.append(mf.gradient(p)(x) - viscosity * mf.laplacian(v)(x), mf.divergence(v)(x))

    return mf.Problem(
        mf.Box(),
        fields=3,
        interior=mf.manufactured(stokes, exact),
        boundary=lambda u, x, n: u(x)[:2] - exact(x)[:2],
        mean=lambda u, x: u(x)[2],
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
