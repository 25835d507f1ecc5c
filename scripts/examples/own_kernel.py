"""Write a kernel of one's own, and solve with it: k(x, y) = (1 + r²)^(−p), r the scaled distance, −Δu = 1 on a disk.

A radial kernel is its profile φ(s), s = r²/2, with derivatives: here φ⁽ⁿ⁾ = (−2)ⁿ p(p+1)…(p+n−1) (1 + 2s)^(−p−n).
Its operators, its exact values at r = 0 and its trainable scale follow. Printed: the error at the centre.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

import meshfree as mf
from meshfree.kernels import ScaledRadial

jax.config.update("jax_enable_x64", True)


class Bell(ScaledRadial):
    """(1 + r²)^(−power)."""

    raw_scale: jax.Array  # the scale is its softplus, which is positive
    power: float = eqx.field(static=True)
    smoothness = math.inf  # all derivatives are continuous

    def profile(self, n, s):
        rising = math.prod(self.power + i for i in range(n))
        return (-2.0) ** n * rising * (1 + 2 * s) ** (-self.power - n)


domain = mf.Disk()
problem = mf.Problem(domain, interior=lambda u, x: mf.laplacian(u)(x) + 1.0, boundary=mf.dirichlet(0.0))
u = mf.solve(problem, mf.Collocation(Bell(jnp.array(1.0), 1.5), domain.cloud(0.15, cluster=1.0)))
error = abs(u([0.0, 0.0]) - 0.25)
print(f"scale {u.space.kernel.scale:.2f}, error {error:.1e}")
