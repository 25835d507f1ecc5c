"""Poisson's equation with an error band: −u″ = f on (0, 1), by a Gaussian process that knows f at 11 nodes.

u = sin 3πx + x. `mf.plot` draws the posterior mean, and two of its standard deviations on either side; the error of the
mean lies within. Cockayne, Oates, Sullivan & Girolami, Probabilistic numerical methods for PDE-constrained Bayesian
inverse problems, AIP Conf. Proc. 1853 (2017), section 3.
"""

import jax.numpy as jnp

import meshfree as mf

DEFAULTS = {"space": "gaussian-process", "kernel": "matern", "kernel_order": 4.5, "scale": (0.8,), "spacing": 0.1}
ERROR = 4e-2  # relative L2 that the defaults reach


def minus_second_derivative(u, x):
    return -mf.laplacian(u)(x)


def problem(waves: float = 3.0) -> mf.Problem:
    def exact(x):
        return jnp.sin(waves * jnp.pi * x[0]) + x[0]

    return mf.Problem(
        mf.Interval(0, 1),
        interior=mf.manufactured(minus_second_derivative, exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
