"""Air in a heated square: v·∇v + ∇p = Pr Δv + Ra Pr T e₂, ∇·v = 0, v·∇T = ΔT, T = 1 left and 0 right, Ra = 10⁴.

Pr = 0.71, v = 0 on all walls, no heat through the floor and the lid, the mean of p zero. The mean of the Nusselt
number −∂T/∂x over the hot wall is 2.243 (de Vahl Davis, Int. J. Numer. Methods Fluids 3 (1983) 249-264, table IV).
The fields are v/√(Ra Pr), p/(Ra Pr) and T, all of one size.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"degree": 18, "scale": (1.0,)}
ERROR = 3e-4  # relative L2 difference of the defaults from finer nodes
PRANDTL = 0.71


def problem(rayleigh: float = 1e4) -> mf.Problem:
    viscosity, conductivity = jnp.sqrt(PRANDTL / rayleigh), 1 / jnp.sqrt(PRANDTL * rayleigh)

    def boussinesq(u, x):
        v, p, T = u[:2], u[2], u[3]
        momentum = mf.jacobian(v)(x) @ v(x) + mf.gradient(p)(x) - viscosity * mf.laplacian(v)(x)
        heat = v(x) @ mf.gradient(T)(x) - conductivity * mf.laplacian(T)(x)
        return jnp.append(momentum - jnp.array([0.0, 1.0]) * T(x), jnp.stack([mf.divergence(v)(x), heat]))

    def held(temperature):
        return lambda u, x, n: jnp.append(u(x)[:2], u(x)[3] - temperature)

    return mf.Problem(
        mf.Box(),
        fields=4,
        interior=boussinesq,
        left=held(1.0),
        right=held(0.0),
        boundary=lambda u, x, n: jnp.append(u(x)[:2], mf.derivative(u[3], n)(x)),
        mean=lambda u, x: u(x)[2],
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
