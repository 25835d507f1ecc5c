"""A condensate in a harmonic trap: −ψ″/2 + x²ψ/2 + ψ³ = μψ (Gross & Pitaevskii), followed over μ from nearly no atoms.

A nonlinear eigenvalue problem: for each number of atoms N = ∫ψ² there is one μ. It is 1/2 + N/√(2π) for few of them,
and (3N/(4√2))^(2/3) for many (Thomas & Fermi).
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "stencils", "degree": 6, "spacing": 0.1, "trace": (0.6, 4.0)}
ERROR = 1e-6  # relative L2 at the last μ, against twice as many nodes, that the defaults reach


def problem(strength: float = 1.0) -> mf.Problem:
    def equation(u, x, mu):
        return -mf.laplacian(u)(x) / 2 + (x[0] ** 2 / 2 - mu) * u(x) + strength * u(x) ** 3

    return mf.Problem(
        mf.Interval(-9.0, 9.0),
        interior=equation,
        boundary=lambda u, x, n, mu: u(x),
        initial=lambda x: 0.4 / jnp.sqrt(strength) * jnp.exp(-(x[0] ** 2) / 2),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
