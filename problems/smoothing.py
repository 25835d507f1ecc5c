"""Noisy values, smoothed with an error band: 40 of u = sin 6x + x/2 with noise 0.2, and no equation at all.

The mean is `scipy.interpolate.RBFInterpolator(points, values, smoothing=noise**2 / u.amplitude, kernel="gaussian",
epsilon=1 / scale, degree=-1)`; the smoothing, a number to be guessed there, follows from the noise and the amplitude
that the values make most likely. `python scripts/accuracy.py D7` prints both.
"""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"space": "gaussian-process", "kernel": "gaussian", "scale": (0.4,)}
ERROR = 2e-1  # relative L2 that the defaults reach


def exact(x):
    return jnp.sin(6 * x[0]) + x[0] / 2


def problem(noise: float = 0.2) -> mf.Problem:
    domain = mf.Interval(0, 2)
    points = domain.sample(40, seed=2)
    values = jax.vmap(exact)(points) + noise * np.random.default_rng(0).standard_normal(len(points))
    return mf.Problem(domain, interior=None, boundary=None, exact=exact, measured=mf.Data(points, values, noise))


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
