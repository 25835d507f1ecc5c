"""Interpolate scattered data, and differentiate what was found: Franke's function from 400 random points.

A cloud needs no domain, and `mf.interpolate` takes values or a function. The result is a function like any other.
Printed: the largest error of u, and of its gradient, on a grid off the nodes.
"""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

jax.config.update("jax_enable_x64", True)


@jax.jit
def franke(x):
    a, b = 9 * x[0], 9 * x[1]
    peaks = 0.75 * jnp.exp(-((a - 2) ** 2 + (b - 2) ** 2) / 4) + 0.75 * jnp.exp(-((a + 1) ** 2) / 49 - (b + 1) / 10)
    return peaks + 0.5 * jnp.exp(-((a - 7) ** 2 + (b - 3) ** 2) / 4) - 0.2 * jnp.exp(-((a - 4) ** 2) - (b - 7) ** 2)


X = np.random.default_rng(0).uniform(size=(400, 2))
values = jax.vmap(franke)(X)
u = mf.interpolate(values, mf.Collocation(mf.Matern(nu=4.5, scale=0.5), mf.Cloud(interior=X), degree=1))

grid = jnp.stack(jnp.meshgrid(*2 * [jnp.linspace(0.05, 0.95, 30)]), axis=-1).reshape(-1, 2)
error = jnp.max(abs(u(grid) - jax.vmap(franke)(grid)))
slopes, exact_slopes = (jax.jit(jax.vmap(mf.gradient(one)))(grid) for one in (u, franke))
slope_error = jnp.max(abs(slopes - exact_slopes))
print(f"largest error {error:.1e}, of the gradient {slope_error:.1e}")
