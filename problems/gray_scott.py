"""Gray & Scott's reaction and diffusion: u_t = aΔu − uv² + F(1 − u), v_t = bΔv + uv² − (F + k)v.

Two fields in a periodic unit square; v begins as two drops in u = 1, v = 0, which grow and meet (Pearson, Science 261
(1993) 189-192, whose a = 2e-5 and b = 1e-5 are multiplied by 5 here, as lengths by √5). No exact solution is known.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.04, "times": (0.0, 200.0), "tolerance": 1e-4}
ERROR = 1e-2  # relative L2 difference, at the last time, of the defaults from half their spacing


def drops(x):
    first, second = x - jnp.array([0.4, 0.45]), x - jnp.array([0.65, 0.6])
    return 0.5 * jnp.exp(-100 * first @ first) + 0.5 * jnp.exp(-100 * second @ second)


def problem(feed: float = 0.04, removal: float = 0.06, diffusion: float = 1e-4) -> mf.Problem:
    def gray_scott(u, x, t):
        (a, b), spread = u(x), diffusion * mf.laplacian(u)(x)
        reaction = jnp.array([feed * (1 - a) - a * b**2, a * b**2 - (feed + removal) * b])
        return mf.time_derivative(u)(x) - spread * jnp.array([1.0, 0.5]) - reaction

    return mf.Problem(
        mf.Box(periodic=True),
        interior=gray_scott,
        initial=lambda x: jnp.array([1 - drops(x), drops(x) / 2]),
        fields=2,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
