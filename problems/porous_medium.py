"""The porous medium equation: u_t = Δ(u²) on the unit disk, Barenblatt's drop that spreads to a free boundary.

u = max(1/4 − |x|²/(16 √τ), 0)/√τ, τ = t + delay, of mass π/2. At its edge it has a kink.
Two fields, u and w = |u| u: derivatives are those of w, which is smoother, and values below zero are drawn back.
"""

import jax.numpy as jnp

import meshfree as mf

NODES = {"space": "stencils", "spacing": 0.03, "degree": 2, "kernel_order": 3}
DEFAULTS = {**NODES, "times": (0.0, 0.05), "tolerance": 1e-4, "method": "bdf"}
ERROR = 1e-2  # relative L2 at the last time that the defaults reach


def problem(delay: float = 0.002) -> mf.Problem:
    def exact(x, t):
        root = jnp.sqrt(t + delay)
        u = jnp.maximum(0.25 - x @ x / (16 * root), 0.0) / root
        return jnp.array([u, u**2])

    def porous_medium(u, x, t):
        (value, square), rate = u(x), mf.time_derivative(u)(x)[0]
        return jnp.array([rate - mf.laplacian(u)(x)[1], square - jnp.abs(value) * value])

    return mf.Problem(
        mf.Disk(),
        interior=porous_medium,
        boundary=mf.dirichlet(0.0),
        initial=lambda x: exact(x, 0.0),
        exact=exact,
        fields=2,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
