"""From a kernel's Gram matrix to a posterior: Gaussian process regression by hand, by the library, and with a PDE.

The mean is k K⁻¹ y and the variance k(x, x) − k K⁻¹ kᵀ. Equations are data as well: rows of K are then the kernel under
the operators of the equation, in both arguments.
Printed: how far the two regressions are apart, and errors beside standard deviations, without and with the equation.
"""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

jax.config.update("jax_enable_x64", True)

domain = mf.Interval(0, 1)
X, grid = np.linspace(0, 1, 7)[:, None], np.linspace(0, 1, 201)[:, None]
values, exact = np.sin(2 * np.pi * X[:, 0]), np.sin(2 * np.pi * grid[:, 0])

kernel = mf.Matern(nu=4.5, scale=0.6)
K, k = np.asarray(kernel(X, X)), np.asarray(kernel(grid, X))  # Gram matrices, (7, 7) and (201, 7)
mean = k @ np.linalg.solve(K, values)

u = mf.interpolate(values, mf.GaussianProcess(kernel, mf.Cloud(interior=X, domain=domain)))
apart = np.max(np.abs(mean - u(grid)))

source = lambda u, x: -mf.laplacian(u)(x) - 4 * jnp.pi**2 * jnp.sin(2 * jnp.pi * x[0])  # noqa: E731
problem = mf.Problem(domain, interior=source, boundary=mf.dirichlet(0.0))
v = mf.solve(problem, mf.GaussianProcess(kernel, domain.cloud(0.08, cluster=1.0)))
draws = v.sample(jax.random.key(0), 3, grid)  # (3, 201)
value_error, error = (float(np.sqrt(np.mean((one(grid) - exact) ** 2))) for one in (u, v))
value_band, band = (float(np.sqrt(np.mean(one.std(grid) ** 2))) for one in (u, v))
print(f"apart {apart:.0e}; error {value_error:.1e}, std {value_band:.1e}; with the equation {error:.1e}, {band:.1e}")
