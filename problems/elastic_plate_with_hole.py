"""An elastic plate with a circular hole under tension along x: div σ = 0, plane stress, a quarter of it by symmetry.

The exact solution of the infinite plate (Kirsch, Zeitschrift des Vereines Deutscher Ingenieure 42 (1898) 797-807) gives
the traction on the outer edges. The stress at the hole's top is three times that far away.
"""

import jax
import jax.numpy as jnp

import meshfree as mf


def grading(x):
    return jnp.clip(0.2 * jnp.hypot(x[0], x[1]), 0.2, 1.0)


DEFAULTS = {"space": "stencils", "spacing": 0.15, "degree": 6, "grading": grading, "ghost": True}
ERROR = 1e-5  # relative L2 that the defaults reach


def stress(u, poisson):
    """σ(x) of a displacement, (2, 2), for Young's modulus 1."""

    def at(x):
        slopes = mf.jacobian(u)(x)
        strain = (slopes + slopes.T) / 2
        return strain / (1 + poisson) + poisson / (1 - poisson**2) * jnp.trace(strain) * jnp.eye(2)

    return at


def problem(poisson: float = 0.3) -> mf.Problem:
    def exact(x):
        kappa, r, theta = (3 - poisson) / (1 + poisson), jnp.hypot(x[0], x[1]), jnp.arctan2(x[1], x[0])
        once, thrice = (jnp.array([jnp.cos(k * theta), jnp.sin(k * theta)]) for k in (1, 3))
        far, near = jnp.array([kappa + 1, kappa - 3]), 2 * jnp.array([1 + kappa, 1 - kappa])
        return (1 + poisson) / 4 * ((r * far + near / r) * once + (2 / r - 2 / r**3) * thrice)

    def symmetric(u, x, n):
        tangent = jnp.array([-n[1], n[0]])
        return jnp.stack([n @ u(x), tangent @ stress(u, poisson)(x) @ n])

    def pulled(u, x, n):
        return (stress(u, poisson)(x) - stress(exact, poisson)(x)) @ n

    return mf.Problem(
        mf.Box((0.0, 0.0), (4.0, 4.0)) - mf.Disk(name="hole"),
        fields=2,
        interior=lambda u, x: jnp.einsum("ijj->i", jax.jacfwd(stress(u, poisson))(x)),
        hole=lambda u, x, n: stress(u, poisson)(x) @ n,
        left=symmetric,
        bottom=symmetric,
        boundary=pulled,
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
