"""Sweep a parameter of a nonlinear system without compiling again: Δu + λeᵛ = 0 and Δv + λeᵘ = 0 on the unit disk.

The residual is an `eqx.Module`: its number is a leaf, and a new number is no new program. By symmetry u = v solves
Liouville's equation, which is known. Printed: both fields' value at the centre for each λ, and the largest error.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

import meshfree as mf

jax.config.update("jax_enable_x64", True)
traces, counts, error = [], [], 0.0


class Coupled(eqx.Module):  # (Δu + rate eᵛ, Δv + rate eᵘ)
    rate: float

    def __call__(self, u, x):
        traces.append(None)  # Python runs this while JAX traces, that is when a program is compiled
        return mf.laplacian(u)(x) + self.rate * jnp.exp(u(x)[::-1])


domain, condition = mf.Disk(), mf.dirichlet(0.0)
space = mf.Eigenbasis(mf.Gaussian(2.0), domain.cloud(0.15, cluster=1.0), degree=10)
for rate in (0.4, 0.8, 1.2, 1.6):
    problem = mf.Problem(domain, interior=Coupled(rate), boundary=condition, fields=2)
    center = mf.solve(problem, space)([0.0, 0.0])
    beta = (4 - rate - jnp.sqrt(16 - 8 * rate)) / rate
    error = max(error, float(jnp.max(abs(center - jnp.log(8 * beta / rate)))))
    counts.append(len(traces))
    print(f"λ = {rate}: u, v = {center} at the centre, traced {counts[-1]} times so far")
print(f"largest error {error:.1e}")
