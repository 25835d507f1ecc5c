"""Conduction through an interface: −∇·(a∇u) = f on [−1, 1] × [0, 1], a = 1 for x < 0 and `contrast` for x > 0.

No derivative at a point sees the jump of a. So each side has a field of its own, both on the right half: u₀(x, y) is
the solution at (−x, y), folded over, and u₁ that at (x, y). The interface is the part `left` of the half, where
temperature and flux continue. A curved one may be a part of the cloud that both fields cross, where they can.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 16}
ERROR = 1e-13  # relative L2 that the defaults reach


def problem(contrast: float = 10.0) -> mf.Problem:
    a = jnp.array([1.0, contrast])

    def exact(x):
        """The second term vanishes on the interface, and the first has no slope there."""
        sides = jnp.array([-1.0, 1.0]) * x[0]
        return jnp.cos(3 * sides) * x[1] + jnp.sin(2 * sides) * jnp.exp(x[1]) / a

    def interface(u, x, n):
        values, slopes = u(x), mf.derivative(u, 0)(x)  # of both sides away from the interface
        return jnp.stack([values[0] - values[1], a @ slopes])

    return mf.Problem(
        mf.Box(),
        fields=2,
        interior=mf.manufactured(lambda u, x: a * mf.laplacian(u)(x), exact),
        left=interface,
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
