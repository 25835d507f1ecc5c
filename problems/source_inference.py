"""The source of −Δu = q from 60 noisy values of u: q, a kernel expansion, is found with u = sin πx sin πy.

The prior asks each whitened coefficient for 0 with deviation 20; `u.unknowns` holds them. How much weight it is worth
shows `mf.plot(mf.l_curve(problem(), space, "prior"))`.
"""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.06, "degree": 5}
ERROR = 2e-3  # relative L2 that the defaults reach; that of the source is 1e-2
KERNEL, SIDE = mf.Gaussian(0.8), np.linspace(0.0, 1.0, 5)
CENTERS = np.stack(np.meshgrid(SIDE, SIDE), axis=-1).reshape(-1, 2)


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])


def basis():
    gram = KERNEL(CENTERS, CENTERS) + 1e-8 * jnp.eye(len(CENTERS))
    whitening = np.linalg.inv(np.linalg.cholesky(np.asarray(gram)))
    return lambda x: whitening @ jax.vmap(lambda y: KERNEL.eval(x, y))(CENTERS)


def problem(noise: float = 1e-3) -> mf.Problem:
    points, whitened, functions = mf.Box().sample(60, seed=5), mf.Unknown(np.zeros(len(CENTERS))), basis()
    values = jax.vmap(exact)(points) + noise * np.random.default_rng(0).standard_normal(len(points))
    return mf.Problem(
        mf.Box(),
        interior=lambda u, x: mf.laplacian(u)(x) + functions(x) @ whitened,
        boundary=mf.dirichlet(0.0),
        exact=exact,
        measured=mf.Data(points, values, noise),
        prior=mf.Data(CENTERS[:1], np.zeros((1, len(CENTERS))), 20.0, of=lambda u, x: jnp.asarray(whitened)),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
