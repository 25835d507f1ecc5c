"""Smooth noisy values by a kernel whose scale and smoothing are found by leaving each out, with SciPy beside it.

The same kernel, smoothing and polynomials are the same function in `scipy.interpolate.RBFInterpolator`. Printed: the
error of the noisy values, of the smoothed function, and the largest difference from SciPy's.
"""

import jax
import numpy as np
from scipy.interpolate import RBFInterpolator

import meshfree as mf

jax.config.update("jax_enable_x64", True)
rng, NOISE = np.random.default_rng(0), 0.1
X, Q = rng.uniform(size=(300, 2)), rng.uniform(size=(1000, 2))
clean, exact = (np.sin(5 * points[:, 0]) * np.cos(3 * points[:, 1]) for points in (X, Q))
values = clean + NOISE * rng.standard_normal(300)

space = mf.Collocation(mf.Gaussian(0.3), mf.Cloud(interior=X), degree=1)
found = []
for smoothing in (1e-3, 1e-2, 1e-1, 1.0):
    tuned, history = mf.tune(mf.losses.leave_one_out(values, smoothing=smoothing), space, optimizer="search", steps=8)
    found.append((history.loss.min(), smoothing, tuned))
_, smoothing, tuned = min(found, key=lambda one: one[0])
u = mf.interpolate(values, tuned, smoothing=smoothing)

width = float(tuned.kernel.scale)
theirs = RBFInterpolator(X, values, kernel="gaussian", epsilon=1 / width, degree=1, smoothing=smoothing)
error = np.sqrt(np.mean((np.asarray(u(Q)) - exact) ** 2))
difference = np.abs(np.asarray(u(Q)) - theirs(Q)).max()
print(f"noise {NOISE:.2f}, error {error:.3f}, difference from SciPy {difference:.0e}")
