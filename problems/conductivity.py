"""Darcy's flow, −div(a ∇u) = f: log a, a kernel expansion, found from 100 noisy heads with u; u is manufactured.

a = exp(½ cos πx cos πy). The prior asks each whitened coefficient for 0 with deviation ½; `u.unknowns` holds them.
"""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.06, "degree": 5}
ERROR = 2e-3  # relative L2 that the defaults reach; that of a is 1.6e-2
KERNEL, SIDE = mf.Gaussian(0.8), np.linspace(0.0, 1.0, 5)
CENTERS = np.stack(np.meshgrid(SIDE, SIDE), axis=-1).reshape(-1, 2)


def exact(x):
    return x[0] + 0.3 * jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1])


def conductivity(x):
    return jnp.exp(0.5 * jnp.cos(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1]))


def basis():
    gram = KERNEL(CENTERS, CENTERS) + 1e-8 * jnp.eye(len(CENTERS))
    whitening = np.linalg.inv(np.linalg.cholesky(np.asarray(gram)))
    return lambda x: whitening @ jax.vmap(lambda y: KERNEL.eval(x, y))(CENTERS)


def problem(noise: float = 1e-3) -> mf.Problem:
    wells, whitened, functions = mf.Box().sample(100, seed=5), mf.Unknown(np.zeros(len(CENTERS))), basis()
    heads = jax.vmap(exact)(wells) + noise * np.random.default_rng(0).standard_normal(len(wells))

    def darcy(u, x, a):
        return mf.divergence(lambda y: a(y) * mf.gradient(u)(y))(x)

    return mf.Problem(
        mf.Box(),
        interior=lambda u, x: darcy(u, x, lambda y: jnp.exp(functions(y) @ whitened)) - darcy(exact, x, conductivity),
        boundary=mf.dirichlet(exact),
        exact=exact,
        heads=mf.Data(wells, heads, noise),
        prior=mf.Data(CENTERS[:1], np.zeros((1, len(CENTERS))), 0.5, of=lambda u, x: jnp.asarray(whitened)),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
