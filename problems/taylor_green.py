"""Taylor & Green's vortices in time: ∂v/∂t + v·∇v + ∇p = νΔv, ∇·v = 0, on a periodic square, the mean of p zero.

v = e^(−2νt) (sin x cos y, −cos x sin y), p = e^(−4νt) (cos 2x + cos 2y)/4. The divergence of the first equation stands
for the second, which the start fulfils: Δp = −∂ⱼvᵢ ∂ᵢvⱼ, so that p follows from v at each time.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.3, "degree": 6, "times": (0.0, 1.0), "tolerance": 1e-4}
ERROR = 1e-3  # relative L2 of v and p together at the last time that the defaults reach


def problem(viscosity: float = 0.1) -> mf.Problem:
    def exact(x, t):
        (s, r), (c, d) = jnp.sin(x), jnp.cos(x)
        faded = jnp.exp(-2 * viscosity * t)
        return faded * jnp.stack([s * d, -c * r, faded * (c**2 + d**2 - 1) / 2])

    def navier_stokes(u, x, t):
        v, p = u[:2], u[2]
        slopes = mf.jacobian(v)(x)
        inertia = mf.time_derivative(v)(x) + slopes @ v(x)
        momentum = inertia + mf.gradient(p)(x) - viscosity * mf.laplacian(v)(x)
        return jnp.append(momentum, mf.laplacian(p)(x) + jnp.sum(slopes * slopes.T))

    return mf.Problem(
        mf.Box((0.0, 0.0), (2 * jnp.pi, 2 * jnp.pi), periodic=True),
        fields=3,
        interior=navier_stokes,
        mean=lambda u, x, t: u(x)[2],
        initial=lambda x: exact(x, 0.0),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
