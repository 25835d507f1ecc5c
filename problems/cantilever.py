"""A cantilever in plane stress, loaded at its right end: div σ = 0 on [0, 4] × [−1/2, 1/2], fixed on the left.

Timoshenko & Goodier, Theory of Elasticity (1970), article 21, with the displacement of the fixed end and the parabolic
shear stress of the loaded one as they are there: Augarde & Deeks, Finite Elem. Anal. Des. 44 (2008) 595-601.
"""

import jax
import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.1, "ghost": True}
ERROR = 1e-9  # relative L2 that the defaults reach
LENGTH = 4.0


def stress(u, poisson):
    """σ(x) of a displacement, (2, 2), for Young's modulus 1."""

    def at(x):
        slopes = mf.jacobian(u)(x)
        strain = (slopes + slopes.T) / 2
        return strain / (1 + poisson) + poisson / (1 - poisson**2) * jnp.trace(strain) * jnp.eye(2)

    return at


def problem(load: float = 0.001, poisson: float = 0.3) -> mf.Problem:
    def exact(X):
        x, y = X
        along = -y * ((6 * LENGTH - 3 * x) * x + (2 + poisson) * (y**2 - 0.25))
        across = 3 * poisson * y**2 * (LENGTH - x) + (4 + 5 * poisson) * x / 4 + (3 * LENGTH - x) * x**2
        return 2 * load * jnp.stack([along, across])

    def loaded(u, x, n):
        return stress(u, poisson)(x) @ n - jnp.array([0.0, 6 * load * (0.25 - x[1] ** 2)])

    return mf.Problem(
        mf.Box((0.0, -0.5), (LENGTH, 0.5)),
        fields=2,
        interior=lambda u, x: jnp.einsum("ijj->i", jax.jacfwd(stress(u, poisson))(x)),
        left=mf.dirichlet(exact),
        right=loaded,
        boundary=lambda u, x, n: stress(u, poisson)(x) @ n,
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
