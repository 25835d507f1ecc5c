"""A Turing pattern on a torus: two fields that react and diffuse at unlike rates, u_t = aΔu + f(u, v), v_t = bΔv + g.

f = αu(1 − τ₁v²) + v(1 − τ₂u), g = βv(1 + ατ₁uv/β) + u(γ + τ₂v) (Barrio, Varea, Aragón & Maini, Bull. Math. Biol. 61
(1999); on surfaces Fuselier & Wright, J. Sci. Comput. 56 (2013), whose parameters for spots these are, but for wider
ones). The uniform state u = v = 0 is unstable. No exact solution is known: scripts/surface_cases.py compares it with
Fourier series in the two angles of the torus.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.07, "times": (0.0, 60.0), "tolerance": 1e-4}
ERROR = 3e-2  # relative L2 difference, at the last time, of the defaults from half their spacing


def problem(diffusion: float = 0.008, tau1: float = 0.02, tau2: float = 0.2) -> mf.Problem:
    alpha, beta = 0.899, -0.91

    def turing(u, x, t):
        a, b = u(x)
        reaction = jnp.array(
            [
                alpha * a * (1 - tau1 * b**2) + b * (1 - tau2 * a),
                beta * b * (1 + alpha * tau1 / beta * a * b) + a * (-alpha + tau2 * b),
            ]
        )
        return mf.time_derivative(u)(x) - diffusion * jnp.array([0.516, 1.0]) * mf.laplacian(u)(x) - reaction

    def initial(x):
        return 0.3 * jnp.array([jnp.sin(3 * x[0]) * jnp.cos(2 * x[1]) + x[2], jnp.cos(4 * x[1] + x[0])])

    return mf.Problem(mf.Surface(mf.Torus()), interior=turing, initial=initial, fields=2)


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
